// Questions to the node that served this page. Every change carries a key of its own, so that asking again after a failure has
// one effect: that is how a change survives the death of the leader in the middle of it.
import { signal } from "@preact/signals";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export interface Call {
  method: Method;
  /** As the API has it, with a leading slash, parts encoded (see `path`). */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Answered as text, not as JSON. */
  text?: boolean;
}

/** The root of the API: where this page lies, one level up. */
export const base = new URL("../", location.href.split("#")[0] ?? location.href);

/** What the last answers told of the node. */
export const node = signal({ id: "", region: "", staleness: "", index: 0 });

/** Credentials, in memory only: a reload forgets them. */
export const credentials = signal("");
/** Somebody must say who they are. */
export const signInWanted = signal(false);

export class ApiError extends Error {
  readonly status: number;
  readonly code: number;
  readonly requestId: string;
  readonly more: Record<string, unknown>;
  constructor(status: number, code: number, message: string, requestId: string, more: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.more = more;
  }
}

/** A path whose values are encoded: path`/subjects/${name}/versions`. */
export function path(words: TemplateStringsArray, ...values: (string | number)[]): string {
  return words.reduce((whole, word, at) => whole + word + (at < values.length ? encodeURIComponent(values[at] ?? "") : ""), "");
}

export function address(call: Call, root: URL | string = base): string {
  const url = new URL(call.path.slice(1), root);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined && value !== "" && value !== false) url.searchParams.set(name, String(value));
  }
  return url.href;
}

const TRIES_MAX = 7;
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 2000;

function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Does the POST only look? Then it needs no key, and it may be given up. */
function looks(call: Call): boolean {
  return call.method === "GET" || /^\/(compatibility|llm)\/|\/(compatibility|validate|search|project|lint|check|restore)$/.test(call.path);
}

export async function send<T>(call: Call, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", "X-Requested-With": "ui", ...call.headers };
  if (call.text) headers["Accept"] = "*/*";
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  if (!looks(call)) headers["Idempotency-Key"] = randomKey();
  if (credentials.value) headers["Authorization"] = credentials.value;
  const body = call.body === undefined ? null : JSON.stringify(call.body);
  for (let tries = 1; ; tries += 1) {
    let failure: ApiError;
    try {
      const answer = await fetch(address(call), { method: call.method, headers, body, cache: "no-cache", signal: signal ?? null });
      noticeNode(answer.headers);
      if (answer.ok) {
        if (answer.status === 204) return undefined as T;
        const text = await answer.text();
        return (call.text ? text : text === "" ? undefined : JSON.parse(text)) as T;
      }
      failure = await failed(answer);
      if (answer.status === 401) signInWanted.value = true;
      if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) throw failure;
    } catch (error) {
      if (error instanceof ApiError || (error instanceof DOMException && error.name === "AbortError")) throw error;
      failure = new ApiError(0, 0, String(error instanceof Error ? error.message : error), "");
    }
    if (tries >= TRIES_MAX) throw failure;
    await new Promise((resolve) => setTimeout(resolve, Math.min(PAUSE_MS * 2 ** (tries - 1), PAUSE_MS_MAX)));
  }
}

async function failed(answer: Response): Promise<ApiError> {
  const requestId = answer.headers.get("x-request-id") ?? "";
  const text = await answer.text();
  try {
    const { error_code: code, message, ...more } = JSON.parse(text) as { error_code: number; message: string };
    return new ApiError(answer.status, code, message, requestId, more);
  } catch {
    return new ApiError(answer.status, answer.status, text.slice(0, 500) || answer.statusText, requestId);
  }
}

function noticeNode(headers: Headers): void {
  const id = headers.get("x-registry-node") ?? "";
  if (id === "") return;
  node.value = {
    id,
    region: headers.get("x-registry-region") ?? "",
    staleness: headers.get("x-registry-staleness-ms") ?? "",
    index: Number(headers.get("x-registry-index") ?? 0),
  };
}

export const get = <T>(path: string, query: Call["query"] = {}, signal?: AbortSignal): Promise<T> =>
  send<T>({ method: "GET", path, query }, signal);

/** The same request for a terminal. */
export function curl(call: Call): string {
  const words = ["curl"];
  if (call.method !== "GET") words.push("-X", call.method);
  for (const [name, value] of Object.entries(call.headers ?? {})) words.push("-H", quoted(`${name}: ${value}`));
  if (call.body !== undefined) words.push("-H", quoted("Content-Type: application/json"), "-d", quoted(JSON.stringify(call.body)));
  words.push(quoted(address(call)));
  return words.join(" ");
}

/** A word that a POSIX shell takes as it is. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `registryctl` with its words, quoted. */
export function ctl(...words: (string | number | undefined | false)[]): string {
  const given = words.filter((word): word is string | number => word !== undefined && word !== false && word !== "");
  return ["registryctl", "--url", base.href.replace(/\/$/, ""), ...given.map(String)].map(quoted).join(" ");
}
