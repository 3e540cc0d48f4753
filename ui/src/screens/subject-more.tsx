// References in both directions, rules and metadata, and who depends on a subject.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { ctl, get, path, send } from "../api.ts";
import { t } from "../i18n.ts";
import { few, useLoad } from "../load.ts";
import { Badge, Confirm, Empty, Field, Show, Twin } from "../parts/ui.tsx";
import { href } from "../router.ts";
import { type Consumer, type Rule, type SchemaBody, type Version, partsOf } from "../types.ts";
import { type About, PickVersion, chosenVersion } from "./subject.tsx";

/** So many of those that refer are named; the rest is counted. */
const NAMED_MAX = 50;

export function ReferencesTab({ about, version: written }: { about: About; version: string }): JSX.Element {
  const { subject } = about;
  const version = chosenVersion(about, written);
  const out = useLoad((signal) => get<Version>(path`/api/v1/subjects/${subject}/versions/${version}`, {}, signal), [subject, version]);
  const back = useLoad(async (signal) => {
    // Ids are those of the subject's context.
    const { context } = partsOf(subject);
    const ids = await get<number[]>(path`/subjects/${subject}/versions/${version}/referencedby`, {}, signal);
    const named = await few(ids.slice(0, NAMED_MAX), 3, (id) => get<{ subject: string; version: number }[]>(path`/schemas/ids/${id}/versions`, { subject: context === "." ? "" : `:${context}:` }, signal).catch(() => []));
    return { ids, users: named.flat() };
  }, [subject, version]);
  return (
    <>
      <div class="bar"><PickVersion about={about} tab="references" current={version} /></div>
      <div class="columns">
        <section class="panel" aria-labelledby="out"><h2 id="out">{t("references.out")}</h2>
          <Show load={out}>{(one) => {
            const references = one.schema?.references ?? [];
            return references.length === 0 ? <Empty>{t("references.none")}</Empty> : <ul class="plain">{references.map((reference) => <li key={reference.name}><code>{reference.name}</code> → <a href={href(["s", reference.subject, "schema", reference.version])}>{reference.subject} v{reference.version}</a></li>)}</ul>;
          }}</Show>
        </section>
        <section class="panel" aria-labelledby="back"><h2 id="back">{t("references.back")}</h2>
          <Show load={back}>{({ ids, users }) => ids.length === 0 ? <Empty>{t("references.nobody")}</Empty> : (
            <>
              <p>{t("references.breaks", { n: ids.length })}</p>
              <ul class="plain">{users.map((user) => <li key={`${user.subject} ${user.version}`}><a href={href(["s", user.subject, "schema", user.version])}>{user.subject} v{user.version}</a></li>)}</ul>
            </>
          )}</Show>
        </section>
      </div>
      <Twin call={{ method: "GET", path: path`/subjects/${subject}/versions/${version}/referencedby` }} ctl={ctl("schema", "referenced-by", subject, version)} />
    </>
  );
}

export function RulesTab({ about, version: written }: { about: About; version: string }): JSX.Element {
  const { subject } = about;
  const version = chosenVersion(about, written);
  const found = useLoad((signal) => get<SchemaBody>(path`/subjects/${subject}/versions/${version}`, { deleted: true }, signal), [subject, version]);
  return (
    <>
      <div class="bar"><PickVersion about={about} tab="rules" current={version} /></div>
      <Show load={found}>{(one) => {
        const properties = Object.entries(one.metadata?.properties ?? {});
        const tags = Object.entries(one.metadata?.tags ?? {});
        const sensitive = one.metadata?.sensitive ?? [];
        const rules: [string, Rule[]][] = [["domainRules", one.ruleSet?.domainRules ?? []], ["migrationRules", one.ruleSet?.migrationRules ?? []], ["encodingRules", one.ruleSet?.encodingRules ?? []]];
        return (
          <>
            <h2>{t("rules.metadata")}</h2>
            {properties.length + tags.length === 0 ? <Empty>{t("rules.no-metadata")}</Empty> : (
              <table><caption class="hidden">{t("rules.metadata")}</caption><thead><tr><th scope="col">{t("config.name")}</th><th scope="col">{t("config.value")}</th></tr></thead>
                <tbody>
                  {properties.map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td class="wrap">{sensitive.includes(name) ? "•••" : value}</td></tr>)}
                  {tags.map(([place, names]) => <tr key={`tag ${place}`}><th scope="row"><code>{place}</code></th><td>{names.map((name) => <Badge key={name} word={name} tone="soft" label={name} />)}</td></tr>)}
                </tbody>
              </table>
            )}
            <h2>{t("rules.rules")}</h2>
            {rules.every(([, list]) => list.length === 0) ? <Empty>{t("rules.none")}</Empty> : rules.filter(([, list]) => list.length > 0).map(([kind, list]) => (
              <section key={kind}><h3><code>{kind}</code></h3>
                {list.map((rule) => (
                  <article class="panel" key={rule.name}>
                    <strong>{rule.name}</strong> {rule.disabled && <Badge word="DISABLED" tone="soft" label={t("rules.disabled")} />} <span class="soft">{[rule.kind, rule.type, rule.mode].filter(Boolean).join(" · ")}</span>
                    {rule.doc && <p>{rule.doc}</p>}
                    {rule.expr && <pre tabIndex={0}><code>{rule.expr}</code></pre>}
                    <p class="soft">{[rule.tags?.length ? `${t("rules.tags")}: ${rule.tags.join(", ")}` : "", rule.onSuccess ? `onSuccess: ${rule.onSuccess}` : "", rule.onFailure ? `onFailure: ${rule.onFailure}` : ""].filter(Boolean).join(" · ")}</p>
                  </article>
                ))}
              </section>
            ))}
            {one.schemaTags && one.schemaTags.length > 0 && <><h2>{t("rules.tags")}</h2><ul>{one.schemaTags.map((tag) => <li key={tag.schemaEntity.entityPath}><code>{tag.schemaEntity.entityPath}</code> {tag.tags.join(", ")}</li>)}</ul></>}
          </>
        );
      }}</Show>
      <Twin call={{ method: "GET", path: path`/subjects/${subject}/versions/${version}` }} ctl={ctl("--output", "json", "schema", "get", subject, version)} />
    </>
  );
}

export function UseTab({ about }: { about: About }): JSX.Element {
  const { subject } = about;
  const removing = useSignal<Consumer | null>(null);
  const adding = useSignal(false);
  const consumers = useLoad((signal) => get<{ consumers: Consumer[] }>(path`/api/v1/subjects/${subject}/consumers`, {}, signal), [subject]);
  return (
    <>
      <div class="bar"><h2>{t("use.consumers")}</h2><button type="button" onClick={() => { adding.value = true; }}>{t("use.add")}</button></div>
      <p class="soft">{t("use.about")}</p>
      <Show load={consumers}>{({ consumers: all }) => all.length === 0 ? <Empty>{t("use.none")}</Empty> : (
        <table><caption class="hidden">{t("use.consumers")}</caption>
          <thead><tr><th scope="col">{t("use.id")}</th><th scope="col">{t("tab.versions")}</th><th scope="col">{t("use.owner")}</th><th scope="col">{t("use.contact")}</th><th scope="col"><span class="hidden">{t("actions")}</span></th></tr></thead>
          <tbody>{all.map((one) => <tr key={one.id}><th scope="row">{one.id}</th><td>v{one.fromVersion} – {one.toVersion ? `v${one.toVersion}` : "…"}</td><td>{one.owner}</td><td>{one.contact}</td><td><button type="button" class="small" aria-label={`${t("remove")}: ${one.id}`} onClick={() => { removing.value = one; }}>{t("remove")}</button></td></tr>)}</tbody>
        </table>
      )}</Show>
      <Twin call={{ method: "GET", path: path`/api/v1/subjects/${subject}/consumers` }} ctl={ctl("consumer", "list", subject)} />
      {removing.value && <Confirm title={`${t("remove")}: ${removing.value.id}`} effect={<p>{t("use.remove-effect")}</p>} verb={t("remove")} call={() => ({ method: "DELETE", path: path`/api/v1/subjects/${subject}/consumers/${removing.value?.id ?? ""}` })} ctl={() => ctl("consumer", "remove", subject, removing.value?.id)} run={(call) => send(call)} onDone={consumers.again} onClose={() => { removing.value = null; }} />}
      {adding.value && <AddConsumer about={about} onDone={consumers.again} onClose={() => { adding.value = false; }} />}
    </>
  );
}

function AddConsumer({ about, onDone, onClose }: { about: About; onDone: () => void; onClose: () => void }): JSX.Element {
  const { subject } = about;
  const form = useSignal({ id: "", owner: "", contact: "", fromVersion: about.versions[0]?.version ?? 1 });
  const put = (change: Partial<typeof form.value>): void => { form.value = { ...form.value, ...change }; };
  return (
    <Confirm
      title={t("use.add")}
      effect={
        <>
          <p>{t("use.about")}</p>
          <Field label={t("use.id")}><input required value={form.value.id} onInput={(event) => put({ id: event.currentTarget.value })} /></Field>
          <Field label={t("use.owner")}><input value={form.value.owner} onInput={(event) => put({ owner: event.currentTarget.value })} /></Field>
          <Field label={t("use.contact")}><input value={form.value.contact} onInput={(event) => put({ contact: event.currentTarget.value })} /></Field>
          <Field label={t("use.from")}><input type="number" min="1" value={form.value.fromVersion} onInput={(event) => put({ fromVersion: Number(event.currentTarget.value) })} /></Field>
        </>
      }
      verb={t("use.add")}
      call={() => ({ method: "PUT", path: path`/api/v1/subjects/${subject}/consumers/${form.value.id}`, body: { owner: form.value.owner, contact: form.value.contact, fromVersion: form.value.fromVersion } })}
      ctl={() => ctl("consumer", "put", subject, form.value.id, "--from", form.value.fromVersion, "--owner", form.value.owner, "--contact", form.value.contact)}
      run={(call) => send(call)}
      onDone={onDone}
      onClose={onClose}
    />
  );
}
