// The pure parts: hashes and proofs, wire bytes, words of a search, trees, messages.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "vite";

let parts;
let folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "ui-unit-"));
  const root = new URL("../", import.meta.url).pathname;
  await build({ root, configFile: false, logLevel: "error", publicDir: false, build: { outDir: folder, emptyOutDir: false, minify: false, lib: { entry: `${root}tests/unit.entry.ts`, formats: ["es"], fileName: () => "unit.mjs" } } });
  parts = await import(join(folder, "unit.mjs"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("SHA-256 is what everybody else's is", () => {
  for (let length = 0; length < 200; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 255);
    assert.equal(Buffer.from(parts.sha256(bytes)).toString("hex"), createHash("sha256").update(bytes).digest("hex"));
  }
});

test("proofs of inclusion and of growth hold, and nothing else does", () => {
  const hash = (...parts) => new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());
  const leaves = Array.from({ length: 40 }, (_, at) => hash(Buffer.from([0, at])));
  const split = (size) => { let by = 1; while (by * 2 < size) by *= 2; return by; };
  const rootOf = (part) => (part.length === 1 ? part[0] : hash(Buffer.from([1]), rootOf(part.slice(0, split(part.length))), rootOf(part.slice(split(part.length)))));
  const pathOf = (at, part) => {
    if (part.length === 1) return [];
    const by = split(part.length);
    return at < by ? [...pathOf(at, part.slice(0, by)), rootOf(part.slice(by))] : [...pathOf(at - by, part.slice(by)), rootOf(part.slice(0, by))];
  };
  const growth = (old, part, whole) => {
    if (old === part.length) return whole ? [] : [rootOf(part)];
    const by = split(part.length);
    return old <= by ? [...growth(old, part.slice(0, by), whole), rootOf(part.slice(by))] : [...growth(old - by, part.slice(by), false), rootOf(part.slice(0, by))];
  };
  for (let size = 1; size <= leaves.length; size += 1) {
    const tree = leaves.slice(0, size);
    const root = rootOf(tree);
    for (let at = 0; at < size; at += 1) {
      const path = pathOf(at, tree);
      assert.deepEqual(parts.rootFrom(leaves[at], at, size, path), root, `${at} of ${size}`);
      if (size > 1) assert.notDeepEqual(parts.rootFrom(leaves[(at + 1) % size], at, size, path), root);
      assert.equal(parts.rootFrom(leaves[at], at, size, [...path, root]), null);
    }
    for (let old = 1; old <= size; old += 1) {
      const oldRoot = rootOf(leaves.slice(0, old));
      const path = growth(old, tree, true);
      assert.ok(parts.isGrown(old, oldRoot, size, root, path), `${old} to ${size}`);
      if (old < size) assert.ok(!parts.isGrown(old, leaves[39], size, root, path));
    }
  }
});

test("bytes of a message are read from hex and base64", () => {
  const hex = (text) => { const bytes = parts.bytesIn(text); return bytes && Buffer.from(bytes).toString("hex"); };
  for (const [text, expected] of [["00 00 00 00 2a 02 37", "000000002a0237"], ["0x000x01", "0001"], ["AAAAACoCNw==", "000000002a0237"], ["AAAAACoCNw", "000000002a0237"], ["not bytes!", null], ["", null]]) assert.equal(hex(text), expected, text);
  assert.deepEqual(parts.frameOf(parts.bytesIn("000000002a0237")), { id: 42, rest: 2 });
  assert.equal(parts.frameOf(parts.bytesIn("02ff")), null);
});

test("words of a search become criteria", () => {
  assert.deepEqual(parts.parseSearch('field:amount owner:"the sales team" format:avro late orders http://x'), { field: "amount", owner: "the sales team", format: "AVRO", text: "late orders http://x" });
  assert.deepEqual(parts.addressIn("id:42"), { id: 42 });
  assert.deepEqual(parts.addressIn("42 orders"), {});
});

test("messages of a check become sentences", () => {
  const messages = ["{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'must' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'must'}", "{oldSchemaVersion: 3}", "{oldSchema: '{}'}", "{validateFields: 'false', compatibility: 'BACKWARD'}", '{errorType:"FIELD_KIND_CHANGED", description:"The kind of a field changed"}', "something else"];
  assert.deepEqual(parts.findingsIn(messages), { against: 3, findings: [
    { kind: "READER_FIELD_MISSING_DEFAULT_VALUE", text: "The field 'must' at path '/fields/1' in the new schema has no default value and is missing in the old schema" },
    { kind: "FIELD_KIND_CHANGED", text: "The kind of a field changed" }, { kind: "", text: "something else" },
  ] });
});

test("schemas become trees, in three formats, and what is none becomes nothing", () => {
  const names = (nodes) => nodes.map((node) => (node.children.length ? [node.name, names(node.children)] : node.name));
  assert.deepEqual(names(parts.treeOf('{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"array","items":{"type":"record","name":"C","fields":[{"name":"d","type":["null","A"]}]}}},{"name":"e","type":"C"}]}', "AVRO")), [["A", [["b", ["d"]], ["e", ["d"]]]]]);
  assert.deepEqual(names(parts.treeOf('{"title":"A","properties":{"b":{"$ref":"#/$defs/c"}},"$defs":{"c":{"properties":{"d":{"type":"string"},"up":{"$ref":"#"}}}}}', "JSON")), [["A", [["b", ["d", "up"]]]]]);
  assert.deepEqual(names(parts.treeOf('syntax = "proto3"; message A { /* x */ map<string, B> b = 1 [deprecated = true]; oneof c { int32 d = 2; string e = 3; } } message B { repeated A a = 1; } enum F { ZERO = 0; }', "PROTOBUF")), [["A", [["b", ["a"]], ["c", ["d", "e"]]]], ["B", [["a", ["b", ["c", ["d", "e"]]]]]], ["F", ["ZERO"]]]);
  for (const text of ["", "{", "null", "[]", "message {", '{"type":"record"}']) for (const format of ["AVRO", "JSON", "PROTOBUF"]) assert.ok(Array.isArray(parts.treeOf(text, format)));
});

test("both catalogues say the same with the same values", () => {
  const values = (text) => [...text.matchAll(/\{(\w+)/g)].map(([, name]) => name).sort();
  assert.deepEqual(Object.keys(parts.de), Object.keys(parts.en));
  for (const [key, text] of Object.entries(parts.en)) {
    assert.deepEqual([...new Set(values(parts.de[key]))], [...new Set(values(text))], key);
    assert.ok(parts.de[key].trim() !== "" && text.trim() !== "", key);
  }
  assert.equal(parts.fill("{n|# thing|# things} in {place}", { n: 1200, place: "a" }, "en"), "1,200 things in a");
});

test("server-sent events are taken apart", () => {
  assert.deepEqual(parts.parseServerSent("event: progress\nid: 7.0\ndata: a\ndata: b"), { event: "progress", id: "7.0", data: "a\nb" });
});
