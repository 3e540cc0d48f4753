//! Faults that only a network of the kernel has.

use std::time::Duration;

use proto::rest::NodeStatusBody;
use rand::RngExt;

use super::{Evidence, NemesisTarget, all_but, hold_fault, leader_among, leader_and_term, node_status};

/// A node that takes longer to say how it stands cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a node says of itself, if it can be reached.
async fn in_reach(target: &NemesisTarget<'_>, id: u64) -> Option<NodeStatusBody> {
    tokio::time::timeout(PATIENCE, node_status(target.cluster, id)).await.ok().flatten()
}

/// The leader's cable is pulled: neither nodes nor clients reach it, and nothing answers in its place.
pub(super) async fn cable_pulled(target: &NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    let rest = all_but(&target.cluster.ids(), &[leader]);
    target.cluster.mesh().namespaces().unplug(leader);
    let (next, next_term) = leader_among(target.cluster, &rest, term).await;
    target.load.wait_for_progress(10).await;
    let what = format!("the cable of leader {leader} of term {term} pulled; {next} led in term {next_term}");
    if in_reach(target, leader).await.is_some() {
        return Err(format!("{what}: the old leader still answered"));
    }
    Ok(format!("{what}, {leader} was out of reach"))
}

/// All nodes see one follower and nobody else, clients see all: one node has a quorum, and it does not lead.
pub(super) async fn make_star(target: &mut NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    let ids = target.cluster.ids();
    let followers = all_but(&ids, &[leader]);
    let middle = followers[target.random.random_range(0..followers.len())];
    let leaves = all_but(&ids, &[middle]);
    target.cluster.mesh().namespaces().isolate(&leaves);
    hold_fault(target).await;
    let what = format!("{leaves:?} met only {middle}");
    // The bridge does not count what it keeps back. A follower in good touch would still follow, in the same term.
    let mut lost = Vec::new();
    for id in all_but(&leaves, &[leader]) {
        let stands = in_reach(target, id).await;
        if stands.is_some_and(|node| node.term > term || node.leader_id != Some(leader)) {
            lost.push(id);
        }
    }
    if lost.is_empty() {
        return Err(format!("{what}: nobody lost leader {leader} of term {term}"));
    }
    Ok(format!("{what}: {lost:?} lost leader {leader} of term {term}"))
}
