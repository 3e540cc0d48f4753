// A schema in the words of a model provider: what the provider gets, what that does not say, and how large it is.
import type { JSX } from "preact";
import { t } from "../i18n.ts";
import { Badge, Empty } from "./ui.tsx";
import { Code } from "./code.tsx";

export interface Dialect { id: string; aliases: string[]; title: string; sources: string; tool: object | null; answer: object | null; limits: Record<string, number | null> }
export interface Projection { dialect: string; schema: unknown; losses: { code: string; pointer: string; message: string }[]; class: string; stats: Record<string, number>; digest: string }
export interface Findings { findings: { code: string; severity: string; pointer: string; message: string; dialects?: string[] }[]; worst: string | null }

export function ProjectionView({ projection }: { projection: Projection }): JSX.Element {
  const { losses, stats, digest } = projection;
  const tone = projection.class === "exact" ? "good" : "warn";
  return (
    <>
      <p role="status"><Badge word={projection.class} tone={tone} label={t(`class.${projection.class}` as "class.exact")} /> {t("llm.losses", { n: losses.length })} · <span class="soft">{t("llm.digest")} <code>{digest}</code></span></p>
      {losses.length === 0 ? <Empty>{t("llm.lossless")}</Empty> : (
        <div class="scroll" tabIndex={0} role="region" aria-label={t("llm.losses-title")}>
          <table><caption class="hidden">{t("llm.losses-title")}</caption><thead><tr><th scope="col">{t("llm.loss")}</th><th scope="col">{t("llm.place")}</th><th scope="col">{t("llm.meaning")}</th></tr></thead>
            <tbody>{losses.map((loss, at) => <tr key={at}><td><code>{loss.code}</code></td><td><code>{loss.pointer || "/"}</code></td><td class="wrap">{loss.message}</td></tr>)}</tbody>
          </table>
        </div>
      )}
      <dl class="inline facts">{Object.entries(stats).map(([name, value]) => <><dt>{name}</dt><dd>{value}</dd></>)}</dl>
      <Code text={JSON.stringify(projection.schema, null, 2)} format="JSON" label={t("llm.schema", { dialect: projection.dialect })} />
    </>
  );
}

export function FindingsView({ report }: { report: Findings }): JSX.Element {
  if (report.findings.length === 0) return <p class="good" role="status">✓ {t("llm.no-findings")}</p>;
  return (
    <ul class="plain findings" aria-label={t("llm.findings")}>
      {report.findings.map((finding, at) => (
        <li key={at}><Badge word={finding.severity} tone={finding.severity === "error" ? "bad" : finding.severity === "warning" ? "warn" : "soft"} label={finding.severity} /> <code>{finding.pointer || "/"}</code> {finding.message} <span class="soft">{finding.code}{finding.dialects?.length ? ` · ${finding.dialects.join(", ")}` : ""}</span></li>
      ))}
    </ul>
  );
}
