// What must survive a reload of this tab: the draft, messages that are not confirmed yet, and guards against
// reload loops. It lives in sessionStorage, so it ends with the tab, and is wiped at log-out. Every key carries
// the reader's id: who logs in next in the same tab never sees it. And it carries the room's id, which stays the same
// when the room gets another name: what was written for a room stays with that room.
// Storage may be full or forbidden; then the page simply forgets, and works on.

import { me, roomId } from "./dom.js";

const PREFIX = "umbra:";
const key = (name) => `${PREFIX}${me}:${roomId}:${name}`;

/** After a wipe nothing is kept any more: leaving the page would write what it still holds. */
let wiped = false;
// Back from the browser's history the page lives on, and keeps what is written again.
window.addEventListener("pageshow", ({ persisted }) => persisted && (wiped = false));

export function load(name) {
  try {
    return JSON.parse(sessionStorage.getItem(key(name)));
  } catch {
    return null;
  }
}

/** Stores `value` under `name`; null, an empty text or an empty list removes it. */
export function save(name, value) {
  if (wiped) return;
  try {
    if (value === null || value.length === 0) sessionStorage.removeItem(key(name));
    else sessionStorage.setItem(key(name), JSON.stringify(value));
  } catch {
    // Full or forbidden: nothing survives a reload, everything else works.
  }
}

/** Forgets everything of this site: at log-out nothing readable stays behind. */
export function wipe() {
  wiped = true;
  try {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
    }
  } catch {
    // Nothing was stored then.
  }
}
