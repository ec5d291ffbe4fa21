// Who types: a frame appends each name to `#typing`, whence it goes into a sentence for a while.

import { onFrame, send } from "./connection.js";
import { find } from "./dom.js";

/** As long somebody is shown as typing. */
const SHOWN_MS = 5_000;
/** The page says so once in this time: a little longer than what the server takes. */
const APART_MS = 3_300;

const row = find("#typing");
/** By id: how they are called, and the timer that takes them away. */
const people = new Map();
let saidAt = 0;
let later = null;

/** Says that the reader types, now or as soon as it may be said again. */
export function say() {
  const wait = saidAt + APART_MS - Date.now();
  if (wait > 0) later ??= setTimeout(sayNow, wait);
  else sayNow();
}

function sayNow() {
  ended();
  if (send({ type: "typing" })) saidAt = Date.now();
}

/** The reader has sent it, or taken it back. */
export function ended() {
  clearTimeout(later);
  later = null;
}

/** They wrote, or have stopped. */
export function stopped(id) {
  clearTimeout(people.get(id)?.timer);
  if (people.delete(id)) draw();
}

/** "Ana, Bob and 2 others are typing" */
function draw() {
  find(".typing-dots", row).hidden = people.size === 0;
  const named = [...people.values()].slice(0, 2).map(({ name }) => {
    const one = document.createElement("bdi");
    one.textContent = name;
    return one;
  });
  const others = people.size - named.length;
  const parts = [...named];
  if (others > 0) parts.push(`${others} other${others > 1 ? "s" : ""}`);
  const sentence = parts.flatMap((part, at) => [at === 0 ? "" : at === parts.length - 1 ? " and " : ", ", part]);
  find("p", row).replaceChildren(...sentence, parts.length === 0 ? "" : parts.length === 1 ? " is typing" : " are typing");
}

function afterFrame() {
  const came = row.querySelectorAll(":scope > b");
  for (const one of came) {
    const { author } = one.dataset;
    clearTimeout(people.get(author)?.timer);
    people.set(author, { name: one.textContent, timer: setTimeout(stopped, SHOWN_MS, author) });
    one.remove();
  }
  if (came.length > 0) draw();
}

export function start() {
  if (row) onFrame(afterFrame);
}
