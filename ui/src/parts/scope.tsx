// The settings of a scope (a subject, a context, everything): each value with the place that it comes from, and the way to
// change it.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, ApiError, ctl, get, path, send } from "../api.ts";
import { type Key, t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { type Config, LEVELS, MODES, type Policy, type PolicyAnswer, partsOf } from "../types.ts";
import { Badge, Confirm, Field, Select, Show, Twin } from "./ui.tsx";

export const GLOBAL = ":.__GLOBAL:";
/** The default context by its name: asked for so, it tells what is set there; without a name, what holds. */
const DEFAULT = ":.:";

/** Where a value may come from, the nearest first: the subject, its context, everything, the program. */
export function chainOf(scope: string): string[] {
  if (scope === GLOBAL) return [GLOBAL];
  const { context, name } = partsOf(scope);
  const own = name === "" ? [] : [scope];
  return [...own, context === "." ? "" : `:${context}:`, GLOBAL];
}

export const nameOf = (scope: string): string => (scope === GLOBAL ? t("scope.global") : scope === "" ? t("scope.default") : scope);
const configPath = (scope: string): string => (scope === "" ? "/config" : path`/config/${scope}`);
const modePath = (scope: string): string => (scope === "" ? "/mode" : path`/mode/${scope}`);
const policyPath = (scope: string): string => (scope === "" ? "/api/v1/policy" : path`/api/v1/policy/${scope}`);

async function own<T>(path: string, signal: AbortSignal): Promise<T | null> {
  try {
    return await get<T>(path, {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

interface Found { scope: string; config: Config | null; mode: string | undefined }

export function ScopeSettings({ scope, onChange }: { scope: string; onChange?: () => void }): JSX.Element {
  const asked = useSignal<"level" | "mode" | "unset-config" | "unset-mode" | "policy" | null>(null);
  const chain = useLoad(async (signal) => Promise.all(chainOf(scope).map(async (one): Promise<Found> => ({
    scope: one,
    config: await own<Config>(configPath(one || DEFAULT), signal),
    mode: (await own<{ mode?: string }>(modePath(one || DEFAULT), signal))?.mode,
  }))), [scope]);
  const policy = useLoad((signal) => get<PolicyAnswer>(policyPath(scope), {}, signal), [scope]);
  const done = (): void => { chain.again(); policy.again(); onChange?.(); };
  const close = (): void => { asked.value = null; };
  return (
    <>
      <Show load={chain}>{(found) => {
        const level = found.find(({ config }) => config?.compatibilityLevel);
        const mode = found.find(({ mode }) => mode);
        const mine = found[0];
        const current = level?.config?.compatibilityLevel ?? "BACKWARD";
        return (
          <>
            <table>
              <caption class="hidden">{t("config.title")}</caption>
              <thead><tr><th scope="col">{t("config.name")}</th><th scope="col">{t("config.value")}</th><th scope="col">{t("config.from")}</th><th scope="col"><span class="hidden">{t("actions")}</span></th></tr></thead>
              <tbody>
                <tr>
                  <th scope="row">{t("config.level")}</th><td><strong>{current}</strong></td><td><Source found={level?.scope} scope={scope} /></td>
                  <td class="actions"><button type="button" class="small" onClick={() => { asked.value = "level"; }}>{t("config.change-level")}</button>{mine?.config?.compatibilityLevel && <button type="button" class="small" onClick={() => { asked.value = "unset-config"; }}>{t("config.unset")}</button>}</td>
                </tr>
                <tr>
                  <th scope="row">{t("config.mode")}</th><td><strong>{mode?.mode ?? "READWRITE"}</strong></td><td><Source found={mode?.scope} scope={scope} /></td>
                  <td class="actions"><button type="button" class="small" onClick={() => { asked.value = "mode"; }}>{t("config.change-mode")}</button>{mine?.mode && <button type="button" class="small" onClick={() => { asked.value = "unset-mode"; }}>{t("config.unset")}</button>}</td>
                </tr>
                {(["normalize", "alias", "validateFields", "validateRules", "compatibilityGroup", "compatibilityPolicy", "defaultMetadata", "overrideMetadata", "defaultRuleSet", "overrideRuleSet"] as const).map((name) => {
                  const from = found.find(({ config }) => config?.[name] !== undefined && config?.[name] !== null);
                  if (!from) return null;
                  const value = from.config?.[name];
                  return <tr key={name}><th scope="row"><code>{name}</code></th><td><code>{typeof value === "object" ? JSON.stringify(value) : String(value)}</code></td><td><Source found={from.scope} scope={scope} /></td><td /></tr>;
                })}
              </tbody>
            </table>
            <DeployOrder level={current} />
            {asked.value === "level" && <ChangeLevel scope={scope} current={current} onDone={done} onClose={close} />}
            {asked.value === "mode" && <ChangeMode scope={scope} current={mode?.mode ?? "READWRITE"} onDone={done} onClose={close} />}
            {asked.value === "unset-config" && <Confirm title={t("config.unset-level")} effect={<p>{t("config.unset-effect")}</p>} verb={t("config.unset")} call={() => ({ method: "DELETE", path: configPath(scope) })} ctl={() => ctl("config", "delete", scope)} run={(call) => send(call)} onDone={done} onClose={close} />}
            {asked.value === "unset-mode" && <Confirm title={t("config.unset-mode")} effect={<p>{t("config.unset-effect")}</p>} verb={t("config.unset")} call={() => ({ method: "DELETE", path: modePath(scope) })} ctl={() => ctl("mode", "delete", scope)} run={(call) => send(call)} onDone={done} onClose={close} />}
          </>
        );
      }}</Show>
      <h2>{t("policy.title")}</h2>
      <Show load={policy}>{(answer) => (
        <>
          <table>
            <caption class="hidden">{t("policy.title")}</caption>
            <thead><tr><th scope="col">{t("config.name")}</th><th scope="col">{t("config.value")}</th><th scope="col">{t("config.from")}</th></tr></thead>
            <tbody>{policyRows(answer).map(([name, value, isOwn]) => <tr key={name}><th scope="row">{t(`policy.${name}` as Key)}</th><td>{value}</td><td>{isOwn ? <Badge word="own" tone="good" label={t("config.here")} /> : <span class="soft">{t("config.elsewhere")}</span>}</td></tr>)}</tbody>
          </table>
          <button type="button" onClick={() => { asked.value = "policy"; }}>{t("policy.change")}</button>
          {asked.value === "policy" && <ChangePolicy scope={scope} answer={answer} onDone={done} onClose={close} />}
        </>
      )}</Show>
      <Twin call={{ method: "GET", path: configPath(scope), query: { defaultToGlobal: true } }} ctl={ctl("config", "get", scope, "--inherited")} />
    </>
  );
}

function Source({ found, scope }: { found: string | undefined; scope: string }): JSX.Element {
  if (found === undefined) return <span class="soft">{t("config.built-in")}</span>;
  return found === scope ? <Badge word="own" tone="good" label={t("config.here")} /> : <span class="soft">{nameOf(found)}</span>;
}

/** Who may be changed first, by the level: what the level promises, in words. */
export function DeployOrder({ level }: { level: string }): JSX.Element {
  const key = level.startsWith("BACKWARD") ? "deploy.backward" : level.startsWith("FORWARD") ? "deploy.forward" : level.startsWith("FULL") ? "deploy.full" : "deploy.none";
  return <p class="hint"><strong>{t("deploy.title")}</strong> {t(key)}</p>;
}

interface Change { scope: string; onDone: () => void; onClose: () => void }

function ChangeLevel({ scope, current, onDone, onClose }: Change & { current: string }): JSX.Element {
  const level = useSignal(current);
  const call = (): Call => ({ method: "PUT", path: configPath(scope), body: { compatibility: level.value } });
  return <Confirm
    title={t("config.change-level")}
    effect={<><Select label={t("config.level")} value={level.value} options={LEVELS} onPick={(value) => { level.value = value; }} /><DeployOrder level={level.value} /><p>{t("config.level-effect", { scope: nameOf(scope) })}</p></>}
    verb={t("save")} call={call} ctl={() => ctl("config", "set", scope, "--compatibility", level.value)} run={(done) => send(done)} onDone={onDone} onClose={onClose} />;
}

function ChangeMode({ scope, current, onDone, onClose }: Change & { current: string }): JSX.Element {
  const mode = useSignal(current);
  const call = (): Call => ({ method: "PUT", path: modePath(scope), body: { mode: mode.value } });
  return <Confirm
    title={t("config.change-mode")}
    effect={<><Select label={t("config.mode")} value={mode.value} options={MODES} onPick={(value) => { mode.value = value; }} /><p>{t(`mode.${mode.value}` as Key)}</p></>}
    verb={t("save")} call={call} ctl={() => ctl("mode", "set", scope, mode.value)} run={(done) => send(done)} onDone={onDone} onClose={onClose} />;
}

const DAY_MS = 86_400_000;

function policyRows({ own, inForce }: PolicyAnswer): [string, string, boolean][] {
  const has = (name: keyof Policy): boolean => own?.[name] !== undefined && own?.[name] !== null;
  const days = (ms: number | null | undefined): string => (ms == null ? "–" : t("days", { n: Math.round(ms / DAY_MS) }));
  return [
    ["review", inForce.review ? t("yes") : t("no"), has("review")],
    ["approvals", String(inForce.approvals ?? 0), has("approvals")],
    ["approvalsBreaking", String(inForce.approvalsBreaking ?? 0), has("approvalsBreaking")],
    ["notice", days(inForce.deprecationNoticeMs), has("deprecationNoticeMs")],
    ["required", inForce.requiredProperties?.join(", ") || "–", (own?.requiredProperties?.length ?? 0) > 0],
    ["versionsMax", String(inForce.versionsMax ?? "–"), has("versionsMax")],
  ];
}

function ChangePolicy({ scope, answer, onDone, onClose }: Change & { answer: PolicyAnswer }): JSX.Element {
  const policy = useSignal<Policy>(answer.own ?? {});
  const put = (change: Partial<Policy>): void => { policy.value = { ...policy.value, ...change }; };
  const number = (text: string): number | null => (text.trim() === "" ? null : Math.max(0, Number(text)));
  const shown = (value: number | null | undefined): string => (value == null ? "" : String(value));
  // What is not set is left away, so that the scope above decides it.
  const body = (): Policy => Object.fromEntries(Object.entries(policy.value).filter(([, value]) => value !== null && value !== undefined)) as Policy;
  const asFlags = (): (string | number | false | undefined)[] => {
    const { review, approvals, approvalsBreaking, deprecationNoticeMs, requiredProperties, versionsMax } = body();
    return [
      ...(review == null ? [] : ["--review", String(review)]), ...(approvals == null ? [] : ["--approvals", approvals]), ...(approvalsBreaking == null ? [] : ["--approvals-breaking", approvalsBreaking]),
      ...(deprecationNoticeMs == null ? [] : ["--deprecation-notice", `${Math.round(deprecationNoticeMs / DAY_MS)}d`]), ...(requiredProperties ?? []).flatMap((name) => ["--required-property", name]), ...(versionsMax == null ? [] : ["--versions-max", versionsMax]),
    ];
  };
  return <Confirm
    title={t("policy.change")}
    effect={
      <>
        <p>{t("policy.effect", { scope: nameOf(scope) })}</p>
        <Select label={t("policy.review")} value={policy.value.review == null ? "" : String(policy.value.review)} options={[["", t("policy.inherit")], ["true", t("yes")], ["false", t("no")]]} onPick={(value) => put({ review: value === "" ? null : value === "true" })} />
        <Field label={t("policy.approvals")}><input type="number" min="0" max="20" value={shown(policy.value.approvals)} onInput={(event) => put({ approvals: number(event.currentTarget.value) })} /></Field>
        <Field label={t("policy.approvalsBreaking")}><input type="number" min="0" max="20" value={shown(policy.value.approvalsBreaking)} onInput={(event) => put({ approvalsBreaking: number(event.currentTarget.value) })} /></Field>
        <Field label={t("policy.notice-days")}><input type="number" min="0" max="3650" value={policy.value.deprecationNoticeMs == null ? "" : String(policy.value.deprecationNoticeMs / DAY_MS)} onInput={(event) => { const days = number(event.currentTarget.value); put({ deprecationNoticeMs: days === null ? null : Math.round(days * DAY_MS) }); }} /></Field>
        <Field label={t("policy.required")} hint={t("list.hint")}><input value={policy.value.requiredProperties?.join(", ") ?? ""} onChange={(event) => put({ requiredProperties: event.currentTarget.value.split(",").map((name) => name.trim()).filter(Boolean) })} /></Field>
      </>
    }
    verb={t("save")}
    call={() => ({ method: "PUT", path: policyPath(scope), body: { policy: body() }, ...(answer.revision ? { headers: { "If-Match": `"${answer.revision}"` } } : {}) })}
    ctl={() => ctl("policy", "set", scope || ":.:", ...asFlags())}
    run={(call) => send(call)} onDone={onDone} onClose={onClose} />;
}
