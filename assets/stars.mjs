// Writes assets/css/stars.css: the dots of the night sky. They come from a fixed seed, so the sky is always the same.

import { writeFileSync } from "node:fs";

/** Mulberry32: small, and the same numbers everywhere. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` dots on a square tile: sizes in px, alphas as strings, no dot nearer than `gap` to another. */
function dots({ seed, tile, count, size, colour, alpha, gap }) {
  const next = random(seed);
  const between = ([from, to]) => from + (to - from) * next();
  const placed = [];
  while (placed.length < count) {
    const x = Math.round(6 + next() * (tile - 12));
    const y = Math.round(2 + next() * (tile - 8));
    // There a dot would read as a full stop beside the word mark.
    if (y >= 14 && y <= 58) continue;
    if (placed.some((dot) => Math.hypot(dot.x - x, dot.y - y) < gap)) continue;
    placed.push({ x, y });
  }
  return placed
    .map(({ x, y }) => {
      const radius = between(size) / 2;
      const opacity = between(alpha).toFixed(2).replace(/^0/, "");
      // Soft edges: a dot of one pixel must not flicker between one and four of them.
      const [core, edge] = [radius * 0.5, radius + 0.3].map((length) => length.toFixed(2).replace(/^0/, ""));
      return `radial-gradient(circle at ${x}px ${y}px, rgb(${colour} / ${opacity}) ${core}px, transparent ${edge}px)`;
    })
    .join(",\n    ");
}

const night = { far: "206 214 255", near: "230 226 255" };
const dawn = "96 80 190";
const layers = {
  "--stars-far-night": { seed: 7, tile: 520, count: 34, size: [1, 1.4], colour: night.far, alpha: [0.25, 0.7], gap: 34 },
  "--stars-near-night": { seed: 23, tile: 740, count: 11, size: [1.6, 2.3], colour: night.near, alpha: [0.5, 1], gap: 90 },
  "--stars-far-dawn": { seed: 7, tile: 520, count: 16, size: [1, 1.4], colour: dawn, alpha: [0.1, 0.34], gap: 60 },
  "--stars-near-dawn": { seed: 23, tile: 740, count: 6, size: [1.6, 2.3], colour: dawn, alpha: [0.1, 0.34], gap: 120 },
};

const rules = Object.entries(layers).map(([name, layer]) => `  ${name}:\n    ${dots(layer)};`);
const css = `/* Written by assets/stars.mjs: the dots of the two tiled star layers. */\n:root {\n${rules.join("\n")}\n}\n`;
writeFileSync(new URL("css/stars.css", import.meta.url), css);
