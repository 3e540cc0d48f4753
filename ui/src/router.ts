// Where one is: a path and a query behind the # of the address, so that the node needs to know one page only.
import { signal } from "@preact/signals";

export interface Place {
  /** The parts of the path, decoded. */
  parts: string[];
  query: URLSearchParams;
}

export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const decode = (part: string): string => {
    try { return decodeURIComponent(part); } catch { return part; }
  };
  return { parts: path.split("/").filter((part) => part !== "").map(decode), query: new URLSearchParams(query) };
}

/** The address of a place; parts that are empty in the query are left away. */
export function href(parts: (string | number)[], query: Record<string, string | number | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") search.set(name, String(value));
  const path = parts.map((part) => encodeURIComponent(part)).join("/");
  return `#/${path}${search.size > 0 ? `?${search}` : ""}`;
}

export const place = signal<Place>(parsePlace(location.hash));

export function go(address: string, how: "push" | "replace" = "push"): void {
  if (how === "replace") {
    history.replaceState(null, "", address);
    place.value = parsePlace(location.hash);
  } else {
    location.hash = address;
  }
}

/** Changes parts of the query and keeps the rest; the step back does not lead through every key stroke. */
export function refine(change: Record<string, string | undefined>): void {
  const { parts, query } = place.value;
  go(href(parts, { ...Object.fromEntries(query), ...change }), "replace");
}

addEventListener("hashchange", () => { place.value = parsePlace(location.hash); });
