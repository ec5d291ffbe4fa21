// Loads the room's page again, from where the room is by now. The room is asked for by its id: it may have got another
// name, and its old one may be another room's.

import { find, roomId } from "./dom.js";
import { roomPath } from "./roomList.js";
import * as storage from "./storage.js";

/** Automatic reloads keep this distance, and those of the same page the longer one: a broken server is not hammered. */
const APART_MS = 1_000;
const SAME_PAGE_APART_MS = 30_000;
/** A page that does not come for this long is given up. */
const PATIENCE_MS = 15_000;
/** Pause before the server is asked once more what became of the room. */
const ASK_AGAIN_MS = 5_000;

/** Pause before it is asked once more whether anything would be cut off. */
const BUSY_MS = 500;

let reloading = false;
let isBusy = () => false;

/** The page is not loaded again while `callback` says that something is on its way that does not survive this. */
export const waitWhile = (callback) => (isBusy = callback);

function leave(url) {
  if (isBusy()) {
    setTimeout(leave, BUSY_MS, url);
    return;
  }
  storage.save("reloaded", Date.now());
  window.location.assign(url);
}

function address(path = roomPath()) {
  const url = new URL(path, document.baseURI);
  // It may have moved once more by the time the server is asked.
  if (roomId) url.searchParams.set("room", roomId);
  return url;
}

/** Loads the page again, from `location` if that is an address of ours, but never in a tight loop. */
export function reload(location) {
  if (reloading) return;
  reloading = true;
  let url = address();
  try {
    const wanted = address(location);
    if (wanted.origin === url.origin) url = wanted;
  } catch {
    // Not an address: this room's page will do.
  }
  const last = storage.load("reloaded") ?? 0;
  const apart = url.pathname === window.location.pathname ? SAME_PAGE_APART_MS : APART_MS;
  setTimeout(leave, Math.max(0, last + apart - Date.now()), url);
}

/** Loads the page of a room that nobody can write in any more. */
export const toReadOnly = () => leave(address());

/** Whether the room can be read. A page that does not come, or not now, says nothing: `later`, it is asked again. */
export async function isReadable(later) {
  for (;;) {
    try {
      const answer = await fetch(address(), { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status !== 429 && answer.status < 500) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        return find("#room", page)?.dataset.room === roomId;
      }
    } catch {
      // Offline, or too late.
    }
    later();
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  }
}
