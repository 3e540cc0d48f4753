// A schema that is being written: its text, what it refers to, its metadata; judged while one types.
import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, ctl, path, send } from "../api.ts";
import { t } from "../i18n.ts";
import { few } from "../load.ts";
import { pretty } from "../schema/highlight.tsx";
import { FORMATS, type Reference, type Schema, type Verdict, type Version } from "../types.ts";
import { type Findings, FindingsView } from "./projection.tsx";
import { CodeEditor } from "./code.tsx";
import { Messages } from "./messages.tsx";
import { Badge, Failure, Field, Select, Twin } from "./ui.tsx";

export interface Written {
  format: string;
  text: string;
  references: Reference[];
  properties: [string, string][];
}

export const TEMPLATES: Record<string, string> = {
  AVRO: `{
  "type": "record",
  "name": "Order",
  "namespace": "com.example",
  "fields": [
    {"name": "id", "type": "string"}
  ]
}
`,
  JSON: `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Order",
  "type": "object",
  "properties": {
    "id": {"type": "string"}
  },
  "required": ["id"]
}
`,
  PROTOBUF: `syntax = "proto3";

package com.example;

message Order {
  string id = 1;
}
`,
};

export function schemaOf(written: Written): Schema {
  const properties = Object.fromEntries(written.properties.filter(([name]) => name.trim() !== ""));
  return { format: written.format, text: written.text, references: written.references, ...(Object.keys(properties).length > 0 ? { metadata: { properties } } : {}) };
}

export function writtenOf(schema: Schema): Written {
  return { format: schema.format, text: pretty(schema.text, schema.format), references: schema.references ?? [], properties: Object.entries(schema.metadata?.properties ?? {}) };
}

interface Judgement {
  verdict: Verdict | null;
  /** Against each of the newest versions alone. */
  each: { version: number; compatible: boolean }[];
  error: ApiError | null;
  findings: Findings | null;
}

const PAUSE_MS = 350;
const EACH_MAX = 5;

export function SchemaForm({ subject, versions, written, revision, formatFixed, onSubmit }: {
  subject: string; versions: Version[]; written: Signal<Written>; revision: Signal<number>; formatFixed: boolean; onSubmit: () => void;
}): JSX.Element {
  const judgement = useSignal<Judgement | null>(null);
  const judging = useSignal(false);
  const forModels = useSignal(false);
  const { format, text, references, properties } = written.value;
  const put = (change: Partial<Written>): void => { written.value = { ...written.value, ...change }; };
  const live = versions.filter((version) => version.state === "ACTIVE" || version.state === "DEPRECATED").map((version) => version.version).reverse().slice(0, EACH_MAX);
  useEffect(() => {
    if (subject.trim() === "" || text.trim() === "") { judgement.value = null; return undefined; }
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      judging.value = true;
      const ask = (version: string): Promise<Verdict> => send<Verdict>({ method: "POST", path: path`/api/v1/subjects/${subject}/compatibility`, body: { schema: schemaOf(written.peek()), version } }, abort.signal);
      const next: Judgement = { verdict: null, each: [], error: null, findings: null };
      try {
        next.verdict = await ask("");
        if (!next.verdict.compatible && unsoundIn(next.verdict) === null) next.each = await few(live, 2, async (version) => ({ version, compatible: (await ask(String(version))).compatible }));
        if (forModels.peek()) {
          const schema: unknown = format === "PROTOBUF" ? text : JSON.parse(text);
          next.findings = await send<Findings>({ method: "POST", path: "/llm/v1/lint", body: { schema, schemaType: format, dialects: ["openai", "anthropic", "gemini"] } }, abort.signal);
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        next.error = error instanceof ApiError ? error : new ApiError(0, 0, String(error), "");
      }
      if (!abort.signal.aborted) { judgement.value = next; judging.value = false; }
    }, PAUSE_MS);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [subject, text, format, JSON.stringify(references), forModels.value, versions.length]);
  const now = judgement.value;
  const unsound = now?.verdict ? unsoundIn(now.verdict) : null;
  const marks = unsound !== null ? [{ severity: "error" as const, message: unsound }] : now?.error?.status === 422 ? [{ severity: "error" as const, message: now.error.message }] : [];
  const load = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    put({ text: await file.text(), ...(formatFixed ? {} : { format: file.name.endsWith(".proto") ? "PROTOBUF" : file.name.endsWith(".avsc") ? "AVRO" : "JSON" }) });
    revision.value += 1;
  };
  return (
    <div class="columns editor-columns">
      <div>
        <div class="bar">
          {!formatFixed && <Select label={t("format")} value={format} options={FORMATS} onPick={(value) => { const isTemplate = Object.values(TEMPLATES).includes(text); put({ format: value, ...(isTemplate ? { text: TEMPLATES[value] ?? "" } : {}) }); if (isTemplate) revision.value += 1; }} />}
          <button type="button" onClick={() => { put({ text: pretty(text, format) }); revision.value += 1; }}>{t("editor.format")}</button>
          <label class="button">{t("editor.file")}<input class="hidden" type="file" accept=".avsc,.json,.proto" onChange={(event) => void load(event.currentTarget.files?.[0])} /></label>
          <label class="check"><input type="checkbox" checked={forModels.value} onChange={(event) => { forModels.value = event.currentTarget.checked; }} /> {t("editor.models")}</label>
        </div>
        <CodeEditor text={text} format={format} label={t("editor.label")} revision={revision.value} marks={marks} onChange={(next) => put({ text: next })} onSubmit={onSubmit} />
        <p class="soft">{t("editor.keys")}</p>
      </div>
      <aside class="panel" aria-label={t("editor.verdict")}>
        <h2>{t("editor.verdict")}</h2>
        <div aria-live="polite" data-verdict={judging.value ? "pending" : now?.error ? "error" : unsound !== null ? "unsound" : now?.verdict ? String(now.verdict.compatible) : "none"}>
          {!now ? <p class="soft">{t("editor.write")}</p> : now.error ? <Failure error={now.error} /> : unsound !== null ? <><p class="bad"><strong>✗ {t("editor.unsound")}</strong></p><p class="wrap">{unsound}</p></> : (
            <>
              <p class={now.verdict?.compatible ? "good" : "bad"}><strong>{now.verdict?.compatible ? `✓ ${versions.length === 0 ? t("editor.first") : t("editor.compatible")}` : `✗ ${t("editor.incompatible")}`}</strong></p>
              {now.verdict && <Messages messages={now.verdict.messages} />}
              {now.each.length > 0 && <ul class="plain">{now.each.map(({ version, compatible }) => <li key={version}>v{version} <Badge word={String(compatible)} tone={compatible ? "good" : "bad"} label={compatible ? t("editor.fits") : t("editor.breaks")} /></li>)}</ul>}
              {now.findings && <FindingsView report={now.findings} />}
            </>
          )}
        </div>
        <h3>{t("references.out")}</h3>
        {references.map((reference, at) => (
          <fieldset key={at}>
            <legend class="hidden">{t("references.out")} {at + 1}</legend>
            <Field label={t("references.name")}><input value={reference.name} onInput={(event) => put({ references: references.map((other, place) => (place === at ? { ...other, name: event.currentTarget.value } : other)) })} /></Field>
            <Field label={t("browse.subject")}><input value={reference.subject} onInput={(event) => put({ references: references.map((other, place) => (place === at ? { ...other, subject: event.currentTarget.value } : other)) })} /></Field>
            <Field label={t("version")} hint={t("references.latest")}><input type="number" value={reference.version} onInput={(event) => put({ references: references.map((other, place) => (place === at ? { ...other, version: Number(event.currentTarget.value) } : other)) })} /></Field>
            <button type="button" class="small" onClick={() => put({ references: references.filter((_, place) => place !== at) })}>{t("remove")}</button>
          </fieldset>
        ))}
        <button type="button" class="small" onClick={() => put({ references: [...references, { name: "", subject: "", version: -1 }] })}>{t("references.add")}</button>
        <h3>{t("rules.metadata")}</h3>
        {properties.map(([name, value], at) => (
          <fieldset key={at} class="pair">
            <legend class="hidden">{t("rules.metadata")} {at + 1}</legend>
            <Field label={t("config.name")}><input value={name} onInput={(event) => put({ properties: properties.map((other, place) => (place === at ? [event.currentTarget.value, other[1]] : other)) })} /></Field>
            <Field label={t("config.value")}><input value={value} onInput={(event) => put({ properties: properties.map((other, place) => (place === at ? [other[0], event.currentTarget.value] : other)) })} /></Field>
            <button type="button" class="small" aria-label={`${t("remove")}: ${name}`} onClick={() => put({ properties: properties.filter((_, place) => place !== at) })}>{t("remove")}</button>
          </fieldset>
        ))}
        <button type="button" class="small" onClick={() => put({ properties: [...properties, [properties.some(([name]) => name === "owner") ? "" : "owner", ""]] })}>{t("rules.add")}</button>
        <Twin call={{ method: "POST", path: path`/api/v1/subjects/${subject}/compatibility`, body: { schema: schemaOf(written.value), version: "" } }} ctl={ctl("schema", "check", subject, "--file", fileOf(format))} />
      </aside>
    </div>
  );
}

/** What is wrong with a text that is no schema; null if it is one. The registry puts the whole text in front of the reason. */
function unsoundIn(verdict: Verdict): string | null {
  const [message = ""] = verdict.messages;
  if (verdict.compatible || !message.startsWith("Invalid schema ")) return null;
  return message.slice(message.lastIndexOf(", details: ") + ", details: ".length);
}

/** The file that a twin speaks of. */
export const fileOf = (format: string): string => (format === "PROTOBUF" ? "schema.proto" : format === "JSON" ? "schema.json" : "schema.avsc");
