// Says calmly that the page is not connected, what that means for the reader, and what can be done.
// A short break (a restart, a change of network) shows hollow dots only; the banner comes after a moment.

import { onStatus, reconnect } from "./connection.js";
import { ensure, find, owner } from "./dom.js";

/** Shorter breaks than this pass without a banner. */
const PATIENCE_MS = 1_500;
/** No socket yet, and a next try to come. */
const TRYING = ["connecting", "down", "polling"];

/** The origins whose pages the server takes something from. */
const origins = owner?.dataset.origins.split(" ") ?? [];
const isForeign = !origins.includes(location.origin);

const TEXTS = {
  foreign: [
    "The server is not meant to be opened at this address.",
    `What you write is kept, but not sent: the server takes it from ${origins[0]} only. Whoever runs it can set PUBLIC_URL to ${location.origin}.`,
  ],
  down: ["You are not connected.", "What you write is kept and sent when you are."],
  offline: ["You are offline.", "What you write is kept and sent when you are back."],
  away: ["The server cannot be reached.", "What you write is kept and sent when it is back."],
  polling: [
    "New messages come a little later here.",
    "Something between you and the server does not let live connections (WebSockets) pass. What you write is sent all the same.",
  ],
  "turned-away": [
    "The server has no room for this window right now.",
    "It may be busy, or you have too many windows open. What you write is kept and sent when there is room.",
  ],
  "signed-out": ["You are signed out.", "What you were writing is kept in this tab, and what is not sent yet in this browser."],
  closed: ["This room is not open to you.", "It was deleted, or you do not belong to it any more. What you wrote and did not send stays on this page."],
};

/** The style sheet makes the dots hollow and shows "Not connected" by this class. */
function drawOnline(connected) {
  owner.classList.toggle("disconnected", !connected);
}

function countdown({ nextTry }) {
  if (nextTry === null) return " Trying now.";
  const seconds = Math.max(1, Math.ceil((nextTry - Date.now()) / 1000));
  return ` Next try in ${seconds} s.`;
}

/** Sets a text only when it changed, so that a screen reader is not told twice. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Why the page is not connected, as far as it is known. */
function cause({ kind, turnedAway, away }) {
  if (isForeign) return "foreign";
  if (kind === "polling") return kind;
  if (!navigator.onLine) return "offline";
  if (turnedAway) return "turned-away";
  return away ? "away" : "down";
}

function draw(banner, status) {
  const { kind } = status;
  const late = Date.now() - status.since > PATIENCE_MS;
  const shown = kind in TEXTS && (kind !== "down" || late || !navigator.onLine);
  const slow = kind === "connecting" && Date.now() - status.since > 4 * PATIENCE_MS;
  banner.hidden = !(shown || slow);
  if (banner.hidden) return;

  const [title, text] = TEXTS[TRYING.includes(kind) ? cause(status) : kind];
  const line = find("p", banner) ?? banner;
  setText(ensure(line, "strong", "strong"), title);
  setText(ensure(line, ".banner-text", "span", "banner-text"), text);
  // The countdown is for the eyes: read out each second it would drown everything else.
  const timer = ensure(line, ".banner-countdown", "span", "banner-countdown");
  timer.setAttribute("aria-hidden", "true");
  setText(timer, kind === "down" ? countdown(status) : "");

  const button = find("button", banner);
  if (button) button.hidden = !TRYING.includes(kind);
  const link = ensure(banner, "a", "a", "button secondary");
  link.hidden = kind !== "signed-out" && kind !== "closed";
  if (kind === "signed-out") {
    link.href = `/accounts/login?next=${encodeURIComponent(location.pathname)}`;
    setText(link, "Log in");
  } else if (kind === "closed") {
    link.href = "/chat/";
    setText(link, "See the rooms");
  }
}

export function start() {
  if (!owner) return;
  onStatus(({ kind }) => drawOnline(kind === "open" || kind === "connecting"));
  const banner = find("#connection");
  if (!banner) return;
  banner.setAttribute("role", "status");
  find("button", banner)?.addEventListener("click", reconnect);
  onStatus((status) => draw(banner, status));
}
