// The few places of the page that several parts of the script need.
// The script is deferred, so the page is parsed when this runs; on pages without a room these are null.

export const find = (selector, root = document) => root.querySelector(selector);

export const room = find("#room");
export const scroller = find("#scroller");
export const list = find("#messages");

/** The element that owns the page's socket: the room, or on a page where nobody can write in one the inbox. */
export const owner = find("#inbox") ?? room;
/** The reader's user id. */
export const me = owner?.dataset.me ?? "";
/** The room's id. Its name and its address may change, and another room may be given them. */
export const roomId = room?.dataset.room ?? "";

/** The child `selector` of `parent`; made as `<tag class>` at its end when the page has none. */
export function ensure(parent, selector, tag, className) {
  const found = find(selector, parent);
  if (found) return found;
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.append(made);
  return made;
}

/** Says `text` in a live region, and returns the timer. A region tells of changes only: emptied first, it says the same again. */
export function tell(region, text) {
  region.textContent = "";
  return setTimeout(() => (region.textContent = text), 100);
}

/** Whether a text shows nothing: the rule of `is_visible` in `src/text.rs`. */
export const isBlank = (text) =>
  !/[^\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\u{2800}\u{16FE4}\u{13430}-\u{13442}\u{1D159}\u{FFF9}-\u{FFFB}]/u.test(text);
