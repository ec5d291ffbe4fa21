// Naming people: after an @ in the composer, or in the form to change a message, those in the room whose names begin like
// what follows are offered. The arrows choose, Enter or Tab takes, Escape gives up.

import { find } from "./dom.js";
import { roomPath } from "./roomList.js";

const FIELDS = "#composer-body, #editor-body";
const PAUSE_MS = 120;

const box = find("#names");
/** The field for which the box stands open, or is to be filled, and what was typed there of a name. */
let field = null;
let name = null;
let timer = null;
let asking = null;

const options = () => [...box.children];
const chosen = () => find("[aria-selected=true]", box);

/** What of a name stands before the cursor; null where nobody is named. The letters are those of usernames. */
function typed() {
  const { value, selectionStart: at } = field;
  if (/^[\p{L}\p{N}\p{M}_\u200C\u200D]/u.test(value.slice(at))) return null;
  const before = /(?:^|[^\p{L}\p{N}\p{M}_.@/\u200C\u200D])@([\p{L}\p{N}\p{M}_.\u200C\u200D]{0,32})$/u;
  return value.slice(0, at).match(before)?.[1] ?? null;
}

function close() {
  clearTimeout(timer);
  asking?.abort();
  box.hidden = true;
  field?.removeAttribute("aria-activedescendant");
}

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  option.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function take(option) {
  const end = field.selectionStart;
  field.setRangeText(`${option.dataset.username} `, end - name.length, end, "end");
  close();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

async function load() {
  asking = new AbortController();
  const { signal } = asking;
  let found = [];
  try {
    const answer = await fetch(`${roomPath()}/names?q=${encodeURIComponent(name)}`, { signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    found = page.querySelectorAll("[role=option]");
  } catch {
    // Given up, or the network is away: nobody is offered.
  }
  if (signal.aborted || found.length === 0) return;
  box.replaceChildren(...found);
  field.closest(".composer-box").append(box);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", box.id);
  box.hidden = false;
  choose(found[0]);
}

function input({ target }) {
  if (!target.matches(FIELDS)) return;
  field = target;
  close();
  name = typed();
  if (name !== null) timer = setTimeout(load, PAUSE_MS);
}

function key(event) {
  if (box.hidden || event.target !== field || event.isComposing) return;
  const { key: pressed, shiftKey, ctrlKey, metaKey } = event;
  const step = { ArrowUp: -1, ArrowDown: 1 }[pressed];
  // Where the name is typed in full, Enter is meant for the message; with Ctrl it always is.
  const isFull = chosen().dataset.username.toLowerCase() === name.toLowerCase();
  const isTaken = (pressed === "Tab" || (pressed === "Enter" && !isFull)) && !shiftKey && !ctrlKey && !metaKey;
  if (pressed === "Enter" && !isTaken) close();
  if (!step && !isTaken && pressed !== "Escape") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (isTaken) take(chosen());
  else if (step) choose(options().at((options().indexOf(chosen()) + step) % options().length));
  else close();
}

export function start() {
  if (!box) return;
  document.addEventListener("input", input);
  // Before the field itself sends by Enter.
  document.addEventListener("keydown", key, { capture: true });
  document.addEventListener("focusout", ({ target }) => target === field && close());
  document.addEventListener("submit", close);
  document.addEventListener("selectionchange", () => !box.hidden && typed() !== name && close());
  // So that the field keeps the focus.
  box.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) take(option);
  });
}
