// Answering: the composer shows what is answered until it is sent, and what is quoted follows the message that it quotes. A
// quote leads to its message where that is on the page; else its own page does.

import { onFrame } from "./connection.js";
import { find, list } from "./dom.js";
import { roomPath } from "./roomList.js";
import * as storage from "./storage.js";

const place = find("#answering");
const text = find("#composer-body");

/** What is answered by what is written: `{seq, quote}`, the quote as an element; null without. */
export function answered() {
  const field = place && find("[name=reply_to]", place);
  return field && { seq: Number(field.value), quote: find(".quote", place) };
}

export function end() {
  if (place?.firstChild) place.replaceChildren();
}

function begin() {
  storage.save("reply", answered()?.seq ?? null);
  text.focus();
}

function load(seq) {
  window.htmx.ajax("GET", `${roomPath()}/messages/${seq}/reply`, { target: place, swap: "innerHTML" });
}

function afterFrame(html) {
  if (!html.includes("<template data-quoted=")) return;
  for (const shown of new DOMParser().parseFromString(html, "text/html").querySelectorAll("template[data-quoted]")) {
    for (const quote of document.querySelectorAll(`.quote[data-quoted="${CSS.escape(shown.dataset.quoted)}"]`)) {
      // One that does not show its message to all stays as it is.
      if (quote.dataset.author) quote.replaceChildren(document.importNode(shown.content, true));
    }
  }
}

/** Keeps what a message quotes where it was drawn anew for all, of whom some may not see that. */
export function keepQuote(item, before) {
  const [quote, shown] = [find(".quote", item), find(".quote[data-author]", before)];
  if (quote && shown && !quote.dataset.author) quote.replaceWith(shown);
}

function follow(event) {
  const quote = event.target.closest(".quote");
  if (!quote || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { quoted } = quote.dataset;
  event.preventDefault();
  if (document.getElementById(`m-${quoted}`)) window.location.hash = `m-${quoted}`;
  else window.location.assign(`${roomPath()}/m/${quoted}`);
}

export function start() {
  if (!list) return;
  onFrame(afterFrame);
  document.addEventListener("click", follow);
  if (!place) return;
  new MutationObserver(begin).observe(place, { childList: true });
  place.addEventListener("click", (event) => {
    if (!event.target.closest("[data-cancel]")) return;
    event.preventDefault();
    end();
  });
  text.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && end());
  const kept = storage.load("reply");
  if (kept && !answered()) window.addEventListener("load", () => load(kept));
}
