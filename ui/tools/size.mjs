// Holds the pages to their budgets: what the first screen loads, and everything together, both as gzip -9.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1000;
const FIRST_MAX = 60 * KB;
const ALL_MAX = 250 * KB;
const LAZY_MAX = 120 * KB;

const dist = new URL("../dist/", import.meta.url).pathname;
const sizes = new Map();
for (const name of readdirSync(`${dist}assets`)) {
  if (/\.(js|css|svg)$/.test(name)) sizes.set(`assets/${name}`, gzipSync(readFileSync(`${dist}assets/${name}`), { level: 9 }).length);
}
const page = readFileSync(`${dist}index.html`, "utf8");
sizes.set("index.html", gzipSync(page, { level: 9 }).length);

// The page, what it names, what those import without waiting, and the home screen, which is the first one that is opened.
const first = new Set(["index.html"]);
const visit = (name) => {
  if (first.has(name) || !sizes.has(name)) return;
  first.add(name);
  if (!name.endsWith(".js")) return;
  const text = readFileSync(dist + name, "utf8");
  for (const [, imported] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) visit(`assets/${imported}`);
};
for (const [, name] of page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) visit(name);
for (const name of sizes.keys()) if (/^assets\/home-/.test(name)) visit(name);

const sum = (names) => [...names].reduce((total, name) => total + sizes.get(name), 0);
const shown = (bytes) => `${(bytes / KB).toFixed(1)} KB`.padStart(10);
for (const [name, size] of [...sizes].sort((left, right) => right[1] - left[1])) console.log(`${shown(size)}  ${first.has(name) ? "first" : "later"}  ${name}`);
const failures = [];
const hold = (what, size, most) => {
  console.log(`${shown(size)}  of ${most / KB} KB  ${what}`);
  if (size > most) failures.push(`${what} is too large`);
};
hold("first load", sum(first), FIRST_MAX);
hold("everything", sum(sizes.keys()), ALL_MAX);
for (const [name, size] of sizes) if (!first.has(name) && size > LAZY_MAX) failures.push(`${name} is too large`);
if (failures.length > 0) {
  console.error(failures.join("\n"));
  process.exit(1);
}
