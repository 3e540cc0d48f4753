// A registered version as a tool, or as the form of an answer, for each model provider.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ctl, get, path, send } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Code } from "../parts/code.tsx";
import { type Dialect, type Projection, ProjectionView } from "../parts/projection.tsx";
import { Failure, Field, Select, Show, Twin, useAction } from "../parts/ui.tsx";
import { place, refine } from "../router.ts";
import { type About, PickVersion, chosenVersion } from "./subject.tsx";

export function LlmTab({ about, version: written }: { about: About; version: string }): JSX.Element {
  const { subject } = about;
  const version = chosenVersion(about, written);
  const dialect = place.value.query.get("dialect") ?? "openai";
  const as = place.value.query.get("as") ?? "";
  const dialects = useLoad((signal) => get<{ dialects: Dialect[] }>("/llm/v1/dialects", {}, signal), []);
  const call: Call = { method: "GET", path: path`/llm/v1/subjects/${subject}/versions/${version}/projections/${dialect}`, query: { as } };
  const found = useLoad((signal) => send<Projection>(call, signal), [subject, version, dialect, as]);
  return (
    <>
      <div class="bar">
        <PickVersion about={about} tab="llm" current={version} />
        <Show load={dialects} quiet>{({ dialects: all }) => <DialectPick dialects={all} current={dialect} onPick={(value) => refine({ dialect: value })} />}</Show>
        <Select label={t("llm.as")} value={as} options={[["", t("llm.as-schema")], ["tool", t("llm.as-tool")], ["format", t("llm.as-format")]]} onPick={(value) => refine({ as: value || undefined })} />
      </div>
      <Show load={found}>{(one) => as === "" ? <ProjectionView projection={one} /> : <Code text={JSON.stringify(one, null, 2)} format="JSON" label={t("llm.part", { dialect })} />}</Show>
      <CheckAnswer subject={subject} version={version} dialect={dialect} />
      <Twin call={call} ctl={`${ctl("schema", "get", subject, version, "--text")} > schema.json && registryctl llm project --file schema.json --dialect ${dialect}${as ? ` --as ${as}` : ""}`} />
    </>
  );
}

export function DialectPick({ dialects, current, onPick }: { dialects: Dialect[]; current: string; onPick: (value: string) => void }): JSX.Element {
  const known = dialects.find((dialect) => dialect.id === current || dialect.aliases.includes(current));
  return <Select label={t("llm.dialect")} value={known?.id ?? current} options={dialects.map((dialect): [string, string] => [dialect.id, `${dialect.title} (${dialect.id})`])} onPick={onPick} />;
}

interface Judged { status: string; value?: unknown; repairs: { code?: string; pointer?: string }[]; errors: (string | { pointer?: string; path?: string; message?: string })[] }

function CheckAnswer({ subject, version, dialect }: { subject: string; version: number; dialect: string }): JSX.Element {
  const text = useSignal("");
  const judged = useSignal<Judged | null>(null);
  const call = (): Call => ({ method: "POST", path: path`/llm/v1/subjects/${subject}/versions/${version}/outputs:check`, body: { dialect, text: text.value } });
  const action = useAction(async () => { judged.value = null; judged.value = await send<Judged>(call()); });
  return (
    <section class="panel" aria-labelledby="check-answer">
      <h2 id="check-answer">{t("llm.check")}</h2>
      <form onSubmit={(event) => { event.preventDefault(); void action.start(); }}>
        <Field label={t("llm.answer")}><textarea rows={5} value={text.value} spellcheck={false} onInput={(event) => { text.value = event.currentTarget.value; }} /></Field>
        <button type="submit" disabled={action.busy || text.value === ""}>{t("llm.check-go")}</button>
      </form>
      {action.error ? <Failure error={action.error} /> : null}
      {judged.value && (
        <div role="status">
          <p class={judged.value.status === "valid" || judged.value.status === "repaired" ? "good" : "bad"}>{judged.value.status === "valid" || judged.value.status === "repaired" ? "✓" : "✗"} {judged.value.status}</p>
          {judged.value.errors?.length > 0 && <ul>{judged.value.errors.map((error, at) => <li key={at}>{typeof error === "string" ? error : <><code>{error.pointer ?? error.path}</code> {error.message}</>}</li>)}</ul>}
          {judged.value.repairs?.length > 0 && <p class="soft">{t("llm.repairs")}: {judged.value.repairs.map((repair) => repair.code ?? JSON.stringify(repair)).join(", ")}</p>}
          {judged.value.value !== undefined && <Code text={JSON.stringify(judged.value.value, null, 2)} format="JSON" label={t("llm.value")} />}
        </div>
      )}
    </section>
  );
}
