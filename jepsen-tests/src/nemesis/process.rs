//! Processes that die, stop and freeze.

use rand::RngExt;

use super::partition::some_cut;
use super::{Evidence, Field, hold, leader_among, leader_and_term, minority, others};
use crate::cluster::region;

pub(super) async fn kill_leader(field: &mut Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    field.cluster.kill(leader);
    let (next, next_term) = leader_among(field.cluster, &field.cluster.ids(), term).await;
    field.load.progress(10).await;
    Ok(format!("leader {leader} of term {term} killed; {next} led in term {next_term}"))
}

pub(super) async fn kill_follower(field: &mut Field<'_>) -> Evidence {
    let follower = field.cluster.follower().await;
    field.cluster.kill(follower);
    field.load.progress(30).await;
    Ok(format!("follower {follower} killed"))
}

pub(super) async fn kill_minority(field: &mut Field<'_>) -> Evidence {
    let chosen = minority(field);
    for id in &chosen {
        field.cluster.kill(*id);
    }
    field.load.progress(20).await;
    Ok(format!("nodes {chosen:?} killed together"))
}

pub(super) async fn kill_all(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    field.cluster.kill_all();
    Ok(format!("nodes {ids:?} killed at once"))
}

pub(super) async fn stop_leader(field: &mut Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    let status = field.cluster.stop(leader).await;
    assert!(status.success(), "a graceful stop ends well: {status}");
    let (next, next_term) = leader_among(field.cluster, &field.cluster.ids(), term).await;
    field.load.progress(10).await;
    Ok(format!("leader {leader} of term {term} stopped gracefully; {next} led in term {next_term}"))
}

/// Longer than the lease: the others elect, and the old leader wakes up believing that it leads.
pub(super) async fn pause_leader(field: &mut Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    field.cluster.pause(leader);
    let (next, next_term) = leader_among(field.cluster, &others(&field.cluster.ids(), &[leader]), term).await;
    field.load.progress(5).await;
    field.cluster.resume(leader);
    field.load.progress(20).await;
    Ok(format!("leader {leader} of term {term} frozen until {next} had led in term {next_term}"))
}

pub(super) async fn pause_minority(field: &mut Field<'_>) -> Evidence {
    let chosen = minority(field);
    for id in &chosen {
        field.cluster.pause(*id);
    }
    hold(field).await;
    let frozen = chosen.iter().all(|id| field.cluster.pid(*id).is_some_and(is_frozen));
    for id in &chosen {
        field.cluster.resume(*id);
    }
    if !frozen {
        return Err(format!("nodes {chosen:?} were not frozen"));
    }
    field.load.progress(10).await;
    Ok(format!("nodes {chosen:?} frozen"))
}

/// All nodes of one region at once, and the way there: nobody is left who could refuse a connection.
pub(super) async fn region_loss(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let chosen = region(ids[field.random.random_range(0..ids.len())]);
    let lost: Vec<_> = ids.iter().copied().filter(|id| region(*id) == chosen).collect();
    if lost.len() * 2 >= ids.len() {
        return Err(format!("region {chosen} holds a majority"));
    }
    let cut = some_cut(field);
    field.cluster.mesh().partition(&lost, &others(&ids, &lost), cut);
    for id in &lost {
        field.cluster.kill(*id);
    }
    field.load.progress(30).await;
    Ok(format!("region {chosen} lost with nodes {lost:?}; the rest went on"))
}

fn is_frozen(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
}
