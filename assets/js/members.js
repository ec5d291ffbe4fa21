// The members beside the messages: their list is asked for anew when somebody came, went, or is something else now.

import { onFrame } from "./connection.js";
import { find } from "./dom.js";

export function start() {
  onFrame((html) => {
    if (!/ class="event"| hx-target="#online"/.test(html)) return;
    find(".room:has(.members[open]) #member-list")?.dispatchEvent(new CustomEvent("room:changed"));
  });
}
