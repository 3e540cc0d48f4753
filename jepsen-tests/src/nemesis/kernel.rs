//! Faults that only a network of the kernel has.

use std::time::Duration;

use proto::rest::NodeStatusBody;
use rand::RngExt;

use super::{Evidence, Field, hold, leader_among, leader_and_term, others, standing};

/// A node that takes longer to say how it stands cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a node says of itself, if it can be reached.
async fn in_reach(field: &Field<'_>, id: u64) -> Option<NodeStatusBody> {
    tokio::time::timeout(PATIENCE, standing(field.cluster, id)).await.ok().flatten()
}

/// The leader's cable is pulled: neither nodes nor clients reach it, and nothing tells them so.
pub(super) async fn cable_pulled(field: &Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    let rest = others(&field.cluster.ids(), &[leader]);
    field.cluster.mesh().namespaces().unplug(leader);
    let (next, next_term) = leader_among(field.cluster, &rest, term).await;
    field.load.progress(10).await;
    let what = format!("the cable of leader {leader} of term {term} pulled; {next} led in term {next_term}");
    if in_reach(field, leader).await.is_some() {
        return Err(format!("{what}: the old leader still answered"));
    }
    Ok(format!("{what}, {leader} was out of reach"))
}

/// All nodes see one follower and nobody else, clients see all: one node has a quorum, and it does not lead.
pub(super) async fn star(field: &mut Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    let ids = field.cluster.ids();
    let followers = others(&ids, &[leader]);
    let middle = followers[field.random.random_range(0..followers.len())];
    let leaves = others(&ids, &[middle]);
    field.cluster.mesh().namespaces().isolate(&leaves);
    hold(field).await;
    let what = format!("{leaves:?} met only {middle}");
    // The bridge does not count what it keeps back. A follower in good touch would still follow, in the same term.
    let mut lost = Vec::new();
    for id in others(&leaves, &[leader]) {
        let stands = in_reach(field, id).await;
        if stands.is_some_and(|node| node.term > term || node.leader_id != Some(leader)) {
            lost.push(id);
        }
    }
    if lost.is_empty() {
        return Err(format!("{what}: nobody lost leader {leader} of term {term}"));
    }
    Ok(format!("{what}: {lost:?} lost leader {leader} of term {term}"))
}
