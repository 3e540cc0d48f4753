// The members of the cluster: roles, how far each is, how old what it knows is, its disk; and what an operator does about it.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type Call, ctl, get, node as answering, path, send } from "../api.ts";
import { ago, bytes, count, t, time } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { headOf, standingOf, useEvery } from "../parts/cluster-line.tsx";
import { Badge, Confirm, Empty, Field, Page, Show, Twin } from "../parts/ui.tsx";
import type { Backups, ClusterStatus, NodeStatus } from "../types.ts";

const EVERY_MS = 2000;
const POINTS_MAX = 120;

interface Point { at: number; lags: Map<number, number>; leader: number }
type Asked = { kind: "finish" | "take-back" } | { kind: "transfer" | "promote" | "remove"; node: NodeStatus } | { kind: "add" } | { kind: "snapshot" } | { kind: "backup" };

export function Cluster(): JSX.Element {
  const asked = useSignal<Asked | null>(null);
  const points = useRef<Point[]>([]);
  const status = useLoad((signal) => get<ClusterStatus>("/v1/cluster/status", {}, signal), []);
  const metrics = useLoad(async (signal) => parseMetrics(await send<string>({ method: "GET", path: "/metrics", text: true }, signal)), []);
  const backups = useLoad((signal) => get<Backups>("/v1/backups", {}, signal), []);
  useEvery(EVERY_MS, () => { status.poll(); metrics.poll(); });
  const now = status.current.value;
  useEffect(() => {
    if (now.state !== "there") return;
    const head = headOf(now.data);
    const lags = new Map(now.data.nodes.filter((node) => !node.error).map((node) => [node.node_id, head - node.applied_index]));
    points.current = [...points.current, { at: Date.now(), lags, leader: standingOf(now.data).leader?.node_id ?? 0 }].slice(-POINTS_MAX);
  }, [now]);
  const again = (): void => { status.again(); backups.again(); };
  return (
    <Page title={t("cluster.title")} actions={<><button type="button" onClick={() => { asked.value = { kind: "snapshot" }; }}>{t("cluster.snapshot")}</button><button type="button" onClick={() => { asked.value = { kind: "add" }; }}>{t("cluster.add")}</button></>}>
      <Show load={status}>{(found) => {
        const standing = standingOf(found);
        const head = headOf(found);
        const regions = [...new Set(found.nodes.map((node) => node.region))].sort();
        const changes = points.current.filter((point, at, all) => at > 0 && point.leader !== all[at - 1]?.leader);
        return (
          <>
            <p role="status" class={`line ${standing.hasQuorum ? "good" : "bad"}`}>
              {standing.hasQuorum ? "✓" : "✗"} {standing.hasQuorum ? t("cluster.line", { reachable: standing.reachable, total: found.nodes.length }) : t("cluster.no-quorum", { reachable: standing.reachable, total: found.nodes.length })} · {t("cluster.id")} <code>{found.cluster_id}</code> · {t("cluster.answered", { id: answering.value.id, region: answering.value.region, staleness: answering.value.staleness || "–" })}
            </p>
            {found.change && (
              <section class="panel bad-card" aria-labelledby="change"><h2 id="change">! {t("cluster.change")}</h2>
                <p>{found.change.voter_sets.map((voters) => voters.join(", ")).join(" → ")}{found.change.operation && <> · {found.change.operation} {found.change.resource} · {found.change.principal}{found.change.since_ms ? ` · ${ago(found.change.since_ms)}` : ""}</>}</p>
                <div class="actions"><button type="button" onClick={() => { asked.value = { kind: "finish" }; }}>{t("cluster.finish")}</button><button type="button" onClick={() => { asked.value = { kind: "take-back" }; }}>{t("cluster.take-back")}</button></div>
              </section>
            )}
            <div class="cards">
              {regions.flatMap((region) => found.nodes.filter((node) => node.region === region)).map((node) => (
                <article class={`card ${node.error ? "bad-card" : ""}`} key={node.node_id} aria-label={t("cluster.node", { id: node.node_id })}>
                  <h2>{t("cluster.node", { id: node.node_id })} <Badge word={node.error ? "unreachable" : node.role} label={node.error ? t("cluster.unreachable") : node.role} /></h2>
                  <p class="soft">{node.region || "–"} · {found.learners.includes(node.node_id) ? t("cluster.learner") : t("cluster.voter")} · {node.version || "–"}</p>
                  {node.error ? <p class="bad">{node.error}</p> : (
                    <dl class="grid">
                      <dt>{t("cluster.term-name")}</dt><dd>{count(node.term)}</dd>
                      <dt>{t("cluster.applied")}</dt><dd>{count(node.applied_index)}</dd>
                      <dt>{t("cluster.committed")}</dt><dd>{count(node.committed_index)}</dd>
                      <dt>{t("cluster.behind")}</dt><dd class={head - node.applied_index > 1000 ? "bad" : ""}>{t("cluster.entries", { n: head - node.applied_index })}</dd>
                      <dt>{t("cluster.snapshot-at")}</dt><dd>{count(node.snapshot_index)}</dd>
                      {node.level ? <><dt>{t("cluster.level")}</dt><dd>{node.level} / {node.level_supported}</dd></> : null}
                    </dl>
                  )}
                  <div class="actions">
                    {!node.error && node.role !== "leader" && found.voters.includes(node.node_id) && <button type="button" class="small" onClick={() => { asked.value = { kind: "transfer", node }; }}>{t("cluster.transfer")}</button>}
                    {found.learners.includes(node.node_id) && <button type="button" class="small" onClick={() => { asked.value = { kind: "promote", node }; }}>{t("cluster.promote")}</button>}
                    <button type="button" class="small" aria-label={`${t("remove")}: ${t("cluster.node", { id: node.node_id })}`} onClick={() => { asked.value = { kind: "remove", node }; }}>{t("remove")}</button>
                  </div>
                </article>
              ))}
            </div>
            <section class="panel" aria-labelledby="lag"><h2 id="lag">{t("cluster.lag-chart")}</h2>
              <LagChart points={points.current} nodes={found.nodes} />
              <h3>{t("cluster.leaders")}</h3>
              {changes.length === 0 ? <p class="soft">{t("cluster.no-change")}</p> : <ul>{changes.map((point) => <li key={point.at}>{time(point.at)}: {point.leader ? t("cluster.node", { id: point.leader }) : t("cluster.none")}</li>)}</ul>}
            </section>
            {asked.value && <Act asked={asked.value} status={found} onDone={again} onClose={() => { asked.value = null; }} />}
          </>
        );
      }}</Show>
      <section class="panel" aria-labelledby="this-node"><h2 id="this-node">{t("cluster.this-node", { id: answering.value.id })}</h2>
        <Show load={metrics}>{(figures) => <Figures figures={figures} />}</Show>
      </section>
      <section class="panel" aria-labelledby="backups"><h2 id="backups">{t("backups.title")}</h2>
        <Show load={backups}>{(found) => (
          <>
            <p>{found.last_time_ms ? t("backups.last", { when: ago(found.last_time_ms) }) : <span class="bad">✗ {t("backups.never")}</span>}{found.last_failure && <span class="bad"> · {found.last_failure}</span>}</p>
            {found.backups.length === 0 ? <Empty>{t("backups.none")}</Empty> : (
              <table><caption class="hidden">{t("backups.title")}</caption><thead><tr><th scope="col">{t("config.name")}</th><th scope="col">{t("backups.kind")}</th><th scope="col">{t("backups.index")}</th><th scope="col">{t("when")}</th><th scope="col">{t("backups.size")}</th></tr></thead>
                <tbody>{found.backups.map((backup) => <tr key={backup.name}><th scope="row">{backup.name}</th><td>{backup.kind}</td><td>{backup.index}</td><td>{time(backup.time_ms)}</td><td>{bytes(backup.bytes)}{backup.problem && <span class="bad"> {backup.problem}</span>}</td></tr>)}</tbody></table>
            )}
            <button type="button" disabled={found.is_running} onClick={() => { asked.value = { kind: "backup" }; }}>{t("backups.make")}</button>
          </>
        )}</Show>
      </section>
      <Twin call={{ method: "GET", path: "/v1/cluster/status" }} ctl={ctl("cluster", "status")} />
    </Page>
  );
}

/** Name and labels to value, of a page for Prometheus. */
export function parseMetrics(page: string): Map<string, number> {
  const figures = new Map<string, number>();
  for (const [, name = "", value = ""] of page.matchAll(/^([a-zA-Z_:][^ #]*(?:\{[^}]*\})?) (\S+)$/gm)) figures.set(name, Number(value));
  return figures;
}

/** What a person asks about a node first. */
const FIGURES = /^schemareg_(.*(disk|staleness|lag|uptime|memory|certificate|snapshot_age|storage_bytes|store_bytes|log_bytes).*)$/;

function Figures({ figures }: { figures: Map<string, number> }): JSX.Element {
  const shown = [...figures].filter(([name]) => FIGURES.test(name) && !name.includes("_bucket") && !name.includes("_sum") && !name.includes("_count"));
  if (shown.length === 0) return <Empty>{t("cluster.no-figures")}</Empty>;
  const value = (name: string, figure: number): string => (name.includes("bytes") ? bytes(figure) : name.includes("seconds") ? `${figure.toLocaleString(undefined, { maximumFractionDigits: 3 })} s` : name.includes("_ms") ? `${count(figure)} ms` : count(figure));
  return <dl class="grid figures">{shown.map(([name, figure]) => <><dt><code>{name.replace(/^schemareg_/, "")}</code></dt><dd>{value(name, figure)}</dd></>)}</dl>;
}

const WIDTH = 640;
const HEIGHT = 140;
const STROKES = ["", "6 4", "2 3", "10 3 2 3", "1 4"];

function LagChart({ points, nodes }: { points: Point[]; nodes: NodeStatus[] }): JSX.Element {
  const most = Math.max(10, ...points.flatMap((point) => [...point.lags.values()]));
  const first = points[0]?.at ?? 0;
  const span = Math.max(1, (points.at(-1)?.at ?? 0) - first);
  const line = (id: number): string => points.filter((point) => point.lags.has(id)).map((point) => `${(((point.at - first) / span) * WIDTH).toFixed(1)},${(HEIGHT - ((point.lags.get(id) ?? 0) / most) * (HEIGHT - 10)).toFixed(1)}`).join(" ");
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 4}`} class="chart" role="img" aria-label={t("cluster.lag-chart")}>
        <line x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} class="axis" />
        {nodes.map((node, at) => <polyline key={node.node_id} points={line(node.node_id)} class={`series s${at % 5}`} stroke-dasharray={STROKES[at % STROKES.length]} />)}
        <text x="4" y="12" class="label">{most}</text>
      </svg>
      <figcaption>
        <table><caption class="hidden">{t("cluster.lag-chart")}</caption><thead><tr><th scope="col">{t("cluster.node-name")}</th><th scope="col">{t("cluster.now")}</th><th scope="col">{t("cluster.most")}</th></tr></thead>
          <tbody>{nodes.map((node, at) => { const lags = points.flatMap((point) => (point.lags.has(node.node_id) ? [point.lags.get(node.node_id) ?? 0] : [])); return <tr key={node.node_id}><th scope="row"><svg width="36" height="8" aria-hidden="true"><line x1="0" x2="36" y1="4" y2="4" class={`series s${at % 5}`} stroke-dasharray={STROKES[at % STROKES.length]} /></svg> {t("cluster.node", { id: node.node_id })}</th><td>{lags.at(-1) ?? "–"}</td><td>{lags.length > 0 ? Math.max(...lags) : "–"}</td></tr>; })}</tbody>
        </table>
      </figcaption>
    </figure>
  );
}

function Act({ asked, status, onDone, onClose }: { asked: Asked; status: ClusterStatus; onDone: () => void; onClose: () => void }): JSX.Element {
  const form = useSignal({ node_id: Math.max(0, ...status.nodes.map((node) => node.node_id)) + 1, peer_address: "", http_url: "", region: "" });
  const put = (change: Partial<typeof form.value>): void => { form.value = { ...form.value, ...change }; };
  const run = (call: Call): Promise<unknown> => send(call);
  const shared = { run, onDone, onClose };
  switch (asked.kind) {
    case "transfer": return <Confirm {...shared} title={t("cluster.transfer-title", { id: asked.node.node_id })} effect={<p>{t("cluster.transfer-effect")}</p>} verb={t("cluster.transfer")} call={() => ({ method: "POST", path: "/v1/cluster/leader/transfer", body: { to: asked.node.node_id } })} ctl={() => ctl("leader", "transfer", "--to", asked.node.node_id)} />;
    case "promote": return <Confirm {...shared} title={t("cluster.promote-title", { id: asked.node.node_id })} effect={<p>{t("cluster.promote-effect", { n: status.voters.length + 1 })}</p>} verb={t("cluster.promote")} call={() => ({ method: "POST", path: path`/v1/cluster/members/${asked.node.node_id}/promote` })} ctl={() => ctl("member", "promote", asked.node.node_id)} />;
    case "remove": {
      const isVoter = status.voters.includes(asked.node.node_id);
      const left = status.voters.length - (isVoter ? 1 : 0);
      return <Confirm {...shared} title={t("cluster.remove-title", { id: asked.node.node_id })} effect={<><p>{t("cluster.remove-effect", { n: left, may: Math.max(0, Math.floor((left - 1) / 2)) })}</p>{left % 2 === 0 && isVoter && <p class="bad">! {t("cluster.even")}</p>}</>} name={t("cluster.node", { id: asked.node.node_id })} verb={t("remove")} call={() => ({ method: "DELETE", path: path`/v1/cluster/members/${asked.node.node_id}` })} ctl={() => ctl("member", "remove", asked.node.node_id)} />;
    }
    case "finish": return <Confirm {...shared} title={t("cluster.finish")} effect={<p>{t("cluster.finish-effect")}</p>} verb={t("cluster.finish")} call={() => ({ method: "POST", path: "/v1/cluster/change/finish" })} ctl={() => ctl("member", "finish")} />;
    case "take-back": return <Confirm {...shared} title={t("cluster.take-back")} effect={<p>{t("cluster.take-back-effect")}</p>} verb={t("cluster.take-back")} call={() => ({ method: "POST", path: "/v1/cluster/change/take-back" })} ctl={() => ctl("member", "take-back")} />;
    case "snapshot": return <Confirm {...shared} title={t("cluster.snapshot")} effect={<p>{t("cluster.snapshot-effect", { id: answering.value.id })}</p>} verb={t("cluster.snapshot")} call={() => ({ method: "POST", path: "/v1/cluster/snapshot" })} ctl={() => ctl("snapshot", "take")} />;
    case "backup": return <Confirm {...shared} title={t("backups.make")} effect={<p>{t("backups.effect", { id: answering.value.id })}</p>} verb={t("backups.make")} call={() => ({ method: "POST", path: "/v1/backups", body: { kind: "full" } })} ctl={() => ctl("backup", "create")} />;
    case "add": return (
      <Confirm {...shared}
        title={t("cluster.add")}
        effect={
          <>
            <p>{t("cluster.add-effect")}</p>
            <Field label={t("cluster.node-id")}><input type="number" min="1" value={form.value.node_id} onInput={(event) => put({ node_id: Number(event.currentTarget.value) })} /></Field>
            <Field label={t("cluster.peer")}><input value={form.value.peer_address} placeholder="registry-4:9081" onInput={(event) => put({ peer_address: event.currentTarget.value })} /></Field>
            <Field label={t("cluster.http")}><input value={form.value.http_url} placeholder="http://registry-4:8081" onInput={(event) => put({ http_url: event.currentTarget.value })} /></Field>
            <Field label={t("cluster.region")}><input value={form.value.region} onInput={(event) => put({ region: event.currentTarget.value })} /></Field>
          </>
        }
        verb={t("cluster.add")}
        call={() => ({ method: "POST", path: "/v1/cluster/members", body: { ...form.value, priority: 0 } })}
        ctl={() => ctl("member", "add", form.value.node_id, "--peer-address", form.value.peer_address, "--http-url", form.value.http_url, "--region", form.value.region)}
      />
    );
  }
}
