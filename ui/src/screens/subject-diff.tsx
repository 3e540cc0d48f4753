// What changed between any two versions: the list of changes in the words of the format, judged by the direction that one asks
// for, and both texts side by side.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ctl, get, path } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { TextDiff } from "../parts/code.tsx";
import { Badge, Empty, Show, Twin } from "../parts/ui.tsx";
import { go, href, place, refine } from "../router.ts";
import { pretty } from "../schema/highlight.tsx";
import { isTyping, settingsAllowKeys } from "../keys.ts";
import type { Change, Diff, Version } from "../types.ts";
import { type About } from "./subject.tsx";

type Direction = "BACKWARD" | "FORWARD" | "FULL";

/** Does a change break what is asked for? */
export function breaks(change: Change, direction: Direction): boolean {
  return (direction !== "FORWARD" && change.breaksBackward) || (direction !== "BACKWARD" && change.breaksForward);
}

export function DiffTab({ about, pair }: { about: About; pair: string }): JSX.Element {
  const { subject, versions } = about;
  const there = versions.filter((version) => version.state !== "DELETED");
  const [left, right] = pair.split("..").map(Number);
  const to = right || (there.at(-1)?.version ?? 0);
  const from = left || (there.filter((version) => version.version < to).at(-1)?.version ?? to);
  const direction = (place.value.query.get("as") ?? "BACKWARD") as Direction;
  const at = useSignal(0);
  const diff = useLoad((signal) => get<Diff>(path`/api/v1/subjects/${subject}/diff`, { from, to }, signal), [subject, from, to]);
  const texts = useLoad(async (signal) => {
    const text = async (version: number): Promise<Version> => get<Version>(path`/api/v1/subjects/${subject}/versions/${version}`, {}, signal);
    return Promise.all([text(from), text(to)]);
  }, [subject, from, to]);
  const changes = diff.current.value.data?.changes ?? [];
  useEffect(() => { at.value = 0; }, [from, to]);
  useEffect(() => {
    const step = (event: KeyboardEvent): void => {
      if (isTyping(event) || !settingsAllowKeys() || event.ctrlKey || event.metaKey || event.altKey) return;
      const by = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (by === 0 || changes.length === 0) return;
      event.preventDefault();
      at.value = Math.min(changes.length - 1, Math.max(0, at.value + by));
      document.getElementById(`change-${at.value}`)?.focus();
    };
    addEventListener("keydown", step);
    return () => removeEventListener("keydown", step);
  }, [changes]);
  if (there.length < 2) return <Empty>{t("diff.one")}</Empty>;
  const pick = (nextFrom: number, nextTo: number): void => go(href(["s", subject, "diff", `${nextFrom}..${nextTo}`], { as: direction === "BACKWARD" ? undefined : direction }));
  const options = [...there].reverse().map((version) => <option key={version.version} value={version.version}>v{version.version} · {version.semanticVersion}</option>);
  return (
    <>
      <div class="bar">
        <label class="pick"><span>{t("diff.from")}</span><select value={from} onChange={(event) => pick(Number(event.currentTarget.value), to)}>{options}</select></label>
        <label class="pick"><span>{t("diff.to")}</span><select value={to} onChange={(event) => pick(from, Number(event.currentTarget.value))}>{options}</select></label>
        <button type="button" onClick={() => pick(to, from)}>{t("diff.swap")}</button>
        <div class="choice" role="group" aria-label={t("diff.as")}>
          {(["BACKWARD", "FORWARD", "FULL"] as const).map((name) => <button type="button" key={name} aria-pressed={direction === name} onClick={() => refine({ as: name === "BACKWARD" ? undefined : name })}>{name}</button>)}
        </div>
      </div>
      <Show load={diff}>{({ changes: all, step }) => {
        const broken = all.filter((change) => breaks(change, direction)).length;
        return (
          <>
            <p role="status"><Badge word={step} /> {t("versions.changes", { n: all.length })} · <span class={broken > 0 ? "bad" : "good"}>{broken > 0 ? "✗" : "✓"} {broken > 0 ? t("diff.broken", { n: broken, direction }) : t("diff.fine", { direction })}</span>{all.length > 0 && <span class="soft"> · {t("diff.keys", { at: at.value + 1, all: all.length })}</span>}</p>
            <ol class="changes" aria-label={t("diff.changes")}>
              {all.map((change, index) => (
                <li key={index} id={`change-${index}`} tabIndex={-1} class={`${breaks(change, direction) ? "breaks" : change.documentation ? "is-doc" : "fits"} ${index === at.value ? "at" : ""}`} onFocus={() => { at.value = index; }}>
                  <span class="sign" aria-hidden="true">{breaks(change, direction) ? "✗" : change.documentation ? "~" : "✓"}</span>
                  <span class="hidden">{breaks(change, direction) ? t("diff.breaks") : t("diff.fits")} </span>
                  <strong>{t(`kind.${change.kind}` as "kind.ADDED")}</strong> {change.element} <code>{change.path || "/"}</code>
                  {(change.old || change.new) && <span class="values">{change.old && <del>{change.old}</del>}{change.old && change.new ? " → " : ""}{change.new && <ins>{change.new}</ins>}</span>}
                  {change.breaksBackward && <span class="bad"> ✗ {t("backward")}</span>}{change.breaksForward && <span class="bad"> ✗ {t("forward")}</span>}
                </li>
              ))}
            </ol>
          </>
        );
      }}</Show>
      <Show load={texts}>{([before, after]) => <TextDiff left={pretty(before?.schema?.text ?? "", before?.schema?.format ?? "")} right={pretty(after?.schema?.text ?? "", after?.schema?.format ?? "")} format={after?.schema?.format ?? ""} labels={[`v${from}`, `v${to}`]} />}</Show>
      <Twin call={{ method: "GET", path: path`/api/v1/subjects/${subject}/diff`, query: { from, to } }} ctl={ctl("schema", "diff", subject, from, to)} />
    </>
  );
}
