// The plain requests of a page that no socket reaches, because something on the way does not pass WebSockets: what is new
// is asked for, and messages go the way of the form.

import { position } from "./cursor.js";
import { find, roomId } from "./dom.js";
import { roomPath } from "./roomList.js";

/** An answer that does not come for this long is given up. */
const PATIENCE_MS = 10_000;

/**
 * `{status, text, location, wait}`: `location` is where the server leads to, `wait` the seconds after which to try again.
 * The status is 0 when there is no answer, or one that leads away from the address: another's, in a hotel for instance.
 */
async function request(address, options = {}) {
  try {
    const answer = await fetch(address, {
      ...options,
      headers: { "HX-Request": "true" },
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return {
      status: answer.status,
      text: await answer.text(),
      location: answer.headers.get("HX-Redirect"),
      wait: Number(answer.headers.get("Retry-After")) || 0,
    };
  } catch {
    return { status: 0, text: "", location: null, wait: 0 };
  }
}

/** Asks for what came after the page's position. */
export function askForChanges() {
  return request(`${roomPath()}/changes?${new URLSearchParams({ ...position(), room: roomId })}`);
}

/** Says what was read. */
export function markRead({ seq, version }) {
  const fields = new URLSearchParams({ seq, csrf_token: find("[name=csrf_token]").value });
  if (version !== undefined) fields.set("version", version);
  return request(`${roomPath()}/read`, { method: "POST", body: fields });
}

/** Sends a message. */
export function post({ body, client_id, reply_to, files = [] }) {
  const form = find("#composer");
  const fields = new URLSearchParams(new FormData(form));
  fields.set("body", body);
  fields.set("client_id", client_id);
  fields.set("reply_to", reply_to ?? "");
  for (const id of files) fields.append("files", id);
  return request(form.getAttribute("action"), { method: "POST", body: fields });
}
