// Whoever logs out leaves nothing readable in this browser; messages that are not sent yet are asked about first.

import { ask } from "./dialog.js";
import { find } from "./dom.js";
import * as storage from "./storage.js";

function submitted(event) {
  const form = event.target;
  if (new URL(form.getAttribute("action") ?? "", document.baseURI).pathname.replace(/\/$/, "") !== "/accounts/logout") return;
  // The question holds such a form itself.
  if (storage.hasPending() && !form.closest("dialog")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(find("#unsent-question"), find("#account"));
    return;
  }
  storage.wipe();
}

/** Before `forms`, which would make the button busy although nothing is sent. */
export function start() {
  document.addEventListener("submit", submitted, { capture: true });
}
