// A schema as a tree of fields, made from its text: for looking, not for judging. What it does not understand, it leaves away;
// the text stands beside it.

export interface Node {
  name: string;
  /** In words, as `array of string`. */
  type: string;
  doc: string;
  /** `required`, `optional`, a default, a field number. */
  note: string;
  children: Node[];
}

type Json = Record<string, unknown>;
const DEPTH_MAX = 40;

export function treeOf(text: string, format: string): Node[] {
  try {
    if (format === "PROTOBUF") return protobuf(text);
    const parsed: unknown = JSON.parse(text);
    if (format === "JSON") return jsonSchema(parsed as Json);
    return avro(parsed);
  } catch {
    return [];
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

function avro(schema: unknown): Node[] {
  const known = new Map<string, Json>();
  const children = (type: unknown, above: string[]): Node[] => {
    if (above.length > DEPTH_MAX) return [];
    if (Array.isArray(type)) {
      const inner = type.flatMap((branch) => children(branch, above));
      return inner;
    }
    if (typeof type === "string") {
      const named = known.get(type);
      return named && !above.includes(type) ? children(named, above) : [];
    }
    if (type === null || typeof type !== "object") return [];
    const object = type as Json;
    const own = text(object["name"]);
    if (own) known.set(own, object);
    if (object["type"] === "record" || object["type"] === "error") {
      const fields = Array.isArray(object["fields"]) ? (object["fields"] as Json[]) : [];
      return fields.map((field) => ({
        name: text(field["name"]),
        type: avroType(field["type"]),
        doc: text(field["doc"]),
        note: "default" in field ? `= ${text(field["default"])}` : "",
        children: children(field["type"], own ? [...above, own] : above),
      }));
    }
    if (object["type"] === "array") return children(object["items"], above);
    if (object["type"] === "map") return children(object["values"], above);
    if (object["type"] === "enum") return [];
    return typeof object["type"] === "object" ? children(object["type"], above) : [];
  };
  const root = schema as Json;
  const inner = children(schema, []);
  return [{ name: text(root?.["name"]) || avroType(schema), type: avroType(schema), doc: text(root?.["doc"]), note: "", children: inner }];
}

function avroType(type: unknown): string {
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return type.map(avroType).join(" | ");
  if (type === null || typeof type !== "object") return "";
  const object = type as Json;
  const logical = text(object["logicalType"]);
  switch (object["type"]) {
    case "array": return `array<${avroType(object["items"])}>`;
    case "map": return `map<${avroType(object["values"])}>`;
    case "enum": return `enum ${text(object["name"])} {${Array.isArray(object["symbols"]) ? object["symbols"].join(", ") : ""}}`;
    case "record": case "error": return `record ${text(object["name"])}`;
    case "fixed": return `fixed(${text(object["size"])})${logical ? ` ${logical}` : ""}`;
    default: return logical ? `${avroType(object["type"])} (${logical})` : avroType(object["type"]);
  }
}

function jsonSchema(root: Json): Node[] {
  const resolve = (schema: Json): Json => {
    const ref = schema["$ref"];
    if (typeof ref !== "string" || !ref.startsWith("#/")) return schema;
    let found: unknown = root;
    for (const part of ref.slice(2).split("/")) found = (found as Json | undefined)?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
    return (found as Json | undefined) ?? schema;
  };
  const typeOf = (schema: Json): string => {
    if (typeof schema !== "object" || schema === null) return text(schema);
    if (typeof schema["$ref"] === "string") return schema["$ref"].split("/").pop() ?? "";
    if (Array.isArray(schema["enum"])) return `enum {${schema["enum"].map(text).join(", ")}}`;
    for (const word of ["oneOf", "anyOf", "allOf"]) if (Array.isArray(schema[word])) return (schema[word] as Json[]).map(typeOf).join(word === "allOf" ? " & " : " | ");
    const type = Array.isArray(schema["type"]) ? schema["type"].join(" | ") : text(schema["type"]);
    if (type === "array" && schema["items"]) return `array<${typeOf(schema["items"] as Json)}>`;
    return [type || "any", text(schema["format"])].filter(Boolean).join(" ");
  };
  const children = (given: Json, above: Json[]): Node[] => {
    if (typeof given !== "object" || given === null || above.length > DEPTH_MAX) return [];
    const schema = resolve(given);
    if (above.includes(schema)) return [];
    const inner = [...above, schema];
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const own = Object.entries((schema["properties"] ?? {}) as Record<string, Json>).map(([name, property]) => ({
      name,
      type: typeOf(property),
      doc: text(property?.["description"] ?? property?.["title"]),
      note: [required.includes(name) ? "required" : "", property?.["default"] === undefined ? "" : `= ${text(property["default"])}`].filter(Boolean).join(" "),
      children: children(property, inner),
    }));
    const more = ["oneOf", "anyOf", "allOf"].flatMap((word) => (Array.isArray(schema[word]) ? (schema[word] as Json[]).flatMap((branch) => children(branch, inner)) : []));
    const items = schema["items"] && !Array.isArray(schema["items"]) ? children(schema["items"] as Json, inner) : [];
    return [...own, ...more, ...items];
  };
  return [{ name: text(root["title"]) || "schema", type: typeOf(root), doc: text(root["description"]), note: "", children: children(root, []) }];
}

function protobuf(source: string): Node[] {
  // Words, texts and signs, each with the comment in front of it.
  const tokens: { word: string; doc: string }[] = [];
  let doc = "";
  for (const [word] of source.matchAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w.]+|[^\s\w]/g)) {
    if (word.startsWith("//") || word.startsWith("/*")) {
      doc += `${doc ? " " : ""}${word.replace(/^\/\/+|^\/\*+|\*+\/$/g, "").trim()}`;
      continue;
    }
    tokens.push({ word, doc });
    doc = "";
  }
  let at = 0;
  const peek = (): string => tokens[at]?.word ?? "";
  const next = (): { word: string; doc: string } => tokens[at++] ?? { word: "", doc: "" };
  const rest = (): string[] => {
    const words: string[] = [];
    for (let depth = 0; at < tokens.length; ) {
      const { word } = next();
      if (word === "{" || word === "[" || word === "<") depth += 1;
      if (word === "}" || word === "]" || word === ">") depth -= 1;
      if (word === ";" && depth === 0) break;
      words.push(word);
      if (word === "}" && depth === 0) break;
    }
    return words;
  };
  const block = (): Node[] => {
    const nodes: Node[] = [];
    next();
    while (at < tokens.length && peek() !== "}") {
      const node = statement();
      if (node) nodes.push(node);
    }
    next();
    return nodes;
  };
  const statement = (): Node | null => {
    const { word, doc: comment } = next();
    if (word === "message" || word === "enum" || word === "oneof" || word === "service" || word === "extend") {
      const name = next().word;
      return { name, type: word, doc: comment, note: "", children: peek() === "{" ? block() : [] };
    }
    if (word === ";") return null;
    const words = [word, ...rest()];
    if (["syntax", "edition", "package", "import", "option", "reserved", "extensions"].includes(word)) return null;
    if (word === "rpc") return { name: words[1] ?? "", type: words.slice(2).join(" ").replace(/ \{.*$/, ""), doc: comment, note: "", children: [] };
    const equals = words.indexOf("=");
    if (equals < 1) return null;
    const number = words[equals + 1] === "-" ? `-${words[equals + 2]}` : (words[equals + 1] ?? "");
    const before = words.slice(0, equals);
    const name = before.pop() ?? "";
    return { name, type: before.join(" ").replace(/ ?([<>,]) ?/g, "$1"), doc: comment, note: `= ${number}`, children: [] };
  };
  const nodes: Node[] = [];
  while (at < tokens.length) {
    const node = statement();
    if (node) nodes.push(node);
  }
  // A field of a type that is defined here opens onto the fields of that type.
  const messages = new Map<string, Node>();
  const collect = (list: Node[]): void => list.forEach((node) => { if (node.type === "message") { messages.set(node.name, node); collect(node.children); } });
  collect(nodes);
  const grown = (node: Node, above: string[]): Node => {
    const target = messages.get(/(\w+)>?$/.exec(node.type)?.[1] ?? "");
    const opens = target && node.type !== "message" && !above.includes(target.name) && above.length < 8;
    const inner = opens ? target.children.filter((child) => child.type !== "message" && child.type !== "enum") : node.children;
    const path = opens ? [...above, target.name] : node.type === "message" ? [...above, node.name] : above;
    return { ...node, children: inner.map((child) => grown(child, path)) };
  };
  return nodes.map((node) => grown(node, []));
}

export function countOf(nodes: Node[]): number {
  return nodes.reduce((sum, node) => sum + 1 + countOf(node.children), 0);
}
