// Which tab sends. Several tabs of one account may show the same room, and with it the same pending messages. Only the
// tab that holds the room's lock sends them, and only a connected tab may hold it: when it closes or loses its
// connection, the next one has its turn. Where the browser has no locks (plain HTTP in a house network) or refuses them
// every tab sends; the server knows the client ids and stores each message once.

import { me, roomId } from "./dom.js";

const LOCK = `umbra:${me}:${roomId}`;
let { locks } = navigator;

let connected = false;
/** Waits for the lock, and can give that up. */
let waiting = null;
/** Returns the lock; null while this tab does not hold it. */
let release = null;
let seizing = false;
let begin = () => {};

/** Whether this tab sends. */
export const isMine = () => connected && (!locks || release !== null);

async function request(options, granted) {
  let own = null;
  try {
    await locks.request(LOCK, options, () => {
      granted();
      if (!connected) return null;
      const held = new Promise((done) => (own = done));
      release = own;
      begin();
      return held;
    });
  } catch (error) {
    seizing = false;
    // Another tab seized it, or this one lost its connection while it waited.
    if (error.name !== "AbortError") withoutLocks();
  }
  if (release === own) release = null;
  queue();
}

function queue() {
  if (!connected || !locks || waiting || release) return;
  waiting = new AbortController();
  request({ signal: waiting.signal }, () => (waiting = null));
}

/** The browser refuses them: no other tab will be told to wait for this one, nor this one for them. */
function withoutLocks() {
  locks = null;
  if (connected) begin();
}

/** Takes the turn from whichever tab has it: where somebody writes, nothing waits for a tab that may be asleep. */
export function seize() {
  if (!connected || !locks || release || seizing) return;
  seizing = true;
  request({ steal: true }, () => (seizing = false));
}

/** Says whether this tab is connected now. */
export function setConnected(now) {
  connected = now;
  if (!locks) {
    if (now) begin();
  } else if (now) {
    queue();
  } else {
    waiting?.abort();
    waiting = null;
    release?.();
    release = null;
  }
}

/** Calls back whenever this tab's turn begins. */
export function start(callback) {
  begin = callback;
}
