// The members beside the messages: their list is asked for anew when somebody came, went, or is something else now; what
// the reader may do in the room, when they are.

import { onFrame } from "./connection.js";
import { find, me } from "./dom.js";

const changed = (selector) => find(selector)?.dispatchEvent(new CustomEvent("room:changed"));

export function start() {
  onFrame((html) => {
    if (/ class="event"| hx-target="#online"/.test(html)) changed(".room:has(.members[open]) #member-list");
    if (/ data-kind="made_/.test(html) && html.includes(` data-author="${me}"`)) changed("#room-links");
  });
}
