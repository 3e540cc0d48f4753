//! What a node does now and then beside serving: it recovers, the leader founds the cluster once, every node compares itself
//! with the others and verifies its disk.

use std::path::PathBuf;
use std::time::Duration;

use raft_store::scrub::Scrubber;
use registry::{Actor, Principal, RequestId};

use super::{Phase, restore, scrub};
use crate::clock::Deadline;
use crate::config::ScrubConfig;
use crate::consensus::{Agreement, Consensus};
use crate::random::Random;
use crate::service::{Caller, Consistency, Service};
use crate::trace::TraceContext;

/// Between two comparisons of the replicas.
const COMPARE_INTERVAL: Duration = Duration::from_secs(60);
/// Between two looks whether this node is to found the cluster.
const FOUND_INTERVAL: Duration = Duration::from_millis(20);
/// Longest detail of an audit record, as the machine has it.
const DETAIL_CHARACTERS_MAX: usize = 200;
/// Longest that founding may take; it is tried again.
const FOUND_TIME_MAX: Duration = Duration::from_secs(60);

/// Waits until what was committed before the last stop is applied again.
pub(super) async fn recover(consensus: Consensus, phase: Phase) {
    const ROUND: Duration = Duration::from_secs(5);
    while !consensus.wait_for_recovery(ROUND).await {
        if consensus.standing().voters.is_empty() {
            tracing::warn!("{}", super::readiness::NO_CLUSTER);
        } else {
            tracing::info!("waiting for the cluster to confirm what this node knows");
        }
    }
    phase.set_started();
    tracing::info!(applied = %consensus.state().applied_index(), "recovered");
}

/// Gives a new cluster its identity, where this node leads; ends as soon as somebody has a leader.
pub(super) async fn found(service: Service, consensus: Consensus, cluster_id: String, random: Random) {
    let node_id = consensus.node_id();
    loop {
        tokio::time::sleep(FOUND_INTERVAL).await;
        match consensus.leader() {
            None => continue,
            Some(leader) if leader != node_id => return,
            Some(_) => {}
        }
        let name = random.uuid();
        let caller = Caller {
            actor: Actor { principal: Principal::system(), node_id },
            request_id: RequestId(format!("system:found:{name}")),
            deadline: Deadline::after(FOUND_TIME_MAX),
            consistency: Consistency::Local,
            at_least: None,
            if_revision: None,
            trace: TraceContext::begin(name),
        };
        match service.found(&caller, &cluster_id).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "give the cluster its identity"),
        }
    }
}

/// Leaves the record of a restore in the new cluster, once it has its identity.
pub(super) async fn record_restore(service: Service, consensus: Consensus, data_dir: PathBuf, random: Random) {
    let Some(restored) = restore::unrecorded(&data_dir) else { return };
    let restore::Restored { from_cluster, index, digest, rows, entries, backups } = restored;
    let node_id = consensus.node_id();
    let caller = || Caller {
        actor: Actor { principal: Principal::system(), node_id },
        // However often it is tried, there is one record of it.
        request_id: RequestId(format!("system:restore:{index}:{digest}")),
        deadline: Deadline::after(FOUND_TIME_MAX),
        consistency: Consistency::Local,
        at_least: None,
        if_revision: None,
        trace: TraceContext::begin(random.uuid()),
    };
    let details = [
        ("from", from_cluster),
        ("index", index.to_string()),
        ("digest", digest.clone()),
        ("rows", rows.to_string()),
        ("entries", entries.to_string()),
        ("backups", backups.join(",").chars().take(DETAIL_CHARACTERS_MAX).collect()),
    ];
    let details: Vec<_> = details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    loop {
        tokio::time::sleep(FOUND_INTERVAL).await;
        let machine = consensus.state().read(|view| registry::query::machine(view));
        // A command from before the cluster has its name would come to nothing that could be told apart.
        if !machine.is_ok_and(|machine| !machine.cluster_id.is_empty()) {
            continue;
        }
        match service.record_restore(&caller(), details.clone()).await {
            Ok(()) => return restore::recorded(&data_dir),
            Err(error) => tracing::warn!(%error, "record the restore"),
        }
    }
}

/// Compares this replica with the others; returns with the reason when it must not go on.
pub(super) async fn compare(consensus: Consensus) -> String {
    loop {
        tokio::time::sleep(COMPARE_INTERVAL).await;
        match consensus.compare_replicas().await {
            (_, Agreement::Agreed) => {}
            (index, Agreement::Unknown) => tracing::debug!(%index, "too few replicas could be compared"),
            (index, Agreement::Outvoted) => {
                return format!(
                    "a majority of the replicas has another state at index {index}: this one is damaged. Keep its data \
                     for analysis, remove it from the cluster and let the node rejoin under a new id"
                );
            }
        }
    }
}

/// Verifies the disk; returns with what is damaged: nothing may rest on it any more.
pub(super) async fn watch_disk(config: ScrubConfig, scrubber: Scrubber) -> String {
    scrub::run(config, scrubber).await
}
