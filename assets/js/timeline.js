// Keeps the list of messages right, whatever arrives: by the socket, as older history, as the answer to a resend.
// One observer sees every change before it is painted: an echo takes its pending message away, a message that
// comes twice stands once, what comes late goes to its place, times become local, and the reader's place is kept.

import { announce } from "./announcer.js";
import { list, me, roomId } from "./dom.js";
import { fold } from "./folding.js";
import * as outbox from "./outbox.js";
import { roomPath } from "./roomList.js";
import * as scroll from "./scroll.js";
import { localise } from "./times.js";
import * as typing from "./typing.js";

/** So many items in the page before the oldest are dropped, and so many that stay. */
const MOST = 600;
const KEPT = 300;

/** The highest message number that was ever on this page. */
let newest = 0;

/** Where an item belongs: by message number, and for events by their change after that message. */
function rank(item) {
  const event = item.id.startsWith("e-");
  return [Number(item.dataset.seq), event ? Number(item.id.slice(2)) : 0];
}

const isBefore = ([a, b], [c, d]) => a < c || (a === c && b < d);

const isPlaced = (item) => item?.dataset.seq && item.id && item.id !== "older";

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

/** hx-upsert sorts by `data-seq`, else by id; without a number the sentinel would not stay the first. */
function numberSentinel() {
  const older = document.getElementById("older");
  if (older) older.dataset.seq = "0";
}

/** Drops the oldest items of a long page; the sentinel loads them again when the reader scrolls up. */
function trim() {
  if (list.children.length <= MOST || !scroll.follows()) return;
  const items = [...list.children].filter(isPlaced);
  const cut = items.length - KEPT;
  if (cut <= 0) return;
  for (const item of items.slice(0, cut)) item.remove();
  fold();

  const [seq, event] = rank(items[cut]);
  // An event stands after the message whose number it has.
  const end = event ? `before=${seq + 1}&event=${event}` : `before=${seq}`;
  const address = `${roomPath()}/messages?${end}&room=${roomId}`;
  document.getElementById("older")?.remove();
  const older = document.createElement("li");
  older.id = "older";
  older.className = "older";
  older.setAttribute("hx-get", address);
  older.setAttribute("hx-trigger", "intersect once root:#scroller rootMargin:200px");
  older.setAttribute("hx-swap", "outerHTML");
  older.setAttribute("hx-target", "this");
  list.prepend(older);
  // It is the first message by now, so that its day begins here.
  localise(items.slice(cut).filter((item) => item.id.startsWith("m-")).slice(0, 1));
  scroll.restorePlace();
  // Only now, far above what is in view: it must not load at once.
  window.htmx.process(older);
}

function settle(records) {
  const added = new Set();
  for (const { addedNodes } of records) {
    for (const node of addedNodes) if (node instanceof HTMLLIElement) added.add(node);
  }
  numberSentinel();

  const fresh = [];
  const items = [];
  for (const item of added) {
    if (item.parentNode !== list || !isPlaced(item)) continue;
    replaceDouble(item);
    const [seq] = rank(item);
    if (item.id.startsWith("m-")) {
      if (item.dataset.author === me) outbox.confirm(item.dataset.client);
      else if (seq > newest) {
        fresh.push(item);
        typing.stopped(item.dataset.author);
      }
    }
    if (!moveUp(item)) items.push(item);
  }
  for (const item of items) newest = Math.max(newest, rank(item)[0]);

  localise(items);
  outbox.keepLast();
  fold();
  scroll.restorePlace();
  scroll.addWaiting(fresh.length);
  announce(fresh);
  trim();
}

/** Older history that did not come: offered again a little later, in case the reader still waits for it. */
function olderFailed(event) {
  const item = event.target;
  if (item.id !== "older") return;
  setTimeout(() => item.isConnected && window.htmx.process(item, true), 3_000);
}

export function start() {
  if (!list) return;
  numberSentinel();
  for (const item of list.children) if (isPlaced(item)) newest = Math.max(newest, rank(item)[0]);
  localise(list.children);
  outbox.keepLast();

  const observer = new MutationObserver((records) => {
    settle(records);
    // Its own moves are no news.
    observer.takeRecords();
  });
  observer.observe(list, { childList: true });
  list.addEventListener("htmx:response:error", olderFailed);
  list.addEventListener("htmx:error", olderFailed);
}
