//! A node that the log can no longer help gets a snapshot: one that was down while the log was purged, and one that joins
//! empty. Over the real wire, while others write.

use std::time::{Duration, Instant};

use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::history::append;
use jepsen_tests::wait::until;
use jepsen_tests::workload::Workload;
use jepsen_tests::{seed, verify};

const CLIENTS: usize = 6;
const SNAPSHOT_ENTRIES: u64 = 100;
const KEEP_ENTRIES: u64 = 10;
/// How long an idle cluster is watched for snapshots that nobody needs: several rounds of the node's own controller.
const WATCHED: Duration = Duration::from_secs(5);

/// Snapshots that nodes took and installed, by their logs.
fn counted(cluster: &Cluster) -> (usize, usize) {
    let count = |what: &str| (1..=4).map(|id| cluster.log(id).matches(what).count()).sum();
    (count("\"take a snapshot\""), count("\"install a snapshot\""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_behind_a_purged_log_and_an_empty_joiner_get_a_snapshot() {
    let (seed, _) = seed::generator("snapshot");
    let spec = Spec::of(3).with("compaction", "snapshot_entries", SNAPSHOT_ENTRIES).with(
        "compaction",
        "keep_entries",
        KEEP_ENTRIES,
    );
    let mut cluster = Cluster::start(spec).await;
    cluster.api(1).allow_everything().await;
    let workload = Workload::start(cluster.apis(), CLIENTS, seed);
    workload.progress(50).await;

    let absent = cluster.follower().await;
    workload.drop_node(absent);
    let left_at = cluster.api(absent).get("/livez").send().await.unwrap().index();
    cluster.kill(absent);
    until("the log to be purged beyond the absent node", async || {
        let status = cluster.status().await;
        let purged: Vec<_> = status.nodes.iter().filter(|n| n.node_id != absent).map(|n| n.purged_index).collect();
        if purged.iter().all(|index| *index > left_at + KEEP_ENTRIES) { Ok(()) } else { Err(format!("{purged:?}")) }
    })
    .await;
    cluster.restart(absent).await;
    until("the absent node to have caught up", async || {
        let index = cluster.api(absent).get("/livez").send().await?.index();
        if index > left_at + SNAPSHOT_ENTRIES { Ok(()) } else { Err(index.to_string()) }
    })
    .await;
    assert!(cluster.log(absent).contains("\"install a snapshot\""), "it can only have come by a snapshot");
    workload.add_node(cluster.api(absent));
    workload.progress(50).await;

    cluster.join(4).await;
    assert!(cluster.log(4).contains("\"install a snapshot\""), "the log's beginning is gone, so it came by a snapshot");
    workload.add_node(cluster.api(4));
    workload.progress(50).await;
    let mut history = workload.stop().await;
    let before = verify::all_nodes(&cluster, &history).await;

    // Nobody writes: nobody takes or sends snapshots.
    until("the controllers to have nothing left to do", async || {
        let status = cluster.status().await;
        let behind = |node: &proto::rest::NodeStatusBody| {
            node.applied_index.saturating_sub(node.snapshot_index) >= SNAPSHOT_ENTRIES
        };
        if status.nodes.iter().any(behind) { Err(format!("{status:?}")) } else { Ok(()) }
    })
    .await;
    let idle = (counted(&cluster), snapshot_indexes(&cluster).await);
    let watched_until = Instant::now() + WATCHED;
    while Instant::now() < watched_until {
        assert_eq!((counted(&cluster), snapshot_indexes(&cluster).await), idle, "an idle cluster takes no snapshots");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    cluster.kill_all();
    for id in 1..=4 {
        cluster.spawn(id, &[]);
    }
    cluster.ready_all().await;
    let after = verify::all_nodes(&cluster, &history).await;
    assert_eq!(before, after, "all nodes start again from their snapshots and logs");

    let workload = Workload::start(cluster.apis(), CLIENTS, seed.wrapping_add(1));
    workload.progress(50).await;
    append(&mut history, workload.stop().await);
    verify::all_nodes(&cluster, &history).await;
    eprintln!("{} attempts; snapshots taken and installed: {:?}", history.len(), counted(&cluster));
}

async fn snapshot_indexes(cluster: &Cluster) -> Vec<u64> {
    cluster.status().await.nodes.iter().map(|node| node.snapshot_index).collect()
}
