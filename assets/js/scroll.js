// Where the reader is in the list. At the bottom the page follows new messages; anywhere else it keeps its place
// to the pixel, whatever is inserted above or below, and a pill says how many new ones wait.

import { ensure, find, list, scroller } from "./dom.js";
import { roomPath } from "./roomList.js";

/** As near to the end as this counts as being there. */
const NEAR_PX = 48;

let following = true;
let place = null;
let waiting = 0;

const pill = find("#to-newest");

const belowView = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;

/** Whether what is newer than the list is still to be loaded: what is new then does not belong below it. */
export const isPast = () => document.getElementById("newer") !== null;

const isAtEnd = () => belowView() <= NEAR_PX && !isPast();

/** Whether the reader is nearer to the end of the list than to its beginning. */
export const isInLowerHalf = () => belowView() < scroller.scrollTop;

/** Whether the page follows new messages. */
export const follows = () => following;

/** After the reader opened or closed something in the list: it stands still. */
export function lookAgain() {
  following = isAtEnd();
}

/** To the newest message. */
export function toEnd() {
  if (isPast()) {
    window.location.assign(roomPath());
    return;
  }
  following = true;
  scroller.scrollTop = scroller.scrollHeight;
  count(0);
}

function count(number) {
  waiting = number;
  if (!pill) return;
  pill.hidden = number === 0 && !isPast();
  const label = ensure(pill, "span", "span");
  const text = number === 1 ? "1 new message" : number === 0 ? "Newest messages" : `${number} new messages`;
  if (!pill.hidden) label.textContent = find("svg", pill) ? text : `${text} ↓`;
}

/** The list changed, and others wrote that many messages further down. */
export function addWaiting(number) {
  if (isPast()) following = false;
  count(following ? 0 : waiting + number);
}

/** Remembers where the first message in view stands, right before the list changes. */
export function keepPlace() {
  place = null;
  const edge = scroller.getBoundingClientRect().top;
  for (const item of list.children) {
    // What stands between messages, as the sentinels, may be replaced or move: it cannot hold a place.
    if (!/^[em]-/.test(item.id) || item.hidden) continue;
    // By its lower edge: a day chip at its top may come or go with what stands before it.
    const { bottom } = item.getBoundingClientRect();
    if (bottom <= edge) continue;
    place ??= { item, id: item.id, bottom };
    // An event may be folded away.
    if (item.id.startsWith("e-")) continue;
    place = { item, id: item.id, bottom };
    return;
  }
}

/** After the list changed: back to the end, or to where the reader was. Before the next paint. */
export function restorePlace() {
  if (following) {
    scroller.scrollTop = scroller.scrollHeight;
  } else if (place) {
    const item = place.item.isConnected ? place.item : document.getElementById(place.id);
    if (item) scroller.scrollTop += item.getBoundingClientRect().bottom - place.bottom;
  }
  place = null;
}

export function start() {
  if (!scroller || !list) return;
  // The browser's own anchoring and this one would both correct; `restorePlace` works in all of them.
  scroller.style.overflowAnchor = "none";

  // Before htmx starts, or the sentinel would be in view and load at once.
  const linked = /^#[me]-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
  if (linked) linked.scrollIntoView({ block: "center" });
  else scroller.scrollTop = scroller.scrollHeight;
  following = isAtEnd();
  count(0);

  scroller.addEventListener("scroll", () => {
    following = isAtEnd();
    if (following && waiting > 0) count(0);
  }, { passive: true });

  // A composer that grows, a keyboard that opens, a picture of text that wraps anew: the end stays the end.
  const sizes = new ResizeObserver(() => following && restorePlace());
  sizes.observe(scroller);
  sizes.observe(list);

  document.addEventListener("htmx:before:swap", () => following || keepPlace());
  document.addEventListener("htmx:finally:swap", () => (place = null));
  pill?.addEventListener("click", () => {
    toEnd();
    find("#composer textarea")?.focus({ preventScroll: true });
  });
}
