// The files that go with the next message: they are sent to the server while it is written, and it names them by the ids
// that the server gives them. Those that are there survive a reload.

import * as choosing from "./choosing.js";
import { onStatus } from "./connection.js";
import { find, room, tell } from "./dom.js";
import { draw, inWords, preview } from "./files.js";
import { waitWhile } from "./reload.js";
import { roomPath } from "./roomList.js";
import * as storage from "./storage.js";

const MOST = 10;
/** So many are on their way at once; the others wait. */
const AT_ONCE = 3;
const TOO_MANY = `A message has at most ${MOST} files. The others were not added.`;

const text = find("#composer-body");
const tray = find("#attachments");
const note = find("#attaching");
const LARGEST = Number(find("#attach-input")?.dataset.max) || Infinity;

/** Without a connection: nobody has to do anything. */
const OFFLINE = "The server could not be reached. It is tried again when you are back.";

/** What the server says of these is not meant for people, or knows less than this page. */
const PROBLEMS = {
  0: "The server could not be reached.",
  401: "You are signed out. Log in in another tab, then try again.",
  404: "This room is not open to you any more.",
  408: "The connection was too slow.",
  413: `It is too large: a file has at most ${inWords(LARGEST)}.`,
  503: "The server cannot take it right now.",
};

/**
 * `{file, stored, state: "waiting" | "uploading" | "stored" | "failed", status, problem, item, request}`: `file` is the
 * browser's, `stored` what the server says of it once it is there, `status` why it failed.
 */
let entries = [];
let whenChanged = () => {};
let pausedUntil = 0;
let wasConnected = false;

const has = (...states) => entries.some(({ state }) => states.includes(state));

/** The files that are there: `{id, name, size, type}`. */
const files = () => entries.flatMap(({ stored }) => stored ?? []);
export const isEmpty = () => entries.length === 0;
export const isBusy = () => has("waiting", "uploading");
export const hasFailed = () => has("failed");

/** Calls back when a file came, went, is there or failed. */
export const onChange = (callback) => (whenChanged = callback);

/** Says to those who see and to those who listen how it is with the files; an empty sentence takes that back. */
export function say(sentence) {
  note.textContent = sentence;
  if (sentence) announce(sentence);
}

const announce = (sentence) => tell(find("#announcer"), sentence);

/** Gives the files that are there away, to be sent. */
export function take() {
  const taken = files();
  for (const { request, item } of entries) {
    request?.abort();
    item.remove();
  }
  entries = [];
  changed();
  return taken;
}

function changed() {
  tray.hidden = isEmpty();
  if (isEmpty()) say("");
  storage.save("files", files());
  whenChanged();
}

function show(entry) {
  entry.item = find("#attachment").content.firstElementChild.cloneNode(true);
  entries.push(entry);
  tray.append(entry.item);
  draw(entry);
}

function add(chosen) {
  if (chosen.length === 0) return;
  const fitting = chosen.slice(0, MOST - entries.length);
  if (fitting.length < chosen.length) say(TOO_MANY);
  else if (note.textContent === TOO_MANY) say("");
  for (const file of fitting) {
    const entry = { file, state: "waiting" };
    show(entry);
    preview(file, entry.item);
    if (file.size <= LARGEST) continue;
    fail(entry, 413);
    draw(entry);
  }
  changed();
  tray.lastElementChild.scrollIntoView({ block: "nearest" });
  pump();
  text.focus();
}

function pump() {
  if (Date.now() < pausedUntil) return;
  const free = AT_ONCE - entries.filter(({ state }) => state === "uploading").length;
  entries.filter(({ state }) => state === "waiting").slice(0, free).forEach(upload);
}

const headers = () => ({ Accept: "application/json", "X-CSRF-Token": find("[name=csrf_token]").value });

/** Not by `fetch`, which tells nothing of its progress. */
function upload(entry) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("file", entry.file);
  Object.assign(entry, { state: "uploading", request });
  request.open("POST", `${roomPath()}/files`);
  request.responseType = "json";
  for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", ({ loaded, total }) => draw(entry, loaded / total));
  request.addEventListener("load", () => answered(entry, request));
  request.addEventListener("error", () => answered(entry, request));
  request.send(body);
  draw(entry);
}

function answered(entry, request) {
  const { status, response } = request;
  if (status === 429) {
    entry.state = "waiting";
    pause(1000 * (Number(request.getResponseHeader("Retry-After")) || 1));
  } else if (status === 201 && response) {
    const { id, name, size, type } = response;
    Object.assign(entry, { state: "stored", stored: { id, name, size, type } });
    announce(`Files ready to send: ${files().length} of ${entries.length}.`);
  } else {
    fail(entry, status, response?.error?.message);
  }
  draw(entry);
  // Among many it may be out of sight.
  if (entry.state === "failed") entry.item.scrollIntoView({ block: "nearest" });
  changed();
  pump();
}

function pause(ms) {
  pausedUntil = Date.now() + ms;
  setTimeout(pump, ms + 1);
}

function fail(entry, status, sentence) {
  const known = status === 0 && !wasConnected ? OFFLINE : PROBLEMS[status];
  const problem = known ?? sentence ?? "The server did not take it.";
  Object.assign(entry, { state: "failed", status, problem });
  announce(`${entry.file.name}: ${problem}`);
}

function retry(entry) {
  Object.assign(entry, { state: "waiting", problem: "" });
  draw(entry);
  changed();
  pump();
}

function remove(entry) {
  const { request, stored, item } = entry;
  request?.abort();
  // What is lost on the way the server deletes by itself, later.
  const address = `${roomPath()}/files/${stored?.id}`;
  if (stored) fetch(address, { method: "DELETE", headers: headers(), keepalive: true }).catch(() => {});
  entries = entries.filter((one) => one !== entry);
  item.remove();
  changed();
  pump();
}

function onClick({ target }) {
  const button = target.closest("button");
  const entry = entries.find(({ item }) => item.contains(button));
  if (!entry) return;
  if (button.matches("[data-retry]")) retry(entry);
  else remove(entry);
  // The button is gone.
  text.focus();
}

export function start() {
  if (!room || !tray) return;
  choosing.start(add);
  tray.addEventListener("click", onClick);
  // What is on its way does not survive the page.
  waitWhile(isBusy);
  window.addEventListener("beforeunload", (event) => isBusy() && event.preventDefault());
  onStatus(({ kind }) => {
    const isConnected = kind === "open" || kind === "polling";
    const isBack = isConnected && !wasConnected;
    wasConnected = isConnected;
    if (isBack) entries.filter(({ state, status }) => state === "failed" && status === 0).forEach(retry);
  });
  for (const stored of storage.load("files") ?? []) show({ stored, state: "stored" });
  changed();
}
