//! What operators do, at the worst time: members come and go, the leadership moves, snapshots are taken and logs purged.

use rand::RngExt;
use serde_json::json;

use super::{Evidence, Field, leader_and_term};
use crate::cluster::Cluster;

/// Removes a member whose disk cannot be used and lets an empty node join in its place; the new id.
pub(super) async fn rebuild(field: &mut Field<'_>, gone: u64) -> u64 {
    let new = field.load.next_id();
    field.cluster.remove(gone).await;
    field.cluster.wipe(gone);
    field.cluster.join(new).await;
    field.load.add_node(field.cluster, new);
    field.load.progress(10).await;
    new
}

/// A follower's disk is gone: refused under its old id, rebuilt under a new one.
pub(super) async fn disk_lost(field: &mut Field<'_>) -> Evidence {
    let chosen = field.cluster.follower().await;
    field.load.leave(chosen);
    field.cluster.kill(chosen);
    field.cluster.wipe(chosen);
    field.cluster.spawn(chosen, &[]);
    let status = field.cluster.ended(chosen).await;
    if status.success() {
        return Err(format!("node {chosen} with an empty disk ended with {status}"));
    }
    std::fs::create_dir_all(field.cluster.data_dir(chosen)).expect("make a directory again");
    let new = rebuild(field, chosen).await;
    Ok(format!("the disk of node {chosen} was lost: refused under its id ({status}), rebuilt as node {new}"))
}

/// One more node under load, then one less: the oldest, be it the leader.
pub(super) async fn membership_churn(field: &mut Field<'_>) -> Evidence {
    let new = field.load.next_id();
    field.cluster.join(new).await;
    field.load.add_node(field.cluster, new);
    field.load.progress(20).await;
    let ids = field.cluster.ids();
    let old = ids[field.random.random_range(0..ids.len() - 1)];
    field.load.leave(old);
    field.cluster.remove(old).await;
    field.cluster.stop(old).await;
    field.load.progress(20).await;
    let voters = field.cluster.status().await.voters;
    if voters.contains(&old) || !voters.contains(&new) {
        return Err(format!("the voters are {voters:?}"));
    }
    Ok(format!("node {new} joined, node {old} left: voters {voters:?}"))
}

pub(super) async fn leader_transfer(field: &Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    for _ in 0..4 {
        let answer = field.cluster.ask_leader("POST", "/v1/cluster/leader/transfer", &json!({})).await;
        if answer.status != 200 {
            return Err(format!("the transfer was refused: {}", answer.text()));
        }
        field.load.progress(10).await;
    }
    let (now, term_now) = leader_and_term(field.cluster).await;
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
pub(super) async fn snapshot_and_purge(field: &mut Field<'_>) -> Evidence {
    let chosen = field.cluster.follower().await;
    let before = field.cluster.log(chosen).matches("\"install a snapshot\"").count();
    field.load.drop_node(chosen);
    field.cluster.kill(chosen);
    let held = last_index(field.cluster).await;
    field.load.progress(150).await;
    // Enough for a log that is purged behind its snapshots; whether it was is seen below.
    for _ in 0..ROUNDS_TO_PURGE_MAX {
        for id in field.cluster.ids() {
            drop(field.cluster.api(id).post("/v1/cluster/snapshot").json(&json!({})).send().await);
        }
        field.load.progress(100).await;
        let status = field.cluster.status().await;
        let alive = field.cluster.ids();
        if status.nodes.iter().filter(|node| alive.contains(&node.node_id)).all(|node| node.purged_index > held) {
            break;
        }
    }
    field.cluster.restart(chosen).await;
    field.load.add_node(field.cluster, chosen);
    field.load.progress(20).await;
    let count = field.cluster.log(chosen).matches("\"install a snapshot\"").count() - before;
    let what = format!("node {chosen} was down while the log was purged: {count} snapshots installed");
    if count == 0 { Err(what) } else { Ok(what) }
}
