// How people are shown. The server sends a `<template data-author>` with a name and an avatar when either changed; both
// are put in the place of the old ones wherever an element carries the same `data-author`: a message, an event, the side
// bar's account. The name is the `<bdi>` in `.author`. Who deleted their account has no username and no profile any more.

import { find, list } from "./dom.js";
import { fold } from "./folding.js";

/** After a frame of the socket. */
export function afterFrame(html) {
  if (!html.startsWith("<template data-author=")) return;
  const shown = find("template", new DOMParser().parseFromString(html, "text/html"));
  const name = find("b", shown.content).textContent;
  const avatar = find(".avatar", shown.content);
  const places = `[data-author="${CSS.escape(shown.dataset.author)}"]`;
  for (const root of [document, find("#pending-message")?.content]) {
    for (const place of root?.querySelectorAll(places) ?? []) {
      for (const old of place.querySelectorAll(".author bdi")) old.textContent = name;
      if (shown.hasAttribute("data-erased")) {
        for (const old of place.querySelectorAll(".author .username")) old.remove();
        for (const old of [place, ...place.querySelectorAll(".author")]) {
          if (old.matches('[href^="/@"]')) old.removeAttribute("href");
        }
      }
      for (const old of place.querySelectorAll(".avatar")) {
        old.replaceChildren(...[...avatar.childNodes].map((node) => document.importNode(node, true)));
      }
    }
  }
  if (list) fold();
}
