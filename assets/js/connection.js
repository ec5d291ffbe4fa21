// The page's socket: that of the open room, or the inbox of a page without one. hx-ws opens it, swaps its frames and
// backs off; this file tells it where to go on, notices what hx-ws cannot (gaps, silence, a lost session), and says how
// the connection is doing. The server finds the room by its id, whatever it is called by now.
//
// A frame before which something was lost (see cursor.js) is dropped, and a reconnect brings all.
//
// A handshake that fails tells a page nothing. So the server is asked by a plain request, too: if it answers that, again
// and again, WebSockets do not pass, and until one does plain requests bring what is new.

import * as authors from "./authors.js";
import { leadsTo, position, reached, shownChange } from "./cursor.js";
import { find, list, owner, room, roomId } from "./dom.js";
import { askForChanges, markRead, post } from "./plain.js";
import { isReadable, reload, toReadOnly } from "./reload.js";
import * as roomList from "./roomList.js";
import * as storage from "./storage.js";

/** A frame comes at least every 20 s (the heartbeat); after this silence the socket is taken for dead. */
const SILENCE_MS = 45_000;
/** A handshake, or the first frame after it, that does not come for this long is given up. */
const HANDSHAKE_MS = 15_000;
/** How long the page may stay behind the heartbeat's `last_change` before it asks again. */
const LAG_MS = 5_000;
/** Forced reconnects keep this distance, whatever asks for them. */
const APART_MS = 1_000;
/** So many handshakes fail although the server answers before WebSockets are taken not to pass. */
const FAILURES = 2;
/** How often a page without a socket asks for what is new; after answers that do not come ever more rarely. */
const POLL_MS = 3_000;
const POLL_MAX_MS = 30_000;

/** Too many sockets, or the database is away: the handshake is done, and then this. */
const TRY_AGAIN = 1013;
const NO_SESSION = 4401;
const NOT_OPEN = 4403;

let lastFrame = Date.now();
let lastForced = 0;
let forcedTimer = null;
let handshakeSince = 0;
let behindSince = null;
/** Which try the newest socket is. hx-ws forgets it after the handshake, which says little: see `closed`. */
let attempt = 0;
/** The socket that has brought a frame. */
let answering = null;
/** How many handshakes have failed, since the last one that did not, although the server answered. */
let failures = 0;
/** The plain requests: the pause between two of them, when the next one is due, and the last one's outcome. */
let pollPause = POLL_MS;
let nextPoll = 0;
let polls = Promise.resolve(false);

/**
 * How it is: `kind` is "connecting", "open", "polling" (plain requests pass, WebSockets do not), "down" (with `nextTry`,
 * ms since the epoch, or null while a try runs), "signed-out" or "closed" (the room is not open to the reader). `since`
 * is when it was last open, `turnedAway` whether the server answered that it cannot take this page now, and `away`
 * whether it did not answer a plain request.
 */
const status = { kind: "connecting", nextTry: null, since: Date.now(), turnedAway: false, away: false };

const watchers = { status: [], refusal: [], data: [], frame: [] };
/** Whether the server is being asked what has become of the room. */
let asking = false;

/** Calls back with the status at each change and, while it is down, each second. */
export const onStatus = (callback) => watchers.status.push(callback);
/** Calls back with each refusal of the server: `{code, message, client_id, retry_after}`. */
export const onRefusal = (callback) => watchers.refusal.push(callback);

/** Calls back with every other frame of JSON. */
export const onData = (callback) => watchers.data.push(callback);
/** Calls back after each frame that is in the page. */
export const onFrame = (callback) => watchers.frame.push(callback);

const tell = (kind, value) => watchers[kind].forEach((callback) => callback(value));
const ended = () => asking || status.kind === "signed-out" || status.kind === "closed";
const current = () => owner?._htmx?.ws?.connection ?? null;

function become(kind, nextTry = null) {
  if (kind === "down" && failures >= FAILURES && !status.away && !asking) kind = "polling";
  if (kind !== "open" && status.kind === "open") status.since = Date.now();
  status.kind = kind;
  status.nextTry = nextTry;
  tell("status", status);
}

/** Sends a message; false when there is no way. A true is no promise: only the echo is. */
export function send(value) {
  // Nobody waits for it.
  if (value.type === "typing" && status.kind !== "open") return false;
  // The inbox of a page that can only be read knows of no room.
  if (value.type === "read" && (owner !== room || status.kind === "polling")) {
    markRead(value);
    return true;
  }
  if (status.kind === "polling") {
    sendByForm(value);
    return true;
  }
  const socket = current()?.socket;
  if (status.kind !== "open" || socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(value));
  return true;
}

/** Drops the connection, whatever state it is in, and opens the next one at once. */
export function reconnect() {
  if (ended() || !owner) return;
  clearTimeout(forcedTimer);
  const wait = lastForced + APART_MS - Date.now();
  if (wait > 0) {
    forcedTimer = setTimeout(reconnect, wait);
    return;
  }
  lastForced = Date.now();
  behindSince = null;
  become("down");
  // Tears the room's htmx state down and wires it again, whose `load` trigger connects.
  window.htmx.process(owner, true);
}

function beforeConnection(event) {
  const { connection } = event.detail;
  if (ended()) {
    event.preventDefault();
    return;
  }
  const { config } = connection;
  if (config.reconnectJitter > 0) {
    // hx-ws would draw a new jitter for each try and not tell. Drawn once, here, the countdown can be exact.
    const spread = 1 + (Math.random() * 2 - 1) * config.reconnectJitter;
    config.reconnectDelay *= spread;
    config.reconnectMaxDelay *= spread;
    config.reconnectJitter = 0;
  }
  // Fired when the next try is scheduled, and read when it starts. What plain requests bring in between comes once more.
  const url = new URL(connection.url);
  if (owner === room) {
    url.searchParams.set("room", roomId);
    for (const [name, value] of Object.entries(position())) url.searchParams.set(name, value);
  }
  if (roomList.shownVersion() !== null) url.searchParams.set("rooms", roomList.shownVersion());
  if (roomList.shownMine() !== null) url.searchParams.set("mine", roomList.shownMine());
  connection.url = url.href;

  attempt = connection.attempt;
  if (attempt > 0) {
    const delay = Math.min(config.reconnectDelay * 2 ** (attempt - 1), config.reconnectMaxDelay);
    handshakeSince = Date.now() + delay;
    become("down", handshakeSince);
  } else {
    handshakeSince = Date.now();
  }
}

/** The server has taken this page in: its first frame, how many are online, comes at once. */
function opened(socket) {
  if (socket === answering || socket.readyState !== WebSocket.OPEN) return;
  answering = socket;
  behindSince = null;
  status.turnedAway = false;
  status.away = false;
  failures = 0;
  pollPause = POLL_MS;
  become("open");
}

/** The messages in work, with where they lead to. */
const inWork = new WeakMap();

function beforeFrame(event) {
  const { connection, message } = event.detail;
  // A frame of a connection that was given up: the new one brings it again, in its place.
  if (connection !== current()) {
    event.preventDefault();
    return;
  }
  lastFrame = Date.now();
  opened(connection.socket);
  forgiven();
  if (typeof message.data !== "string") return;
  if (message.data.startsWith("{")) {
    heard(message.data);
    return;
  }
  const to = leadsTo(message.data);
  if (to === null) {
    event.preventDefault();
    queueMicrotask(reconnect);
  } else {
    inWork.set(message, to);
    roomList.beforeFrame();
  }
}

function afterFrame(event) {
  const { message } = event.detail;
  if (!inWork.has(message)) return;
  reached(inWork.get(message));
  roomList.afterFrame(message.data);
  authors.afterFrame(message.data);
  tell("frame", message.data);
  if (roomList.hasMoved()) reload();
}

/** A frame of JSON: heartbeat, refusal, or the wish that the page be loaded again. */
function heard(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return;
  }
  if (data.reload === true && (data.room ?? roomId) === roomId) reload(data.location);
  else if (data.error) tell("refusal", data.error);
  else if (Number.isSafeInteger(data.last_change)) {
    if (data.last_change <= shownChange()) behindSince = null;
    else behindSince ??= { change: data.last_change, at: Date.now() };
  } else tell("data", data);
}

function closed(event) {
  const { connection, code, reason } = event.detail;
  if (reason !== "closed") return;
  const failed = connection.socket !== answering;
  if (failed) {
    // A handshake that led to nothing was no success: the tries get rarer.
    connection.attempt = attempt;
    status.turnedAway = code === TRY_AGAIN;
    if (status.turnedAway) failures = 0;
  }
  if (code === NO_SESSION) become("signed-out");
  else if (code === NOT_OPEN) refused();
  else {
    // For the codes that hx-ws retries, its next "before connection" follows at once and says when.
    become("down");
    if (failed && !status.turnedAway) handshakeFailed();
  }
}

/** Asks the server by a plain request why. */
async function handshakeFailed() {
  if (owner !== room || !(await poll()) || status.kind === "open") return;
  failures += 1;
  become("down", status.nextTry);
}

/** Asks for what is new once those before have their answers. Resolves to whether the server answered. */
function poll() {
  nextPoll = Date.now() + POLL_MAX_MS;
  polls = polls.then(askOnce, askOnce);
  return polls;
}

async function askOnce() {
  const isOver = () => ended() || status.kind === "open";
  if (isOver()) return false;
  const { status: code, text, location, wait } = await askForChanges();
  // The socket brings it.
  if (isOver()) return false;
  const to = leadsTo(text);
  const isOutdated = code === 200 && (location !== null || to === null);
  // What covers no change is the page of somebody on the way.
  const isNews = code === 200 && !isOutdated && to.covers;
  if (code === 401) become("signed-out");
  else if (code === 403 || code === 404) refused();
  else if (isOutdated) reload(location ?? undefined);
  else if (isNews) {
    await swap(text);
    reached(to);
  }
  if (isOver()) return false;
  const answered = isNews || isOutdated || code === 204 || code === 429;
  if (answered) forgiven();
  pollPause = answered ? POLL_MS : Math.min(2 * pollPause, POLL_MAX_MS);
  // Where something came, more may follow.
  nextPoll = Date.now() + Math.max(isNews ? 0 : pollPause, 1_000 * wait);
  status.away = !answered;
  become("down", status.nextTry);
  return answered;
}

/** Puts into the page what a frame of the socket would have brought. */
const swap = (text) =>
  window.htmx.swap({ sourceElement: room, target: room, swap: "none swapEmpty:false", text, transition: false });

/** Sends a message the way of the form. It is confirmed by what is new, in its place, or else by the answer. */
async function sendByForm(value) {
  const { status: code, text, wait } = await post(value);
  await poll();
  if (code === 200) {
    if (!find(`.pending[data-client="${CSS.escape(value.client_id)}"]`, list)) return;
    swap(`<hx-upsert hx-target="#messages" key="data-seq" sort>${text}</hx-upsert>`);
    return;
  }
  const isUnsure = code === 0 || code >= 500;
  // What became of the log-in or of the room is known by now.
  const passes = isUnsure || [401, 404, 409, 429].includes(code);
  const said = find("[role=alert] p", new DOMParser().parseFromString(text, "text/html"))?.textContent ?? "";
  const unsure = "The server could not confirm this message. It waits and is sent again.";
  tell("refusal", {
    code: passes ? "unavailable" : "refused",
    message: isUnsure ? said || unsure : passes ? "" : said,
    client_id: value.client_id,
    retry_after: wait,
  });
}

/** The server talks to this page again: should it refuse later, that is a new refusal. */
let wasForgiven = false;
function forgiven() {
  if (!wasForgiven) storage.save("refused", null);
  wasForgiven = true;
}

/**
 * The room is not open to the reader. If its page can still be read (it is archived now), it is loaded, once. Else this
 * page stays, with what was written in it: the room was deleted, or the reader left it.
 */
async function refused() {
  asking = true;
  if (!storage.load("refused") && (await isReadable(() => become("down")))) {
    storage.save("refused", 1);
    toReadOnly();
    return;
  }
  asking = false;
  become("closed");
}

function tick() {
  if (ended()) return;
  const now = Date.now();
  if (status.kind === "open") {
    const silent = now - lastFrame > SILENCE_MS;
    if (behindSince && behindSince.change <= shownChange()) behindSince = null;
    const behind = behindSince && now - behindSince.at > LAG_MS;
    if (silent || behind) reconnect();
  } else {
    if (now - handshakeSince > HANDSHAKE_MS) {
      reconnect();
      handshakeFailed();
    } else if (status.nextTry !== null && now >= status.nextTry) become("down");
    else if (status.kind === "down") tell("status", status);
    if (failures >= FAILURES && now >= nextPoll && !document.hidden) poll();
  }
}

export function start() {
  // The id led here after the room had moved (see `reload`); its name is enough from now on.
  const address = new URL(window.location.href);
  if (address.searchParams.has("room")) {
    address.searchParams.delete("room");
    history.replaceState(history.state, "", address);
  }
  if (!owner) return;
  owner.addEventListener("htmx:ws:before:connection", beforeConnection);
  owner.addEventListener("htmx:ws:before:message:incoming", beforeFrame);
  owner.addEventListener("htmx:ws:after:message:incoming", afterFrame);
  owner.addEventListener("htmx:ws:close", closed);
  setInterval(tick, 1_000);

  // `offline` is only a hint: a server on this machine may still be there. Trying at once tells the truth.
  window.addEventListener("offline", reconnect);
  window.addEventListener("online", reconnect);
  // Out of the back-forward cache: the socket was closed on the way in.
  window.addEventListener("pageshow", (event) => event.persisted && reconnect());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    nextPoll = Math.min(nextPoll, Date.now());
    // Timers sleep in hidden pages, and whole machines do: look after it the moment somebody looks.
    if (status.kind === "down" || Date.now() - lastFrame > SILENCE_MS / 2) reconnect();
  });
}
