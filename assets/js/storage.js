// What must survive a reload. Each key carries the reader's id: another account in the same browser never sees it. And it
// carries the room's id, which stays the same when the room gets another name: what was written for a room stays with it.
//
// The draft and the guards against reload loops belong to the tab (sessionStorage). Messages that are not confirmed
// belong to the account in this browser (localStorage), each under a key of its own, because several tabs write there.
// A log-out wipes what its tab and the account keep. The drafts of other tabs stay with those tabs until they are closed:
// no tab reaches the sessionStorage of another. Storage may be full or forbidden; then the page simply forgets, and works on.

import { me, roomId } from "./dom.js";

const PREFIX = "umbra:";
const MINE = `${PREFIX}${me}:`;
const ROOM = `${MINE}${roomId}:`;
const PENDING = `${ROOM}pending:`;

/** After a wipe nothing is kept any more: leaving the page would write what it still holds. */
let wiped = false;
// Back from the browser's history the page lives on, and keeps what is written again.
window.addEventListener("pageshow", ({ persisted }) => persisted && (wiped = false));

/** What `use` returns of a storage, or `otherwise` when that is full or forbidden. */
function attempt(kind, otherwise, use) {
  try {
    return use(window[kind]);
  } catch {
    return otherwise;
  }
}

const read = (kind, key) => attempt(kind, null, (storage) => JSON.parse(storage.getItem(key)));

function write(kind, key, value) {
  if (wiped) return;
  attempt(kind, null, (storage) => {
    if (value === null || value.length === 0) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  });
}

const keys = (kind, prefix) =>
  attempt(kind, [], (storage) => Object.keys(storage).filter((key) => key.startsWith(prefix)));

/** What this tab keeps under `name`. */
export const load = (name) => read("sessionStorage", ROOM + name);

/** Keeps `value` under `name` in this tab; null, an empty text or an empty list removes it. */
export const save = (name, value) => write("sessionStorage", ROOM + name, value);

/** What the account keeps in this browser under `name`, whichever the room. */
export const loadMine = (name) => read("localStorage", MINE + name);
export const saveMine = (name, value) => write("localStorage", MINE + name, value);

/** The ids of the account's messages for this room that are not confirmed. */
export const pendingIds = () => keys("localStorage", PENDING).map((key) => key.slice(PENDING.length));
export const loadPending = (id) => read("localStorage", PENDING + id);
export const savePending = (id, entry) => write("localStorage", PENDING + id, entry);

/** Calls back with the id of each such message that another tab keeps, changes or forgets. */
export function onPending(callback) {
  window.addEventListener("storage", ({ key }) => {
    if (key?.startsWith(PENDING)) callback(key.slice(PENDING.length));
  });
}

/** Whether the account has messages that are not confirmed, in any room. */
export const hasPending = () => keys("localStorage", MINE).some((key) => key.includes(":pending:"));

/** Forgets everything that this tab and the account keep. */
export function wipe() {
  wiped = true;
  for (const [kind, prefix] of [["sessionStorage", PREFIX], ["localStorage", MINE]]) {
    for (const key of keys(kind, prefix)) attempt(kind, null, (storage) => storage.removeItem(key));
  }
}
