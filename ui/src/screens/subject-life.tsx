// The life of a version: where it stands, every step that led there, and the steps that lead on, each with its plan first.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ctl, get, path, send } from "../api.ts";
import { type Key, t, time } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Badge, Confirm, Empty, Field, Show, Twin } from "../parts/ui.tsx";
import type { Consumer, HistoryStep, RollbackPlan } from "../types.ts";
import { type About, PickVersion, chosenVersion } from "./subject.tsx";

type Step = "deprecate" | "reinstate" | "archive" | "rollback" | "reactivate" | "quarantine" | "release";

/** Which steps begin in a state (docs/lifecycle.md). */
export const STEPS: Record<string, Step[]> = {
  ACTIVE: ["deprecate", "rollback", "quarantine"], DEPRECATED: ["reinstate", "archive"], ROLLED_BACK: ["reactivate"], QUARANTINED: ["release"], ARCHIVED: [], DELETED: [],
};

export function LifeTab({ about, version: written }: { about: About; version: string }): JSX.Element {
  const { subject } = about;
  const version = chosenVersion(about, written);
  const row = about.versions.find((other) => other.version === version);
  const asked = useSignal<Step | null>(null);
  const history = useLoad((signal) => get<{ steps: HistoryStep[] }>(path`/api/v1/subjects/${subject}/versions/${version}/history`, {}, signal), [subject, version]);
  if (!row) return <Empty>{t("subject.none")}</Empty>;
  const newest = about.latest?.version === version;
  const steps = (STEPS[row.state] ?? []).filter((step) => step !== "rollback" || !newest);
  return (
    <>
      <div class="bar"><PickVersion about={about} tab="life" current={version} /><Badge word={row.state} /></div>
      {row.deprecation && <p>{t("life.ends", { when: time(row.deprecation.sunsetMs) })}{row.deprecation.successor ? ` ${t("life.successor", { version: row.deprecation.successor })}` : ""}</p>}
      <div class="actions">{steps.map((step) => <button type="button" key={step} onClick={() => { asked.value = step; }}>{t(`life.${step}` as Key)}</button>)}</div>
      {row.state === "ACTIVE" && newest && <p class="soft">{t("life.rollback-hint")}</p>}
      <h2>{t("life.history")}</h2>
      <Show load={history}>{({ steps: all }) => <History steps={all} />}</Show>
      <Twin call={{ method: "GET", path: path`/api/v1/subjects/${subject}/versions/${version}/history` }} ctl={ctl("lifecycle", "history", subject, version)} />
      {asked.value && <TakeStep about={about} version={version} revision={row.revision} step={asked.value} onDone={() => { about.again(); history.again(); }} onClose={() => { asked.value = null; }} />}
    </>
  );
}

export function History({ steps }: { steps: HistoryStep[] }): JSX.Element {
  if (steps.length === 0) return <Empty>{t("life.no-history")}</Empty>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("life.history")}>
      <table>
        <caption class="hidden">{t("life.history")}</caption>
        <thead><tr><th scope="col">{t("when")}</th><th scope="col">{t("action")}</th><th scope="col">{t("life.from-to")}</th><th scope="col">{t("actor")}</th><th scope="col">{t("reason")}</th></tr></thead>
        <tbody>{[...steps].reverse().map((step) => <tr key={`${step.index}-${step.action}`}><td>{time(step.timeMs)}</td><td><code>{step.action}</code></td><td>{step.from || "–"} → {step.to}</td><td>{step.actor}</td><td class="wrap">{step.reason}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

function TakeStep({ about, version, revision, step, onDone, onClose }: { about: About; version: number; revision: number; step: Step; onDone: () => void; onClose: () => void }): JSX.Element {
  const { subject } = about;
  const force = useSignal(false);
  const successor = useSignal(0);
  const sunset = useSignal("");
  const plan = useLoad(async (signal) => (step === "rollback" ? get<RollbackPlan>(path`/api/v1/subjects/${subject}/versions/${version}/rollback`, {}, signal) : null), []);
  const consumers = useLoad(async (signal) => (step === "deprecate" || step === "archive" ? get<{ consumers: Consumer[] }>(path`/api/v1/subjects/${subject}/consumers`, { version }, signal) : { consumers: [] }), []);
  const call = (reason: string): Call => {
    const body: Record<string, unknown> = { reason };
    if (step === "archive" || step === "rollback") body["force"] = force.value;
    if (step === "deprecate") {
      if (successor.value > 0) body["successor"] = successor.value;
      if (sunset.value) body["sunsetMs"] = Date.parse(sunset.value);
    }
    const planned = plan.current.value.data?.revision;
    const match = step === "rollback" ? planned : revision;
    return { method: "POST", path: path`/api/v1/subjects/${subject}/versions/${version}/${step}`, body, headers: match ? { "If-Match": `"${match}"` } : {} };
  };
  const others = about.versions.filter((other) => other.state === "ACTIVE" && other.version !== version);
  return (
    <Confirm
      title={`${t(`life.${step}` as Key)}: ${subject} v${version}`}
      reason={step === "quarantine" || (step === "archive" && force.value) ? "needed" : "wanted"}
      verb={t(`life.${step}` as Key)}
      name={step === "archive" || (step === "rollback" && force.value) ? subject : undefined}
      effect={
        <>
          <p>{t(`life.${step}-effect` as Key)}</p>
          {step === "rollback" && <Show load={plan}>{(found) => found && <Plan plan={found} />}</Show>}
          {(step === "deprecate" || step === "archive") && <Show load={consumers}>{({ consumers: all }) => <p>{all.length === 0 ? t("life.no-consumers") : t("life.consumers", { n: all.length, names: all.map((one) => one.id).join(", ") })}</p>}</Show>}
          {step === "deprecate" && (
            <>
              <Field label={t("life.successor-field")}><select value={successor.value} onChange={(event) => { successor.value = Number(event.currentTarget.value); }}><option value={0}>–</option>{others.map((other) => <option key={other.version} value={other.version}>v{other.version}</option>)}</select></Field>
              <Field label={t("life.sunset-field")} hint={t("life.sunset-hint")}><input type="datetime-local" value={sunset.value} onInput={(event) => { sunset.value = event.currentTarget.value; }} /></Field>
            </>
          )}
          {(step === "archive" || step === "rollback") && <label class="check"><input type="checkbox" checked={force.value} onChange={(event) => { force.value = event.currentTarget.checked; }} /> {t(`life.${step}-force` as Key)}</label>}
        </>
      }
      call={call}
      ctl={(reason) => ctl("lifecycle", step, subject, version, ...(reason ? ["--reason", reason] : []), force.value && "--force", ...(successor.value > 0 ? ["--successor", successor.value] : []))}
      run={(wanted) => send(wanted)}
      onDone={onDone}
      onClose={onClose}
    />
  );
}

function Plan({ plan }: { plan: RollbackPlan }): JSX.Element {
  return (
    <ul>
      <li>{t("plan.versions", { versions: plan.versions.map((version) => `v${version}`).join(", ") || "–", target: plan.target })}</li>
      <li class={plan.backwardCompatible ? "good" : "bad"}>{plan.backwardCompatible ? "✓" : "✗"} {t("plan.backward")}</li>
      <li class={plan.forwardCompatible ? "good" : "bad"}>{plan.forwardCompatible ? "✓" : "✗"} {t("plan.forward")}</li>
      <li>{plan.dependents.length === 0 ? t("plan.no-dependents") : t("plan.dependents", { n: plan.dependents.length, names: plan.dependents.map((one) => `${one.subject} v${one.version}`).join(", ") })}</li>
      <li>{plan.consumers.length === 0 ? t("life.no-consumers") : t("life.consumers", { n: plan.consumers.length, names: plan.consumers.map((one) => one.id).join(", ") })}</li>
    </ul>
  );
}
