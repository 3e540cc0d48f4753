// A version as text and as a tree, and the line of all versions with what each changed.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ctl, get, path, send } from "../api.ts";
import { ago, t, time } from "../i18n.ts";
import { few, useLoad } from "../load.ts";
import { Code } from "../parts/code.tsx";
import { SchemaTree } from "../parts/tree.tsx";
import { Badge, Confirm, Empty, Show, Twin } from "../parts/ui.tsx";
import { go, href, place, refine } from "../router.ts";
import { pretty } from "../schema/highlight.tsx";
import type { Diff, HistoryStep, Version } from "../types.ts";
import { type About, PickVersion, chosenVersion } from "./subject.tsx";

export function SchemaTab({ about, version: written }: { about: About; version: string }): JSX.Element {
  const { subject } = about;
  const version = chosenVersion(about, written);
  const isDeleted = about.versions.find((other) => other.version === version)?.state === "DELETED";
  const view = place.value.query.get("view") ?? "text";
  const found = useLoad(async (signal): Promise<Version> => {
    if (!isDeleted) return get<Version>(path`/api/v1/subjects/${subject}/versions/${version}`, {}, signal);
    // The native API does not show what is hidden; the Confluent one does when it is asked to.
    const body = await get<{ id: number; guid: string; schema: string; schemaType?: string; references?: [] }>(path`/subjects/${subject}/versions/${version}`, { deleted: true }, signal);
    const known = about.versions.find((other) => other.version === version) as Version;
    return { ...known, schema: { format: body.schemaType ?? "AVRO", text: body.schema, references: body.references ?? [] } };
  }, [subject, version, isDeleted]);
  const call: Call = { method: "GET", path: path`/api/v1/subjects/${subject}/versions/${version}` };
  if (version === 0) return <Empty>{t("subject.none")}</Empty>;
  return (
    <>
      <div class="bar">
        <PickVersion about={about} tab="schema" current={version} />
        <div class="choice" role="group" aria-label={t("schema.view")}>
          {(["text", "sent", "tree"] as const).map((name) => <button type="button" key={name} aria-pressed={view === name} onClick={() => refine({ view: name === "text" ? undefined : name })}>{t(`schema.${name}`)}</button>)}
        </div>
        <a class="button" href={href(["play"], { subject, version })}>{t("schema.play")}</a>
      </div>
      <Show load={found}>{(one) => {
        const schema = one.schema ?? { format: "AVRO", text: "", references: [] };
        const text = view === "sent" && one.sentText ? one.sentText : pretty(schema.text, schema.format);
        return (
          <>
            <dl class="inline facts">
              <dt>{t("format")}</dt><dd>{schema.format}</dd>
              <dt>{t("id")}</dt><dd><code>{one.id}</code></dd>
              <dt>GUID</dt><dd><code>{one.guid}</code></dd>
              <dt>{t("state")}</dt><dd><Badge word={one.state} /></dd>
              <dt>{t("created")}</dt><dd title={time(one.createdMs)}>{ago(one.createdMs)}</dd>
              {one.deprecation && <><dt>{t("sunset")}</dt><dd>{time(one.deprecation.sunsetMs)}{one.deprecation.successor ? ` → v${one.deprecation.successor}` : ""}</dd></>}
            </dl>
            {view === "tree" ? <SchemaTree text={schema.text} format={schema.format} /> : <Code text={text} format={schema.format} label={t("schema.of", { subject, version })} />}
            {view === "sent" && !one.sentText && <p class="soft">{t("schema.sent-same")}</p>}
          </>
        );
      }}</Show>
      <Twin call={call} ctl={ctl("schema", "get", subject, version, "--text")} />
    </>
  );
}

/** So many steps are judged at once; more on demand. */
const JUDGED = 20;
const AT_ONCE = 3;

interface Step { diff: Diff | null; history: HistoryStep[] }

export function VersionsTab({ about }: { about: About }): JSX.Element {
  const { subject, versions } = about;
  const most = useSignal(JUDGED);
  const asked = useSignal<{ version: Version; permanent: boolean } | null>(null);
  const whole = useSignal(false);
  const newest = [...versions].reverse().slice(0, most.value);
  const steps = useLoad(async (signal) => {
    const found = await few(newest, AT_ONCE, async (version): Promise<[number, Step]> => {
      const before = versions.filter((other) => other.version < version.version && other.state !== "DELETED").at(-1);
      const diff = before && version.state !== "DELETED"
        ? await get<Diff>(path`/api/v1/subjects/${subject}/diff`, { from: before.version, to: version.version }, signal).catch(() => null)
        : null;
      const history = await get<{ steps: HistoryStep[] }>(path`/api/v1/subjects/${subject}/versions/${version.version}/history`, {}, signal).catch(() => ({ steps: [] }));
      return [version.version, { diff, history: history.steps }];
    });
    return new Map(found);
  }, [subject, most.value, versions]);
  if (versions.length === 0) return <Empty>{t("subject.none")}</Empty>;
  const known = steps.current.value.data;
  return (
    <>
      <ol class="timeline">
        {newest.map((version) => {
          const step = known?.get(version.version);
          const before = versions.filter((other) => other.version < version.version && other.state !== "DELETED").at(-1);
          const by = step?.history[0]?.actor;
          return (
            <li key={version.version} class={version.state === "DELETED" ? "hidden-version" : ""}>
              <div class="timeline-head">
                <a class="strong" href={href(["s", subject, "schema", version.version])}>v{version.version}</a>
                <span>{version.semanticVersion}</span>
                <Badge word={version.state} />
                <span class="soft" title={time(version.createdMs)}>{ago(version.createdMs)}{by ? ` · ${by}` : ""}</span>
                <span class="soft">{t("id")} {version.id}</span>
              </div>
              <div class="timeline-body">
                {!before ? <span class="soft">{t("versions.first")}</span> : !step ? <span class="soft">{t("versions.judging")}</span> : step.diff ? <Verdict diff={step.diff} /> : <span class="soft">{t("versions.no-verdict")}</span>}
                {before && version.state !== "DELETED" && <a href={href(["s", subject, "diff", `${before.version}..${version.version}`])}>{t("versions.diff", { from: before.version })}</a>}
                <a href={href(["s", subject, "life", version.version])}>{t("versions.life")}</a>
                <button type="button" class="small" onClick={() => { asked.value = { version, permanent: version.state === "DELETED" }; }}>{version.state === "DELETED" ? t("delete.purge") : t("delete.hide")}</button>
              </div>
            </li>
          );
        })}
      </ol>
      {versions.length > most.value && <button type="button" onClick={() => { most.value += JUDGED; }}>{t("more")}</button>}
      <div class="actions">
        <button type="button" class="danger" onClick={() => { whole.value = true; }}>{versions.every((version) => version.state === "DELETED") ? t("delete.subject-purge") : t("delete.subject")}</button>
      </div>
      <Twin call={{ method: "GET", path: path`/api/v1/subjects/${subject}/versions`, query: { deleted: true } }} ctl={ctl("schema", "versions", subject, "--deleted")} />
      {asked.value && <DeleteVersion about={about} {...asked.value} onClose={() => { asked.value = null; }} />}
      {whole.value && <DeleteSubject about={about} onClose={() => { whole.value = false; }} />}
    </>
  );
}

export function Verdict({ diff }: { diff: Diff }): JSX.Element {
  const backward = diff.changes.some((change) => change.breaksBackward);
  const forward = diff.changes.some((change) => change.breaksForward);
  return (
    <span class="verdict">
      <Badge word={diff.step} /> {t("versions.changes", { n: diff.changes.length })} · <span class={backward ? "bad" : "good"}>{backward ? "✗" : "✓"} {t("backward")}</span> · <span class={forward ? "bad" : "good"}>{forward ? "✗" : "✓"} {t("forward")}</span>
    </span>
  );
}

function DeleteVersion({ about, version, permanent, onClose }: { about: About; version: Version; permanent: boolean; onClose: () => void }): JSX.Element {
  const { subject } = about;
  const users = useLoad((signal) => get<number[]>(path`/subjects/${subject}/versions/${version.version}/referencedby`, {}, signal).catch(() => []), []);
  return (
    <Confirm
      title={permanent ? t("delete.purge-title", { version: version.version }) : t("delete.hide-title", { version: version.version })}
      effect={<><p>{permanent ? t("delete.purge-effect") : t("delete.hide-effect")}</p><Show load={users}>{(ids) => <p>{ids.length > 0 ? t("delete.users", { n: ids.length, ids: ids.slice(0, 10).join(", ") }) : t("delete.no-users")}</p>}</Show></>}
      name={permanent ? subject : undefined}
      verb={permanent ? t("delete.purge") : t("delete.hide")}
      call={() => ({ method: "DELETE", path: path`/subjects/${subject}/versions/${version.version}`, query: { permanent } })}
      ctl={() => ctl("schema", "delete", subject, version.version, permanent && "--permanent")}
      run={(call) => send(call)}
      onDone={() => about.again()}
      onClose={onClose}
    />
  );
}

function DeleteSubject({ about, onClose }: { about: About; onClose: () => void }): JSX.Element {
  const { subject, versions } = about;
  const permanent = versions.every((version) => version.state === "DELETED");
  return (
    <Confirm
      title={permanent ? t("delete.subject-purge-title", { subject }) : t("delete.subject-title", { subject })}
      effect={<p>{permanent ? t("delete.subject-purge-effect", { n: versions.length }) : t("delete.subject-effect", { n: versions.length })}</p>}
      name={subject}
      verb={permanent ? t("delete.subject-purge") : t("delete.subject")}
      call={() => ({ method: "DELETE", path: path`/subjects/${subject}`, query: { permanent } })}
      ctl={() => ctl("subject", "delete", subject, permanent && "--permanent")}
      run={(call) => send(call)}
      onDone={() => { if (permanent) go(href(["subjects"])); else about.again(); }}
      onClose={onClose}
    />
  );
}
