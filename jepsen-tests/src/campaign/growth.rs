//! Growth: a node that lives through many deaths of its peers must not gather connections, threads or memory.

use std::fs;
use std::time::Instant;

use serde::Serialize;

use crate::cluster::{Cluster, Spec};
use crate::drill::load::Load;
use crate::drill::run::commit_id;
use crate::ops::clients::ClientCounts;

/// Restarts before the first figure: caches and pools have filled by then.
const WARM_UP: u64 = 5;
/// More than this many file descriptors or threads gained is a leak.
const HANDLES_GAIN_MAX: i64 = 20;
/// More than this much memory gained, in megabytes, is a leak; the state itself grows by far less.
const MEMORY_GAIN_MAX_MB: i64 = 96;
/// Entries between two snapshots: so much is applied anew at a restart, at most.
const SNAPSHOT_ENTRIES: u64 = 1_000;
/// Answered operations between two restarts.
const WORK: u64 = 60;

/// What a process holds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ProcessResources {
    /// File descriptors, but for tables.
    pub files: i64,
    /// Tables of the store.
    pub tables: i64,
    pub threads: i64,
    pub memory_mb: i64,
}

/// What was measured of the node that was never restarted.
#[derive(Debug, Clone, Serialize)]
pub struct GrowthReport {
    pub commit: String,
    pub seed: u64,
    pub restarts: u64,
    pub operations: u64,
    pub first: ProcessResources,
    pub last: ProcessResources,
    pub peak: ProcessResources,
    pub faults: Vec<String>,
}

/// Looks at a process.
fn process_resources(pid: u32) -> ProcessResources {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let figure = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0)
    };
    let open: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .collect();
    // Tables follow the size of the state and its compaction. One that was removed and is open still has another ending.
    let tables = open.iter().filter(|path| path.extension().is_some_and(|extension| extension == "sst")).count();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    ProcessResources {
        files: count(open.len() - tables),
        tables: count(tables),
        threads: figure("Threads:"),
        memory_mb: figure("VmRSS:") / 1_024,
    }
}

/// Restarts two nodes in turn, under load, and watches the third.
///
/// # Panics
/// If the cluster does not come back.
pub async fn run_campaign(restarts: u64, seed: u64, mut say: impl FnMut(String)) -> GrowthReport {
    // A killed node applies its log anew from its last snapshot. With the default of 100,000 entries between two of them that is
    // all of it: each restart takes longer than the one before, and the clients write on meanwhile.
    let spec = Spec::of(3).with("compaction", "snapshot_entries", SNAPSHOT_ENTRIES);
    let spec = spec.with("compaction", "keep_entries", SNAPSHOT_ENTRIES / 2);
    let mut cluster = Cluster::start(spec).await;
    cluster.api(1).allow_everything().await;
    let load = Load::start(&cluster, 2, ClientCounts::only_subjects(), seed);
    load.wait_for_progress(WORK * 4).await;
    let pid = cluster.pid(1).expect("node 1 runs");
    let mut first = None;
    let mut peak = process_resources(pid);
    for restart in 1..=restarts {
        let chosen = 2 + restart % 2;
        let begun = Instant::now();
        cluster.kill(chosen);
        load.wait_for_progress(WORK).await;
        let went_on = begun.elapsed();
        cluster.restart(chosen).await;
        let ready = begun.elapsed();
        load.wait_for_progress(WORK).await;
        let all = begun.elapsed();
        let now = process_resources(pid);
        peak = ProcessResources {
            files: peak.files.max(now.files),
            tables: peak.tables.max(now.tables),
            threads: peak.threads.max(now.threads),
            memory_mb: peak.memory_mb.max(now.memory_mb),
        };
        if restart == WARM_UP {
            first = Some(now);
        }
        say(format!(
            "restart {restart} of {restarts}: {now:?}; {WORK} operations without node {chosen} {:.1} s, its start {:.1} s, \
             {WORK} more {:.1} s",
            went_on.as_secs_f64(),
            (ready - went_on).as_secs_f64(),
            (all - ready).as_secs_f64()
        ));
    }
    let last = process_resources(pid);
    let first = first.unwrap_or(last);
    let mut faults = Vec::new();
    for (what, gain, limit) in [
        ("file descriptors", last.files - first.files, HANDLES_GAIN_MAX),
        ("threads", last.threads - first.threads, HANDLES_GAIN_MAX),
        ("megabytes of memory", last.memory_mb - first.memory_mb, MEMORY_GAIN_MAX_MB),
    ] {
        if gain > limit {
            faults.push(format!("I26: {gain} {what} gained in {restarts} restarts of peers; {limit} are allowed"));
        }
    }
    let operations = load.operation_counts().0;
    drop(load.stop(&cluster.api(1)).await);
    GrowthReport { commit: commit_id(), seed, restarts, operations, first, last, peak, faults }
}
