// Changing a message of one's own: the form comes from the server and stands in the composer's place until it is saved or
// given up. The arrow up in an empty composer changes the last one.

import { sendByEnter } from "./composer.js";
import { find, list, me } from "./dom.js";
import { roomPath } from "./roomList.js";

const place = find("#editing");
const composer = find("#composer textarea");

function begin() {
  const text = find("textarea", place);
  if (!text) {
    composer.focus();
    return;
  }
  text.focus();
  text.setSelectionRange(text.value.length, text.value.length);
}

function cancel() {
  place.replaceChildren();
  composer.focus();
}

function key(event) {
  if (event.key === "Escape" && !event.isComposing) cancel();
  else sendByEnter(event);
}

/** The last message of mine that can be changed. */
const last = () => [...list.querySelectorAll(`:scope > .message[data-seq][data-author="${me}"]`)].findLast((one) => !find(".lost", one));

function editLast(event) {
  if (event.key !== "ArrowUp" || composer.value !== "" || event.isComposing) return;
  const message = last();
  if (!message) return;
  event.preventDefault();
  window.htmx.ajax("GET", `${roomPath()}/messages/${message.dataset.seq}/edit`, { target: place, swap: "innerHTML" });
}

export function start() {
  if (!place || !composer) return;
  place.addEventListener("keydown", key);
  place.addEventListener("click", (event) => {
    if (!event.target.closest("[data-cancel]")) return;
    event.preventDefault();
    cancel();
  });
  composer.addEventListener("keydown", editLast);
  new MutationObserver(begin).observe(place, { childList: true });
}
