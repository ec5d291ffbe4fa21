// One menu for all messages. It stands in the message under the pointer, else in the newest one; from there the arrow keys
// take it to others. What is in it is loaded when it is opened.

import { onFrame } from "./connection.js";
import { find, list } from "./dom.js";
import { roomPath } from "./roomList.js";

const menu = find("#message-menu")?.content.firstElementChild;
const opener = menu && find("summary", menu);
const messages = () => [...list.querySelectorAll(":scope > .message[data-seq]")];

function moveTo(message) {
  // With its message gone, drawn anew or not, it is closed.
  if (!menu.isConnected) menu.open = false;
  if (!message || menu.open || menu.parentElement === message) return;
  message.append(menu);
}

/** While nobody points at a message, or has the focus in the menu, it stands in the newest. */
function rest() {
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
  await window.htmx.ajax("GET", `${roomPath()}/messages/${seq}/menu`, { target: find(".menu", menu), swap: "innerHTML" });
  find(".menu", menu).scrollIntoView({ block: "nearest" });
}

export function start() {
  if (!list || !menu) return;
  list.addEventListener("pointerover", ({ target }) => moveTo(target.closest(".message[data-seq]")));
  opener.addEventListener("keydown", key);
  menu.addEventListener("toggle", load);
  onFrame(rest);
  rest();
}
