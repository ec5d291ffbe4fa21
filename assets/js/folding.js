// Many lines in a row that say who came, who left and what changed stand folded behind one that sums them up, and opens
// them. Without this script all of them stand there.

import { find, list } from "./dom.js";
import { lookAgain } from "./scroll.js";

/** So many in a row stand as they are. */
const MOST = 3;
/** How many are named in the first part of a summary. */
const NAMED = 2;

/** What is summed up together, by the word for it. */
const KINDS = { joined: ["joined", "added"], left: ["left", "removed"] };

const template = find("#folded-events");
/** The ids of events that the reader opened. */
const opened = new Set();

/** Events that follow each other, with the summaries that stand among them. */
function runs() {
  const found = [{ items: [], lines: [] }];
  for (const item of list.children) {
    if (item.matches(".event[data-kind]")) found.at(-1).items.push(item);
    else if (item.matches(".folded")) found.at(-1).lines.push(item);
    else found.push({ items: [], lines: [] });
  }
  return found;
}

/** The name of whoever came or went: who was added or removed, else who did it. */
const nameOf = (item) => [...item.querySelectorAll(".author bdi")].at(-1).cloneNode(true);

function together(names) {
  const rest = names.length - NAMED;
  if (rest > 1) return [names[0], ", ", names[1], ` and ${rest} others`];
  return names.flatMap((name, at) => (at === 0 ? [name] : [at === names.length - 1 ? " and " : ", ", name]));
}

/** Like "Ana, Bob and 12 others joined · 5 left". */
function summary(items) {
  const parts = [];
  let others = items.length;
  for (const [did, kinds] of Object.entries(KINDS)) {
    const those = items.filter((item) => kinds.includes(item.dataset.kind));
    if (those.length === 0) continue;
    others -= those.length;
    const people = new Map(those.map((item) => [[...item.querySelectorAll("[data-author]")].at(-1).dataset.author, nameOf(item)]));
    const who = parts.length === 0 || people.size === 1 ? together([...people.values()]) : [people.size];
    parts.push([...who, ` ${did}`]);
  }
  if (others > 0) parts.push([others === 1 ? "1 change" : `${others} changes`]);
  return parts.flatMap((part, at) => (at === 0 ? part : [" · ", ...part]));
}

/** Puts the summary before its events; a line that stands there already stays, and keeps the focus. */
function draw(items, line, isOpen) {
  const button = find("button", line);
  button.setAttribute("aria-expanded", isOpen);
  find("span", button).replaceChildren(...summary(items));
  if (line.nextElementSibling === items[0]) return;
  const hasFocus = document.activeElement === button;
  items[0].before(line);
  if (hasFocus) button.focus({ preventScroll: true });
}

/** Folds what has come to stand in a row, and unfolds what does not any more. */
export function fold() {
  for (const { items, lines } of runs()) {
    const isLong = items.length > MOST;
    const isOpen = items.some(({ id }) => opened.has(id) || `#${id}` === location.hash);
    for (const item of items) item.hidden = isLong && !isOpen;
    if (isLong) draw(items, lines.pop() ?? template.content.firstElementChild.cloneNode(true), isOpen);
    for (const line of lines) line.remove();
  }
}

function toggle({ target }) {
  const line = target.closest(".folded");
  if (!line) return;
  const { items } = runs().find(({ lines }) => lines.includes(line));
  const isOpen = find("button", line).getAttribute("aria-expanded") === "true";
  for (const { id } of items) isOpen ? opened.delete(id) : opened.add(id);
  fold();
  // The line stays where it was clicked, also at the end of the list.
  lookAgain();
}

export function start() {
  if (!list) return;
  fold();
  list.addEventListener("click", toggle);
}
