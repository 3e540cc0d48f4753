// Any schema in the words of any provider, and what providers will refuse, lose or misread in it. Nothing is stored.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Call, ctl, get, send } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { CodeEditor } from "../parts/code.tsx";
import { type Dialect, type Findings, FindingsView, type Projection, ProjectionView } from "../parts/projection.tsx";
import { Failure, Page, Select, Show, Twin, useAction } from "../parts/ui.tsx";
import { place, refine } from "../router.ts";
import { FORMATS } from "../types.ts";
import { DialectPick } from "./subject-llm.tsx";

const SAMPLE = `{
  "type": "object",
  "title": "get_weather",
  "description": "The weather of a city.",
  "properties": {
    "city": {"type": "string", "description": "A city, with its country.", "minLength": 2},
    "days": {"type": "integer", "description": "How many days ahead."}
  },
  "required": ["city"]
}`;

export function LlmScreen(): JSX.Element {
  const dialect = place.value.query.get("dialect") ?? "openai";
  const format = place.value.query.get("format") ?? "JSON";
  const text = useSignal(SAMPLE);
  const projection = useSignal<Projection | null>(null);
  const findings = useSignal<Findings | null>(null);
  const dialects = useLoad((signal) => get<{ dialects: Dialect[] }>("/llm/v1/dialects", {}, signal), []);
  const schema = (): unknown => {
    try { return format === "PROTOBUF" ? text.value : JSON.parse(text.value); } catch { return text.value; }
  };
  const call = (): Call => ({ method: "POST", path: "/llm/v1/project", body: { schema: schema(), schemaType: format, dialect } });
  const action = useAction(async () => {
    projection.value = null;
    findings.value = null;
    findings.value = await send<Findings>({ method: "POST", path: "/llm/v1/lint", body: { schema: schema(), schemaType: format, dialects: [dialect] } });
    projection.value = await send<Projection>(call());
  });
  useEffect(() => { void action.start(); }, [dialect, format]);
  return (
    <Page title={t("llm.title")} lead={<p class="soft">{t("llm.lead")}</p>}>
      <div class="bar">
        <Show load={dialects} quiet>{({ dialects: all }) => <DialectPick dialects={all} current={dialect} onPick={(value) => refine({ dialect: value })} />}</Show>
        <Select label={t("format")} value={format} options={FORMATS} onPick={(value) => refine({ format: value })} />
        <button type="button" class="main" disabled={action.busy} onClick={() => void action.start()}>{t("llm.project")}</button>
      </div>
      <CodeEditor text={text.value} format={format} label={t("editor.label")} revision={0} marks={[]} onChange={(next) => { text.value = next; }} onSubmit={() => void action.start()} />
      {action.error ? <Failure error={action.error} /> : null}
      {findings.value && <section class="panel"><h2>{t("llm.findings")}</h2><FindingsView report={findings.value} /></section>}
      {projection.value && <section class="panel"><h2>{t("llm.projection")}</h2><ProjectionView projection={projection.value} /></section>}
      <section class="panel">
        <h2>{t("llm.dialects")}</h2>
        <Show load={dialects}>{({ dialects: all }) => (
          <div class="scroll" tabIndex={0} role="region" aria-label={t("llm.dialects")}>
            <table><caption class="hidden">{t("llm.dialects")}</caption><thead><tr><th scope="col">{t("use.id")}</th><th scope="col">{t("llm.for")}</th><th scope="col">{t("llm.names")}</th><th scope="col">{t("llm.as-tool")}</th><th scope="col">{t("llm.as-format")}</th></tr></thead>
              <tbody>{all.map((one) => <tr key={one.id}><th scope="row"><code>{one.id}</code></th><td>{one.title}</td><td>{one.aliases.join(", ")}</td><td>{one.tool ? t("yes") : t("no")}</td><td>{one.answer ? t("yes") : t("no")}</td></tr>)}</tbody>
            </table>
          </div>
        )}</Show>
      </section>
      <Twin call={call()} ctl={ctl("llm", "project", "--file", "schema.json", "--dialect", dialect)} />
    </Page>
  );
}
