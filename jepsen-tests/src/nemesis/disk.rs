//! Disks that lose power, fill up, fail, crawl and rot.

use rand::RngExt;

use super::{Evidence, NemesisTarget, choose_minority, hold_fault};
use crate::disk::corrupt::{self, Damage, Kind};
use crate::disk::shim::ShimControl;
use crate::wait::until;

/// Versions read at a time.
const PAGE: usize = 400;

pub(super) async fn power_loss(target: &mut NemesisTarget<'_>, count: usize) -> Evidence {
    let mut ids = target.cluster.ids();
    let mut chosen = Vec::new();
    for _ in 0..count {
        chosen.push(ids.swap_remove(target.random.random_range(0..ids.len())));
    }
    lose_power_of(target, &chosen)
}

pub(super) async fn power_loss_minority(target: &mut NemesisTarget<'_>) -> Evidence {
    let chosen = choose_minority(target);
    lose_power_of(target, &chosen)
}

pub(super) async fn power_loss_all(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    // Slow syncs make the moment long in which a write is with the kernel and not on the disk: longer than an acknowledgement
    // takes on a busy machine, or nothing shows that was acknowledged too early.
    if target.random.random_bool(0.8) {
        let delay_us = target.random.random_range(60_000..400_000);
        for id in &ids {
            target.cluster.shim(*id).set(ShimControl::SyncDelayUs, delay_us);
        }
    }
    let more = target.random.random_range(5..30);
    target.load.wait_for_progress(more).await;
    lose_power_of(target, &ids)
}

fn lose_power_of(target: &mut NemesisTarget<'_>, ids: &[u64]) -> Evidence {
    let loss = target.cluster.lose_power(ids, target.random);
    let what = format!("power loss of {ids:?}: {loss:?}");
    // Whether anything was unsynced at the very moment is chance; over a drill it must have been.
    target.load.note_loss(loss);
    Ok(what)
}

/// Every sync takes long, on one node or on the leader.
pub(super) async fn slow_sync(target: &mut NemesisTarget<'_>) -> Evidence {
    let leader = target.cluster.leader().await;
    let chosen = if target.random.random_bool(0.6) { leader } else { target.cluster.follower().await };
    let delay_ms = target.random.random_range(50..400);
    let shim = target.cluster.shim(chosen);
    let before = shim.get(ShimControl::SyncsDelayed);
    shim.set(ShimControl::SyncDelayUs, delay_ms * 1_000);
    hold_fault(target).await;
    target.load.wait_for_progress(10).await;
    let count = shim.get(ShimControl::SyncsDelayed) - before;
    let what = format!("{count} syncs of node {chosen} took {delay_ms} ms longer");
    if count == 0 { Err(what) } else { Ok(what) }
}

/// A sync fails. The node must end: what the kernel then holds is anybody's guess.
pub(super) async fn failing_sync(target: &mut NemesisTarget<'_>) -> Evidence {
    let leader = target.cluster.leader().await;
    let chosen = if target.random.random_bool(0.5) { leader } else { target.cluster.follower().await };
    let shim = target.cluster.shim(chosen);
    let before = shim.get(ShimControl::SyncsFailed);
    shim.set(ShimControl::SyncErrno, 5);
    shim.set(ShimControl::SyncFailCount, 1);
    let status = ended_by_itself(target, chosen, "a failed sync").await;
    let count = shim.get(ShimControl::SyncsFailed) - before;
    target.load.wait_for_progress(10).await;
    let what = format!("{count} syncs of node {chosen} failed; it ended with {status}");
    if count == 0 { Err(what) } else { Ok(what) }
}

/// The disk is full after a few more kilobytes. The node may end; it must come back when there is room.
pub(super) async fn disk_full(target: &mut NemesisTarget<'_>) -> Evidence {
    let leader = target.cluster.leader().await;
    let chosen = if target.random.random_bool(0.5) { leader } else { target.cluster.follower().await };
    let shim = target.cluster.shim(chosen);
    let before = shim.get(ShimControl::WritesFailed);
    shim.set(ShimControl::WriteErrno, 28);
    shim.set(ShimControl::SpaceLeft, target.random.random_range(0..60_000));
    shim.set(ShimControl::SpaceLimited, 1);
    until(&format!("a write of node {chosen} to find no room"), || {
        let failed = shim.get(ShimControl::WritesFailed) > before;
        std::future::ready(if failed { Ok(()) } else { Err("there is room".to_owned()) })
    })
    .await;
    target.load.wait_for_progress(20).await;
    // It may try again while the disk is full, and must not make things worse.
    let mut starts = 0;
    for _ in 0..3 {
        if target.cluster.has_ended(chosen) {
            target.cluster.ended(chosen).await;
            target.cluster.spawn(chosen, &[]);
            starts += 1;
        }
        target.load.wait_for_progress(10).await;
    }
    // A start that began while the disk was full may still fail when there is room again; the healing starts it anew.
    shim.set(ShimControl::SpaceLimited, 0);
    if target.cluster.has_ended(chosen) || comes_up_or_ends(target, chosen).await {
        target.cluster.ended(chosen).await;
    }
    let count = shim.get(ShimControl::WritesFailed) - before;
    Ok(format!("the disk of node {chosen} was full: {count} writes failed, {starts} starts meanwhile"))
}

/// Writes that take only half of what they are given: legal, and easily forgotten.
pub(super) async fn short_writes(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let before: i64 = ids.iter().map(|id| target.cluster.shim(*id).get(ShimControl::WritesShortened)).sum();
    for id in &ids {
        target.cluster.shim(*id).set(ShimControl::ShortWriteEvery, target.random.random_range(2..9));
    }
    hold_fault(target).await;
    target.load.wait_for_progress(30).await;
    let after: i64 = ids.iter().map(|id| target.cluster.shim(*id).get(ShimControl::WritesShortened)).sum();
    let what = format!("{} writes were cut in half", after - before);
    if after == before { Err(what) } else { Ok(what) }
}

/// One file of one node rots while it is down. The node is fenced and rebuilt under a new id, or the damage was harmless:
/// then everything it answers is right, which the checks at the end see.
pub(super) async fn damage_one(target: &mut NemesisTarget<'_>) -> Evidence {
    // The kinds that every node has by now; tables and snapshots come with compaction.
    let data = target.cluster.data_dir(target.cluster.follower().await);
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| !kind.files_in(&data).is_empty()).collect();
    let kind = kinds[target.random.random_range(0..kinds.len())];
    let how = [Damage::Bit, Damage::Bit, Damage::Cut, Damage::Zeros][target.random.random_range(0..4)];
    damage_kind(target, kind, how).await.map(|(what, _)| what)
}

/// Damages one kind of file of a follower; what happened, and whether the node was fenced.
pub(crate) async fn damage_kind(
    target: &mut NemesisTarget<'_>,
    kind: Kind,
    how: Damage,
) -> Result<(String, bool), String> {
    let chosen = target.cluster.follower().await;
    target.load.drop_node(chosen);
    target.cluster.kill(chosen);
    let data = target.cluster.data_dir(chosen);
    let damaged = corrupt::damage_file(&data, kind, how, target.random);
    let Some(what) = damaged else {
        target.load.add_node(target.cluster, chosen);
        return Err(format!("node {chosen} has no file of kind {kind:?}"));
    };
    let before = target.cluster.log(chosen).len();
    target.cluster.spawn(chosen, &[]);
    let has_ended = comes_up_or_ends(target, chosen).await;
    // What is read only when somebody asks is asked for now: the node answers everything, or ends.
    if !has_ended && shows_everything(target, chosen).await {
        target.load.add_node(target.cluster, chosen);
        return Ok((format!("node {chosen}: {what}; it started and shows everything"), false));
    }
    let status = target.cluster.ended(chosen).await;
    let log = target.cluster.log(chosen)[before..].to_owned();
    let reason = log.lines().rev().find(|line| line.contains("ERROR") || line.contains("error")).unwrap_or_default();
    let reason: String = reason.chars().take(300).collect();
    target.load.remove_member(chosen);
    let new = super::operations::rebuild_node(target, chosen).await;
    Ok((format!("node {chosen}: {what}; fenced ({status}: {reason}); rebuilt as node {new}"), true))
}

/// Waits until a node is ready or has ended; true if it has ended.
async fn comes_up_or_ends(target: &mut NemesisTarget<'_>, id: u64) -> bool {
    until(&format!("node {id} to be ready or to end"), async || {
        if target.cluster.has_ended(id) {
            return Ok(true);
        }
        match target.cluster.api(id).get("/readyz").send().await {
            Ok(answer) if answer.status == 200 => Ok(false),
            Ok(answer) => Err(answer.text()),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Reads everything that a node holds; false if it could not, which it must not survive.
async fn shows_everything(target: &mut NemesisTarget<'_>, id: u64) -> bool {
    let api = target.cluster.api(id);
    let mut offset = 0;
    loop {
        let path = format!("/schemas?deleted=true&offset={offset}&limit={PAGE}");
        match api.local(&path).send().await {
            Ok(answer) if answer.status == 200 && answer.list().len() < PAGE => return !target.cluster.has_ended(id),
            Ok(answer) if answer.status == 200 => offset += PAGE,
            Ok(_) | Err(_) => return false,
        }
    }
}

async fn ended_by_itself(target: &mut NemesisTarget<'_>, id: u64, why: &str) -> String {
    until(&format!("node {id} to end after {why}"), async || {
        if target.cluster.has_ended(id) { Ok(()) } else { Err("it runs".to_owned()) }
    })
    .await;
    target.cluster.ended(id).await.to_string()
}
