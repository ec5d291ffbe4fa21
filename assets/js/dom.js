// The few places of the page that several parts of the script need.
// The script is deferred, so the page is parsed when this runs; on pages without a room these are null.

export const find = (selector, root = document) => root.querySelector(selector);

export const room = find("#room");
export const scroller = find("#scroller");
export const list = find("#messages");

/** The room's slug and the reader's user id, as the server wrote them. */
export const slug = room?.dataset.room ?? "";
export const me = room?.dataset.me ?? "";

/** The child `selector` of `parent`; made as `<tag class>` at its end when the page has none. */
export function ensure(parent, selector, tag, className) {
  const found = find(selector, parent);
  if (found) return found;
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.append(made);
  return made;
}
