//! Damage to the WAL: what RocksDB does with it in each recovery mode, and what the log says.
//!
//! The first half keeps what the boot checks rely on true for the RocksDB version in use: the choice of
//! `TolerateCorruptedTailRecords` rests on it. The second half shows that the mark and the checks at the start catch what
//! RocksDB lets through.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a test")]

mod log_support;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use log_support::{all, append, entries, entry, open, refusal, run, vote};
use openraft::storage::RaftLogStorage;
use raft_store::codec::{Mark, decode_mark, encode_entry, encode_mark};
use raft_store::log::{LogConfig, LogStore, OpenError};
use raft_store::types::{LogId, log_id};
use rocksdb::{ColumnFamilyDescriptor, DB, DBRecoveryMode, Options, WriteBatch, WriteOptions};

const ENTRIES: u64 = 100;

/// What happens to the WAL.
#[derive(Debug, Clone, Copy)]
enum Damage {
    TornTail,
    FlippedInTheMiddle,
    FlippedInTheLastRecord,
    GarbageBehind,
    CutAtAnEdge,
    Deleted,
}

/// A copy of a live directory with 100 synced records, and where in the WAL the 51st begins.
struct Written {
    dir: tempfile::TempDir,
    edge: u64,
}

impl Written {
    fn data(&self) -> &Path {
        self.dir.path()
    }

    fn raft(&self) -> PathBuf {
        self.data().join("raft")
    }

    fn damage(&self, damage: Damage) {
        let path = wal(&self.raft());
        let length = fs::metadata(&path).unwrap().len();
        let flip = |position: u64| {
            let mut bytes = fs::read(&path).unwrap();
            bytes[usize::try_from(position).unwrap()] ^= 0x01;
            fs::write(&path, bytes).unwrap();
        };
        match damage {
            Damage::TornTail => File::options().write(true).open(&path).unwrap().set_len(length - 3).unwrap(),
            Damage::FlippedInTheMiddle => flip(self.edge + 20),
            Damage::FlippedInTheLastRecord => flip(length - 5),
            Damage::GarbageBehind => {
                OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0xA7; 50]).unwrap();
            }
            Damage::CutAtAnEdge => File::options().write(true).open(&path).unwrap().set_len(self.edge).unwrap(),
            Damage::Deleted => fs::remove_file(&path).unwrap(),
        }
    }
}

/// The WAL that was written to: the longest.
fn wal(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .expect("a database that was written to has a WAL")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target)
        } else {
            drop(fs::copy(file.path(), target))
        }
    }
}

/// The directory as a crash leaves it: copied while the database is open.
fn crashed(data: &Path, edge: u64) -> Written {
    let dir = tempfile::tempdir().unwrap();
    copy(data, dir.path());
    Written { dir, edge }
}

fn raw() -> Written {
    let data = tempfile::tempdir().unwrap();
    let raft = data.path().join("raft");
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, &raft).unwrap();
    let mut sync = WriteOptions::default();
    sync.set_sync(true);
    let mut edge = 0;
    for number in 0..ENTRIES {
        if number == ENTRIES / 2 {
            edge = fs::metadata(wal(&raft)).unwrap().len();
        }
        db.put_opt(number.to_be_bytes(), [0x55; 60], &sync).unwrap();
    }
    crashed(data.path(), edge)
}

fn reopened(written: &Written, mode: Option<DBRecoveryMode>) -> Option<usize> {
    let mut options = Options::default();
    if let Some(mode) = mode {
        options.set_wal_recovery_mode(mode);
    }
    options.set_recycle_log_file_num(0);
    options.set_track_and_verify_wals_in_manifest(true);
    let db = DB::open(&options, written.raft()).ok()?;
    Some(db.iterator(rocksdb::IteratorMode::Start).count())
}

/// `None`: it refuses to open. The last column is RocksDB's default.
#[test]
fn rocksdb_recovers_as_the_table_says() {
    use DBRecoveryMode::{AbsoluteConsistency, PointInTime, TolerateCorruptedTailRecords};
    let table = [
        (Damage::TornTail, [None, Some(99), Some(99)]),
        (Damage::FlippedInTheMiddle, [None, None, Some(50)]),
        (Damage::FlippedInTheLastRecord, [None, None, Some(99)]),
        (Damage::GarbageBehind, [None, Some(100), Some(100)]),
        (Damage::CutAtAnEdge, [Some(50), Some(50), Some(50)]),
        (Damage::Deleted, [Some(0), Some(0), Some(0)]),
    ];
    let written = raw();
    let mut found = Vec::new();
    for (damage, _) in table {
        let outcomes = [AbsoluteConsistency, TolerateCorruptedTailRecords, PointInTime].map(|mode| {
            let copy = crashed(written.data(), written.edge);
            copy.damage(damage);
            reopened(&copy, Some(mode))
        });
        let copy = crashed(written.data(), written.edge);
        copy.damage(damage);
        assert_eq!(reopened(&copy, None), outcomes[2], "{damage:?}: the default is point in time");
        found.push((damage, outcomes));
    }
    assert_eq!(format!("{found:#?}"), format!("{table:#?}"));
}

/// A log with a vote and 100 entries, each synced alone, as a crash leaves it; its mark says `marked`.
fn log(marked: u64) -> Written {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        let mut edge = 0;
        for index in 0..ENTRIES {
            if index == ENTRIES / 2 {
                edge = fs::metadata(wal(&data.path().join("raft"))).unwrap().len();
            }
            append(&mut store, vec![entry(1, index, 40)]).await.unwrap();
        }
        let written = crashed(data.path(), edge);
        set_mark(written.data(), |mark| mark.last = Some(log_id(1, 1, marked)));
        written
    })
}

fn set_mark(data: &Path, change: impl Fn(&mut Mark)) {
    let mut mark = decode_mark(&fs::read(data.join("MARK")).unwrap()).unwrap();
    change(&mut mark);
    fs::write(data.join("MARK"), encode_mark(&mark)).unwrap();
}

fn held(data: &Path) -> usize {
    run(async { all(&open(data).unwrap()).await.len() })
}

#[test]
fn a_torn_tail_opens_unless_it_was_marked() {
    let written = log(40);
    written.damage(Damage::TornTail);
    assert_eq!(held(written.data()), 99, "a last record that was cut is what an ordinary power loss leaves");

    let written = log(99);
    written.damage(Damage::TornTail);
    let refused = refusal(written.data());
    assert!(matches!(&refused, OpenError::BehindMark { marked, found: None, .. } if marked.index() == 99), "{refused}");
    let message = refused.to_string();
    for part in ["MARK", "raft", "has lost entries", "T1-N1", "99", "wipe", "new node id"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert_eq!(refusal(written.data()).to_string(), message, "a refusal repairs nothing");
}

#[test]
fn garbage_behind_the_tail_opens_with_everything() {
    let written = log(99);
    written.damage(Damage::GarbageBehind);
    assert_eq!(held(written.data()), 100);
}

#[test]
fn a_flipped_byte_refuses() {
    let written = log(0);
    written.damage(Damage::FlippedInTheMiddle);
    let refused = refusal(written.data());
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
    assert!(refused.to_string().contains("new node id"), "{refused}");
}

/// A drill took the power of three nodes at once, and one of them never came back: the last record, which nobody had been told
/// of, was there in full length with wrong bytes at its end. RocksDB calls that damage. Had it been two nodes, the cluster
/// would have been lost.
#[test]
fn a_last_record_with_wrong_bytes_opens_unless_it_was_marked() {
    let written = log(40);
    written.damage(Damage::FlippedInTheLastRecord);
    assert_eq!(held(written.data()), 99);

    let written = log(99);
    written.damage(Damage::FlippedInTheLastRecord);
    let refused = refusal(written.data());
    assert!(matches!(&refused, OpenError::BehindMark { marked, .. } if marked.index() == 99), "{refused}");
}

/// The MANIFEST of a database, with an edit behind it that was being written when the power went.
fn tear_manifest(database: &Path) {
    let current = fs::read_to_string(database.join("CURRENT")).unwrap();
    let path = database.join(current.trim());
    let mut manifest = fs::read(&path).unwrap();
    // Checksum, length, kind: of full length, and nothing that fits.
    manifest.extend_from_slice(&[0xA7, 0xA7, 0xA7, 0xA7, 40, 0, 1]);
    manifest.extend_from_slice(&[0xA7; 40]);
    fs::write(path, manifest).unwrap();
}

/// A soak took the power of a node while RocksDB wrote an edit to a MANIFEST, and the node never came back.
#[test]
fn a_torn_edit_of_the_manifest_opens_with_everything() {
    let written = log(99);
    tear_manifest(&written.data().join("raft"));
    assert_eq!(held(written.data()), 100);
    // A power loss may tear the log, too.
    let written = log(40);
    tear_manifest(&written.data().join("raft"));
    written.damage(Damage::FlippedInTheLastRecord);
    assert_eq!(held(written.data()), 99);
}

#[test]
fn a_wal_that_ends_early_or_is_gone_is_behind_the_mark() {
    let written = log(60);
    written.damage(Damage::CutAtAnEdge);
    assert!(matches!(refusal(written.data()), OpenError::BehindMark { .. }));

    // The log's name was in the WAL, too.
    let written = log(60);
    written.damage(Damage::Deleted);
    assert!(matches!(refusal(written.data()), OpenError::MarkOfAnotherLog { .. }));

    let written = log(60);
    fs::remove_dir_all(written.raft()).unwrap();
    assert!(matches!(refusal(written.data()), OpenError::MarkOfAnotherLog { .. }));
    assert!(
        matches!(refusal(written.data()), OpenError::MarkOfAnotherLog { .. }),
        "an empty log in its place is not it"
    );
}

/// After an orderly restart the name and the first entries are in tables; then a WAL that is gone is behind the mark.
#[test]
fn a_wal_that_is_gone_after_a_restart_is_behind_the_mark() {
    let first = log(60);
    let data = first.data();
    run(async {
        let mut store = open(data).unwrap();
        append(&mut store, entries(1, 100, 130)).await.unwrap();
        store.save_vote(&vote(2)).await.unwrap();
        let written = crashed(data, 0);
        written.damage(Damage::Deleted);
        assert!(matches!(refusal(written.data()), OpenError::VoteBehindMark { .. }), "{}", refusal(written.data()));
        set_mark(written.data(), |mark| mark.vote = Some(vote(1)));
        assert!(matches!(refusal(written.data()), OpenError::BehindMark { .. }), "{}", refusal(written.data()));
    });
}

#[test]
fn a_mark_that_is_missing_damaged_or_foreign_refuses() {
    let written = log(60);
    fs::remove_file(written.data().join("MARK")).unwrap();
    assert!(matches!(refusal(written.data()), OpenError::MarkMissing { .. }));

    let written = log(60);
    let path = written.data().join("MARK");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refusal(written.data()), OpenError::MarkDamaged { .. }));

    let written = log(60);
    set_mark(written.data(), |mark| mark.store = [1; 16]);
    assert!(matches!(refusal(written.data()), OpenError::MarkOfAnotherLog { .. }));

    let written = log(60);
    set_mark(written.data(), |mark| mark.vote = Some(vote(2)));
    let refused = refusal(written.data());
    assert!(matches!(&refused, OpenError::VoteBehindMark { found: Some(found), .. } if *found == vote(1)), "{refused}");

    let written = log(60);
    set_mark(written.data(), |mark| mark.last = Some(log_id(9, 1, 60)));
    let refused = refusal(written.data());
    assert!(matches!(&refused, OpenError::BehindMark { found: Some(found), .. } if found.index() == 60), "{refused}");
}

/// A log that was made and never used may lose its mark: nothing was promised.
#[test]
fn an_empty_log_gets_a_mark() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).unwrap().close();
    fs::remove_file(data.path().join("MARK")).unwrap();
    open(data.path()).unwrap().close();
    assert!(data.path().join("MARK").exists());
    assert!(decode_mark(&fs::read(data.path().join("MARK")).unwrap()).unwrap().last.is_none());
}

/// The mark follows appends within its interval, without another operation; truncations lower it, and closing brings it
/// up to date.
#[test]
fn the_mark_follows_the_log() {
    let data = tempfile::tempdir().unwrap();
    let marked = || decode_mark(&fs::read(data.path().join("MARK")).unwrap()).unwrap();
    let last = |index| Some(log_id(1, 1, index));
    run(async {
        let mut store = open(data.path()).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        assert_eq!(marked().vote, Some(vote(1)), "at every vote");
        for index in 0..20 {
            append(&mut store, entries(1, index, index + 1)).await.unwrap();
        }
        let began = std::time::Instant::now();
        while marked().last != last(19) {
            assert!(began.elapsed().as_secs() < 20, "the mark stays at {:?}", marked().last);
            tokio::task::yield_now().await;
        }
        assert!(store.stats().marks() < 10, "not at every append: {}", store.stats().marks());
        store.truncate_after(last(9)).await.unwrap();
        assert_eq!(marked().last, last(9), "lowered");
        append(&mut store, entries(1, 10, 15)).await.unwrap();
        store.close();
        assert_eq!(marked().last, last(14), "at the end");
    });
}

/// Changes the database of a log that was closed, as no program of ours would.
fn tamper(data: &Path, change: impl Fn(&DB, &mut WriteBatch)) {
    let families = ["default", "logs", "meta"].map(|name| ColumnFamilyDescriptor::new(name, Options::default()));
    let db = DB::open_cf_descriptors(&Options::default(), data.join("raft"), families).unwrap();
    let mut batch = WriteBatch::default();
    change(&db, &mut batch);
    db.write(batch).unwrap();
}

fn tampered(change: impl Fn(&DB, &mut WriteBatch)) -> OpenError {
    let data = closed();
    tamper(data.path(), change);
    refusal(data.path())
}

/// A log that purged up to 9 and ends at 1999, closed in order.
fn closed() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        append(&mut store, entries(1, 0, 2_000)).await.unwrap();
        store.purge(log_id(1, 1, 9)).await.unwrap();
        store.close();
    });
    data
}

fn put(db: &DB, batch: &mut WriteBatch, index: u64, id: LogId) {
    let record = encode_entry(&entry(id.committed_leader_id().term, id.index(), 10));
    batch.put_cf(db.cf_handle("logs").unwrap(), index.to_be_bytes(), record);
}

fn delete(db: &DB, batch: &mut WriteBatch, index: u64) {
    batch.delete_cf(db.cf_handle("logs").unwrap(), index.to_be_bytes());
}

#[test]
fn the_checks_at_the_start_refuse_what_cannot_be() {
    let refused = tampered(|db, batch| delete(db, batch, 10));
    assert!(matches!(refused, OpenError::FirstIndex { expected: 10, found: 11, .. }), "{refused}");
    let refused = tampered(|db, batch| put(db, batch, 5, log_id(1, 1, 5)));
    assert!(matches!(refused, OpenError::FirstIndex { expected: 10, found: 5, .. }), "{refused}");
    let refused = tampered(|db, batch| delete(db, batch, 700));
    assert!(matches!(refused, OpenError::Gap { expected: 700, found: 701, .. }), "{refused}");
    let refused = tampered(|db, batch| put(db, batch, 1500, log_id(1, 1, 1501)));
    assert!(matches!(refused, OpenError::Misplaced { key: 1500, .. }), "{refused}");
    let refused = tampered(|db, batch| put(db, batch, 2000, log_id(0, 1, 2000)));
    assert!(matches!(refused, OpenError::Misplaced { key: 2000, .. }), "{refused}");
    let refused = tampered(|db, batch| batch.put_cf(db.cf_handle("logs").unwrap(), b"odd", b"x"));
    assert!(matches!(refused, OpenError::Key { .. }), "{refused}");
    let refused = tampered(|db, batch| batch.delete_cf(db.cf_handle("meta").unwrap(), b"vote"));
    assert!(matches!(refused, OpenError::VoteMissing { .. }), "{refused}");
    let refused = tampered(|db, batch| put(db, batch, 2000, log_id(2, 1, 2000)));
    assert!(matches!(refused, OpenError::VoteBehindLog { .. }), "{refused}");
    for (key, what) in [("vote", "the vote"), ("purged", "the purged position"), ("store", "the log's name")] {
        let refused = tampered(|db, batch| batch.put_cf(db.cf_handle("meta").unwrap(), key, b"damaged record"));
        assert!(matches!(&refused, OpenError::Record { what: found, .. } if found == what), "{refused}");
    }
}

/// Damage that the checksums of RocksDB do not see is found in the last 1,000 entries always, and before on request.
#[test]
fn older_entries_are_decoded_on_request() {
    let damage = |db: &DB, batch: &mut WriteBatch, index: u64| {
        let mut record = encode_entry(&entry(1, index, 40)).to_vec();
        record[30] ^= 1;
        batch.put_cf(db.cf_handle("logs").unwrap(), index.to_be_bytes(), record);
    };
    let refused = tampered(|db, batch| damage(db, batch, 1_000));
    assert!(matches!(&refused, OpenError::Record { what, .. } if what == "the entry 1000"), "{refused}");

    let data = closed();
    tamper(data.path(), |db, batch| damage(db, batch, 999));
    run(async {
        let store = open(data.path()).unwrap();
        let mut reader = store.clone().get_log_reader().await;
        use openraft::storage::RaftLogReader;
        assert_eq!(reader.try_get_log_entries(1_000..).await.unwrap().len(), 1_000);
        let error = reader.limited_get_log_entries(990, 1_010).await.expect_err("a damaged entry is never sent");
        assert!(error.to_string().contains("read entry 999 of the log"), "{error}");
        store.close();
    });
    let mut config = LogConfig::in_data_dir(data.path());
    config.check_all = true;
    let refused = LogStore::open(config).err().expect("all entries are decoded");
    assert!(matches!(&refused, OpenError::Record { what, .. } if what == "the entry 999"), "{refused}");
}

/// The entry that initialises a cluster is written before the first vote: a crash between them must not keep the node out.
#[test]
fn only_the_first_entry_of_a_cluster_comes_before_a_vote() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        append(&mut store, entries(0, 0, 1)).await.unwrap();
        store.close();
        let mut store = open(data.path()).unwrap();
        append(&mut store, entries(1, 1, 2)).await.unwrap();
        store.close();
        assert!(matches!(refusal(data.path()), OpenError::VoteMissing { .. }));
    });
}

/// Another process that has the log open is no reason to wipe anything.
#[test]
fn a_log_that_is_open_elsewhere_is_not_called_damaged() {
    let data = tempfile::tempdir().unwrap();
    let _store = open(data.path()).unwrap();
    let refused = refusal(data.path());
    assert!(matches!(refused, OpenError::Database { .. }), "{refused}");
    assert!(!refused.to_string().contains("wipe"), "{refused}");
}
