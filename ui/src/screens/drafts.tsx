// What waits: drafts and reviews. And one draft: its text, its report, and the steps that lead on.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ApiError, ctl, get, path, send } from "../api.ts";
import { type Key, ago, t, time } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { TextDiff } from "../parts/code.tsx";
import { Messages } from "../parts/messages.tsx";
import { SchemaForm, type Written, fileOf, schemaOf, writtenOf } from "../parts/schema-form.tsx";
import { Badge, Confirm, Empty, Failure, Field, Page, Select, Show, Twin, useAction } from "../parts/ui.tsx";
import { href, place, refine } from "../router.ts";
import { pretty } from "../schema/highlight.tsx";
import type { Draft, HistoryStep, Version } from "../types.ts";
import { History } from "./subject-life.tsx";
import { latestOf } from "./subject.tsx";

const STATES = ["DRAFT", "PENDING_REVIEW", "CHANGES_REQUESTED", "APPROVED", "REJECTED", "ACTIVE"];

export function Drafts(): JSX.Element {
  const state = place.value.query.get("state") ?? "";
  const author = place.value.query.get("author") ?? "";
  const call: Call = { method: "GET", path: "/api/v1/drafts", query: { state, pageSize: 500 } };
  const drafts = useLoad((signal) => send<{ drafts: Draft[]; nextPageToken: string }>(call, signal), [state]);
  return (
    <Page title={t("drafts.title")} actions={<a class="button main" href={href(["new"])}>{t("new.go")}</a>}>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Select label={t("state")} value={state} options={[["", t("drafts.open")], ...STATES.map((name): [string, string] => [name, t(`state.${name}` as Key)])]} onPick={(value) => refine({ state: value })} />
        <Field label={t("drafts.author")}><input data-focus value={author} onInput={(event) => refine({ author: event.currentTarget.value })} /></Field>
      </form>
      <Show load={drafts}>{({ drafts: all }) => {
        const shown = all.filter((draft) => (state !== "" || (draft.state !== "ACTIVE" && draft.state !== "REJECTED")) && (author === "" || draft.author.includes(author)));
        return (
          <>
            <p role="status" class="soft">{t("drafts.count", { n: shown.length })}</p>
            {shown.length === 0 ? <Empty>{t("drafts.none")}</Empty> : (
              <div class="scroll" tabIndex={0} role="region" aria-label={t("drafts.title")}>
                <table><caption class="hidden">{t("drafts.title")}</caption>
                  <thead><tr><th scope="col">{t("browse.subject")}</th><th scope="col">{t("state")}</th><th scope="col">{t("drafts.author")}</th><th scope="col">{t("created")}</th><th scope="col">{t("drafts.approvals")}</th><th scope="col">{t("editor.verdict")}</th></tr></thead>
                  <tbody>{shown.map((draft) => (
                    <tr key={draft.id}>
                      <th scope="row"><a href={href(["d", draft.subject, draft.id])}>{draft.subject}</a></th><td><Badge word={draft.state} /></td><td>{draft.author}</td><td title={time(draft.createdMs)}>{ago(draft.createdMs)}</td>
                      <td>{draft.approvals.length} / {draft.approvalsNeeded}</td>
                      <td>{draft.state === "DRAFT" || !draft.report ? "–" : draft.report.compatible ? <span class="good">✓ {t("editor.compatible")}</span> : <span class="bad">✗ {t("editor.incompatible")}</span>}</td>
                    </tr>
                  ))}</tbody>
                </table>
              </div>
            )}
          </>
        );
      }}</Show>
      <Twin call={call} ctl={ctl("draft", "list", ...(state ? ["--state", state] : []))} />
    </Page>
  );
}

interface Around { draft: Draft; versions: Version[]; latest: Version | null; history: HistoryStep[] }

export function DraftScreen(): JSX.Element {
  const [, subject = "", id = ""] = place.value.parts;
  const found = useLoad(async (signal): Promise<Around> => {
    const [draft, versions, history] = await Promise.all([
      get<Draft>(path`/api/v1/subjects/${subject}/drafts/${id}`, {}, signal),
      get<{ versions: Version[] }>(path`/api/v1/subjects/${subject}/versions`, {}, signal).catch((error: unknown) => { if (error instanceof ApiError && error.status === 404) return { versions: [] }; throw error; }),
      get<{ steps: HistoryStep[] }>(path`/api/v1/subjects/${subject}/drafts/${id}/history`, {}, signal),
    ]);
    const newest = latestOf(versions.versions);
    const latest = newest ? await get<Version>(path`/api/v1/subjects/${subject}/versions/${newest.version}`, {}, signal) : null;
    return { draft, versions: versions.versions, latest, history: history.steps };
  }, [subject, id]);
  return (
    <Page title={t("draft.title", { subject, id })} lead={<p><a href={href(["s", subject])}>{subject}</a></p>}>
      <Show load={found}>{(around) => <One key={around.draft.revision} around={around} again={found.again} />}</Show>
      <Twin call={{ method: "GET", path: path`/api/v1/subjects/${subject}/drafts/${id}` }} ctl={ctl("draft", "get", subject, id)} />
    </Page>
  );
}

type Step = "submit" | "approve" | "request_changes" | "reject" | "activate" | "publish";
/** Which steps begin in a state (docs/lifecycle.md). */
const STEPS: Record<string, Step[]> = {
  DRAFT: ["submit", "publish"], CHANGES_REQUESTED: ["submit"], PENDING_REVIEW: ["approve", "request_changes", "reject"], APPROVED: ["activate"], REJECTED: [], ACTIVE: [],
};
const DECISIONS: Partial<Record<Step, string>> = { approve: "APPROVE", request_changes: "REQUEST_CHANGES", reject: "REJECT" };

function One({ around, again }: { around: Around; again: () => void }): JSX.Element {
  const { draft, versions, latest, history } = around;
  const { subject, id } = draft;
  const asked = useSignal<Step | null>(null);
  const written = useSignal<Written>(draft.schema ? writtenOf(draft.schema) : { format: "AVRO", text: "", references: [], properties: [] });
  const revision = useSignal(0);
  const editable = draft.state === "DRAFT" || draft.state === "CHANGES_REQUESTED";
  const revise: Call = { method: "PUT", path: path`/api/v1/subjects/${subject}/drafts/${id}`, body: { schema: schemaOf(written.value) }, headers: { "If-Match": `"${draft.revision}"` } };
  const saving = useAction(async () => { await send(revise); again(); });
  const base = draft.report?.base ?? 0;
  const hasMoved = latest !== null && draft.state !== "DRAFT" && draft.state !== "ACTIVE" && draft.state !== "REJECTED" && base !== latest.version;
  const call = (step: Step, reason: string): Call => {
    const decision = DECISIONS[step];
    return decision
      ? { method: "POST", path: path`/api/v1/subjects/${subject}/drafts/${id}/review`, body: { decision, reason }, headers: { "If-Match": `"${draft.revision}"` } }
      : { method: "POST", path: path`/api/v1/subjects/${subject}/drafts/${id}/${step}`, body: { reason }, headers: { "If-Match": `"${draft.revision}"` } };
  };
  const twin = (step: Step, reason: string): string => DECISIONS[step]
    ? ctl("draft", "review", subject, id, step.replace("_", "-"), ...(reason ? ["--reason", reason] : []))
    : ctl("draft", step, subject, id, ...(reason ? ["--reason", reason] : []));
  return (
    <>
      <p class="line"><Badge word={draft.state} /> {t("draft.by", { author: draft.author })} · <span title={time(draft.createdMs)}>{ago(draft.createdMs)}</span> · {t("draft.approvals", { have: draft.approvals.length, need: draft.approvalsNeeded })}{draft.approvals.length > 0 ? ` (${draft.approvals.join(", ")})` : ""}</p>
      {draft.state === "ACTIVE" && <p class="good">✓ {t("draft.became")} <a href={href(["s", subject, "schema", draft.version])}>v{draft.version}</a></p>}
      {hasMoved && <p class="hint" role="status">! {t("draft.moved", { base, latest: latest?.version ?? 0 })}</p>}
      {draft.report && draft.state !== "DRAFT" && (
        <section class="panel" aria-labelledby="report">
          <h2 id="report">{t("draft.report")}</h2>
          <p class={draft.report.compatible ? "good" : "bad"}>{draft.report.compatible ? `✓ ${t("editor.compatible")}` : `✗ ${t("editor.incompatible")}`}{draft.report.base ? ` (v${draft.report.base})` : ""}{draft.report.breaking ? ` · ${t("draft.breaking")}` : ""}</p>
          <Messages messages={draft.report.messages} />
        </section>
      )}
      <div class="actions">{(STEPS[draft.state] ?? []).map((step) => <button type="button" key={step} class={step === "activate" || step === "approve" || step === "submit" ? "main" : ""} onClick={() => { asked.value = step; }}>{t(`draft.${step}` as Key)}</button>)}</div>
      {editable ? (
        <>
          <SchemaForm subject={subject} versions={versions} written={written} revision={revision} formatFixed onSubmit={() => void saving.start()} />
          <div class="actions"><button type="button" disabled={saving.busy} onClick={() => void saving.start()}>{t("draft.save")}</button></div>
          {saving.error ? <Failure error={saving.error} /> : null}
          <Twin call={revise} ctl={ctl("draft", "revise", subject, id, "--file", fileOf(written.value.format))} />
        </>
      ) : (
        <section aria-labelledby="against"><h2 id="against">{latest ? t("draft.against", { version: latest.version }) : t("draft.text")}</h2>
          <TextDiff left={pretty(latest?.schema?.text ?? "", draft.schema?.format ?? "")} right={pretty(draft.schema?.text ?? "", draft.schema?.format ?? "")} format={draft.schema?.format ?? ""} labels={[latest ? `v${latest.version}` : "–", t("draft.text")]} />
        </section>
      )}
      <h2>{t("life.history")}</h2>
      <History steps={history} />
      {asked.value && (
        <Confirm
          title={`${t(`draft.${asked.value}` as Key)}: ${subject}`}
          effect={<p>{t(`draft.${asked.value}-effect` as Key)}</p>}
          reason={asked.value === "reject" || asked.value === "request_changes" ? "needed" : "wanted"}
          verb={t(`draft.${asked.value}` as Key)}
          call={(reason) => call(asked.value ?? "submit", reason)}
          ctl={(reason) => twin(asked.value ?? "submit", reason)}
          run={(wanted) => send(wanted)}
          onDone={again}
          onClose={() => { asked.value = null; }}
        />
      )}
    </>
  );
}
