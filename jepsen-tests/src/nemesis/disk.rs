//! Disks that lose power, fill up, fail, crawl and rot.

use rand::RngExt;

use super::{Evidence, Field, hold, minority};
use crate::disk::corrupt::{self, Damage, Kind};
use crate::disk::shim::Field as Control;
use crate::wait::until;

/// Versions read at a time.
const PAGE: usize = 400;

pub(super) async fn power_loss(field: &mut Field<'_>, count: usize) -> Evidence {
    let mut ids = field.cluster.ids();
    let mut chosen = Vec::new();
    for _ in 0..count {
        chosen.push(ids.swap_remove(field.random.random_range(0..ids.len())));
    }
    lose(field, &chosen)
}

pub(super) async fn power_loss_minority(field: &mut Field<'_>) -> Evidence {
    let chosen = minority(field);
    lose(field, &chosen)
}

pub(super) async fn power_loss_all(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    // Slow syncs make the moment long in which a write is with the kernel and not on the disk: longer than an acknowledgement
    // takes on a busy machine, or nothing shows that was acknowledged too early.
    if field.random.random_bool(0.8) {
        let delay_us = field.random.random_range(60_000..400_000);
        for id in &ids {
            field.cluster.shim(*id).set(Control::SyncDelayUs, delay_us);
        }
    }
    let more = field.random.random_range(5..30);
    field.load.progress(more).await;
    lose(field, &ids)
}

fn lose(field: &mut Field<'_>, ids: &[u64]) -> Evidence {
    let loss = field.cluster.lose_power(ids, field.random);
    let what = format!("power loss of {ids:?}: {loss:?}");
    // Whether anything was unsynced at the very moment is chance; over a drill it must have been.
    field.load.note_loss(loss);
    Ok(what)
}

/// Every sync takes long, on one node or on the leader.
pub(super) async fn slow_sync(field: &mut Field<'_>) -> Evidence {
    let leader = field.cluster.leader().await;
    let chosen = if field.random.random_bool(0.6) { leader } else { field.cluster.follower().await };
    let delay_ms = field.random.random_range(50..400);
    let shim = field.cluster.shim(chosen);
    let before = shim.get(Control::SyncsDelayed);
    shim.set(Control::SyncDelayUs, delay_ms * 1_000);
    hold(field).await;
    field.load.progress(10).await;
    let count = shim.get(Control::SyncsDelayed) - before;
    let what = format!("{count} syncs of node {chosen} took {delay_ms} ms longer");
    if count == 0 { Err(what) } else { Ok(what) }
}

/// A sync fails. The node must end: what the kernel then holds is anybody's guess.
pub(super) async fn failing_sync(field: &mut Field<'_>) -> Evidence {
    let leader = field.cluster.leader().await;
    let chosen = if field.random.random_bool(0.5) { leader } else { field.cluster.follower().await };
    let shim = field.cluster.shim(chosen);
    let before = shim.get(Control::SyncsFailed);
    shim.set(Control::SyncErrno, 5);
    shim.set(Control::SyncFailCount, 1);
    let status = ended_by_itself(field, chosen, "a failed sync").await;
    let count = shim.get(Control::SyncsFailed) - before;
    field.load.progress(10).await;
    let what = format!("{count} syncs of node {chosen} failed; it ended with {status}");
    if count == 0 { Err(what) } else { Ok(what) }
}

/// The disk is full after a few more kilobytes. The node may end; it must come back when there is room.
pub(super) async fn disk_full(field: &mut Field<'_>) -> Evidence {
    let leader = field.cluster.leader().await;
    let chosen = if field.random.random_bool(0.5) { leader } else { field.cluster.follower().await };
    let shim = field.cluster.shim(chosen);
    let before = shim.get(Control::WritesFailed);
    shim.set(Control::WriteErrno, 28);
    shim.set(Control::SpaceLeft, field.random.random_range(0..60_000));
    shim.set(Control::SpaceLimited, 1);
    until(&format!("a write of node {chosen} to find no room"), || {
        let failed = shim.get(Control::WritesFailed) > before;
        std::future::ready(if failed { Ok(()) } else { Err("there is room".to_owned()) })
    })
    .await;
    field.load.progress(20).await;
    // It may try again while the disk is full, and must not make things worse.
    let mut starts = 0;
    for _ in 0..3 {
        if field.cluster.has_ended(chosen) {
            field.cluster.ended(chosen).await;
            field.cluster.spawn(chosen, &[]);
            starts += 1;
        }
        field.load.progress(10).await;
    }
    // A start that began while the disk was full may still fail when there is room again; the healing starts it anew.
    shim.set(Control::SpaceLimited, 0);
    if field.cluster.has_ended(chosen) || comes_up_or_ends(field, chosen).await {
        field.cluster.ended(chosen).await;
    }
    let count = shim.get(Control::WritesFailed) - before;
    Ok(format!("the disk of node {chosen} was full: {count} writes failed, {starts} starts meanwhile"))
}

/// Writes that take only half of what they are given: legal, and easily forgotten.
pub(super) async fn short_writes(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let before: i64 = ids.iter().map(|id| field.cluster.shim(*id).get(Control::WritesShortened)).sum();
    for id in &ids {
        field.cluster.shim(*id).set(Control::ShortWriteEvery, field.random.random_range(2..9));
    }
    hold(field).await;
    field.load.progress(30).await;
    let after: i64 = ids.iter().map(|id| field.cluster.shim(*id).get(Control::WritesShortened)).sum();
    let what = format!("{} writes were cut in half", after - before);
    if after == before { Err(what) } else { Ok(what) }
}

/// One file of one node rots while it is down. The node is fenced and rebuilt under a new id, or the damage was harmless:
/// then everything it answers is right, which the checks at the end see.
pub(super) async fn damage_one(field: &mut Field<'_>) -> Evidence {
    // The kinds that every node has by now; tables and snapshots come with compaction.
    let data = field.cluster.data_dir(field.cluster.follower().await);
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| !kind.files(&data).is_empty()).collect();
    let kind = kinds[field.random.random_range(0..kinds.len())];
    let how = [Damage::Bit, Damage::Bit, Damage::Cut, Damage::Zeros][field.random.random_range(0..4)];
    damage_kind(field, kind, how).await.map(|(what, _)| what)
}

/// Damages one kind of file of a follower; what happened, and whether the node was fenced.
pub(crate) async fn damage_kind(field: &mut Field<'_>, kind: Kind, how: Damage) -> Result<(String, bool), String> {
    let chosen = field.cluster.follower().await;
    field.load.drop_node(chosen);
    field.cluster.kill(chosen);
    let data = field.cluster.data_dir(chosen);
    let damaged = corrupt::damage(&data, kind, how, field.random);
    let Some(what) = damaged else {
        field.load.add_node(field.cluster, chosen);
        return Err(format!("node {chosen} has no file of kind {kind:?}"));
    };
    let before = field.cluster.log(chosen).len();
    field.cluster.spawn(chosen, &[]);
    let has_ended = comes_up_or_ends(field, chosen).await;
    // What is read only when somebody asks is asked for now: the node answers everything, or ends.
    if !has_ended && shows_everything(field, chosen).await {
        field.load.add_node(field.cluster, chosen);
        return Ok((format!("node {chosen}: {what}; it started and shows everything"), false));
    }
    let status = field.cluster.ended(chosen).await;
    let log = field.cluster.log(chosen)[before..].to_owned();
    let reason = log.lines().rev().find(|line| line.contains("ERROR") || line.contains("error")).unwrap_or_default();
    let reason: String = reason.chars().take(300).collect();
    field.load.leave(chosen);
    let new = super::operations::rebuild(field, chosen).await;
    Ok((format!("node {chosen}: {what}; fenced ({status}: {reason}); rebuilt as node {new}"), true))
}

/// Waits until a node is ready or has ended; true if it has ended.
async fn comes_up_or_ends(field: &mut Field<'_>, id: u64) -> bool {
    until(&format!("node {id} to be ready or to end"), async || {
        if field.cluster.has_ended(id) {
            return Ok(true);
        }
        match field.cluster.api(id).get("/readyz").send().await {
            Ok(answer) if answer.status == 200 => Ok(false),
            Ok(answer) => Err(answer.text()),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Reads everything that a node holds; false if it could not, which it must not survive.
async fn shows_everything(field: &mut Field<'_>, id: u64) -> bool {
    let api = field.cluster.api(id);
    let mut offset = 0;
    loop {
        let path = format!("/schemas?deleted=true&offset={offset}&limit={PAGE}");
        match api.local(&path).send().await {
            Ok(answer) if answer.status == 200 && answer.list().len() < PAGE => return !field.cluster.has_ended(id),
            Ok(answer) if answer.status == 200 => offset += PAGE,
            Ok(_) | Err(_) => return false,
        }
    }
}

async fn ended_by_itself(field: &mut Field<'_>, id: u64, why: &str) -> String {
    until(&format!("node {id} to end after {why}"), async || {
        if field.cluster.has_ended(id) { Ok(()) } else { Err("it runs".to_owned()) }
    })
    .await;
    field.cluster.ended(id).await.to_string()
}
