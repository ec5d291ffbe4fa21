// How files look before they are sent. Pictures are drawn on a canvas, so that no address of theirs stands in the page.

import { find } from "./dom.js";

/** A size as people say it. */
export function inWords(bytes) {
  const [unit, of] = [["MB", 1e6], ["KB", 1e3]].find(([, least]) => bytes >= least) ?? ["bytes", 1];
  return `${(bytes / of).toFixed(1).replace(/\.0$/, "")} ${unit}`;
}

/** Shows in its item how it is with a file (see attachments.js), of which `share` has been sent. */
export function draw(entry, share = 0) {
  const { item, state, status, problem = "" } = entry;
  const { name, size } = entry.stored ?? entry.file;
  // textContent, always: names come from anywhere.
  find("[data-name]", item).textContent = name;
  const sent = state === "uploading" ? `${inWords(Math.round(share * size))} of ` : "";
  find("[data-size]", item).textContent = sent + inWords(size);
  find("[data-problem]", item).textContent = problem;
  const bar = find("progress", item);
  bar.hidden = state === "stored" || state === "failed";
  bar.value = share;
  bar.ariaLabel = `Upload of ${name}`;
  const retry = find("[data-retry]", item);
  // What is too large stays so.
  retry.hidden = state !== "failed" || status === 413;
  retry.ariaLabel = `Try ${name} again`;
  find("[data-remove]", item).ariaLabel = `Remove ${name}`;
}

/** Shows the middle of what the browser can draw as a picture, in the place of the icon in `item`. */
export async function preview(file, item) {
  if (!file.type.startsWith("image/")) return;
  const canvas = find("canvas", item);
  let picture;
  try {
    picture = await createImageBitmap(file, { resizeHeight: 2 * canvas.height });
  } catch {
    return;
  }
  const side = Math.min(picture.width, picture.height);
  const [x, y] = [(picture.width - side) / 2, (picture.height - side) / 2];
  canvas.getContext("2d").drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
  picture.close();
  find("svg", item).remove();
  canvas.hidden = false;
}
