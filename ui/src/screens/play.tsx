// Paste data, or the bytes of a message: does it fit, which schema is it, where not.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ApiError, ctl, get, path, send } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Failure, Field, Page, Show, Tabs, Twin, useAction } from "../parts/ui.tsx";
import { SchemaForm, TEMPLATES, type Written } from "../parts/schema-form.tsx";
import { toBase64 } from "../proof/merkle.ts";
import { href, place, refine } from "../router.ts";
import { type Frame, bytesIn, frameOf } from "../schema/wire.ts";
import type { Validation, Version } from "../types.ts";

export function Play(): JSX.Element {
  const tab = place.value.parts[1] ?? "data";
  return (
    <Page title={t("play.title")} lead={<p class="soft">{t("play.lead")}</p>}>
      <Tabs label={t("play.title")} current={tab} tabs={(["data", "bytes", "compatibility"] as const).map((id) => ({ id, name: t(`play.${id}`), to: href(["play", id], Object.fromEntries(place.value.query)) }))} />
      {tab === "bytes" ? <Bytes /> : tab === "compatibility" ? <Compatibility /> : <Data />}
    </Page>
  );
}

function Subject(): JSX.Element {
  const subject = place.value.query.get("subject") ?? "";
  const version = place.value.query.get("version") ?? "";
  const names = useLoad((signal) => get<{ subjects: string[] }>("/api/v1/subjects", { prefix: subject, pageSize: 50 }, signal), [subject]);
  return (
    <div class="filters">
      <Field label={t("browse.subject")}><input list="subjects" data-focus value={subject} autocomplete="off" onInput={(event) => refine({ subject: event.currentTarget.value })} /></Field>
      <Show load={names} quiet>{({ subjects }) => <datalist id="subjects">{subjects.map((name) => <option key={name} value={name} />)}</datalist>}</Show>
      <Field label={t("version")} hint={t("play.version")}><input value={version} placeholder="latest" onInput={(event) => refine({ version: event.currentTarget.value })} /></Field>
    </div>
  );
}

function Outcome({ result }: { result: Validation }): JSX.Element {
  return (
    <div role="status" class="panel" data-valid={String(result.valid)}>
      <p class={result.valid ? "good" : "bad"}><strong>{result.valid ? `✓ ${t("play.valid")}` : `✗ ${t("play.invalid")}`}</strong></p>
      {result.error && <p>{result.error}</p>}
      {result.errors.length > 0 && <ul>{result.errors.map((error, at) => <li key={at}><code>{error.path || "/"}</code> {error.message}</li>)}</ul>}
    </div>
  );
}

function Data(): JSX.Element {
  const subject = place.value.query.get("subject") ?? "";
  const version = place.value.query.get("version") ?? "";
  const text = useSignal('{"id": "1"}');
  const result = useSignal<Validation | null>(null);
  const call = (): Call => ({ method: "POST", path: "/api/v1/validate", body: { subject, version, json: true, data: toBase64(new TextEncoder().encode(text.value)) } });
  const action = useAction(async () => { result.value = null; result.value = await send<Validation>(call()); });
  return (
    <form onSubmit={(event) => { event.preventDefault(); void action.start(); }}>
      <Subject />
      <Field label={t("play.json")}><textarea rows={12} class="mono" spellcheck={false} value={text.value} onInput={(event) => { text.value = event.currentTarget.value; }} /></Field>
      <div class="actions"><button type="submit" class="main" disabled={subject === "" || action.busy}>{t("play.validate")}</button></div>
      {action.error ? <Failure error={action.error} /> : null}
      {result.value && <Outcome result={result.value} />}
      <Twin call={call()} ctl={ctl("schema", "validate", subject, version || "latest", "--data", "data.json")} />
    </form>
  );
}

function Bytes(): JSX.Element {
  const text = useSignal("");
  const result = useSignal<Validation | null>(null);
  const uses = useSignal<{ subject: string; version: number }[]>([]);
  const parsed = bytesIn(text.value);
  const frame: Frame | null = parsed ? frameOf(parsed) : null;
  const call = (): Call => ({ method: "POST", path: "/api/v1/validate", body: { framed: true, data: parsed ? toBase64(parsed) : "" } });
  const action = useAction(async () => {
    result.value = null;
    uses.value = [];
    if (frame?.id !== undefined) uses.value = await get<{ subject: string; version: number }[]>(path`/schemas/ids/${frame.id}/versions`).catch((error: unknown) => { if (error instanceof ApiError && error.status === 404) return []; throw error; });
    result.value = await send<Validation>(call());
  });
  return (
    <form onSubmit={(event) => { event.preventDefault(); void action.start(); }}>
      <Field label={t("play.message")} hint={t("play.message-hint")}><textarea rows={6} class="mono" spellcheck={false} value={text.value} onInput={(event) => { text.value = event.currentTarget.value; }} /></Field>
      {text.value.trim() !== "" && <p role="status">{!parsed ? <span class="bad">✗ {t("play.no-bytes")}</span> : !frame ? <span class="bad">✗ {t("play.no-frame", { n: parsed.length })}</span> : <>✓ {t("play.frame", { id: frame.id ?? "–", n: frame.rest })}{frame.id !== undefined && <> <a href={href(["id", frame.id])}>{t("play.open")}</a></>}</>}</p>}
      <div class="actions"><button type="submit" class="main" disabled={!frame || action.busy}>{t("play.decode")}</button></div>
      {action.error ? <Failure error={action.error} /> : null}
      {uses.value.length > 0 && <p>{t("play.is")} {uses.value.map((use) => <a key={`${use.subject} ${use.version}`} href={href(["s", use.subject, "schema", use.version])}>{use.subject} v{use.version} </a>)}</p>}
      {result.value && <Outcome result={result.value} />}
      <Twin call={call()} ctl={frame?.id === undefined ? undefined : ctl("schema", "get", "--id", frame.id)} />
    </form>
  );
}

function Compatibility(): JSX.Element {
  const subject = place.value.query.get("subject") ?? "";
  const written = useSignal<Written>({ format: "AVRO", text: TEMPLATES["AVRO"] ?? "", references: [], properties: [] });
  const revision = useSignal(0);
  const versions = useLoad((signal) => (subject === "" ? Promise.resolve({ versions: [] }) : get<{ versions: Version[] }>(path`/api/v1/subjects/${subject}/versions`, {}, signal).catch(() => ({ versions: [] }))), [subject]);
  return (
    <>
      <Subject />
      <Show load={versions}>{({ versions: all }) => <SchemaForm subject={subject} versions={all} written={written} revision={revision} formatFixed={false} onSubmit={() => { revision.value += 1; }} />}</Show>
    </>
  );
}
