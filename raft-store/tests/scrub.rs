//! Scrubbing finds a flipped bit in a block that nobody reads: in a table of the state, a file of the snapshot, a table of
//! the log.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test panics where it is surprised")]

#[path = "../../registry/tests/machine/support/mod.rs"]
mod support;

mod log_support;
mod state_support;

use std::fs;
use std::path::{Path, PathBuf};

use openraft::storage::{RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine};
use raft_store::log::LogStore;
use raft_store::scrub::{Damage, Scrubber};
use registry::{LogIndex, LogPosition};
use state_support::{Replica, block_on, entries_of, entry, live_generation};
use support::{START_MS, envelope, register};

/// A whole round, however long.
const ALL: u64 = u64::MAX;
/// More than the log's cache of blocks and one of its memtables: what a start reads first is cold when it is done.
const LOG_ENTRIES: u64 = 900;
const LOG_ENTRY_BYTES: usize = 20_000;

/// A directory with a flushed state, a snapshot of it, and a log with a table.
fn written() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(home.path());
    let commands = (1..400).map(|index| {
        let text = format!("{index} {}", blake3::hash(&u64::to_le_bytes(index)).to_hex().repeat(4));
        let position = LogPosition { index: LogIndex(index), term: 1 };
        entry(position, envelope(&format!("request-{index}"), START_MS + index, register(&format!("s{index}"), &text)))
    });
    let entries: Vec<_> = entries_of(&[]).into_iter().chain(commands).collect();
    replica.apply(&entries).unwrap();
    replica.store.flush().unwrap();
    block_on(async {
        let mut builder = replica.machine.try_create_snapshot_builder(true).await.unwrap();
        builder.build_snapshot().await.unwrap()
    });
    log_support::run(async {
        let mut log = log_support::open(home.path()).unwrap();
        log.save_vote(&log_support::vote(1)).await.unwrap();
        let entries = (0..LOG_ENTRIES).map(|index| log_support::entry(1, index, LOG_ENTRY_BYTES)).collect();
        log_support::append(&mut log, entries).await.unwrap();
        log.close();
    });
    home
}

fn opened(home: &Path) -> (LogStore, Replica) {
    (log_support::open(home).unwrap(), Replica::open(home))
}

/// The largest table of a directory.
fn table(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    tables.max_by_key(|path| fs::metadata(path).unwrap().len()).expect("what was flushed is in a table")
}

/// Flips a bit of a file in place, early: data blocks fill a table from its beginning, and the last ones that a start read may
/// be in the cache.
fn flip(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let place = file.metadata().unwrap().len() / 8;
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], place).unwrap();
}

fn scrub(log: &LogStore, replica: &Replica) -> Result<u64, Damage> {
    Scrubber::new(log.clone(), replica.store.clone()).run(ALL)
}

#[test]
fn what_is_whole_is_read_whole_round_after_round() {
    let home = written();
    let (log, replica) = opened(home.path());
    let mut scrubber = Scrubber::new(log, replica.store.clone());
    let bytes = scrubber.run(ALL).unwrap();
    assert!(bytes > LOG_ENTRIES * 20_000, "{bytes}");
    assert_eq!(scrubber.run(ALL).unwrap(), bytes);
    let stats = replica.store.scrub_stats();
    assert_eq!((stats.bytes(), stats.rounds_ended()), (2 * bytes, 2));
    // In steps it is as much.
    let (mut sum, mut steps) = (0, 0);
    loop {
        let step = scrubber.step().unwrap();
        (sum, steps) = (sum + step.bytes, steps + 1);
        if step.ends_round {
            break;
        }
    }
    assert_eq!(sum, bytes);
    assert!(steps > 20, "{steps} steps");
}

/// The node runs, and the block is in no cache.
#[test]
fn a_flipped_bit_in_a_cold_block_is_found() {
    type Place = fn(&Path) -> PathBuf;
    let of_state: Place = |home| table(&live_generation(home));
    let of_log: Place = |home| table(&home.join("raft"));
    let of_snapshot: Place = |home| {
        let snapshot = fs::read_dir(home.join("snap")).unwrap().next().unwrap().unwrap().path();
        // A table that is linked from the state is the same file; this one is the snapshot's own.
        let file = table(&snapshot);
        let copy = file.with_extension("copy");
        fs::copy(&file, &copy).unwrap();
        fs::rename(&copy, &file).unwrap();
        file
    };
    for (name, place) in [("the state database", of_state), ("snap/", of_snapshot), ("the log database", of_log)] {
        let home = written();
        let (log, replica) = opened(home.path());
        flip(&place(home.path()));
        let damage = scrub(&log, &replica).unwrap_err();
        assert!(damage.place.contains(name), "{damage}");
        assert!(damage.to_string().contains("rejoin under a new id"), "{damage}");
    }
}

/// A snapshot may be replaced while it is read.
#[test]
fn a_new_snapshot_is_no_damage() {
    let home = written();
    let (log, mut replica) = opened(home.path());
    let mut scrubber = Scrubber::new(log, replica.store.clone());
    let mut index = 400;
    loop {
        let step = scrubber.step().unwrap();
        if step.ends_round {
            break;
        }
        let position = LogPosition { index: LogIndex(index), term: 1 };
        let command = register(&format!("s{index}"), &format!("text {index}"));
        if index < 440 {
            replica.apply(&[entry(position, envelope(&format!("again-{index}"), START_MS + index, command))]).unwrap();
            block_on(async {
                let mut builder = replica.machine.try_create_snapshot_builder(true).await.unwrap();
                builder.build_snapshot().await.unwrap()
            });
        }
        index += 1;
    }
    assert!(index > 420, "the snapshot was replaced {} times", index - 400);
    assert!(!scrubber.step().unwrap().ends_round);
}
