// One message of a stream of server-sent events.

export function parseServerSent(block: string): { event: string; id: string; data: string } {
  const parsed = { event: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
    if (name === "event") parsed.event = value;
    if (name === "id") parsed.id = value;
    if (name === "data") parsed.data += (parsed.data ? "\n" : "") + value;
  }
  return parsed;
}
