// All subjects in one windowed list. It is read in pages of a thousand, never one request per subject.
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Call, ctl, get } from "../api.ts";
import { ago, count, t, time } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Badge, Empty, Field, Page, Select, Show, Twin, Failure } from "../parts/ui.tsx";
import { type Column, WindowList } from "../parts/window-list.tsx";
import { href, place, refine } from "../router.ts";
import { FORMATS, type Version, partsOf } from "../types.ts";

const PAGE_SIZE = 1000;
const STATES = ["ACTIVE", "DEPRECATED", "ARCHIVED", "ROLLED_BACK", "QUARANTINED"];

export function Browse(): JSX.Element {
  const query = place.value.query;
  const asked = (name: string): string => query.get(name) ?? "";
  const [format, owner, tag, context] = [asked("format"), asked("owner"), asked("tag"), asked("context")];
  // The names are filtered here, key stroke by key stroke; the rest is what the registry's index knows.
  const words = useSignal(asked("q"));
  const all = useSignal<Version[]>([]);
  const isDone = useSignal(false);
  const error = useSignal<unknown>(null);
  const round = useSignal(0);
  const search: Record<string, string | number | boolean | undefined> = { latestOnly: true, format, owner, tag, context, pageSize: PAGE_SIZE };
  const contexts = useLoad((signal) => get<string[]>("/contexts", {}, signal), []);
  useEffect(() => {
    const abort = new AbortController();
    all.value = [];
    isDone.value = false;
    error.value = null;
    void (async () => {
      try {
        let pageToken = "";
        do {
          const page = await get<{ versions: Version[]; nextPageToken: string }>("/api/v1/search", { ...search, pageToken }, abort.signal);
          all.value = [...all.value, ...page.versions];
          pageToken = page.nextPageToken ?? "";
        } while (pageToken !== "");
        isDone.value = true;
      } catch (failure) {
        if (!abort.signal.aborted) error.value = failure;
      }
    })();
    return () => abort.abort();
  }, [format, owner, tag, context, round.value]);
  const state = asked("state");
  const sort = asked("sort") || "name";
  const chosen = useSignal({ state, sort });
  if (chosen.value.state !== state || chosen.value.sort !== sort) chosen.value = { state, sort };
  const shown = useComputed(() => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.value.filter((version) => (chosen.value.state === "" || version.state === chosen.value.state) && wanted.every((word) => version.subject.toLowerCase().includes(word)));
    if (chosen.value.sort === "changed") found.sort((left, right) => right.createdMs - left.createdMs);
    return found;
  });
  const columns: Column<Version>[] = [
    { id: "subject", name: t("browse.subject"), width: "minmax(14rem, 4fr)", cell: (version) => <a href={href(["s", version.subject])} title={version.subject}>{partsOf(version.subject).name}</a> },
    { id: "context", name: t("browse.context"), width: "minmax(4rem, 1fr)", cell: (version) => <span class="soft">{partsOf(version.subject).context}</span> },
    { id: "version", name: t("browse.latest"), width: "6rem", cell: (version) => <>v{version.version} <span class="soft">{version.semanticVersion}</span></> },
    { id: "state", name: t("browse.state"), width: "9rem", cell: (version) => <Badge word={version.state} /> },
    { id: "id", name: t("browse.id"), width: "5rem", cell: (version) => <code>{version.id}</code> },
    { id: "changed", name: t("browse.changed"), width: "9rem", cell: (version) => <span class="soft" title={time(version.createdMs)}>{ago(version.createdMs)}</span> },
  ];
  const call: Call = { method: "GET", path: "/api/v1/search", query: search };
  return (
    <Page title={t("browse.title")} actions={<><button type="button" onClick={() => saveCsv(shown.value)}>{t("browse.csv")}</button><a class="button main" href={href(["new"])}>{t("new.go")}</a></>}>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Field label={t("browse.filter")}>
          <input type="search" value={words.value} data-focus onInput={(event) => { words.value = event.currentTarget.value; }} onChange={() => refine({ q: words.value })} onBlur={() => refine({ q: words.value })} />
        </Field>
        <Show load={contexts} quiet>{(names) => <Select label={t("browse.context")} value={context} options={[["", t("any")], ...names.map((name): [string, string] => [name, name])]} onPick={(value) => refine({ context: value })} />}</Show>
        <Select label={t("format")} value={format} options={[["", t("any")], ...FORMATS.map((name): [string, string] => [name, name])]} onPick={(value) => refine({ format: value })} />
        <Select label={t("browse.state")} value={state} options={[["", t("any")], ...STATES.map((name): [string, string] => [name, name])]} onPick={(value) => refine({ state: value })} />
        <Field label={t("browse.owner")}><input value={owner} onChange={(event) => refine({ owner: event.currentTarget.value })} /></Field>
        <Field label={t("browse.tag")}><input value={tag} onChange={(event) => refine({ tag: event.currentTarget.value })} /></Field>
        <Select label={t("browse.sort")} value={sort} options={[["name", t("browse.by-name")], ["changed", t("browse.by-change")]]} onPick={(value) => refine({ sort: value })} />
      </form>
      {error.value ? <Failure error={error.value} again={() => { round.value += 1; }} /> : null}
      <p role="status" class="soft">{isDone.value ? t("browse.count", { n: shown.value.length, all: all.value.length }) : t("browse.loading", { n: count(all.value.length) })}</p>
      {isDone.value && shown.value.length === 0 ? <Empty>{t("browse.none")}</Empty> : <WindowList label={t("browse.title")} columns={columns} items={shown.value} keyOf={(version) => version.subject} />}
      <Twin call={call} ctl={ctl("subject", "list")} />
    </Page>
  );
}

function saveCsv(versions: Version[]): void {
  // A cell that begins like a formula is text to a spreadsheet with an apostrophe in front.
  const cell = (value: string | number): string => `"${String(value).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  const rows = versions.map((version) => [version.subject, partsOf(version.subject).context, version.version, version.semanticVersion, version.state, version.id, version.guid, new Date(version.createdMs).toISOString()]);
  const text = [["subject", "context", "version", "semantic_version", "state", "id", "guid", "created"], ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  save("subjects.csv", "text/csv", text);
}

export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

