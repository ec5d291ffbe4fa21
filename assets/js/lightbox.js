// The pictures of the conversation, one at a time, as large as they fit. Until the full picture is there its thumbnail is
// shown. Without this script the link leads to the picture.

import { find, list } from "./dom.js";

const dialog = find("#lightbox");
const picture = dialog && find("#lightbox-picture");

/** The addresses of the picture that was clicked, and of the one that is shown. Lists are drawn anew, addresses stay. */
let opener = "";
let shown = "";

/** Not those in a message that is hidden, because its author is blocked. */
const isVisible = (link) => getComputedStyle(link).visibility === "visible";
const links = () => [...list.querySelectorAll("a[data-picture]")].filter(isVisible);
const linkOf = (address) => links().find(({ href }) => href === address);

function draw(address, width, height) {
  Object.assign(picture, { src: address, width, height });
}

async function load(address) {
  const full = new Image();
  full.src = address;
  try {
    await full.decode();
  } catch {
    // The thumbnail stays.
    return;
  }
  if (shown === address && dialog.open) draw(address, full.naturalWidth, full.naturalHeight);
}

function show(link) {
  const thumbnail = find("img", link);
  const { name, width, height } = link.dataset;
  const all = links();
  shown = link.href;
  draw(thumbnail.src, width, height);
  picture.alt = name;
  find("#lightbox-name").textContent = name;
  find("#lightbox-place").textContent = `${all.indexOf(link) + 1} of ${all.length}`;
  Object.assign(find("#lightbox-download"), { href: link.href, download: name });
  for (const button of dialog.querySelectorAll("[data-step]")) button.hidden = all.length < 2;
  load(shown);
}

/** To another picture; after the last one the first follows. */
function go(step) {
  const all = links();
  if (all.length === 0) return;
  const at = all.findIndex(({ href }) => href === shown);
  show(all[(at + step + all.length) % all.length]);
}

function open(event) {
  const link = event.target.closest("a[data-picture]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  opener = link.href;
  dialog.showModal();
  find("[data-close]", dialog).focus();
  show(link);
}

function onClick({ target }) {
  const step = target.closest("[data-step]");
  if (step) go(Number(step.dataset.step));
  else if (target.closest("[data-close]") || !target.closest("a, img")) dialog.close();
}

export function start() {
  if (!list || !dialog) return;
  list.addEventListener("click", open);
  dialog.addEventListener("click", onClick);
  dialog.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) go(step);
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return;
    picture.removeAttribute("src");
    linkOf(opener)?.focus();
  });
}
