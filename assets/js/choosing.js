// The ways in which files are chosen: by the button, by dropping them on the room, by pasting them into the text. Without
// this script the button leads to a page with a form.

import { find, room } from "./dom.js";

const text = find("#composer-body");
const input = find("#attach-input");
const hint = find("#drop-hint");

/** Whether what is dragged comes from this page: a picture in a message is no file to send. */
let isOwnDrag = false;

/** The files in what is dropped or pasted: no folders, and each with a name. */
const filesIn = ({ items }) =>
  [...items]
    .filter((item) => item.kind === "file" && !item.webkitGetAsEntry()?.isDirectory)
    .map((item) => item.getAsFile())
    .map((file) => (file.name ? file : new File([file], `picture.${file.type.match(/\w+$/)}`, { type: file.type })));

function paste(event, add) {
  const pasted = filesIn(event.clipboardData);
  const words = event.clipboardData.getData("text/plain");
  // With text an office program gives a picture of it; with files a file manager gives their names as text.
  if (pasted.length === 0 || (words && !pasted.every(({ name }) => words.includes(name)))) return;
  event.preventDefault();
  add(pasted);
}

const isTaken = ({ dataTransfer }) =>
  dataTransfer.types.includes("Files") && !isOwnDrag && !room.classList.contains("closed");

function dragOver(event) {
  if (!isTaken(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  hint.hidden = false;
}

function drop(event, add) {
  hint.hidden = true;
  if (!isTaken(event)) return;
  event.preventDefault();
  add(filesIn(event.dataTransfer));
}

/** Calls `add` with the files that somebody chooses. */
export function start(add) {
  find("#attach").addEventListener("click", (event) => {
    event.preventDefault();
    input.click();
  });
  input.addEventListener("change", () => {
    add([...input.files]);
    // The same file may be chosen again.
    input.value = "";
  });
  text.addEventListener("paste", (event) => paste(event, add));
  document.addEventListener("dragstart", () => (isOwnDrag = true));
  document.addEventListener("dragend", () => (isOwnDrag = false));
  room.addEventListener("dragover", dragOver);
  room.addEventListener("dragleave", ({ relatedTarget }) => (hint.hidden ||= !room.contains(relatedTarget)));
  room.addEventListener("drop", (event) => drop(event, add));
}
