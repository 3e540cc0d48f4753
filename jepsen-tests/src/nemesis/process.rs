//! Processes that die, stop and freeze.

use rand::RngExt;

use super::partition::some_cut;
use super::{Evidence, NemesisTarget, all_but, choose_minority, hold_fault, leader_among, leader_and_term};
use crate::cluster::region;

pub(super) async fn kill_leader(target: &mut NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    target.cluster.kill(leader);
    let (next, next_term) = leader_among(target.cluster, &target.cluster.ids(), term).await;
    target.load.wait_for_progress(10).await;
    Ok(format!("leader {leader} of term {term} killed; {next} led in term {next_term}"))
}

pub(super) async fn kill_follower(target: &mut NemesisTarget<'_>) -> Evidence {
    let follower = target.cluster.follower().await;
    target.cluster.kill(follower);
    target.load.wait_for_progress(30).await;
    Ok(format!("follower {follower} killed"))
}

pub(super) async fn kill_minority(target: &mut NemesisTarget<'_>) -> Evidence {
    let chosen = choose_minority(target);
    for id in &chosen {
        target.cluster.kill(*id);
    }
    target.load.wait_for_progress(20).await;
    Ok(format!("nodes {chosen:?} killed together"))
}

pub(super) async fn kill_all(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    target.cluster.kill_all();
    Ok(format!("nodes {ids:?} killed at once"))
}

pub(super) async fn stop_leader(target: &mut NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    let status = target.cluster.stop(leader).await;
    assert!(status.success(), "a graceful stop ends well: {status}");
    let (next, next_term) = leader_among(target.cluster, &target.cluster.ids(), term).await;
    target.load.wait_for_progress(10).await;
    Ok(format!("leader {leader} of term {term} stopped gracefully; {next} led in term {next_term}"))
}

/// Longer than the lease: the others elect, and the old leader wakes up believing that it leads.
pub(super) async fn pause_leader(target: &mut NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    target.cluster.pause(leader);
    let (next, next_term) = leader_among(target.cluster, &all_but(&target.cluster.ids(), &[leader]), term).await;
    target.load.wait_for_progress(5).await;
    target.cluster.resume(leader);
    target.load.wait_for_progress(20).await;
    Ok(format!("leader {leader} of term {term} frozen until {next} had led in term {next_term}"))
}

pub(super) async fn pause_minority(target: &mut NemesisTarget<'_>) -> Evidence {
    let chosen = choose_minority(target);
    for id in &chosen {
        target.cluster.pause(*id);
    }
    hold_fault(target).await;
    let frozen = chosen.iter().all(|id| target.cluster.pid(*id).is_some_and(is_frozen));
    for id in &chosen {
        target.cluster.resume(*id);
    }
    if !frozen {
        return Err(format!("nodes {chosen:?} were not frozen"));
    }
    target.load.wait_for_progress(10).await;
    Ok(format!("nodes {chosen:?} frozen"))
}

/// All nodes of one region at once, and the way there: nobody is left who could refuse a connection.
pub(super) async fn region_loss(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let chosen = region(ids[target.random.random_range(0..ids.len())]);
    let lost: Vec<_> = ids.iter().copied().filter(|id| region(*id) == chosen).collect();
    if lost.len() * 2 >= ids.len() {
        return Err(format!("region {chosen} holds a majority"));
    }
    let cut = some_cut(target);
    target.cluster.mesh().partition(&lost, &all_but(&ids, &lost), cut);
    for id in &lost {
        target.cluster.kill(*id);
    }
    target.load.wait_for_progress(30).await;
    Ok(format!("region {chosen} lost with nodes {lost:?}; the rest went on"))
}

fn is_frozen(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
}
