// Events as they happen, and those of the near past.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ctl } from "../api.ts";
import { kindOf, useFeed } from "../events.ts";
import { ago, t, time } from "../i18n.ts";
import { aim } from "../parts/event-list.tsx";
import { Badge, Empty, Failure, Field, Page, Select, Twin } from "../parts/ui.tsx";
import { WindowList } from "../parts/window-list.tsx";
import { place, refine } from "../router.ts";

const KINDS = [
  "schema.registered", "version.activated", "version.deprecated", "version.archived", "version.rolled_back", "version.quarantined", "version.released", "version.deleted",
  "draft.submitted", "draft.reviewed", "subject.deleted", "config.changed", "mode.changed", "policy.changed",
];

export function Events(): JSX.Element {
  const query = place.value.query;
  const kinds = query.get("kinds") ?? "";
  const subject = query.get("subject") ?? "";
  const paused = useSignal(false);
  const feed = useFeed({ kinds, subject }, paused.value);
  const call: Call = { method: "GET", path: "/api/v1/events", query: { kinds, subject, after: "0" }, headers: { Accept: "text/event-stream" } };
  return (
    <Page title={t("events.title")} actions={<button type="button" aria-pressed={paused.value} onClick={() => { paused.value = !paused.value; }}>{paused.value ? t("events.go-on") : t("events.pause")}</button>}>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Select label={t("events.kind")} value={kinds} options={[["", t("any")], ...KINDS.map((kind): [string, string] => [kind, kind])]} onPick={(value) => refine({ kinds: value })} />
        <Field label={t("browse.subject")}><input data-focus value={subject} onChange={(event) => refine({ subject: event.currentTarget.value.trim() })} /></Field>
      </form>
      {feed.error.value && feed.state.value === "paused" && !paused.value ? <Failure error={feed.error.value} /> : null}
      <p role="status"><Badge word={feed.state.value} tone={feed.state.value === "live" ? "good" : "warn"} label={t(`events.${feed.state.value}`)} /> {t("events.count", { n: feed.events.value.length })}</p>
      {feed.events.value.length === 0 ? <Empty>{t("events.none")}</Empty> : (
        <WindowList
          label={t("events.title")}
          items={feed.events.value}
          keyOf={(event) => event.id}
          columns={[
            { id: "time", name: t("when"), width: "9rem", cell: (event) => <span title={time(Date.parse(event.time))}>{ago(Date.parse(event.time))}</span> },
            { id: "kind", name: t("events.kind"), width: "12rem", cell: (event) => <code>{kindOf(event)}</code> },
            { id: "subject", name: t("browse.subject"), width: "minmax(12rem, 3fr)", cell: (event) => <a href={aim(event)} title={event.subject}>{event.subject || String(event.data["scope"] ?? "")}{event.data.version ? ` v${event.data.version}` : ""}</a> },
            { id: "actor", name: t("actor"), width: "minmax(6rem, 1fr)", cell: (event) => event.data.actor },
            { id: "more", name: t("events.more"), width: "minmax(6rem, 2fr)", cell: (event) => <span class="soft">{Object.entries(event.data).filter(([name]) => !["actor", "context", "version"].includes(name)).map(([name, value]) => `${name}=${value}`).join(" ")}</span> },
            { id: "id", name: t("events.id"), width: "6rem", cell: (event) => <code>{event.id}</code> },
          ]}
        />
      )}
      <Twin call={call} ctl={ctl("events", "watch", "--after", "0", ...(kinds ? ["--kinds", kinds] : []), ...(subject ? ["--subject", subject] : []))} />
    </Page>
  );
}
