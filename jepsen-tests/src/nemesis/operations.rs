//! What operators do, at the worst time: members come and go, the leadership moves, snapshots are taken and logs purged.

use rand::RngExt;
use serde_json::json;

use super::outsider::ask_outsider;
use super::{Evidence, NemesisTarget, all_but, leader_and_term};
use crate::cluster::Cluster;

/// Removes a member whose disk cannot be used and lets an empty node join in its place; the new id.
pub(super) async fn rebuild_node(target: &mut NemesisTarget<'_>, gone: u64) -> u64 {
    let new = target.load.next_id();
    target.cluster.remove(gone).await;
    target.cluster.wipe(gone);
    target.cluster.join(new).await;
    target.load.add_node(target.cluster, new);
    target.load.wait_for_progress(10).await;
    new
}

/// A follower's disk is gone: refused under its old id, rebuilt under a new one.
pub(super) async fn disk_lost(target: &mut NemesisTarget<'_>) -> Evidence {
    let chosen = target.cluster.follower().await;
    target.load.remove_member(chosen);
    target.cluster.kill(chosen);
    target.cluster.wipe(chosen);
    target.cluster.spawn(chosen, &[]);
    let status = target.cluster.ended(chosen).await;
    if status.success() {
        return Err(format!("node {chosen} with an empty disk ended with {status}"));
    }
    std::fs::create_dir_all(target.cluster.data_dir(chosen)).expect("make a directory again");
    let new = rebuild_node(target, chosen).await;
    Ok(format!("the disk of node {chosen} was lost: refused under its id ({status}), rebuilt as node {new}"))
}

/// One more node under load, then one less: the oldest, be it the leader.
pub(super) async fn membership_churn(target: &mut NemesisTarget<'_>) -> Evidence {
    let new = target.load.next_id();
    target.cluster.join(new).await;
    target.load.add_node(target.cluster, new);
    target.load.wait_for_progress(20).await;
    let ids = target.cluster.ids();
    let old = ids[target.random.random_range(0..ids.len() - 1)];
    target.load.remove_member(old);
    target.cluster.remove(old).await;
    let asked = ask_outsider(target, old, &all_but(&ids, &[old])).await;
    target.cluster.stop(old).await;
    target.load.wait_for_progress(20).await;
    let voters = target.cluster.status().await.voters;
    if voters.contains(&old) || !voters.contains(&new) {
        return Err(format!("the voters are {voters:?}"));
    }
    Ok(format!("node {new} joined, node {old} left: voters {voters:?}{asked}"))
}

pub(super) async fn leader_transfer(target: &NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    for _ in 0..4 {
        let answer = target.cluster.ask_leader("POST", "/v1/cluster/leader/transfer", &json!({})).await;
        if answer.status != 200 {
            return Err(format!("the transfer was refused: {}", answer.text()));
        }
        target.load.wait_for_progress(10).await;
    }
    let (now, term_now) = leader_and_term(target.cluster).await;
    if term_now == term {
        return Err(format!("the term is {term} still"));
    }
    Ok(format!("the leadership went from {leader} to {now} in four steps, terms {term} to {term_now}"))
}

/// Rounds of snapshots until the log is purged, at most.
const ROUNDS_TO_PURGE_MAX: usize = 15;

/// The last index that any running node has: nobody that is down has more.
async fn last_index(cluster: &Cluster) -> u64 {
    cluster.status().await.nodes.iter().map(|node| node.last_log_index).max().unwrap_or(0)
}

/// A follower is down until the log that it needs is purged; it must come back by a snapshot.
pub(super) async fn snapshot_and_purge(target: &mut NemesisTarget<'_>) -> Evidence {
    let chosen = target.cluster.follower().await;
    let before = target.cluster.log(chosen).matches("\"install a snapshot\"").count();
    target.load.drop_node(chosen);
    target.cluster.kill(chosen);
    let held = last_index(target.cluster).await;
    target.load.wait_for_progress(150).await;
    // Enough for a log that is purged behind its snapshots; whether it was is seen below.
    for _ in 0..ROUNDS_TO_PURGE_MAX {
        for id in target.cluster.ids() {
            drop(target.cluster.api(id).post("/v1/cluster/snapshot").json(&json!({})).send().await);
        }
        target.load.wait_for_progress(100).await;
        let status = target.cluster.status().await;
        let alive = target.cluster.ids();
        if status.nodes.iter().filter(|node| alive.contains(&node.node_id)).all(|node| node.purged_index > held) {
            break;
        }
    }
    target.cluster.restart(chosen).await;
    target.load.add_node(target.cluster, chosen);
    target.load.wait_for_progress(20).await;
    let count = target.cluster.log(chosen).matches("\"install a snapshot\"").count() - before;
    let what = format!("node {chosen} was down while the log was purged: {count} snapshots installed");
    if count == 0 { Err(what) } else { Ok(what) }
}
