// The side bar: the public rooms, whose rows come over the socket, and what is the reader's own. What is pushed does not
// know which row is open: that is marked here. The row of the open room says where that room is now.

import { find, room, roomId } from "./dom.js";

const rows = find("#public-rooms");
const mine = find("#mine");

/** The version of the list that the page shows, for the server to know what to send. */
let version = rows?.dataset.rooms ?? null;
/** The row that had the focus before a frame came. */
let focused = null;

const linkOf = (id) => document.getElementById(`room-${id}`)?.querySelector("a") ?? null;

export const shownVersion = () => version;

/** The digest of what is the reader's own. */
export const shownMine = () => mine?.dataset.mine ?? null;

/** The path of the open room, also after it got another name. */
export function roomPath() {
  return new URL(linkOf(roomId)?.href ?? `/chat/room/${encodeURIComponent(room.dataset.slug)}`, document.baseURI).pathname;
}

/** Whether the open room has another address than when the page was loaded. */
export const hasMoved = () =>
  room !== null && decodeURIComponent(roomPath()) !== `/chat/room/${room.dataset.slug}`;

const isHere = (link) => link.pathname === window.location.pathname;

/** Before a frame is put into the page. */
export function beforeFrame() {
  focused = document.activeElement?.closest("#public-rooms > li, #my-rooms li, #mine [id]")?.id ?? null;
}

/** After it: the marks are set again, and the focus is where it was. */
export function afterFrame(html) {
  for (const [, found] of html.matchAll(/<hx-(?:partial|upsert)\b[^>]*\sdata-rooms="(\d+)"/g)) {
    version = String(Math.max(Number(version), Number(found)));
  }
  const [, digest] = html.match(/^<hx-partial\b[^>]*\sdata-mine="(\w+)"/) ?? [];
  if (digest) mine.dataset.mine = digest;
  const open = (rows?.dataset.open && linkOf(rows.dataset.open)) || [...(mine?.querySelectorAll("a") ?? [])].find(isHere);
  if (open) {
    open.classList.add("open");
    open.setAttribute("aria-current", "page");
  }
  if (focused && document.activeElement === document.body) {
    const row = document.getElementById(focused);
    (row?.matches("a") ? row : row?.querySelector("a"))?.focus();
  }
  // Who is blocked stands in the reader's own style sheet.
  if (digest) find("link[href^='/chat/me.css']").href = `/chat/me.css?${digest}`;
  if (digest) document.body.dispatchEvent(new CustomEvent("mine:changed"));
}
