//! What group commit gains: operations per sync and per second with 1, 16, 64 and 256 writers, against one operation per
//! batch.
//!
//! `cargo run --release -p schemareg-raft-store --example group_commit [DIRECTORY]`; the directory decides which disk is measured.
//! As in a node, one task submits the appends of all writers; each writer waits until its entry is durable.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a program for developers")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use raft_store::log::{GROUP_OPS_MAX, LogConfig, LogStore};
use raft_store::types::{Entry, Proposal, TypeConfig, Vote, log_id};
use registry::{
    Actor, Authentication, Basis, ClusterCommand, Command, Envelope, LogIndex, Principal, RequestId, level,
};
use tokio::sync::{mpsc, oneshot};

const WRITERS: [usize; 4] = [1, 16, 64, 256];
const CELL: Duration = Duration::from_secs(3);
const ENTRY_BYTES: usize = 512;

struct Cell {
    per_second: f64,
    per_sync: f64,
    p50: Duration,
    p99: Duration,
}

fn entry(index: u64) -> Entry {
    let envelope = Envelope {
        request_id: RequestId(index.to_string()),
        time_ms: index,
        actor: Actor { principal: Principal::user("bench", Authentication::Basic), node_id: 1 },
        level: level::BASE,
        trace: None,
        if_revision: None,
        source: None,
        basis: Basis { read_index: LogIndex(index), keys: BTreeSet::new() },
        command: Command::Cluster(ClusterCommand::Found { cluster_id: "x".repeat(ENTRY_BYTES) }),
    };
    Entry { log_id: log_id(1, 1, index), payload: EntryPayload::Normal(Proposal::new(envelope)) }
}

async fn measure(directory: &std::path::Path, writers: usize, group_ops_max: usize) -> Cell {
    let data = tempfile::tempdir_in(directory).unwrap();
    let mut config = LogConfig::in_data_dir(data.path());
    config.group_ops_max = group_ops_max;
    let mut store = LogStore::open(config).unwrap();
    store.save_vote(&Vote::new_committed(1, 1)).await.unwrap();
    let stats = store.stats();
    let (operations, syncs) = (stats.operations(), stats.syncs());

    let (submit, mut submitted) = mpsc::channel::<oneshot::Sender<_>>(writers);
    let mut appender = store.clone();
    let appending = tokio::spawn(async move {
        let mut index = 0;
        while let Some(reply) = submitted.recv().await {
            let (callback, durable) = TypeConfig::oneshot();
            appender.append([entry(index)], IOFlushed::signal(callback)).await.unwrap();
            drop(reply.send(durable));
            index += 1;
        }
    });
    let began = Instant::now();
    let writing: Vec<_> = (0..writers)
        .map(|_| {
            let submit = submit.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                while began.elapsed() < CELL {
                    let asked = Instant::now();
                    let (reply, durable) = oneshot::channel();
                    submit.send(reply).await.unwrap();
                    durable.await.unwrap().await.unwrap().unwrap();
                    took.push(asked.elapsed());
                }
                took
            })
        })
        .collect();
    drop(submit);
    let mut took = Vec::new();
    for writer in writing {
        took.extend(writer.await.unwrap());
    }
    let elapsed = began.elapsed();
    appending.await.unwrap();
    took.sort();
    let operations = (stats.operations() - operations) as f64;
    let cell = Cell {
        per_second: operations / elapsed.as_secs_f64(),
        per_sync: operations / (stats.syncs() - syncs) as f64,
        p50: took[took.len() / 2],
        p99: took[took.len() * 99 / 100],
    };
    store.close();
    cell
}

fn main() {
    let directory = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!("entries of {ENTRY_BYTES} bytes, {} s per cell, in {}", CELL.as_secs(), directory.display());
    println!("writers | ops/sync |    ops/s | p50 ms | p99 ms | one op per sync: ops/s | p50 ms | ratio");
    for writers in WRITERS {
        let grouped = runtime.block_on(measure(&directory, writers, GROUP_OPS_MAX));
        let single = runtime.block_on(measure(&directory, writers, 1));
        println!(
            "{writers:7} | {:8.1} | {:8.0} | {:6.2} | {:6.2} | {:22.0} | {:6.2} | {:5.1}",
            grouped.per_sync,
            grouped.per_second,
            grouped.p50.as_secs_f64() * 1e3,
            grouped.p99.as_secs_f64() * 1e3,
            single.per_second,
            single.p50.as_secs_f64() * 1e3,
            grouped.per_second / single.per_second,
        );
    }
}
