// Writing: Enter sends, Shift+Enter makes a line. On an on-screen keyboard Enter makes a line, and the button sends.
// What is written survives a reload; a counter appears near the limit. Without this script the composer is a plain form
// and works too.

import * as attachments from "./attachments.js";
import { find, isBlank, tell } from "./dom.js";
import * as outbox from "./outbox.js";
import * as replies from "./replies.js";
import { onStatus } from "./connection.js";
import * as scroll from "./scroll.js";
import * as storage from "./storage.js";
import * as typing from "./typing.js";
import { isCovered } from "./viewport.js";

const form = find("#composer");
const text = form && find("textarea", form);
const LIMIT = Number(text?.dataset.max) || 4_000;
/** The counter shows from here on. */
const NEAR = LIMIT - 200;
/** The text grows to this many lines, then scrolls. */
const LINES = 8;

const problem = find("#composer-error");
const button = form && find("button:not([type=button])", form);
let signedOut = false;
let saveTimer = null;
let complaint = null;
/** Whether it is sent as soon as all its files are there. */
let waits = false;

/** What the server will store: without white space at its end, and without NUL, which it refuses; "" shows nothing. */
function written() {
  // Half an emoji, cut by some editor, has no UTF-8.
  const whole = text.value.toWellFormed?.() ?? text.value;
  if (isBlank(whole)) return "";
  return whole.replaceAll("\0", "").replace(/\p{White_Space}+$/u, "");
}

const lengthOf = (body) => [...body].length;

/** Says below the text why it was not sent; an empty sentence takes that back. */
function complain(sentence) {
  clearTimeout(complaint);
  if (problem) complaint = tell(problem, sentence);
}

function grow() {
  // Measured anew each time: only an empty height lets it shrink. `field-sizing` does it where it exists.
  if (CSS.supports("field-sizing", "content")) return;
  text.style.height = "auto";
  const line = parseFloat(getComputedStyle(text).lineHeight) || 23;
  text.style.height = `${Math.min(text.scrollHeight, line * LINES + 16)}px`;
}

function draw() {
  const length = text.value.length > NEAR / 2 ? lengthOf(written()) : written().length;
  form.classList.toggle("has-text", length > 0 || !attachments.isEmpty());
  let counter = find(".counter", form);
  if (!counter && length > NEAR) {
    counter = document.createElement("span");
    counter.className = "counter";
    button.before(counter);
  }
  if (counter) {
    counter.hidden = length <= NEAR;
    const left = LIMIT - length;
    counter.textContent = left < 0 ? `${-left} too many` : `${left} left`;
    counter.classList.toggle("over", left < 0);
  }
  text.setAttribute("aria-invalid", String(length > LIMIT));
  // What was said of a file stays until it is tried again or removed.
  if (length <= LIMIT && !attachments.hasFailed()) complain("");
  grow();
}

function keepDraft() {
  clearTimeout(saveTimer);
  saveTimer = null;
  storage.save("draft", text.value);
}

function submit(event) {
  event.preventDefault();
  text.focus();
  send();
}

function send() {
  const body = written();
  const length = lengthOf(body);
  // Nothing to send, nobody to send it as, or too much of it: what is written stays where it is.
  if ((length === 0 && attachments.isEmpty()) || signedOut) return;
  if (length > LIMIT) {
    complain(`A message has at most ${LIMIT.toLocaleString("en")} characters; this one has ${length.toLocaleString("en")}.`);
    return;
  }
  if (attachments.hasFailed()) {
    complain("Not sent: a file could not be uploaded. Try it again, or remove it.");
    return;
  }
  waits = attachments.isBusy();
  if (waits) {
    attachments.say("This is sent as soon as all its files are uploaded.");
    return;
  }
  text.value = "";
  const files = attachments.take();
  typing.ended();
  keepDraft();
  draw();
  outbox.add(body, replies.answered(), files);
  replies.end();
  scroll.toEnd();
}

/** A file came, went, is there or failed: what waits for them is sent, or is told why not. */
function filesChanged() {
  draw();
  if (!waits || (attachments.isBusy() && !attachments.hasFailed())) return;
  waits = false;
  attachments.say("");
  send();
}

/** Nothing can be written here any more: the draft goes to what was not sent. */
function close() {
  form.hidden = true;
  waits = false;
  const [body, files] = [written(), attachments.take()];
  text.value = "";
  keepDraft();
  if (body !== "" || files.length > 0) outbox.add(body, null, files);
}

/**
 * Whether the key belongs to an on-screen keyboard. On Android such a key has no place on a keyboard, hence no code; on
 * iOS it has one, but the keyboard covers a part of the page.
 */
const isOnScreen = ({ code }) => code === "" || code === "Unidentified" || isCovered();

/** Enter sends the form in which it is typed. */
export function sendByEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
  // The Enter that ends an input method's composition belongs to it (229 is Safari's way to say so).
  if (event.isComposing || event.keyCode === 229) return;
  // An on-screen keyboard has no Shift+Enter worth the name. With Ctrl or Cmd every keyboard sends.
  if (isOnScreen(event) && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

export function start() {
  if (!text) return;
  text.addEventListener("keydown", sendByEnter);
  // It counts UTF-16 units and cuts in silence; the counter counts like the server and says so.
  text.removeAttribute("maxlength");
  text.removeAttribute("required");
  if (text.value === "") text.value = storage.load("draft") ?? "";
  form.addEventListener("submit", submit);
  text.addEventListener("input", () => {
    draw();
    if (written() !== "") typing.say();
    else typing.ended();
    saveTimer ??= setTimeout(keepDraft, 300);
  });
  window.addEventListener("pagehide", keepDraft);
  attachments.onChange(filesChanged);
  onStatus(({ kind }) => {
    signedOut = kind === "signed-out";
    if (kind === "closed" && !form.hidden) close();
  });
  draw();
}
