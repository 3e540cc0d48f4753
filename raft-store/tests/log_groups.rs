//! What is synced, and what shares a sync.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod log_support;

use log_support::{append, config, entries, open, run, submit, vote};
use openraft::storage::RaftLogStorage;
use raft_store::log::LogStore;
use raft_store::types::log_id;

/// Votes, appends and truncations are synced before they are answered; purges and committed positions never wait for a
/// disk, and are written with what comes next.
#[test]
fn what_must_be_durable_is_synced() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        let stats = store.stats();
        assert_eq!(stats.syncs(), 0);
        store.save_vote(&vote(1)).await.unwrap();
        assert_eq!((stats.syncs(), stats.marks()), (1, 1));
        append(&mut store, entries(1, 0, 30)).await.unwrap();
        assert_eq!(stats.syncs(), 2);
        store.truncate_after(Some(log_id(1, 1, 24))).await.unwrap();
        assert_eq!(stats.syncs(), 3);
        store.truncate_after(Some(log_id(1, 1, 24))).await.unwrap();
        assert_eq!(stats.syncs(), 3, "there is nothing to truncate");
        store.purge(log_id(1, 1, 9)).await.unwrap();
        store.purge(log_id(1, 1, 9)).await.unwrap();
        store.save_committed(Some(log_id(1, 1, 20))).await.unwrap();
        while stats.groups() < 4 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stats.syncs(), 3, "a purge and a committed position wait for nothing");
        append(&mut store, entries(1, 25, 26)).await.unwrap();
        assert_eq!((stats.syncs(), stats.operations()), (4, 5));
        store.close();
        let report = open(data.path()).unwrap().report();
        assert_eq!((report.first, report.last), (Some(10), Some(log_id(1, 1, 25))));
        assert_eq!((report.purged, report.committed), (Some(log_id(1, 1, 9)), Some(log_id(1, 1, 20))));
    });
}

/// A burst shares syncs, in order, and the limit of a group is kept.
#[test]
fn a_burst_shares_syncs() {
    const APPENDS: u64 = 2_000;
    for (group_ops_max, syncs_max, syncs_min) in [(4_096, APPENDS / 4, 1), (1, APPENDS + 1, APPENDS + 1)] {
        let data = tempfile::tempdir().unwrap();
        run(async {
            let (mut config, _) = config(data.path());
            config.group_ops_max = group_ops_max;
            let mut store = LogStore::open(config).unwrap();
            store.save_vote(&vote(1)).await.unwrap();
            let mut answers = Vec::new();
            for index in 0..APPENDS {
                answers.push(submit(&mut store, entries(1, index, index + 1)).await.unwrap());
            }
            for answer in answers {
                answer.await.unwrap().unwrap();
            }
            let syncs = store.stats().syncs();
            assert!((syncs_min..=syncs_max).contains(&syncs), "{syncs} syncs");
            assert_eq!(store.stats().operations(), APPENDS + 1);
        });
    }
}

/// The estimate that compaction decides by follows appends, purges and reopening.
#[test]
fn bytes_are_counted() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        append(&mut store, (0..1_000).map(|index| log_support::entry(1, index, 1_000)).collect()).await.unwrap();
        let full = store.log_bytes_estimate();
        assert!((1_000_000..1_200_000).contains(&full), "{full}");
        store.purge(log_id(1, 1, 499)).await.unwrap();
        let half = store.log_bytes_estimate();
        assert!((full * 9 / 20..full * 11 / 20).contains(&half), "{half} of {full}");
        store.close();
        let again = open(data.path()).unwrap().log_bytes_estimate();
        assert!(again.abs_diff(half) < full / 100, "{again} and {half}");
    });
}
