// Write a schema: a new subject, or the next version of one. Judged while one types; then a draft, a review, or a registration.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, type Call, ctl, get, path, send } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { SchemaForm, TEMPLATES, type Written, fileOf, schemaOf, writtenOf } from "../parts/schema-form.tsx";
import { DeployOrder } from "../parts/scope.tsx";
import { Failure, Field, Page, Select, Show, Twin, useAction } from "../parts/ui.tsx";
import { go, href, place } from "../router.ts";
import { type Config, type Draft, LEVELS, type PolicyAnswer, type Version } from "../types.ts";
import { latestOf } from "./subject.tsx";

interface Base { versions: Version[]; text: Version | null; review: boolean; level: string }

export function Editor({ given }: { given: string }): JSX.Element {
  const name = useSignal(given || (place.value.query.get("subject") ?? ""));
  const subject = given || name.value.trim();
  const from = Number(place.value.query.get("version") ?? 0);
  const base = useLoad(async (signal): Promise<Base> => {
    const policy = get<PolicyAnswer>("/api/v1/policy", {}, signal).catch(() => null);
    if (given === "") return { versions: [], text: null, review: (await policy)?.inForce.review ?? false, level: "" };
    const [versions, own, config] = await Promise.all([
      get<{ versions: Version[] }>(path`/api/v1/subjects/${given}/versions`, {}, signal).catch((error: unknown) => { if (error instanceof ApiError && error.status === 404) return { versions: [] }; throw error; }),
      get<PolicyAnswer>(path`/api/v1/policy/${given}`, {}, signal).catch(() => null),
      get<Config>(path`/config/${given}`, { defaultToGlobal: true }, signal),
    ]);
    const latest = from > 0 ? versions.versions.find((version) => version.version === from) : latestOf(versions.versions);
    const text = latest ? await get<Version>(path`/api/v1/subjects/${given}/versions/${latest.version}`, {}, signal) : null;
    return { versions: versions.versions, text, review: own?.inForce.review ?? false, level: config.compatibilityLevel ?? "" };
  }, [given, from]);
  return (
    <Page title={given ? t("editor.title", { subject: given }) : t("new.title")}>
      {!given && (
        <Field label={t("browse.subject")} hint={t("new.hint")}>
          <input value={name.value} autocomplete="off" spellcheck={false} data-focus onInput={(event) => { name.value = event.currentTarget.value; }} />
        </Field>
      )}
      <Show load={base}>{(known) => <Writing subject={subject} base={known} />}</Show>
    </Page>
  );
}

function Writing({ subject, base }: { subject: string; base: Base }): JSX.Element {
  const written = useSignal<Written>(base.text?.schema ? writtenOf(base.text.schema) : { format: "AVRO", text: TEMPLATES["AVRO"] ?? "", references: [], properties: [] });
  const revision = useSignal(0);
  const reason = useSignal("");
  const level = useSignal("");
  const told = useSignal("");
  const isNew = base.versions.length === 0;
  useEffect(() => {
    const kept = place.peek().query.get("format");
    if (isNew && kept && TEMPLATES[kept]) { written.value = { ...written.value, format: kept, text: TEMPLATES[kept] ?? "" }; revision.value += 1; }
  }, []);
  const schema = (): object => ({ schema: schemaOf(written.value), reason: reason.value });
  const create: Call = { method: "POST", path: path`/api/v1/subjects/${subject}/drafts`, body: schema() };
  const register: Call = { method: "POST", path: path`/api/v1/subjects/${subject}/versions`, body: { schema: schemaOf(written.value) } };
  // The level is set first: afterwards it would judge a version that is there already.
  const setLevel = async (): Promise<void> => {
    if (level.value) await send({ method: "PUT", path: path`/config/${subject}`, body: { compatibility: level.value } });
  };
  const draft = useAction(async () => {
    await setLevel();
    const made = await send<Draft>(create);
    go(href(["d", subject, made.id]));
  });
  const review = useAction(async () => {
    await setLevel();
    const made = await send<Draft>(create);
    await send<Draft>({ method: "POST", path: path`/api/v1/subjects/${subject}/drafts/${made.id}/submit`, body: { reason: reason.value } });
    go(href(["d", subject, made.id]));
  });
  const registering = useAction(async () => {
    await setLevel();
    const made = await send<Version>(register);
    const isKnown = base.versions.some((version) => version.version === made.version);
    if (isKnown) told.value = t("editor.known", { version: made.version });
    else go(href(["s", made.subject, "schema", made.version]));
  });
  const ready = subject !== "" && written.value.text.trim() !== "";
  const busy = draft.busy || review.busy || registering.busy;
  const main = base.review ? review : registering;
  return (
    <>
      {isNew && subject !== "" && (
        <div class="bar">
          <Select label={t("config.level")} value={level.value} options={[["", t("new.inherit")], ...LEVELS.map((one): [string, string] => [one, one])]} onPick={(value) => { level.value = value; }} />
        </div>
      )}
      {(level.value || base.level) && <DeployOrder level={level.value || base.level} />}
      <SchemaForm subject={subject} versions={base.versions} written={written} revision={revision} formatFixed={!isNew} onSubmit={() => { if (ready && !busy) void main.start(); }} />
      <div class="bottom-bar" role="group" aria-label={t("actions")}>
        <Field label={t("reason")}><input value={reason.value} maxLength={500} onInput={(event) => { reason.value = event.currentTarget.value; }} /></Field>
        <button type="button" disabled={!ready || busy} onClick={() => void draft.start()}>{t("editor.save-draft")}</button>
        <button type="button" class={base.review ? "main" : ""} disabled={!ready || busy} onClick={() => void review.start()}>{t("editor.ask")}</button>
        <button type="button" class={base.review ? "" : "main"} disabled={!ready || busy || base.review} title={base.review ? t("advice.42251") : undefined} onClick={() => void registering.start()}>{t("editor.register")}</button>
      </div>
      {base.review && <p class="hint">{t("advice.42251")}</p>}
      {told.value && <p class="hint" role="status">{told.value}</p>}
      {[draft, review, registering].map((action, at) => (action.error ? <Failure key={at} error={action.error} /> : null))}
      <Twin call={base.review ? create : register} ctl={base.review ? ctl("draft", "create", subject, "--file", fileOf(written.value.format), ...(reason.value ? ["--reason", reason.value] : [])) : ctl("schema", "register", subject, "--file", fileOf(written.value.format))} />
    </>
  );
}
