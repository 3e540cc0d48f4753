// A registry that is none: serves the built pages with the node's headers, and answers every question with the example that
// docs/openapi.json gives. For work on the pages without a node, and for a first look at every screen:
//   node tests/stub.mjs [port]
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const root = new URL("../../", import.meta.url).pathname;
const api = JSON.parse(readFileSync(`${root}docs/openapi.json`, "utf8"));
const rust = readFileSync(`${root}node/src/doors/server/ui.rs`, "utf8");
const policy = /CONTENT_SECURITY_POLICY: &str = "([^"]*)"/.exec(rust)[1].replace(/\\\n\s*/g, "");
const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };

const AVRO = '{"type":"record","name":"Order","doc":"An order.","fields":[{"name":"id","type":"string","doc":"Its number."},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"}]}}}]}';
const words = {
  format: "AVRO", schemaType: "AVRO", schema: AVRO, text: AVRO, state: "ACTIVE", subject: "orders-value", semanticVersion: "1.2.0", mode: "READWRITE", compatibilityLevel: "BACKWARD", role: "leader", region: "eu-west",
  step: "MINOR", kind: "ADDED", path: "/fields/lines", element: "field", outcome: "ok registered", action: "schema.register", resource: "subject/orders-value", cluster_id: "local", verifierKey: "a+00000000+AQ==", note: "local/audit\n1\nAA==\n\n— a AAAAAAA=\n", root: "AA==", leaf: "AA==", hashes: "AA==", digestBefore: "00", digestAfter: "00",
};
const other = {
  "/contexts": [".", ".eu"], "/schemas/types": ["AVRO", "JSON", "PROTOBUF"],
  "/llm/v1/dialects": { dialects: [{ id: "openai-strict@2026-08", aliases: ["openai"], title: "OpenAI", sources: "", tool: {}, answer: {}, limits: {} }] },
  "/llm/v1/lint": { findings: [{ code: "description-missing", severity: "warning", pointer: "/id", message: "There is no description", dialects: ["openai"] }], worst: "warning" },
};
const projection = { dialect: "openai-strict@2026-08", schema: { type: "object" }, losses: [{ code: "dropped:minLength", pointer: "/city", message: "It is told in the description." }], class: "widening", stats: { properties: 2 }, digest: "00" };

function example(schema, name = "", seen = []) {
  if (!schema) return undefined;
  if (schema.$ref) return seen.includes(schema.$ref) ? undefined : example(api.components.schemas[schema.$ref.split("/").pop()], name, [...seen, schema.$ref]);
  const branch = (schema.oneOf ?? schema.anyOf ?? schema.allOf)?.find((one) => one.type !== "null");
  if (branch) return example(branch, name, seen);
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (type === "object") {
    const entries = Object.entries(schema.properties ?? {}).filter(([key]) => !["error", "nextPageToken", "message", "problem", "last_failure", "schemaTags", "sentText"].includes(key)).map(([key, inner]) => [key, example(inner, key, seen)]);
    if (schema.additionalProperties?.type) entries.push(["owner", schema.additionalProperties.type === "string" ? "sales" : example(schema.additionalProperties, "tag", seen)]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  if (type === "array") { const item = example(schema.items, name, seen); return item === undefined ? [] : [item]; }
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return /[mM]s$|_ms$/.test(name) ? Date.now() - 3_600_000 : 1;
  return words[name] ?? name ?? "text";
}

const templates = Object.entries(api.paths).map(([template, methods]) => ({ template, methods, pattern: new RegExp(`^${template.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]+\}/g, "[^/]+")}$`) }));

/** Starts it; `prefix` is what a proxy would put in front. */
export function startStub(port = 0, prefix = "") {
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://stub");
    const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : "";
    const about = { "x-registry-node": "1", "x-registry-region": "eu-west", "x-registry-staleness-ms": "12", "x-registry-index": "42", "x-request-id": "stub" };
    const send = (status, type, body, more = {}) => { response.writeHead(status, { "content-type": type, "content-security-policy": policy, ...about, ...more }); response.end(body); };
    if (path === "/ui") return send(308, "text/plain", "", { location: "ui/" });
    if (path === "/ui/" || path.startsWith("/ui/assets/")) {
      const name = path === "/ui/" ? "index.html" : `assets/${path.slice(11).replace(/[^\w.-]/g, "")}`;
      try { return send(200, types[name.split(".").pop()] ?? "application/octet-stream", readFileSync(`${root}ui/dist/${name}`)); } catch { return send(404, "application/json", '{"error_code":404,"message":"no such file"}'); }
    }
    if (path === "/api/v1/events") {
      const event = { specversion: "1.0", id: "41.0", source: "/registry/local", type: "io.schemareg.schema.registered.v1", subject: "orders-value", time: new Date().toISOString(), data: { actor: "ada", context: ".", version: 1, id: 1 } };
      response.writeHead(200, { "content-type": "text/event-stream", ...about });
      response.write(`id: 41.0\ndata: ${JSON.stringify(event)}\n\n`);
      return undefined;
    }
    if (path === "/metrics") return send(200, "text/plain", "schemareg_disk_free_bytes 123456789\n");
    if (path.includes("/projections/") || path === "/llm/v1/project") return send(200, "application/json", JSON.stringify(projection));
    if (other[path]) return send(200, "application/json", JSON.stringify(other[path]));
    const decoded = templates.find(({ pattern, methods }) => pattern.test(path) && methods[request.method.toLowerCase()]);
    if (!decoded) return send(404, "application/json", JSON.stringify({ error_code: 404, message: `HTTP 404 Not Found: ${path}` }));
    const good = Object.entries(decoded.methods[request.method.toLowerCase()].responses).find(([status]) => status.startsWith("2"));
    const content = good?.[1].content;
    const body = example(content && Object.values(content)[0].schema);
    return send(Number(good?.[0] ?? 200), "application/json", body === undefined ? "{}" : JSON.stringify(body));
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve({ url: `http://127.0.0.1:${server.address().port}${prefix}`, close: () => { server.closeAllConnections(); server.close(); } })));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { url } = await startStub(Number(process.argv[2] ?? 0));
  console.log(`${url}/ui/`);
}
