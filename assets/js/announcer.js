// Tells of new messages without showing them: one polite line for screen readers, and a count in the title while
// the page is hidden.

import { find, tell } from "./dom.js";

/** Lines come at most this often: in a busy room a summary, not a flood. */
const APART_MS = 3_000;

const region = find("#announcer");
const title = document.title;

let heard = [];
let timer = null;
let unseen = 0;

function authorOf(item) {
  return find(".author bdi", item)?.textContent.trim() || item.dataset.name || "";
}

function say() {
  timer = null;
  if (heard.length === 0) return;
  const [{ author, text }] = heard;
  const line = heard.length > 1 ? `${heard.length} new messages` : author ? `${author}: ${text}` : text;
  heard = [];
  if (region) tell(region, line);
  timer = setTimeout(say, APART_MS);
}

/** Not the messages of somebody whom the reader blocks: their style sheet marks those. */
const isHeard = (item) => getComputedStyle(item).getPropertyValue("--folded") === "";

/** New messages of others arrived. */
export function announce(items) {
  const loud = items.filter(isHeard);
  if (loud.length === 0) return;
  for (const item of loud) {
    heard.push({ author: authorOf(item), text: find(".body", item)?.textContent ?? "" });
  }
  timer ??= setTimeout(say, 100);
  if (document.hidden) {
    unseen += loud.length;
    document.title = `(${unseen}) ${title}`;
  }
}

export function start() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || unseen === 0) return;
    unseen = 0;
    document.title = title;
  });
}
