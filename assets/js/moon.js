// The moon of a day, in one of eight phases.

const SVG = "http://www.w3.org/2000/svg";
/** A new moon, 6 January 2000, 18:14 UTC, and the mean synodic month, in seconds. */
const NEW_MOON = 947_182_440;
const MONTH = 2_551_443;

/** What is lit: half a circle, and half an ellipse that is 6 · cos 45° = 4.24 wide at the crescents. */
const LIT = [
  "",
  "M7 1a6 6 0 0 1 0 12a4.24 6 0 0 0 0-12Z",
  "M7 1a6 6 0 0 1 0 12Z",
  "M7 1a6 6 0 0 1 0 12a4.24 6 0 0 1 0-12Z",
  "M7 1a6 6 0 0 1 0 12a6 6 0 0 1 0-12Z",
  "M7 13a6 6 0 0 1 0-12a4.24 6 0 0 1 0 12Z",
  "M7 13a6 6 0 0 1 0-12Z",
  "M7 13a6 6 0 0 1 0-12a4.24 6 0 0 0 0 12Z",
];

/** The phase at that moment, to about half a day: 0 new, 2 first quarter, 4 full, 6 last quarter. */
export function phaseOf(date) {
  const since = Math.floor(date.getTime() / 1000) - NEW_MOON;
  const age = ((since % MONTH) + MONTH) % MONTH;
  return Math.floor((age * 16 + MONTH) / (MONTH * 2)) % 8;
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** The picture of the moon in that phase. */
export function moon(phase) {
  const picture = shape("svg", { class: "moon text-accent", viewBox: "0 0 14 14", width: 14, height: 14, fill: "none", "aria-hidden": "true" });
  picture.append(
    shape("circle", { cx: 7, cy: 7, r: 6, fill: "currentColor", "fill-opacity": ".1", stroke: "currentColor", "stroke-opacity": ".55" }),
    shape("path", { fill: "currentColor", d: LIT[phase] }),
  );
  return picture;
}
