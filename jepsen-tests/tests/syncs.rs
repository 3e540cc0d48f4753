//! One sync fails, in each place where a node syncs anything: the node ends, comes back, and has lost nothing.
//!
//! After a failed sync the kernel may have dropped what was to be written and say that all is well the next time, so whatever goes
//! on relies on what nobody knows (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).

use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::disk::shim::ShimControl as Control;
use jepsen_tests::history::append;
use jepsen_tests::wait::until;
use jepsen_tests::workload::Workload;
use jepsen_tests::{seed, verify};
use rand::RngExt;

/// What `sync_fail_where` of the preloaded library means.
const PLACES: [(i64, &str); 4] = [(1, "the log"), (2, "the state"), (3, "snapshots"), (4, "the mark")];
const ROUNDS: usize = 3;
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_failed_sync_ends_the_node() {
    let (seed, mut random) = seed::generator("syncs");
    // A snapshot, and with it a flush of the state, every few entries.
    let spec = Spec::of(1).shimmed().with("compaction", "snapshot_entries", 20).with("compaction", "keep_entries", 10);
    let mut cluster = Cluster::start(spec).await;
    cluster.api(1).allow_everything().await;
    let shim = cluster.shim(1);
    let mut history = Vec::new();
    let strikes = PLACES.iter().flat_map(|place| std::iter::repeat_n(place, ROUNDS));
    for (number, (place, name)) in (0..).zip(strikes) {
        let workload = Workload::start(cluster.apis(), CLIENTS, seed.wrapping_add(number));
        workload.progress(random.random_range(1..40)).await;
        let before = shim.get(Control::SyncsFailed);
        shim.set(Control::SyncErrno, 5);
        shim.set(Control::SyncFailWhere, *place);
        shim.set(Control::SyncFailCount, 1);
        until(&format!("a sync of {name} to fail"), async || {
            if shim.get(Control::SyncsFailed) > before { Ok(()) } else { Err("none did".to_owned()) }
        })
        .await;
        let journal = std::fs::read_to_string(shim.journal_path()).unwrap();
        let failed: Vec<&str> = journal.lines().filter_map(|line| line.strip_prefix("F ")).collect();
        until(&format!("the node to end after a failed sync of {failed:?}"), async || {
            if cluster.has_ended(1) { Ok(()) } else { Err("it goes on".to_owned()) }
        })
        .await;
        eprintln!("{name}: {failed:?}");
        assert_eq!(failed.len(), 1, "{failed:?}");
        cluster.ended(1).await;
        cluster.restart(1).await;
        append(&mut history, workload.stop().await);
    }
    verify::all_nodes(&cluster, &history).await;
}
