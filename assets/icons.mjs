// Prints the lines of src/web/icons.rs for Lucide icons: node assets/icons.mjs hash lock

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

for (const name of process.argv.slice(2)) {
  const file = fileURLToPath(new URL(`../node_modules/lucide-static/icons/${name}.svg`, import.meta.url));
  const shapes = [...readFileSync(file, "utf8").matchAll(/<(path|line|circle|rect|polyline|polygon|ellipse)\s[^>]*>/g)]
    .map(([shape]) => shape.replace(/\s+/g, " ").replace(/ \/>$/, "/>"))
    .join("");
  console.log(`    ("${name}", r#"${shapes}"#),`);
}
