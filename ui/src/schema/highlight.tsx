// Schema text with colours, for reading: tokens of JSON and of .proto files become spans. The editor has its own.
import type { JSX } from "preact";

const JSON_TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
const PROTO_TOKENS = /(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\b(syntax|edition|package|import|public|option|message|enum|oneof|map|repeated|optional|required|reserved|extensions|extend|service|rpc|returns|stream|to|max|true|false)\b|\b(\d[\w.]*)\b/g;

/** More than this is shown without colours: a span for each token would be slow. */
const COLOURED_MAX = 200_000;

export function Highlighted({ text, format }: { text: string; format: string }): JSX.Element {
  if (text.length > COLOURED_MAX) return <>{text}</>;
  const isProto = format === "PROTOBUF";
  const parts: (string | JSX.Element)[] = [];
  let end = 0;
  for (const found of text.matchAll(isProto ? PROTO_TOKENS : JSON_TOKENS)) {
    const whole = found[0];
    parts.push(text.slice(end, found.index));
    end = found.index + whole.length;
    const kind = isProto
      ? found[1] ? "t-doc" : found[2] ? "t-text" : found[3] ? "t-word" : "t-number"
      : found[1] ? (found[2] ? "t-name" : "t-text") : found[3] ? "t-word" : "t-number";
    parts.push(<span class={kind}>{whole}</span>);
  }
  parts.push(text.slice(end));
  return <>{parts}</>;
}

/** Canonical texts have no line breaks where the format does not need them; people do. */
export function pretty(text: string, format: string): string {
  if (format === "PROTOBUF") return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
