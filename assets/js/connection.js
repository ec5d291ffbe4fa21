// The page's socket: that of the open room, or the inbox of a page without one. hx-ws opens it, swaps its frames and
// backs off; this file tells it where to go on, notices what hx-ws cannot (gaps, silence, a lost session), and says how
// the connection is doing. The server finds the room by its id, whatever it is called by now.
//
// In a room the cursor is the highest change that is on the page. It begins with the page's `data-change`, and moves with
// `data-to` of each frame once that frame is in the page. Frames say `data-from` too: if that is beyond the
// cursor, something between was lost, so the frame is dropped and a reconnect with `?after=<cursor>` brings all.

import { find, list, owner, room, roomId } from "./dom.js";
import * as roomList from "./roomList.js";
import * as storage from "./storage.js";

/** A frame comes at least every 20 s (the heartbeat); after this silence the socket is taken for dead. */
const SILENCE_MS = 45_000;
/** A handshake, or the first frame after it, that does not come for this long is given up. */
const HANDSHAKE_MS = 15_000;
/** How long the page may stay behind the heartbeat's `last_change` before it asks again. */
const LAG_MS = 5_000;
/** Pause before the server is asked once more what became of the room. */
const ASK_AGAIN_MS = 5_000;
/** Forced reconnects keep this distance, whatever asks for them. */
const APART_MS = 1_000;
/** Automatic reloads of one page keep this distance, so that a broken server is not hammered. */
const RELOAD_APART_MS = 30_000;

/** Too many sockets, or the database is away: the handshake is done, and then this. */
const TRY_AGAIN = 1013;
const NO_SESSION = 4401;
const NOT_OPEN = 4403;

let cursor = Number(room?.dataset.change ?? 0);
let lastFrame = Date.now();
let lastForced = 0;
let forcedTimer = null;
let handshakeSince = 0;
let behindSince = null;
/** Which try the newest socket is. hx-ws forgets it after the handshake, which says little: see `closed`. */
let attempt = 0;
/** The socket that has brought a frame. */
let answering = null;

/**
 * How it is: `kind` is "connecting", "open", "down" (with `nextTry`, ms since the epoch, or null while a try
 * runs), "signed-out" or "closed" (the room is not open to the reader). `since` is when it was last open, and
 * `turnedAway` whether the server answered that it cannot take this page now.
 */
const status = { kind: "connecting", nextTry: null, since: Date.now(), turnedAway: false };

const watchers = { status: [], refusal: [] };
/** Whether the server is being asked what has become of the room. */
let asking = false;

/** Calls back with the status at each change and, while it is down, each second. */
export const onStatus = (callback) => watchers.status.push(callback);
/** Calls back with each refusal of the server: `{code, message, client_id, retry_after}`. */
export const onRefusal = (callback) => watchers.refusal.push(callback);

const tell = (kind, value) => watchers[kind].forEach((callback) => callback(value));
const ended = () => asking || status.kind === "signed-out" || status.kind === "closed";
const current = () => owner?._htmx?.ws?.connection ?? null;

function become(kind, nextTry = null) {
  if (kind !== "open" && status.kind === "open") status.since = Date.now();
  status.kind = kind;
  status.nextTry = nextTry;
  tell("status", status);
}

/** Sends `value` as JSON; false when there is no open socket. A true is no promise: only the echo is. */
export function send(value) {
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

let reloading = false;

/** Loads the room's page again, from where the room is by now, but never in a tight loop. */
function reload(location) {
  if (reloading) return;
  reloading = true;
  let url = new URL(roomList.roomPath(), document.baseURI);
  try {
    const wanted = new URL(location ?? url, document.baseURI);
    if (wanted.origin === url.origin) url = wanted;
  } catch {
    // Not an address: this room's page will do.
  }
  // It may have moved once more by the time the server is asked.
  if (roomId) url.searchParams.set("room", roomId);
  const last = storage.load("reloaded") ?? 0;
  const apart = url.pathname === window.location.pathname ? RELOAD_APART_MS : APART_MS;
  setTimeout(() => {
    storage.save("reloaded", Date.now());
    window.location.assign(url);
  }, Math.max(0, last + apart - Date.now()));
}

/**
 * The newest message up to which the page shows all, for the server to know what to append and what to alter. One that
 * was shown once more to its sender, before those that precede it, does not count.
 */
let newest = 0;
for (const item of list?.children ?? []) newest = Math.max(newest, Number(item.dataset.seq) || 0);

/** The newest message among the changes of a frame. Text from people is escaped and never contains a `<`. */
function newestIn(html) {
  return Math.max(0, ...Array.from(html.matchAll(/<li id="m-(\d+)"/g), ([, seq]) => Number(seq)));
}

/**
 * The changes a frame covers, in its order. Only the opening tags of partials are read: text from people stands
 * escaped between them and never contains a `<`.
 */
function covered(html) {
  const spans = [];
  for (const [tag] of html.matchAll(/<hx-(?:partial|upsert)\b[^>]*>/g)) {
    const from = tag.match(/\sdata-from="(\d+)"/);
    const to = tag.match(/\sdata-to="(\d+)"/);
    if (from && to) spans.push({ from: Number(from[1]), to: Number(to[1]) });
  }
  return spans;
}

/** What the cursor is after these spans, or null when there is a gap before one of them. */
function advanced(spans) {
  let at = cursor;
  for (const { from, to } of spans) {
    if (from > at) return null;
    at = Math.max(at, to);
  }
  return at;
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
  // Fired when the next try is scheduled, and read when it starts; nothing can arrive in between.
  const url = new URL(connection.url);
  if (owner === room) {
    url.searchParams.set("room", roomId);
    url.searchParams.set("after", cursor);
    url.searchParams.set("seq", newest);
  }
  if (roomList.shownVersion() !== null) url.searchParams.set("rooms", roomList.shownVersion());
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
  become("open");
}

/** The messages in work, with the cursor and the newest message that they lead to. */
const leadsTo = new WeakMap();

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
  const spans = covered(message.data);
  const at = advanced(spans);
  if (at === null) {
    event.preventDefault();
    queueMicrotask(reconnect);
  } else {
    leadsTo.set(message, { at, newest: spans.length > 0 ? newestIn(message.data) : 0 });
    roomList.beforeFrame();
  }
}

function afterFrame(event) {
  const { message } = event.detail;
  if (!leadsTo.has(message)) return;
  const to = leadsTo.get(message);
  cursor = Math.max(cursor, to.at);
  newest = Math.max(newest, to.newest);
  roomList.afterFrame(message.data);
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
    if (data.last_change <= cursor) behindSince = null;
    else behindSince ??= { change: data.last_change, at: Date.now() };
  }
}

function closed(event) {
  const { connection, code, reason } = event.detail;
  if (reason !== "closed") return;
  if (connection.socket !== answering) {
    // A handshake that led to nothing was no success: the tries get rarer.
    connection.attempt = attempt;
    status.turnedAway = code === TRY_AGAIN;
  }
  if (code === NO_SESSION) become("signed-out");
  else if (code === NOT_OPEN) refused();
  // For the codes that hx-ws retries, its next "before connection" follows at once and says when.
  else become("down");
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
  const path = roomList.roomPath();
  const readable = !storage.load("refused") && (await showsThisRoom(path));
  if (readable) {
    storage.save("refused", 1);
    window.location.assign(path);
    return;
  }
  asking = false;
  become("closed");
}

/** Whether that page shows this room. A page that does not come, or not now, says nothing: then it is asked again. */
async function showsThisRoom(path) {
  for (;;) {
    try {
      const answer = await fetch(path, { signal: AbortSignal.timeout(HANDSHAKE_MS) });
      if (answer.status !== 429 && answer.status < 500) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        return find("#room", page)?.dataset.room === roomId;
      }
    } catch {
      // Offline, or too late.
    }
    become("down");
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  }
}

function tick() {
  if (ended()) return;
  const now = Date.now();
  if (status.kind === "open") {
    const silent = now - lastFrame > SILENCE_MS;
    if (behindSince && behindSince.change <= cursor) behindSince = null;
    const behind = behindSince && now - behindSince.at > LAG_MS;
    if (silent || behind) reconnect();
  } else {
    if (now - handshakeSince > HANDSHAKE_MS) reconnect();
    else if (status.nextTry !== null && now >= status.nextTry) become("down");
    else if (status.kind === "down") tell("status", status);
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
    // Timers sleep in hidden pages, and whole machines do: look after it the moment somebody looks.
    if (status.kind === "down" || Date.now() - lastFrame > SILENCE_MS / 2) reconnect();
  });
}
