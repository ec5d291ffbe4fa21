// The quick switcher: Ctrl+K (⌘K on a Mac) or its row in the side bar opens it in the dialog of the shell. The field keeps
// the focus; the keys move between the entries, which the server sends for what is typed. Without this script the row
// leads to a page that does the same.

import { ask } from "./dialog.js";
import { find, tell } from "./dom.js";

const row = find("#switch-row");
/** Enter was pressed before the entries for what is typed were there. */
let isWaiting = false;

const field = () => find("#switch-q");
const entries = () => [...document.querySelectorAll("#switched [role=option]")];
const chosen = () => find("#switched [aria-selected=true]");

function show(from) {
  isWaiting = false;
  ask(find("#switcher"), from);
  window.htmx.process(find("#dialog"));
}

function choose(entry) {
  field().removeAttribute("aria-activedescendant");
  for (const other of entries()) other.setAttribute("aria-selected", other === entry);
  if (!entry) return;
  field().setAttribute("aria-activedescendant", entry.id);
  entry.scrollIntoView({ block: "nearest" });
}

function go() {
  isWaiting = find("#switched").dataset.q !== field().value;
  if (!isWaiting) chosen()?.click();
}

function keydown(event) {
  const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
  if (key.toLowerCase() === "k" && ctrlKey !== metaKey && !shiftKey && !altKey) {
    event.preventDefault();
    if (!find("dialog[open]")) show(document.activeElement);
  }
  if (event.target !== field() || event.isComposing || ctrlKey || metaKey || shiftKey || altKey) return;
  const all = entries();
  const at = all.indexOf(chosen());
  const moves = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 };
  if (key === "Enter") go();
  else if (key in moves) choose(all[moves[key] % all.length]);
  else return;
  event.preventDefault();
}

export function start() {
  if (/^(Mac|iP)/.test(navigator.platform)) find("kbd", row).textContent = "⌘K";
  row.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(row);
  });
  document.addEventListener("keydown", keydown);
  document.addEventListener("htmx:after:swap", ({ detail }) => {
    if (!field() || detail.ctx?.sourceElement !== field()) return;
    choose(entries()[0]);
    const { count } = find("#switched").dataset;
    tell(find("#switch-count"), count === "1" ? "1 result" : `${count} results`);
    if (isWaiting) go();
  });
  for (const failed of ["htmx:response:error", "htmx:error"]) {
    document.addEventListener(failed, ({ detail }) => {
      if (field() && detail.ctx?.sourceElement === field()) tell(find("#switch-count"), "The server did not answer. Type again.");
    });
  }
}
