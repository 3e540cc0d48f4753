// The audit log: who did what, and the proof that a record is in the log, checked in this browser.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Call, address, ctl, get, send } from "../api.ts";
import { ago, t, time } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { Badge, Dialog, Empty, Field, Page, Show, Twin } from "../parts/ui.tsx";
import { type Inclusion, checkInclusion, fromBase64, isGrown, isSigned, noteOf } from "../proof/merkle.ts";
import { place, refine } from "../router.ts";
import { choose, settings } from "../settings.ts";
import type { AuditRecord, Checkpoint, Proof } from "../types.ts";

const SHOWN = 100;

export function Audit(): JSX.Element {
  const query = place.value.query;
  const asked = (name: string): string => query.get(name) ?? "";
  const [actor, action, resource, from] = [asked("actor"), asked("action"), asked("resource"), asked("from")];
  const proving = useSignal<AuditRecord | null>(null);
  const found = useLoad(async (signal) => {
    const head = await get<Checkpoint>("/api/v1/audit/checkpoint", {}, signal);
    const isFiltered = actor !== "" || action !== "" || resource !== "";
    // Without a filter the newest records; with one, from the first, because the index goes forward.
    const start = from !== "" ? Number(from) : isFiltered ? 0 : Math.max(0, head.size - SHOWN);
    const answer = await get<{ records: AuditRecord[]; next: number; size: number; first: number }>("/api/v1/audit", { from: start, actor, action, resource, limit: SHOWN }, signal);
    return { ...answer, start };
  }, [actor, action, resource, from]);
  const start = found.current.value.data?.start ?? 0;
  const call: Call = { method: "GET", path: "/api/v1/audit", query: { from: start, actor, action, resource, limit: SHOWN } };
  const exportCall: Call = { method: "GET", path: "/api/v1/audit/export" };
  return (
    <Page title={t("audit.title")} lead={<p class="soft">{t("audit.lead")}</p>} actions={<a class="button" href={address({ ...exportCall, query: { format: "csv" } })} download="audit.csv">{t("audit.export")}</a>}>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Field label={t("actor")}><input data-focus value={actor} onChange={(event) => refine({ actor: event.currentTarget.value, from: undefined })} /></Field>
        <Field label={t("action")}><input value={action} placeholder="draft.approve" onChange={(event) => refine({ action: event.currentTarget.value, from: undefined })} /></Field>
        <Field label={t("audit.resource")}><input value={resource} placeholder="subject/" onChange={(event) => refine({ resource: event.currentTarget.value, from: undefined })} /></Field>
      </form>
      <Show load={found}>{({ records, next, size, first }) => (
        <>
          <p role="status" class="soft">{t("audit.size", { n: size })}{first > 0 ? ` · ${t("audit.first", { first })}` : ""}</p>
          {records.length === 0 ? <Empty>{t("audit.none")}</Empty> : (
            <div class="scroll" tabIndex={0} role="region" aria-label={t("audit.title")}>
              <table><caption class="hidden">{t("audit.title")}</caption>
                <thead><tr><th scope="col">#</th><th scope="col">{t("when")}</th><th scope="col">{t("actor")}</th><th scope="col">{t("action")}</th><th scope="col">{t("audit.resource")}</th><th scope="col">{t("audit.outcome")}</th><th scope="col">{t("reason")}</th><th scope="col"><span class="hidden">{t("actions")}</span></th></tr></thead>
                <tbody>{[...records].reverse().map((record) => (
                  <tr key={record.position}>
                    <td><code>{record.position}</code></td><td title={time(record.timeMs)}>{ago(record.timeMs)}</td><td>{record.principal}</td><td><code>{record.action}</code></td><td class="wrap">{record.resource}</td>
                    <td><Badge word={record.outcome} tone={record.outcome.startsWith("ok") ? "good" : "warn"} label={record.outcome} /></td><td class="wrap">{record.reason}</td>
                    <td><button type="button" class="small" aria-label={`${t("audit.prove")}: ${record.position}`} onClick={() => { proving.value = record; }}>{t("audit.prove")}</button></td>
                  </tr>
                ))}</tbody>
              </table>
            </div>
          )}
          <div class="actions">
            {start > 0 && <button type="button" onClick={() => refine({ from: String(Math.max(0, start - SHOWN)) })}>{t("audit.older")}</button>}
            {next > 0 && <button type="button" onClick={() => refine({ from: String(next) })}>{t("audit.newer")}</button>}
          </div>
        </>
      )}</Show>
      <Twin call={call} ctl={ctl("audit", "list", "--from", start, "--limit", SHOWN, ...(actor ? ["--actor", actor] : []), ...(action ? ["--action", action] : []), ...(resource ? ["--resource", resource] : []))} />
      {proving.value && <Prove record={proving.value} onClose={() => { proving.value = null; }} />}
    </Page>
  );
}

interface Proven { inclusion: Inclusion; signed: "yes" | "no" | "unknown"; pinned: "same" | "new" | "differs"; grown: "yes" | "no" | "first"; checkpoint: Checkpoint; size: number; hashes: number; key: string; origin: string }

function Prove({ record, onClose }: { record: AuditRecord; onClose: () => void }): JSX.Element {
  const proven = useLoad((signal) => prove(record, signal), [record.position]);
  const line = (isGood: boolean, text: string): JSX.Element => <li class={isGood ? "good" : "bad"}>{isGood ? "✓" : "✗"} {text}</li>;
  const call: Call = { method: "GET", path: "/api/v1/audit/proofs/inclusion", query: { position: record.position } };
  return (
    <Dialog title={t("audit.prove-one", { position: record.position })} onClose={onClose}>
      <p class="soft">{t("audit.prove-about")}</p>
      <Show load={proven}>{(found) => (
        <>
          <ul class="plain proof" role="status" data-proof={found.inclusion.leaf && found.inclusion.root && found.inclusion.head && found.signed !== "no" && found.grown !== "no" ? "good" : "bad"}>
            {line(found.inclusion.leaf, t("audit.leaf"))}
            {line(found.inclusion.root, t("audit.path", { n: found.hashes, size: found.size }))}
            {line(found.inclusion.head, t("audit.head"))}
            {found.signed === "unknown" ? <li>· {t("audit.signature-unknown")}</li> : line(found.signed === "yes", t("audit.signature"))}
            {found.pinned === "new" ? <li>· {t("audit.pinned-new")}</li> : line(found.pinned === "same", found.pinned === "same" ? t("audit.pinned") : t("audit.pinned-differs"))}
            {found.grown === "first" ? <li>· {t("audit.grown-first")}</li> : line(found.grown === "yes", t("audit.grown"))}
          </ul>
          <details><summary>{t("audit.key")}</summary><pre tabIndex={0}><code>{found.key}</code></pre><pre tabIndex={0}><code>{found.checkpoint.note}</code></pre></details>
        </>
      )}</Show>
      <Twin call={call} ctl={ctl("audit", "prove", record.position)} />
      <div class="actions end"><button type="button" class="main" onClick={onClose}>{t("close")}</button></div>
    </Dialog>
  );
}

async function prove(record: AuditRecord, signal: AbortSignal): Promise<Proven> {
  const checkpoint = await get<Checkpoint>("/api/v1/audit/checkpoint", {}, signal);
  const proof = await send<Proof>({ method: "GET", path: "/api/v1/audit/proofs/inclusion", query: { position: record.position, size: checkpoint.size } }, signal);
  const inclusion = checkInclusion(record, proof, checkpoint);
  const note = noteOf(checkpoint.note);
  if (note === null) throw new Error(t("audit.no-note"));
  const name = checkpoint.verifierKey.split("+")[0] ?? "";
  const known = settings.peek().pinned[name];
  const key = known ?? checkpoint.verifierKey;
  const signed = await isSigned(note, key);
  // The log of now must begin with the log that this browser has seen before.
  const before = settings.peek().heads[note.origin];
  let grown: Proven["grown"] = "first";
  if (before && before.size <= checkpoint.size) {
    const path = before.size === checkpoint.size ? { hashes: [] as string[] } : await get<Proof>("/api/v1/audit/proofs/consistency", { from: before.size, to: checkpoint.size }, signal);
    grown = isGrown(before.size, fromBase64(before.root), checkpoint.size, fromBase64(checkpoint.root), path.hashes.map(fromBase64)) ? "yes" : "no";
  }
  if (grown !== "no" && inclusion.head && (!before || before.size < checkpoint.size)) {
    choose({ heads: { ...settings.peek().heads, [note.origin]: { size: checkpoint.size, root: checkpoint.root } } });
  }
  if (!known) choose({ pinned: { ...settings.peek().pinned, [name]: checkpoint.verifierKey } });
  return { inclusion, signed, pinned: !known ? "new" : known === checkpoint.verifierKey ? "same" : "differs", grown, checkpoint, size: proof.size, hashes: proof.hashes.length, key, origin: note.origin };
}

