// Builds what the browser gets: a style sheet, the scripts of the pages for everybody (site.js), of the one about programs
// (api.js, beside site.js) and of the application (chat.js), named by their content, each beside a Brotli-compressed copy,
// and manifest.json, which src/web/assets.rs reads.
//
//   node assets/build.mjs            builds assets/dist
//   node assets/build.mjs --check    fails when assets/dist is not what the sources give
//   node assets/build.mjs --vendor   copies the vendored scripts from node_modules again, then builds

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { buildSync, transformSync } from "esbuild";

const ASSETS = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(ASSETS);
const DIST = join(ASSETS, "dist");
const TARGET = ["chrome111", "firefox128", "safari16.4"];

const VENDORED = {
  "htmx.js": "htmx.org/dist/htmx.js",
  "hx-ws.js": "htmx.org/dist/ext/hx-ws.js",
  "hx-upsert.js": "htmx.org/dist/ext/hx-upsert.js",
  "alpine-csp.js": "@alpinejs/csp/dist/cdn.js",
};

/**
 * Alpine notes every global at its start, so that no expression gets hold of one. Nearly all are constructors, which its
 * expressions cannot get at (they may not say `constructor`), but which the browser makes only when they are read:
 * most of the start of a page. Reading `fence` is reported as deprecated. So these are left out.
 */
const GLOBALS = "Object.getOwnPropertyNames(globalThis)";
const IN_REACH = `${GLOBALS}.filter((key) => /^[a-z]/.test(key) && key !== "fence")`;

function vendored(name) {
  const source = readFileSync(join(ASSETS, "vendor", name), "utf8");
  if (name !== "alpine-csp.js") return source;
  const parts = source.split(GLOBALS);
  if (parts.length !== 2) throw new Error("Alpine lists the globals in another way: see GLOBALS.");
  // In a task of its own: the browser can draw and listen in between, and nothing waits for it.
  return `setTimeout(() => {${parts.join(IN_REACH)}\n});`;
}

/** One file, because deferred scripts of their own would race. Own listeners first: they must stand before htmx starts. */
function script(entry, names) {
  const own = buildSync({
    entryPoints: [join(ASSETS, "js", entry)],
    bundle: true,
    format: "iife",
    target: TARGET,
    charset: "utf8",
    write: false,
  }).outputFiles[0].text;
  // `;` keeps two files apart where the first ends without one.
  const all = [own, ...names.map(vendored)].join("\n;\n");
  return transformSync(all, { minify: true, target: TARGET, charset: "utf8", legalComments: "none" }).code;
}

function styleSheet() {
  const folder = mkdtempSync(join(tmpdir(), "umbrachat-css-"));
  try {
    const out = join(folder, "app.css");
    const cli = join(ROOT, "node_modules/@tailwindcss/cli/dist/index.mjs");
    execFileSync(process.execPath, [cli, "-i", join(ASSETS, "css/app.css"), "-o", out, "--minify"], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "pipe"],
    });
    return readFileSync(out, "utf8");
  } catch (error) {
    throw new Error(`The style sheet does not build:\n${error.stderr ?? error}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every file of dist that is not a compressed copy, by its name there. */
function build() {
  const files = new Map();
  const manifest = {};
  const add = (name, content) => {
    const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
    const dot = name.lastIndexOf(".");
    const hashed = `${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
    manifest[name] = hashed;
    files.set(hashed, content);
  };
  add("app.css", styleSheet());
  add("site.js", script("site.js", []));
  add("api.js", script("api.js", []));
  add("chat.js", script("chat.js", Object.keys(VENDORED)));
  add("favicon.svg", readFileSync(join(ASSETS, "favicon.svg"), "utf8"));
  files.set("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
  return files;
}

function write(files, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of files) {
    writeFileSync(join(folder, name), content);
    if (name === "manifest.json") continue;
    const packed = brotliCompressSync(Buffer.from(content), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT },
    });
    writeFileSync(join(folder, `${name}.br`), packed);
    console.log(`${name}  ${kib(content.length)}, ${kib(packed.length)} compressed`);
  }
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

/** Compares uncompressed content: Brotli may differ from one Node to the next. */
function check(files) {
  const present = existsSync(DIST) ? readdirSync(DIST).filter((name) => !name.endsWith(".br")) : [];
  const wrong = [...files].filter(([name, content]) => {
    const path = join(DIST, name);
    return !existsSync(path) || readFileSync(path, "utf8") !== content;
  });
  const missing = [...files.keys()].filter((name) => name !== "manifest.json" && !existsSync(join(DIST, `${name}.br`)));
  const names = [
    ...wrong.map(([name]) => name),
    ...missing.map((name) => `${name}.br`),
    ...present.filter((name) => !files.has(name)),
  ];
  if (names.length > 0) {
    console.error(`assets/dist is stale (${[...new Set(names)].join(", ")}): run "make assets" and commit the result.`);
    process.exit(1);
  }
  console.log("assets/dist is what the sources give.");
}

if (process.argv.includes("--vendor")) {
  for (const [name, from] of Object.entries(VENDORED)) {
    copyFileSync(join(ROOT, "node_modules", from), join(ASSETS, "vendor", name));
  }
}
const files = build();
if (process.argv.includes("--check")) check(files);
else write(files, DIST);
