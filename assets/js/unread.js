// What waits in the reader's rooms. The side bar comes with the counts; the server says when others wrote, which is added
// up here, and what waits once the reader has read, which replaces it. This page says what was read when it is looked at:
// visible, with the focus, and at the end of the list.

import { position } from "./cursor.js";
import { ensure, find, list, room, roomId } from "./dom.js";
import { onData, onFrame, onStatus, send } from "./connection.js";
import { follows } from "./scroll.js";

/** More are shown as "99+". */
const MOST = 99;
/** What was read is said once in this time. */
const APART_MS = 1_000;

/**
 * By room: how many wait, the newest message that is known of, how often the reader marked something as unread, the last
 * message that they have read, how many name them, and what they are told of ("all", "mentions" or "nothing").
 */
const rooms = new Map();
/** Up to where this page said that it was read. */
let said = Number(room?.dataset.read ?? 0);
let timer = null;

const rowOf = (id) => document.getElementById(`room-${id}`);

function learn() {
  for (const row of document.querySelectorAll("[data-room][data-unread]")) {
    const [count, seq, version, read, mentions] = row.dataset.unread.split(" ").map(Number);
    const level = row.dataset.unread.split(" ").at(-1);
    if (!rooms.has(row.dataset.room)) rooms.set(row.dataset.room, { count, seq, version, read, mentions, level });
  }
}

const shown = (count) => (count > MOST ? `${MOST}+` : `${count}`);

/** Draws a room's badge, as the server does. */
function draw(id) {
  const row = rowOf(id);
  const link = row && find("a", row);
  if (!link) return;
  const { count = 0, mentions = 0, level } = rooms.get(id) ?? {};
  for (const old of link.querySelectorAll(":scope > :is(.badge, .visually-hidden, svg)")) old.remove();
  const isMuted = level === "nothing";
  row.classList.toggle("muted", isMuted);
  if (isMuted) link.append(find("#muted-sign").content.cloneNode(true));
  else if (mentions > 0) ensure(link, ".badge", "span", "badge mine").textContent = `@ ${shown(mentions)}`;
  else if (count > 0) ensure(link, ".badge", "span", row.dataset.author ? "badge mine" : "badge").textContent = shown(count);
  else return;
  const words = isMuted ? " muted" : mentions > 0 ? " mentions" : " unread";
  ensure(link, ":scope > .visually-hidden", "span", "visually-hidden").textContent = words;
}

/** The room with the newest message comes first. */
function moveUp(id) {
  const row = rowOf(id);
  if (!row?.closest("#my-rooms") || !row.previousElementSibling || row.contains(document.activeElement)) return;
  row.parentElement.prepend(row);
}

function heard(data) {
  if (data.all) {
    for (const id of rooms.keys()) {
      if (data.unread[id]) continue;
      rooms.delete(id);
      draw(id);
    }
  }
  for (const [id, [count, seq, version, read, mentions, level]] of Object.entries(data.unread ?? {})) {
    const known = rooms.get(id);
    // Several say it, not in an order: what was said before something was read, or marked as unread, is out of date.
    if (known && (known.version > version || (known.version === version && known.read > read))) continue;
    // What has been added up beyond this count stays added.
    const later = known?.version === version ? Math.max(0, known.seq - seq) : 0;
    const waiting = count + Math.min(later, known?.count ?? 0);
    const isNew = !data.all && known && count > 0 && seq > known.seq;
    rooms.set(id, { count: waiting, seq: seq + later, version, read, mentions, level: level ?? known?.level });
    draw(id);
    if (isNew) moveUp(id);
  }
  for (const [id, [count, from, seq]] of Object.entries(data.active ?? {})) {
    const known = rooms.get(id);
    if (!known || seq <= known.seq) continue;
    // What came before is missing here, or a part of it is known.
    known.count += known.seq <= from ? from - known.seq + count : Math.min(count, seq - known.seq);
    known.seq = seq;
    draw(id);
    moveUp(id);
  }
  read();
}

/** Says what was read, if it was. */
function read() {
  if (!list || timer !== null || document.hidden || !document.hasFocus() || !follows()) return;
  const { seq } = position();
  if (seq <= said) return;
  timer = setTimeout(() => {
    timer = null;
    read();
  }, APART_MS);
  if (send({ type: "read", seq, version: rooms.get(roomId)?.version })) said = seq;
}

/** After something came for the side bar or the list. */
function afterFrame() {
  learn();
  for (const id of rooms.keys()) if (!find(".badge", rowOf(id) ?? document)) draw(id);
  read();
}

export function start() {
  learn();
  onData(heard);
  onFrame(afterFrame);
  if (!list) return;
  onStatus(({ kind }) => kind === "open" && read());
  for (const name of ["focus", "visibilitychange"]) window.addEventListener(name, read, true);
  find("#scroller")?.addEventListener("scroll", read, { passive: true });
}
