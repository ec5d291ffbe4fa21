// Which friends are online: what shows it has their `data-presence`.

import { onData } from "./connection.js";

function heard({ presence = {} }) {
  for (const [id, isOnline] of Object.entries(presence)) {
    for (const shown of document.querySelectorAll(`[data-presence="${CSS.escape(id)}"]`)) {
      shown.classList.toggle("online", isOnline);
      if (!shown.matches(".dot")) continue;
      shown.classList.toggle("hollow", !isOnline);
      shown.ariaLabel = isOnline ? "Online" : "Offline";
    }
  }
}

export function start() {
  onData(heard);
}
