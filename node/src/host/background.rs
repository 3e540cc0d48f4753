//! What a node does now and then beside serving: it recovers, the leader founds the cluster once, every node compares itself
//! with the others and verifies its disk. Once, it may make a root key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use raft_store::scrub::Scrubber;
use registry::{Actor, Authentication, Principal, PrincipalKind, RequestId};

use super::{Phase, restore, scrub};
use crate::auth::Origin;
use crate::clock::Deadline;
use crate::config::ScrubConfig;
use crate::consensus::{Agreement, Consensus};
use crate::random::Random;
use crate::service::{Caller, Consistency, Service, UNKEYED};
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
pub(super) async fn watch_recovery(consensus: Consensus, phase: Phase) {
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
pub(super) async fn found_cluster(service: Service, consensus: Consensus, cluster_id: String, random: Random) {
    let node_id = consensus.node_id();
    loop {
        tokio::time::sleep(FOUND_INTERVAL).await;
        match consensus.leader_id() {
            None => continue,
            Some(leader) if leader != node_id => return,
            Some(_) => {}
        }
        let name = random.next_uuid();
        let caller = Caller {
            actor: Actor { principal: Principal::system(), node_id },
            origin: Origin::default(),
            request_id: RequestId(format!("system:found:{name}")),
            deadline: Deadline::after(FOUND_TIME_MAX),
            consistency: Consistency::Local,
            at_least: None,
            if_revision: None,
            trace: TraceContext::begin(name),
        };
        match service.found_cluster(&caller, &cluster_id).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "give the cluster its identity"),
        }
    }
}

/// Leaves the record of a restore in the new cluster, once it has its identity.
pub(super) async fn record_restore(service: Service, consensus: Consensus, data_dir: PathBuf, random: Random) {
    let Some(restored) = restore::unrecorded_restore(&data_dir) else { return };
    let restore::Restored { from_cluster, index, digest, rows, entries, backups } = restored;
    let node_id = consensus.node_id();
    let caller = || Caller {
        actor: Actor { principal: Principal::system(), node_id },
        origin: Origin::default(),
        // However often it is tried, there is one record of it.
        request_id: RequestId(format!("system:restore:{index}:{digest}")),
        deadline: Deadline::after(FOUND_TIME_MAX),
        consistency: Consistency::Local,
        at_least: None,
        if_revision: None,
        trace: TraceContext::begin(random.next_uuid()),
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
            Ok(()) => return restore::mark_recorded(&data_dir),
            Err(error) => tracing::warn!(%error, "record the restore"),
        }
    }
}

/// The file with the root key, in the data directory.
const ROOT_KEY_FILE: &str = "root.key";

/// Makes a root key and writes it into the data directory, for its owner's eyes only; ends when that is done.
pub(super) async fn make_root_key(service: Service, data_dir: PathBuf, random: Random) {
    let node_id = service.node_id();
    let made = loop {
        tokio::time::sleep(FOUND_INTERVAL).await;
        // A retry makes another key in place of one whose secret nobody has seen.
        let name = node_id.to_string();
        let caller = Caller {
            actor: Actor { principal: Principal::of(PrincipalKind::Node, &name, Authentication::Internal), node_id },
            origin: Origin::default(),
            request_id: RequestId(format!("{UNKEYED}root-key:{}", random.next_uuid())),
            deadline: Deadline::after(FOUND_TIME_MAX),
            consistency: Consistency::Local,
            at_least: None,
            if_revision: None,
            trace: TraceContext::begin(random.next_uuid()),
        };
        match service.create_root_key(&caller).await {
            Ok(made) => break made,
            Err(error) => tracing::debug!(%error, "make a root key"),
        }
    };
    let path = data_dir.join(ROOT_KEY_FILE);
    match write_secret(&path, &format!("{}:{}\n", made.key.id, made.secret)) {
        Ok(()) => {
            tracing::info!(file = %path.display(), key = made.key.id, "a root key is in the file; remove it when used")
        }
        Err(error) => {
            tracing::error!(%error, file = %path.display(), "write the root key; start with --root-key again")
        }
    }
}

/// Writes a file that only its owner can read, whatever was there before.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Compares this replica with the others; returns with the reason when it must not go on.
pub(super) async fn compare_digests(consensus: Consensus) -> String {
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
    scrub::run_scrubber(config, scrubber).await
}
