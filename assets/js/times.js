// Times in the reader's zone. The server writes UTC and marks the first message of each UTC day with a chip; here
// every time becomes local, and the chips move to where the reader's days begin.

import { find, list } from "./dom.js";
import { moon, phaseOf } from "./moon.js";

/** Made when it is first used: the first one of a page takes longer than all else that starts, and many pages show no time. */
function formatter(locale, options) {
  let made = null;
  return (date) => (made ??= new Intl.DateTimeFormat(locale, options)).format(date);
}

// One form for everybody, as drawn: it is narrow enough for the gutter beside a continued message.
const clock = formatter(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = formatter(undefined, { dateStyle: "full", timeStyle: "short" });
const sameYear = formatter("en-GB", { weekday: "long", day: "numeric", month: "long" });
const otherYear = formatter("en-GB", { day: "numeric", month: "long", year: "numeric" });
const shortDate = formatter("en-GB", { day: "numeric", month: "short", year: "numeric" });

const dayOf = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** Writes one `<time>` in the reader's zone. `data-format` is "time" (the default), "date" or "datetime". */
export function stamp(time) {
  const date = new Date(time.dateTime);
  if (Number.isNaN(date.getTime())) return;
  const { format } = time.dataset;
  if (format === "date") time.textContent = shortDate(date);
  else if (format === "datetime") time.textContent = `${shortDate(date)}, ${clock(date)}`;
  else time.textContent = clock(date);
  time.title = full(date);
}

function dayName(day) {
  const today = dayOf(new Date());
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (day.getTime() === today.getTime()) return "Today";
  if (day.getTime() === yesterday.getTime()) return "Yesterday";
  return (day.getFullYear() === today.getFullYear() ? sameYear : otherYear)(day);
}

/** The message's own time: not one inside a chip. */
const timeOf = (item) => [...item.querySelectorAll("time")].find((time) => !time.closest(".day"));

function localDay(item) {
  const time = timeOf(item);
  const date = time && new Date(time.dateTime);
  return date && !Number.isNaN(date.getTime()) ? dayOf(date) : null;
}

/** Stored messages: only they carry chips, not the lines that say who came and went. */
const isMessage = (item) => item.id.startsWith("m-");

/** The nearest message in a direction ("previousElementSibling" or "nextElementSibling"). */
function neighbour(item, direction) {
  let other = item[direction];
  while (other && !(isMessage(other) && localDay(other))) other = other[direction];
  return other;
}

/** A chip like the server's. */
function newChip() {
  const chip = document.createElement("div");
  chip.className = "day";
  chip.append(document.createElement("time"));
  return chip;
}

/** The date as `<time>` wants it; rounded by `toISOString` it would be the UTC one. */
const machineDate = (day) =>
  `${day.getFullYear()}-${`${day.getMonth() + 1}`.padStart(2, "0")}-${`${day.getDate()}`.padStart(2, "0")}`;

/** Shows who wrote a message that the server drew as going on with the one before: its day begins here. */
function introduce(item) {
  let first = item;
  while (first?.classList.contains("continued")) first = neighbour(first, "previousElementSibling");
  const avatar = first && first.dataset.author === item.dataset.author && find(".avatar", first);
  if (!avatar) return;
  find(".author", item).before(avatar.cloneNode(true));
  find(".author", item).replaceWith(find(".author", first).cloneNode(true));
  item.classList.remove("continued");
}

/** Gives an item its chip, or takes it away, by the days of it and of the one before it. */
function chip(item) {
  const day = localDay(item);
  if (!day) return;
  const before = neighbour(item, "previousElementSibling");
  const begins = !before || localDay(before).getTime() !== day.getTime();
  let found = find(".day", item);
  if (!begins) {
    if (found) found.hidden = true;
    return;
  }
  if (!found) {
    found = newChip();
    item.prepend(found);
  }
  found.hidden = false;
  if (item.classList.contains("continued")) introduce(item);
  if (!find(".moon", found)) found.prepend(moon(phaseOf(new Date(timeOf(item).dateTime))));
  const label = find("time", found);
  const name = dayName(day);
  if (label.textContent !== name) label.textContent = name;
  label.dateTime = machineDate(day);
}

/** Makes the times and chips of these items local, and those of the ones right after them. */
export function localise(items) {
  const todo = new Set();
  for (const item of items) {
    for (const time of item.querySelectorAll("time")) if (!time.closest(".day")) stamp(time);
    if (!isMessage(item)) continue;
    todo.add(item);
    const after = neighbour(item, "nextElementSibling");
    if (after) todo.add(after);
  }
  todo.forEach(chip);
}

export function start() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    if (!time.closest("#messages")) stamp(time);
  }
  // What htmx swaps in elsewhere (lists of the administration) has times too.
  document.addEventListener("htmx:after:process", ({ target }) => {
    if (!(target instanceof Element) || target.closest("#messages")) return;
    for (const time of target.querySelectorAll("time[datetime]")) if (!time.closest("#messages")) stamp(time);
  });
  if (!list) return;
  // "Today" ends at midnight, also in a page that stays open.
  let today = dayOf(new Date()).getTime();
  setInterval(() => {
    const now = dayOf(new Date()).getTime();
    if (now === today) return;
    today = now;
    localise(list.children);
  }, 30_000);
}
