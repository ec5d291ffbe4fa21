// Naming people: after an @ in the composer, or in the form to change a message, those in the room whose names begin like
// what follows are offered. The arrows choose, Enter or Tab takes, Escape gives up.

import { find } from "./dom.js";
import { roomPath } from "./roomList.js";

const FIELDS = "#composer-body, #editor-body";
const PAUSE_MS = 120;

const box = find("#names");
/** The field for which the box stands open, or is to be filled. */
let field = null;
let timer = null;

const options = () => [...box.querySelectorAll("[role=option]")];
const chosen = () => find("[aria-selected=true]", box);

/** What of a name stands before the cursor; null where nobody is named. */
function typed() {
  const before = field.value.slice(0, field.selectionStart);
  return before.match(/(?:^|[^\p{L}\p{N}\p{M}_.@/])@([\p{L}\p{N}\p{M}_.]{0,32})$/u)?.[1] ?? null;
}

function close() {
  clearTimeout(timer);
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
  field.setRangeText(`${option.dataset.username} `, end - typed().length, end, "end");
  close();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

async function load(name) {
  field.closest(".composer-box").append(box);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", box.id);
  await window.htmx.ajax("GET", `${roomPath()}/names?q=${encodeURIComponent(name)}`, { target: box, swap: "innerHTML" });
  if (document.activeElement !== field || typed() !== name) return;
  const [first] = options();
  box.hidden = !first;
  if (first) choose(first);
}

function input({ target }) {
  if (!target.matches(FIELDS)) return;
  field = target;
  close();
  const name = typed();
  if (name !== null) timer = setTimeout(load, PAUSE_MS, name);
}

function key(event) {
  if (box.hidden || event.target !== field || event.isComposing) return;
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const isTaken = ["Enter", "Tab"].includes(event.key) && !event.shiftKey && !event.ctrlKey && !event.metaKey;
  // Where the name is typed in full, Enter is meant for the message.
  if (event.key === "Enter" && chosen().dataset.username.toLowerCase() === typed().toLowerCase()) {
    close();
    return;
  }
  if (!step && !isTaken && event.key !== "Escape") return;
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
  // So that the field keeps the focus.
  box.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) take(option);
  });
}
