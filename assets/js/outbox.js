// My messages that the server has not confirmed: shown at the end of the list in every tab, kept when the tab is closed,
// and sent again with the same client id after each reconnect, in their order, by the tab whose turn it is (turn.js).
// Only the echo of the stored message (see timeline.js) takes one away, so nothing is lost by a socket that swallows
// what it is given, and the client id keeps the server from storing anything twice.

import { onRefusal, onStatus, reconnect, send } from "./connection.js";
import { find, isBlank, list, me, room } from "./dom.js";
import { inWords } from "./files.js";
import * as storage from "./storage.js";
import { stamp } from "./times.js";
import * as turn from "./turn.js";

/** What was kept for longer, while no page of the room was open, is not sent without a question. */
const STALE_MS = 12 * 60 * 60 * 1000;
/** An open socket that does not echo for this long is taken for dead. */
const ECHO_MS = 15_000;
/** A tab that has its turn, and of which nothing is heard for this long, is asleep. */
const ASLEEP_MS = 30_000;
/** Refusals that pass by themselves are retried this often before the reader has to decide. */
const TRIES = 8;
const PASSING = new Set(["too_fast", "busy", "unavailable"]);

/**
 * `{id, body, reply_to, quote, files, at, state: "pending" | "failed", reason, tries}`; what is only of this page's life
 * is in `live`. A pending one has a reason when the server said that it has to wait.
 */
let entries = [];
/** By client id: the element, and when it was given to the connection that there is now (0: it was not). */
const live = new Map();
/** The connection that there is now: "open" (a socket), "polling" (plain requests), or null. */
let way = null;
/** When something was last heard of what is not confirmed, here or in another tab. */
let movedAt = 0;
let pausedUntil = 0;
let pauseTimer = null;
/** After a refusal that passes: the next message goes out when the one before it is confirmed, or they overtake. */
let oneByOne = false;
/** Why nothing can be sent from this page any more; null while it can. */
let closedBecause = null;

const persist = (entry) => storage.savePending(entry.id, entry);

/** A version 4 UUID. `randomUUID` exists only in secure contexts, and a house network may speak plain HTTP. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What a message answers, as it is known until its echo comes. */
function quoted({ reply_to, quote }) {
  const element = document.createElement("span");
  element.className = "quote flex max-w-fit border-s-2 border-quote ps-2 text-13 text-t2";
  element.dataset.quoted = reply_to;
  element.textContent = quote;
  return element;
}

/** A file that goes with a message, until its echo shows it. */
function attached({ name, size }) {
  const line = document.createElement("span");
  line.className = "flex max-w-full gap-1.5 text-13";
  const [shown, much] = [document.createElement("bdi"), document.createElement("span")];
  shown.className = "min-w-0 truncate";
  shown.textContent = name;
  much.className = "flex-none";
  much.textContent = inWords(size);
  line.append(shown, much);
  return line;
}

function draw(entry) {
  const template = find("#pending-message");
  const item = template.content.firstElementChild.cloneNode(true);
  item.dataset.author = me;
  item.dataset.client = entry.id;
  // textContent, always: what people write is text and never markup.
  find(".body", item).textContent = entry.body;
  find(".body", item).append(...(entry.files ?? []).map(attached));
  if (entry.quote) find(".body", item).prepend(quoted(entry));
  for (const time of item.querySelectorAll("time")) {
    time.dateTime = new Date(entry.at).toISOString();
    stamp(time);
  }
  list.append(item);
  live.set(entry.id, { item, givenAt: 0 });
  drawState(entry);
}

function drawState(entry) {
  const { item } = live.get(entry.id);
  const failed = entry.state === "failed";
  item.classList.toggle("failed", failed);
  item.classList.toggle("pending", !failed);
  // The note with the reason and the buttons is in the template, and shows with `.failed` and `.waiting`.
  item.classList.toggle("waiting", !failed && entry.reason !== "");
  find(".reason", item).textContent = entry.reason;
}

/**
 * Gives every waiting message to the connection that was not given to it yet, or only the first one. Plain requests
 * overtake each other.
 */
function pump() {
  const waiting = entries.filter(({ state }) => state === "pending");
  if (waiting.length === 0) oneByOne = false;
  if (!turn.isMine() || Date.now() < pausedUntil) return;
  for (const entry of oneByOne || way === "polling" ? waiting.slice(0, 1) : waiting) {
    const state = live.get(entry.id);
    if (state.givenAt > 0) continue;
    const { id, body, reply_to, files } = entry;
    if (!send({ body, client_id: id, reply_to, files: files?.map((file) => file.id) })) return;
    state.givenAt = Date.now();
  }
}

function pause(ms) {
  pausedUntil = Math.max(pausedUntil, Date.now() + ms);
  clearTimeout(pauseTimer);
  pauseTimer = setTimeout(pump, pausedUntil - Date.now() + 1);
}

/** Shows and sends a new message of mine, which may answer another one and have files. */
export function add(body, answered, files = []) {
  const entry = { id: uuid(), body, reply_to: answered?.seq, quote: answered?.quote.textContent, at: Date.now(), state: "pending", reason: "", tries: 0 };
  if (files.length > 0) entry.files = files;
  entries.push(entry);
  persist(entry);
  draw(entry);
  if (closedBecause !== null) fail(entry, closedBecause);
  turn.seize();
  pump();
}

/** Nothing can be sent from here any more: what is not sent stays, to be copied or discarded. */
function close(reason) {
  closedBecause = reason;
  room.classList.add("closed");
  for (const entry of entries) if (entry.state === "pending") fail(entry, reason);
}

function forget(id) {
  movedAt = Date.now();
  const index = entries.findIndex((entry) => entry.id === id);
  if (index < 0) return;
  entries.splice(index, 1);
  live.get(id).item.remove();
  live.delete(id);
  pump();
}

/** The server stored the message with this client id: its place is taken by the real one. */
export function confirm(id) {
  storage.savePending(id, null);
  forget(id);
}

/** Shows a message as it is kept: it may be new here, have changed, or be gone. */
function show(id) {
  movedAt = Date.now();
  const kept = storage.loadPending(id);
  const known = entries.find((entry) => entry.id === id);
  if (!kept) {
    forget(id);
  } else if (known) {
    Object.assign(known, kept);
    drawState(known);
  } else if (find(`[data-client="${CSS.escape(id)}"]`, list)) {
    // Stored while this page was away: it stands in the list already.
    storage.savePending(id, null);
  } else {
    entries.push(kept);
    entries.sort((one, other) => one.at - other.at);
    draw(kept);
    if (kept.state === "pending" && Date.now() - kept.at > STALE_MS) fail(kept, "You wrote this a while ago, and it was not sent.");
  }
}

/** Keeps the unconfirmed ones at the end of the list, in their order. */
export function keepLast() {
  if (entries.length === 0) return;
  const items = entries.map((entry) => live.get(entry.id).item);
  const tail = [...list.children].slice(-items.length);
  if (items.some((item, index) => item !== tail[index])) list.append(...items);
}

function fail(entry, reason) {
  entry.state = "failed";
  entry.reason = reason;
  persist(entry);
  drawState(entry);
  pump();
}

/** Takes a message back, and those after it: they are given again, in order. */
function takeBack(entry) {
  oneByOne = true;
  for (const { id } of entries.slice(entries.indexOf(entry))) live.get(id).givenAt = 0;
}

function refuse(error) {
  const entry = entries.find(({ id }) => id === error.client_id);
  if (!entry || entry.state === "failed") return;
  if (PASSING.has(error.code) && entry.tries < TRIES) {
    // Taken back already, with one before it.
    if (live.get(entry.id).givenAt === 0) return;
    entry.tries += 1;
    // Whoever wrote too fast need not be told: the next try comes before they have read it.
    if (error.code !== "too_fast") entry.reason = String(error.message);
    persist(entry);
    drawState(entry);
    takeBack(entry);
    const seconds = Number(error.retry_after) || 1;
    // A little more each time: the others wait for the same moment.
    pause(Math.min(seconds * 1000 + 250 * entry.tries, 60_000));
  } else {
    fail(entry, String(error.message || "The server did not take it."));
  }
}

function retry(entry) {
  entry.state = "pending";
  entry.reason = "";
  entry.tries = 0;
  pausedUntil = 0;
  live.get(entry.id).givenAt = 0;
  persist(entry);
  drawState(entry);
  turn.seize();
  pump();
}

function onClick(event) {
  const button = event.target.closest(".retry, .discard");
  const id = button?.closest(".failed, .waiting")?.dataset.client;
  const entry = entries.find((one) => one.id === id);
  if (!entry) return;
  if (button.matches(".retry")) retry(entry);
  else confirm(entry.id);
  // The button is gone: the keyboard goes on where the next message is written.
  const text = find("#composer textarea");
  (text?.offsetParent ? text : find("#scroller"))?.focus();
}

function onChangedStatus({ kind }) {
  if (kind === "closed" && closedBecause === null) close("Not sent: the room is not open to you any more.");
  const now = kind === "open" || kind === "polling" ? kind : null;
  if (now === way) return;
  way = now;
  if (way) {
    movedAt = Date.now();
    giveAgain();
    pausedUntil = 0;
  }
  turn.setConnected(way !== null);
  // It may have been this tab's turn before, over another way.
  pump();
}

function giveAgain() {
  for (const state of live.values()) state.givenAt = 0;
}

/** This tab's turn begins. The one before it may have messages on their way: those are given once more, one by one. */
function begin() {
  movedAt = Date.now();
  giveAgain();
  oneByOne = true;
  pump();
}

/**
 * An echo that does not come: the socket is half open, or the answer was lost. Begin anew. And a tab that has its turn
 * but does nothing with it is asleep: its turn ends.
 */
function watch() {
  if (way === null) return;
  const now = Date.now();
  const pending = entries.filter(({ state }) => state === "pending");
  if (turn.isMine()) {
    movedAt = now;
    const isLost = ({ givenAt }) => givenAt > 0 && now - givenAt > ECHO_MS;
    // A plain request ends by itself.
    if (way === "open" && pending.some(({ id }) => isLost(live.get(id)))) reconnect();
  } else if (now - movedAt > ASLEEP_MS && pending.some(({ reason }) => reason === "")) {
    turn.seize();
  }
}

export function start() {
  if (!room || !list || !find("#pending-message")) return;
  storage.pendingIds().forEach(show);
  keepLast();
  if (!find("#composer")) {
    close("Not sent: the room was archived.");
    const [draft, files] = [storage.load("draft") ?? "", storage.load("files") ?? []];
    storage.save("draft", null);
    storage.save("files", null);
    if (!isBlank(draft) || files.length > 0) add(draft.trimEnd(), null, files);
  }
  list.addEventListener("click", onClick);
  storage.onPending((id) => {
    show(id);
    keepLast();
    pump();
  });
  turn.start(begin);
  onStatus(onChangedStatus);
  // On the way into the browser's history, where a page must hold nothing.
  window.addEventListener("pagehide", () => onChangedStatus({ kind: "down" }));
  onRefusal(refuse);
  setInterval(watch, 2_000);
}
