// Keeps the list of messages right, whatever arrives: by the socket, as older history, as the answer to a resend.
// One observer sees every change before it is painted: an echo takes its pending message away, a message that
// comes twice stands once, what comes late goes to its place, times become local, and the reader's place is kept.

import { announce } from "./announcer.js";
import { shows } from "./cursor.js";
import { list, me, roomId } from "./dom.js";
import { fold } from "./folding.js";
import * as outbox from "./outbox.js";
import { press } from "./reactions.js";
import { keepQuote } from "./replies.js";
import { roomPath } from "./roomList.js";
import * as scroll from "./scroll.js";
import { localise } from "./times.js";
import * as typing from "./typing.js";

/** So many items in the page before those furthest from the reader are dropped, and so many that stay. */
const MOST = 300;
const KEPT = 200;

/** The highest message number that was ever on this page. */
let newest = 0;

/** Where an item belongs: by message number, and for events by their change after that message. */
function rank(item) {
  const event = item.id.startsWith("e-");
  return [Number(item.dataset.seq), event ? Number(item.id.slice(2)) : 0];
}

const isBefore = ([a, b], [c, d]) => a < c || (a === c && b < d);

const isPlaced = (item) => item?.dataset.seq && /^[me]-/.test(item.id);

/** Whether something new came since the last newer page was asked for: it is loaded in its turn. */
let cameMeanwhile = false;
/** Whether the list ended earlier than the room, before the change that is looked at. */
let wasPast = false;

/** An item that is on the page already: the new one, which may be altered, takes its place. */
function replaceDouble(item) {
  for (const other of list.querySelectorAll(`#${CSS.escape(item.id)}`)) {
    if (other === item) continue;
    other.replaceWith(item);
    return;
  }
}

/** Moves an item that came late up to its place. True if that lies in history which is not loaded: then it goes. */
function moveUp(item) {
  const own = rank(item);
  let other = item.previousElementSibling;
  let target = null;
  while (other && (!isPlaced(other) || isBefore(own, rank(other)))) {
    if (isPlaced(other)) target = other;
    other = other.previousElementSibling;
  }
  if (!target) return false;
  if (!other && document.getElementById("older")) {
    item.remove();
    return true;
  }
  target.before(item);
  return false;
}

/** hx-upsert sorts by `data-seq`, else by id; without a number the sentinels would not stay the first and the last. */
function numberSentinels() {
  for (const [id, number] of [["older", 0], ["newer", Number.MAX_SAFE_INTEGER]]) {
    const sentinel = document.getElementById(id);
    if (sentinel) sentinel.dataset.seq = number;
  }
}

/** The item which loads what is `query` when it comes near. */
function sentinel(id, query) {
  const item = document.createElement("li");
  item.id = id;
  item.className = id === "newer" ? "older h-0 min-h-0 overflow-hidden p-0" : "older";
  item.setAttribute("hx-get", `${roomPath()}/messages?${query}&room=${roomId}`);
  item.setAttribute("hx-trigger", "intersect once root:#scroller rootMargin:200px");
  item.setAttribute("hx-swap", "outerHTML");
  item.setAttribute("hx-target", "this");
  return item;
}

/** Takes such an item out. htmx ends what observes it when it is processed anew, and begins nothing without a request. */
function removeSentinel(id) {
  const item = document.getElementById(id);
  if (!item) return;
  item.removeAttribute("hx-get");
  window.htmx.process(item, true);
  item.remove();
}

const lastShown = () => Number([...list.children].findLast((item) => item.id.startsWith("m-"))?.dataset.seq ?? 0);

/** Offers what comes after the last message of the list. */
function offerNewer() {
  const last = lastShown();
  const newer = sentinel("newer", `after=${last}`);
  newer.dataset.after = last;
  list.append(newer);
  numberSentinels();
  window.htmx.process(newer);
}

/**
 * Takes out what is new while the list ends earlier: it is loaded once the reader gets there. True if it did.
 */
function isBeyond(item) {
  const newer = document.getElementById("newer");
  if (!newer) return false;
  const follows = newer.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING;
  if (!follows && rank(item)[0] <= Number(newer.dataset.after)) return false;
  cameMeanwhile = true;
  item.remove();
  return true;
}

/** Drops the items of a long page that are furthest from the reader; a sentinel loads them again. */
function trim() {
  if (list.children.length <= MOST) return;
  const items = [...list.children].filter(isPlaced);
  const cut = items.length - KEPT;
  if (cut <= 0) return;
  scroll.keepPlace();
  if (scroll.follows() || scroll.isInLowerHalf()) cutBeginning(items, cut);
  else cutEnd(items, cut);
  scroll.restorePlace();
}

function cutBeginning(items, cut) {
  for (const item of items.slice(0, cut)) item.remove();
  fold();
  const [seq, event] = rank(items[cut]);
  removeSentinel("older");
  // An event stands after the message whose number it has.
  const older = sentinel("older", event ? `before=${seq + 1}&event=${event}` : `before=${seq}`);
  list.prepend(older);
  numberSentinels();
  // It is the first message by now, so that its day begins here.
  localise(items.slice(cut).filter((item) => item.id.startsWith("m-")).slice(0, 1));
  // Once it is far above what is in view: it must not load at once.
  requestAnimationFrame(() => older.isConnected && window.htmx.process(older));
}

function cutEnd(items, cut) {
  for (const item of items.slice(-cut)) item.remove();
  removeSentinel("newer");
  fold();
  offerNewer();
  wasPast = true;
  outbox.keepLast();
}

function settle(records) {
  const [added, removed] = [new Set(), new Map()];
  for (const { addedNodes, removedNodes } of records) {
    for (const node of addedNodes) if (node instanceof HTMLLIElement) added.add(node);
    for (const node of removedNodes) if (node.id) removed.set(node.id, node);
  }
  numberSentinels();

  const fresh = [];
  const items = [];
  for (const item of added) {
    if (item.parentNode !== list || !isPlaced(item)) continue;
    if (removed.has(item.id)) keepQuote(item, removed.get(item.id));
    replaceDouble(item);
    const [seq] = rank(item);
    const beyond = isBeyond(item);
    // What a list that ends earlier has loaded is history.
    const isNew = seq > newest && (beyond || !wasPast);
    if (item.id.startsWith("m-")) {
      if (item.dataset.author === me) outbox.confirm(item.dataset.client);
      else if (isNew) {
        fresh.push(item);
        typing.stopped(item.dataset.author);
      }
      newest = Math.max(newest, seq);
    }
    if (!beyond && !moveUp(item)) items.push(item);
  }
  if (wasPast && !scroll.isPast()) {
    shows(lastShown());
    if (cameMeanwhile) offerNewer();
    cameMeanwhile = false;
  }
  wasPast = scroll.isPast();

  localise(items);
  press(items);
  outbox.keepLast();
  fold();
  scroll.restorePlace();
  scroll.addWaiting(fresh.length);
  announce(fresh);
  trim();
}

/** History that did not come: offered again a little later, in case the reader still waits for it. */
function offerAgain(event) {
  const item = event.target;
  if (item.id !== "older" && item.id !== "newer") return;
  setTimeout(() => item.isConnected && window.htmx.process(item, true), 3_000);
}

export function start() {
  if (!list) return;
  numberSentinels();
  wasPast = scroll.isPast();
  for (const item of list.children) if (isPlaced(item)) newest = Math.max(newest, rank(item)[0]);
  localise(list.children);
  press(list.children);
  outbox.keepLast();

  const observer = new MutationObserver((records) => {
    settle(records);
    // Its own moves are no news.
    observer.takeRecords();
  });
  observer.observe(list, { childList: true });
  list.addEventListener("htmx:before:request", ({ target }) => target.id === "newer" && (cameMeanwhile = false));
  list.addEventListener("htmx:response:error", offerAgain);
  list.addEventListener("htmx:error", offerAgain);
}
