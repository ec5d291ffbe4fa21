// How far the page shows its room. The cursor is the highest change that is on the page: it begins with the page's
// `data-change`, and moves with the `data-to` of what the server sends, once that is in the page. `data-from` says what
// must be there already: if that is beyond the cursor, something between was lost.

import { list, room } from "./dom.js";

let cursor = Number(room?.dataset.change ?? 0);
/**
 * The newest message up to which the page shows all, for the server to know what to append and what to alter. One that
 * was shown once more to its sender, before those that precede it, does not count.
 */
let newest = 0;
for (const item of list?.children ?? []) newest = Math.max(newest, Number(item.dataset.seq) || 0);

export const shownChange = () => cursor;

/** What the server is told of it. */
export const position = () => ({ after: cursor, seq: newest });

/** The newest message among the changes of a text. Text from people is escaped and never contains a `<`. */
function newestIn(html) {
  return Math.max(0, ...Array.from(html.matchAll(/<li id="m-(\d+)"/g), ([, seq]) => Number(seq)));
}

/**
 * The changes a text covers, in its order. Only the opening tags of partials are read: text from people stands
 * escaped between them and never contains a `<`.
 */
function covered(html) {
  const spans = [];
  for (const [tag] of html.matchAll(/<hx-(?:partial|upsert)\b[^>]*>/g)) {
    const from = tag.match(/\sdata-from="(\d+)"/);
    const to = tag.match(/\sdata-to="(\d+)"/);
    if (from && to) spans.push({ from: Number(from[1]), to: Number(to[1]) });
  }
  return spans;
}

/** Where the page is once it shows that text; null when there is a gap before a part of it. `covers`: any change. */
export function leadsTo(html) {
  const spans = covered(html);
  let at = cursor;
  for (const { from, to } of spans) {
    if (from > at) return null;
    at = Math.max(at, to);
  }
  const covers = spans.length > 0;
  return { covers, cursor: at, newest: covers ? newestIn(html) : 0 };
}

/** The page shows everything up to that message, which it loaded as history. */
export function shows(seq) {
  newest = Math.max(newest, seq);
}

/** The text is in the page. */
export function reached(to) {
  cursor = Math.max(cursor, to.cursor);
  newest = Math.max(newest, to.newest);
}
