// Search over one index of the registry: names, fields, types, documentation, owners, tags, ids.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Call, ctl, get, path } from "../api.ts";
import { ago, t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Badge, Empty, Page, Show, Twin } from "../parts/ui.tsx";
import { go, href, place, refine } from "../router.ts";
import { OPERATORS, addressIn, parseSearch } from "../schema/query.ts";
import type { Version } from "../types.ts";

const SHOWN = 200;

interface Group { key: "search.by-name" | "search.by-field" | "search.by-type" | "search.by-text" | "search.by-criteria"; versions: Version[] }

export function Search(): JSX.Element {
  const words = place.value.query.get("q") ?? "";
  const everyVersion = place.value.query.get("all") === "1";
  const typed = useSignal(words);
  useEffect(() => { typed.value = words; }, [words]);
  const criteria = parseSearch(words);
  const { id, guid } = addressIn(words);
  const hasOperator = OPERATORS.some((name) => criteria[name] !== undefined);
  const found = useLoad(async (signal): Promise<{ groups: Group[]; more: boolean }> => {
    if (words.trim() === "") return { groups: [], more: false };
    const ask = async (what: Record<string, string | undefined>): Promise<{ versions: Version[]; nextPageToken: string }> =>
      get("/api/v1/search", { ...what, latestOnly: !everyVersion, pageSize: SHOWN }, signal);
    if (hasOperator) {
      const answer = await ask(criteria);
      return { groups: [{ key: "search.by-criteria", versions: answer.versions }], more: answer.nextPageToken !== "" };
    }
    // Bare words: the same words as a name, a field, a type and a text, each a question to the index.
    const word = words.trim();
    const [names, fields, types, texts] = await Promise.all([ask({ prefix: word }), ask({ field: word }), ask({ type: word }), ask({ text: word })]);
    const groups: Group[] = [
      { key: "search.by-name", versions: names.versions }, { key: "search.by-field", versions: fields.versions },
      { key: "search.by-type", versions: types.versions }, { key: "search.by-text", versions: texts.versions },
    ];
    return { groups: groups.filter((group) => group.versions.length > 0), more: [names, fields, types, texts].some((answer) => answer.nextPageToken !== "") };
  }, [words, everyVersion]);
  const byId = useLoad(async (signal) => (id === undefined ? [] : get<{ subject: string; version: number }[]>(path`/schemas/ids/${id}/versions`, {}, signal).catch(() => [])), [id]);
  const byGuid = useLoad(async (signal) => (guid === undefined ? [] : get<{ context: string; id: number }[]>(path`/schemas/guids/${guid}/ids`, {}, signal).catch(() => [])), [guid]);
  const call: Call = { method: "GET", path: "/api/v1/search", query: { ...criteria, latestOnly: !everyVersion, pageSize: SHOWN } };
  return (
    <Page title={t("search.title")}>
      <form class="big-search" role="search" onSubmit={(event) => { event.preventDefault(); go(href(["search"], { q: typed.value, all: everyVersion ? "1" : undefined })); }}>
        <label class="hidden" for="search-box">{t("search.label")}</label>
        <input id="search-box" type="search" data-focus value={typed.value} placeholder={t("search.placeholder")} onInput={(event) => { typed.value = event.currentTarget.value; }} />
        <button type="submit" class="main">{t("search.go")}</button>
      </form>
      <p class="soft">{t("search.operators")} {OPERATORS.map((name) => <code key={name}>{name}: </code>)}</p>
      <label class="check"><input type="checkbox" checked={everyVersion} onChange={(event) => refine({ all: event.currentTarget.checked ? "1" : undefined })} /> {t("search.all-versions")}</label>
      {id !== undefined && <Show load={byId} quiet>{(uses) => uses.length === 0 ? null : <section><h2>{t("search.by-id", { id })}</h2><ul class="plain">{uses.map((use) => <li key={`${use.subject} ${use.version}`}><a href={href(["s", use.subject, "schema", use.version])}>{use.subject} v{use.version}</a></li>)}</ul></section>}</Show>}
      {guid !== undefined && <Show load={byGuid} quiet>{(ids) => ids.length === 0 ? null : <section><h2>{t("search.by-guid")}</h2><ul class="plain">{ids.map((one) => <li key={one.context}><a href={href(["id", one.id])}>{one.context} · {t("id")} {one.id}</a></li>)}</ul></section>}</Show>}
      <Show load={found}>{({ groups, more }) => {
        const total = groups.reduce((sum, group) => sum + group.versions.length, 0);
        return (
          <>
            <p role="status" class="soft">{words.trim() === "" ? t("search.begin") : t("search.count", { n: total })}{more ? ` ${t("search.more")}` : ""}</p>
            {words.trim() !== "" && total === 0 && <Empty>{t("search.none")}</Empty>}
            {groups.map((group) => (
              <section key={group.key}>
                <h2>{t(group.key)}</h2>
                <ul class="plain hits">
                  {group.versions.map((version) => (
                    <li key={`${version.subject} ${version.version}`}><a href={href(["s", version.subject, "schema", version.version])}>{version.subject}</a> v{version.version} <Badge word={version.state} /> <span class="soft">{t("id")} {version.id} · {ago(version.createdMs)}</span></li>
                  ))}
                </ul>
              </section>
            ))}
          </>
        );
      }}</Show>
      <Twin call={call} ctl={ctl("schema", "search", ...OPERATORS.filter((name) => name !== "context").flatMap((name) => (criteria[name] ? [`--${name}`, criteria[name]] : [])), ...(criteria["text"] ? ["--words", criteria["text"]] : []), !everyVersion && "--latest-only")} />
    </Page>
  );
}

/** From an id, as it stands in a message, to what it is. */
export function ById(): JSX.Element {
  const [, id = ""] = place.value.parts;
  const uses = useLoad((signal) => get<{ subject: string; version: number }[]>(path`/schemas/ids/${id}/versions`, { deleted: true }, signal), [id]);
  return (
    <Page title={t("search.by-id", { id })}>
      <Show load={uses}>{(all) => all.length === 0 ? <Empty>{t("search.none")}</Empty> : <ul class="plain">{all.map((use) => <li key={`${use.subject} ${use.version}`}><a href={href(["s", use.subject, "schema", use.version])}>{use.subject} v{use.version}</a></li>)}</ul>}</Show>
      <Twin call={{ method: "GET", path: path`/schemas/ids/${id}/versions` }} ctl={ctl("schema", "get", "--id", id)} />
    </Page>
  );
}
