// Events, the newest first, each with a way to what it is about.
import type { JSX } from "preact";
import { type Feed, kindOf } from "../events.ts";
import { ago, t, time } from "../i18n.ts";
import { href } from "../router.ts";
import type { CloudEvent } from "../types.ts";
import { Empty, Failure } from "./ui.tsx";

export function EventList({ feed, most }: { feed: Feed; most: number }): JSX.Element {
  const events = feed.events.value.slice(0, most);
  return (
    <>
      {feed.error.value && feed.state.value === "paused" ? <Failure error={feed.error.value} /> : null}
      {events.length === 0 ? <Empty>{feed.state.value === "connecting" ? t("loading") : t("events.none")}</Empty> : (
        <ul class="plain events">
          {events.map((event) => (
            <li key={event.id}>
              <code class="kind">{kindOf(event)}</code> <a href={aim(event)}>{event.subject || String(event.data["scope"] ?? event.data.context ?? "")}{event.data.version ? ` v${event.data.version}` : ""}</a>{" "}
              <span class="soft" title={time(Date.parse(event.time))}>{event.data.actor} · {ago(Date.parse(event.time))}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export function aim(event: CloudEvent): string {
  if (event.data["draft"]) return href(["d", event.subject, event.data["draft"]]);
  if (event.subject) return href(event.data.version ? ["s", event.subject, "schema", event.data.version] : ["s", event.subject]);
  return href(["contexts"], { scope: String(event.data["scope"] ?? "") });
}
