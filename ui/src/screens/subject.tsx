// One subject: what it is now, and a tab for each question about it.
import type { JSX } from "preact";
import { ApiError, get, path } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Badge, Page, Show, Tabs } from "../parts/ui.tsx";
import { href, place } from "../router.ts";
import type { Config, Version } from "../types.ts";
import { ConfigTab } from "./subject-config.tsx";
import { DiffTab } from "./subject-diff.tsx";
import { LifeTab } from "./subject-life.tsx";
import { LlmTab } from "./subject-llm.tsx";
import { ReferencesTab, RulesTab, UseTab } from "./subject-more.tsx";
import { SchemaTab, VersionsTab } from "./subject-versions.tsx";

const TABS = ["schema", "versions", "diff", "references", "rules", "config", "life", "use", "llm"] as const;
type Tab = (typeof TABS)[number];

export interface About {
  subject: string;
  /** Ascending, with those that are hidden. */
  versions: Version[];
  latest: Version | undefined;
  again: () => void;
}

/** What is set for a scope, or null: nothing of its own. */
export async function ownSetting<T>(path: string, signal: AbortSignal): Promise<T | null> {
  try {
    return await get<T>(path, {}, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export function Subject(): JSX.Element {
  const [, subject = "", wanted = "schema", rest = ""] = place.value.parts;
  const tab: Tab = TABS.find((name) => name === wanted) ?? "schema";
  const versions = useLoad((signal) => get<{ versions: Version[] }>(path`/api/v1/subjects/${subject}/versions`, { deleted: true }, signal), [subject]);
  const settings = useLoad(async (signal) => {
    const [config, mode, own] = await Promise.all([
      get<Config>(path`/config/${subject}`, { defaultToGlobal: true }, signal),
      get<{ mode: string }>(path`/mode/${subject}`, { defaultToGlobal: true }, signal),
      ownSetting<Config>(path`/config/${subject}`, signal),
    ]);
    return { level: config.compatibilityLevel ?? "", mode: mode.mode, isOwn: own?.compatibilityLevel !== undefined };
  }, [subject]);
  return (
    <Page
      title={subject}
      lead={
        <p class="line">
          <Show load={versions} quiet>{({ versions: all }) => {
            const latest = latestOf(all);
            return latest ? <><Badge word={latest.state} /> v{latest.version} · {latest.semanticVersion} · {t("id")} {latest.id} · </> : <Badge word="DELETED" />;
          }}</Show>
          <Show load={settings} quiet>{({ level, mode, isOwn }) => <a href={href(["s", subject, "config"])}>{level} ({isOwn ? t("config.own") : t("config.inherited")}) · {mode}</a>}</Show>
        </p>
      }
      actions={<><a class="button main" href={href(["s", subject, "edit"])}>{t("subject.edit")}</a></>}
    >
      <Tabs label={t("subject.tabs")} current={tab} tabs={TABS.map((id) => ({ id, name: t(`tab.${id}`), to: href(["s", subject, id]) }))} />
      <Show load={versions}>{({ versions: all }) => {
        const about: About = { subject, versions: all, latest: latestOf(all), again: () => { versions.again(); settings.again(); } };
        switch (tab) {
          case "schema": return <SchemaTab about={about} version={rest} />;
          case "versions": return <VersionsTab about={about} />;
          case "diff": return <DiffTab about={about} pair={rest} />;
          case "references": return <ReferencesTab about={about} version={rest} />;
          case "rules": return <RulesTab about={about} version={rest} />;
          case "config": return <ConfigTab about={about} />;
          case "life": return <LifeTab about={about} version={rest} />;
          case "use": return <UseTab about={about} />;
          case "llm": return <LlmTab about={about} version={rest} />;
        }
      }}</Show>
    </Page>
  );
}

/** The newest version that is not hidden, rolled back, archived or in quarantine; else the newest that is not hidden. */
export function latestOf(versions: Version[]): Version | undefined {
  const there = versions.filter((version) => version.state !== "DELETED");
  return there.filter((version) => version.state === "ACTIVE" || version.state === "DEPRECATED").at(-1) ?? there.at(-1);
}

/** Which version a tab is about: the one in the address, else the latest. */
export function chosenVersion(about: About, written: string): number {
  return Number(written) || (about.latest?.version ?? about.versions.at(-1)?.version ?? 0);
}

export function PickVersion({ about, tab, current, label }: { about: About; tab: string; current: number; label?: string }): JSX.Element {
  return (
    <label class="pick">
      <span>{label ?? t("version")}</span>
      <select value={current} onChange={(event) => { location.hash = href(["s", about.subject, tab, event.currentTarget.value]); }}>
        {[...about.versions].reverse().map((version) => <option key={version.version} value={version.version}>v{version.version} · {version.semanticVersion} · {t(`state.${version.state}` as "state.ACTIVE")}</option>)}
      </select>
    </label>
  );
}
