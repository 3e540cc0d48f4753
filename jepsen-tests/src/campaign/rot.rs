//! Bit rot: one bit of one file of one node is flipped, file kind after file kind. What the node then answers must be right, and
//! it must be fenced and rebuilt, or the bit must have been one that says nothing.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::checker::invariants;
use crate::cluster::{Cluster, Spec};
use crate::disk::corrupt::{Damage, Kind};
use crate::drill::load::Load;
use crate::drill::run::commit_id;
use crate::dump;
use crate::nemesis::{NemesisTarget, damage_kind, heal_all};
use crate::ops::clients::ClientCounts;
use crate::ops::names;

/// Rebuilds that one cluster has node ids for.
const PER_CLUSTER: u64 = 5;
/// Operations between two corruptions.
const WORK: u64 = 150;

/// The figures of a campaign of flipped bits.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RotReport {
    pub commit: String,
    pub seed: u64,
    pub flips: u64,
    pub fenced: u64,
    /// The node started and everything that it shows is right.
    pub harmless: u64,
    pub by_kind: BTreeMap<String, (u64, u64)>,
    pub operations: u64,
    pub faults: Vec<String>,
}

/// Flips `count` bits, in clusters of three nodes.
///
/// # Panics
/// If a cluster does not come back.
pub async fn run_campaign(count: u64, seed: u64, mut say: impl FnMut(String)) -> RotReport {
    let mut rotten = RotReport { commit: commit_id(), seed, ..RotReport::default() };
    let mut kinds = Kind::ALL.into_iter().cycle();
    while rotten.flips < count {
        let cluster_seed = seed + rotten.flips;
        let mut random = StdRng::seed_from_u64(cluster_seed);
        let spec = Spec::of(3).linked().shimmed();
        let spec = spec.with("compaction", "snapshot_entries", 100).with("compaction", "keep_entries", 10);
        let mut cluster = Cluster::start(spec).await;
        cluster.api(1).allow_everything().await;
        let load = Load::start(&cluster, 2, ClientCounts::only_subjects(), cluster_seed);
        load.wait_for_progress(WORK * 2).await;
        let mut spent = 0;
        let mut tried = 0;
        while spent < PER_CLUSTER && rotten.flips < count && tried < 20 {
            load.wait_for_progress(WORK).await;
            tried += 1;
            let kind = kinds.next().expect("the kinds go round");
            if kind == Kind::LogTable {
                restart_all(&mut cluster).await;
            }
            let mut target = NemesisTarget { cluster: &mut cluster, load: &load, random: &mut random };
            let damaged = damage_kind(&mut target, kind, Damage::Bit).await;
            heal_all(&mut target).await;
            let Ok((what, fenced)) = damaged else { continue };
            rotten.flips += 1;
            let entry = rotten.by_kind.entry(format!("{kind:?}")).or_default();
            entry.0 += 1;
            if fenced {
                entry.1 += 1;
                rotten.fenced += 1;
                spent += 1;
            } else {
                rotten.harmless += 1;
            }
            say(format!("{} of {count}: {kind:?}: {what}", rotten.flips));
        }
        load.wait_for_progress(WORK).await;
        rotten.operations += load.operation_counts().0;
        let nodes = cluster.apis();
        let history = load.stop(&nodes[0]).await;
        let dumps = dump::only(&dump::agreed(&nodes).await, names::is_registration_subject);
        let faults = invariants::find_faults(&history.registrations, &dumps);
        say(format!("cluster of seed {cluster_seed}: {} wrong", faults.len()));
        rotten.faults.extend(faults);
    }
    rotten
}

/// Restarts all nodes, one by one: a log of a few megabytes has tables only where a start has made one of its write-ahead log.
async fn restart_all(cluster: &mut Cluster) {
    for id in cluster.ids() {
        cluster.kill(id);
        cluster.restart(id).await;
    }
}
