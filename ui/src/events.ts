// Events as they happen. Read with fetch, because EventSource tells nothing of an error; resumes where it was cut off.
import { signal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, address, credentials, get, node } from "./api.ts";
import { parseServerSent } from "./server-sent.ts";
import type { CloudEvent, ClusterStatus } from "./types.ts";

export interface Feed {
  /** The newest first. */
  events: Signal<CloudEvent[]>;
  state: Signal<"connecting" | "live" | "paused">;
  error: Signal<unknown>;
}

const KEPT_MAX = 1000;
/** So many log entries back begins the look at what was. */
export const BACK_ENTRIES = 2000;

export function useFeed(filter: { kinds?: string; subject?: string; context?: string }, paused = false): Feed {
  const feed = useMemo<Feed>(() => ({ events: signal([]), state: signal("connecting"), error: signal(null) }), []);
  useEffect(() => {
    if (paused) { feed.state.value = "paused"; return undefined; }
    const abort = new AbortController();
    feed.events.value = [];
    void follow(feed, filter, abort.signal);
    return () => abort.abort();
  }, [filter.kinds, filter.subject, filter.context, paused]);
  return feed;
}

async function follow(feed: Feed, filter: Record<string, string | undefined>, stop: AbortSignal): Promise<void> {
  let after = "";
  for (let tries = 0; !stop.aborted; tries += 1) {
    try {
      if (after === "") {
        if (node.value.index === 0) await get<ClusterStatus>("/v1/cluster/status", {}, stop);
        after = String(Math.max(0, node.value.index - BACK_ENTRIES));
      }
      const url = address({ method: "GET", path: "/api/v1/events", query: { ...filter, after } });
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (credentials.value) headers["Authorization"] = credentials.value;
      const answer = await fetch(url, { headers, signal: stop });
      if (!answer.ok || !answer.body) {
        const body = (await answer.json().catch(() => ({}))) as { error_code?: number; message?: string };
        throw new ApiError(answer.status, body.error_code ?? answer.status, body.message ?? answer.statusText, answer.headers.get("x-request-id") ?? "");
      }
      feed.state.value = "live";
      feed.error.value = null;
      tries = 0;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let waiting = ""; ; ) {
        const { value, done } = await reader.read();
        if (done) break;
        waiting += value.replaceAll("\r", "");
        const blocks = waiting.split("\n\n");
        waiting = blocks.pop() ?? "";
        const fresh: CloudEvent[] = [];
        for (const block of blocks) {
          const parsed = parseServerSent(block);
          if (parsed.id) after = parsed.id;
          if (parsed.event !== "progress" && parsed.data) fresh.unshift(JSON.parse(parsed.data) as CloudEvent);
        }
        if (fresh.length > 0) feed.events.value = [...fresh, ...feed.events.value].slice(0, KEPT_MAX);
      }
    } catch (error) {
      if (stop.aborted) return;
      feed.error.value = error;
      // What was asked for is gone: begin with what comes next.
      if (error instanceof ApiError && error.status === 410) after = String(node.value.index);
      else if (error instanceof ApiError && error.status > 0 && error.status < 500) { feed.state.value = "paused"; return; }
    }
    feed.state.value = "connecting";
    await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** tries, 5000)));
  }
}

/** `io.schemareg.schema.registered.v1` → `schema.registered`. */
export function kindOf(event: CloudEvent): string {
  return event.type.replace(/^io\.schemareg\./, "").replace(/\.v\d+$/, "");
}
