// Who has read the reader's own messages. `#readers` comes with the page, and once more after a time without connection:
// in a direct chat it says up to which message the other has read (`data-receipt`), in a room of a few people up to which
// each of them (its items), in a larger one how many have read one message (`data-count`, `data-seq`) and up to where the
// reader has (`data-own`), because what is counted counts them too. In between frames say what has changed. Who does not
// want it to be seen has no `#readers`.

import { onData, onFrame, onStatus } from "./connection.js";
import { find, list, me, roomId } from "./dom.js";
import { roomPath } from "./roomList.js";

/** So many are named. */
const NAMED = 3;
/** More are counted as "99+". */
const MOST = 99;

const box = () => find("#readers");
const line = find("#read-by")?.content.firstElementChild;
let wasOpen = false;

/** The reader's own messages that are stored, the newest first. */
const own = () => [...list.querySelectorAll(`:scope > .message[data-author="${CSS.escape(me)}"][data-seq]`)].reverse();
const seqOf = (item) => Number(item.dataset.seq);

/** In a direct chat: ticks. */
function tick(receipt) {
  for (const item of own()) {
    if (item.classList.contains("read")) return;
    item.classList.toggle("read", seqOf(item) <= receipt);
  }
}

/** "Read by Ana, Bob, Cleo and 2 more" under the newest message that somebody has read. */
function name() {
  const readers = new Map();
  for (const item of [...box().children]) {
    // What came later stands later, and only ever grows.
    readers.get(item.dataset.author)?.remove();
    if (item.dataset.author !== me) readers.set(item.dataset.author, item);
  }
  const all = [...readers.values()];
  const message = own().find((item) => all.some((reader) => seqOf(reader) >= seqOf(item)));
  if (!message) return line.remove();
  const here = all.filter((reader) => seqOf(reader) >= seqOf(message));
  const named = here.slice(0, NAMED);
  const names = named.map((reader) => find("bdi", reader).cloneNode(true));
  const more = here.length - named.length;
  const words = names.flatMap((one, at) => [at === 0 ? "" : at === names.length - 1 && more === 0 ? " and " : ", ", one]);
  show(message, named.map((reader) => find(".avatar", reader).cloneNode(true)), ["Read by ", ...words, more > 0 ? ` and ${more} more` : ""]);
}

/** "Read by 12" under the newest message, from when it was written. */
function count() {
  const newest = own()[0];
  if (!newest) return;
  if (seqOf(newest) > Number(box().dataset.seq)) Object.assign(box().dataset, { seq: newest.dataset.seq, count: 0 });
  const readers = Number(box().dataset.count);
  if (readers <= 0) line.remove();
  else show(newest, [], [`Read by ${readers > MOST ? `${MOST}+` : readers}`]);
}

function show(message, avatars, words) {
  const [pictures, text] = line.children;
  pictures.replaceChildren(...avatars);
  text.replaceChildren(...words);
  if (line.parentElement !== message) message.append(line);
}

function draw() {
  if (!box()) return;
  if (box().dataset.receipt) tick(Number(box().dataset.receipt));
  else if (box().dataset.count) count();
  else name();
}

function heard({ receipt, receipts, unread }) {
  if (!box()) return;
  const { dataset } = box();
  if (receipt?.room === roomId && receipt.author !== me && dataset.receipt) {
    dataset.receipt = Math.max(dataset.receipt, receipt.seq);
    draw();
  }
  const own = unread?.[roomId]?.[3];
  if (dataset.count && own > Number(dataset.own)) {
    if (Number(dataset.own) < Number(dataset.seq) && Number(dataset.seq) <= own) dataset.count = Number(dataset.count) - 1;
    dataset.own = own;
  }
  if (receipts?.room === roomId && dataset.count) {
    const seq = Number(dataset.seq);
    const passed = receipts.spans.filter(([[before, after]]) => before < seq && seq <= after);
    dataset.count = passed.reduce((sum, [, people]) => sum + people, Number(dataset.count));
    draw();
  }
}

/** What was read meanwhile is not sent again: it is asked for. */
async function ask() {
  const newest = own()[0];
  const address = `${roomPath()}/readers?room=${roomId}${newest ? `&seq=${newest.dataset.seq}` : ""}`;
  await window.htmx.ajax("GET", address, { target: "#readers", swap: "outerHTML", select: "#readers" });
  draw();
}

export function start() {
  if (!list || !box()) return;
  draw();
  onFrame(draw);
  onData(heard);
  onStatus(({ kind }) => {
    if (kind !== "open") return;
    if (wasOpen) ask();
    wasOpen = true;
  });
}
