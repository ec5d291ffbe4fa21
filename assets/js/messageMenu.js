// One menu for all messages. It stands in the message under the pointer, else in the newest one; from there the arrow keys
// take it to others. What is in it is loaded when it is opened.

import { onFrame } from "./connection.js";
import { find, list } from "./dom.js";
import { roomPath } from "./roomList.js";

const menu = find("#message-menu")?.content.firstElementChild;
const opener = menu && find("summary", menu);
const messages = () => [...list.querySelectorAll(":scope > .message[data-seq]")];

/** The id of the message in which it stands. */
let place = "";
/** Whether it has the focus, or had it when its message was drawn anew. */
let isFocused = false;

function moveTo(message) {
  // With its message gone it is closed.
  if (!menu.isConnected) menu.open = false;
  if (!message || menu.open || menu.parentElement === message) return;
  message.append(menu);
  place = message.id;
}

/** While nobody points at a message, or has the focus in the menu, it stands in the newest. */
function rest() {
  const again = !menu.isConnected && (menu.open || isFocused) && document.getElementById(place);
  if (again) {
    // Its message was drawn anew.
    again.append(menu);
    if (isFocused) opener.focus({ preventScroll: true });
    return;
  }
  if (!list.contains(menu) || !(menu.matches(":focus-within") || menu.parentElement.matches(":hover"))) {
    moveTo(messages().at(-1));
  }
}

function key(event) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || menu.open) return;
  const all = messages();
  const next = all[all.indexOf(menu.parentElement) + step];
  event.preventDefault();
  if (!next) return;
  moveTo(next);
  opener.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

async function load() {
  if (!menu.open) return;
  const { seq } = menu.parentElement.dataset;
  // A box of its own for each: a late answer does not come into the menu of another message.
  const box = document.createElement("div");
  box.className = "menu";
  find(".menu", menu).replaceWith(box);
  await window.htmx.ajax("GET", `${roomPath()}/messages/${seq}/menu`, { source: box, target: box, swap: "innerHTML" });
  if (box.isConnected) box.scrollIntoView({ block: "nearest" });
}

export function start() {
  if (!list || !menu) return;
  list.addEventListener("pointerover", ({ target }) => moveTo(target.closest(".message[data-seq]")));
  opener.addEventListener("keydown", key);
  document.addEventListener("focusin", ({ target }) => (isFocused = menu.contains(target)));
  menu.addEventListener("focusout", () => menu.isConnected && (isFocused = false));
  menu.addEventListener("toggle", load);
  menu.addEventListener("submit", () => {
    menu.open = false;
    opener.focus({ preventScroll: true });
  });
  onFrame(rest);
  rest();
}
