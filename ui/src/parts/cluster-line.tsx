// The state of the cluster in one line, asked for again every few seconds while it is in sight.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { get } from "../api.ts";
import { t } from "../i18n.ts";
import { useLoad } from "../load.ts";
import { href } from "../router.ts";
import type { ClusterStatus, NodeStatus } from "../types.ts";

const EVERY_MS = 5000;

/** Repeats while the page is in sight. */
export function useEvery(ms: number, run: () => void): void {
  useEffect(() => {
    const timer = setInterval(() => { if (document.visibilityState === "visible") run(); }, ms);
    return () => clearInterval(timer);
  }, [ms]);
}

export interface Standing {
  leader: NodeStatus | undefined;
  reachable: number;
  voters: number;
  hasQuorum: boolean;
  lag: number;
}

/** The newest entry that is known to be committed: what is behind it is still to be applied. */
export function headOf(status: ClusterStatus): number {
  return Math.max(0, ...status.nodes.filter((node) => !node.error).map((node) => node.committed_index));
}

/** What the status of the members comes to. */
export function standingOf(status: ClusterStatus): Standing {
  const there = status.nodes.filter((node) => !node.error);
  const voters = there.filter((node) => status.voters.includes(node.node_id));
  const named = there.map((node) => node.leader_id).find((id) => id != null);
  const leader = there.find((node) => node.role === "leader") ?? there.find((node) => node.node_id === named);
  const hasQuorum = voters.length > status.voters.length / 2 && leader !== undefined;
  const head = headOf(status);
  const lag = Math.max(0, ...there.map((node) => head - node.applied_index));
  return { leader, reachable: there.length, voters: status.voters.length, hasQuorum, lag };
}

export function ClusterLine(): JSX.Element {
  const status = useLoad((signal) => get<ClusterStatus>("/v1/cluster/status", {}, signal), []);
  useEvery(EVERY_MS, status.poll);
  const now = status.current.value;
  if (now.state === "failed") return <p class="line bad" role="status">✗ {t("cluster.unknown")}</p>;
  if (!now.data) return <p class="line soft" role="status">{t("loading")}</p>;
  const { leader, reachable, hasQuorum, lag } = standingOf(now.data);
  const total = now.data.nodes.length;
  const sign = !hasQuorum ? "✗" : reachable < total ? "!" : "✓";
  return (
    <p class={`line ${!hasQuorum ? "bad" : reachable < total ? "warn" : "good"}`} role="status">
      {sign} <a href={href(["cluster"])}>{hasQuorum ? t("cluster.line", { reachable, total }) : t("cluster.no-quorum", { reachable, total })}</a>
      {leader && <> · {t("cluster.leader", { id: leader.node_id, region: leader.region })} · {t("cluster.term", { term: leader.term })}</>}
      {" · "}{t("cluster.lag", { n: lag })}
    </p>
  );
}
