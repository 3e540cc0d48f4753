//! The state on RocksDB and the state in memory are the same thing to the registry: the same commands make the same rows,
//! every query and every scan answers the same, and a crash loses nothing that the log can bring back.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test panics where it is surprised")]

#[path = "../../registry/tests/machine/support/mod.rs"]
mod support;

mod state_support;

use openraft::EntryPayload;
use openraft::storage::RaftStateMachine;
use proptest::prelude::*;
use raft_store::types::Entry;
use registry::query::{self, Include};
use registry::{Command, Context, Key, KeyRange, LogIndex, LogPosition, SchemaId, Scope, Version, View};

use state_support::{Replica, blank, block_on, crash_image, entries_of, entry, membership, scan};
use support::script::{Player, steps};
use support::{START_MS, assert_same_rows, cases, context, envelope, register, subject};

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn rocksdb_and_memory_agree(
        steps in steps(45),
        flush_at in any::<prop::sample::Index>(),
        crash_at in any::<prop::sample::Index>(),
    ) {
        let player = Player::play(&steps);
        let entries = entries_of(&player.log);
        let flush_at = flush_at.index(entries.len());
        let crash_at = flush_at + crash_at.index(entries.len() - flush_at);
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("node");
        let mut replica = Replica::open(&dir);
        replica.apply(&entries[..=flush_at]).unwrap();
        replica.store.flush().unwrap();
        replica.apply(&entries[flush_at + 1..=crash_at]).unwrap();
        let image = home.path().join("image");
        crash_image(&dir, &image);
        replica.apply(&entries[crash_at + 1..]).unwrap();
        check_equal(&replica, &player, &entries);

        // A crash comes back at the flush, whole, and the log does the rest.
        let mut crashed = Replica::open(&image);
        let (applied, _) = crashed.store.applied_state();
        let applied = applied.unwrap().index();
        prop_assert!(applied >= flush_at as u64 && applied <= crash_at as u64, "{} {} {}", flush_at, applied, crash_at);
        crashed.catch_up(&entries);
        assert_same_rows(&crashed.rows(), player.machine.view.rows());
        prop_assert_eq!(crashed.digest(), replica.digest());

        // After a clean stop nothing is left to replay.
        replica.store.flush().unwrap();
        drop(replica);
        let replica = Replica::open(&dir);
        prop_assert_eq!(replica.store.applied_index().0, entries.len() as u64 - 1);
        // It can be compared with the others though it has nothing to apply.
        prop_assert_eq!(replica.store.newest_digest(), Some((replica.store.applied_index(), replica.digest())));
        assert_same_rows(&replica.rows(), player.machine.view.rows());
        prop_assert_eq!(replica.store.applied_state(), crashed.store.applied_state());
    }
}

fn check_equal(replica: &Replica, player: &Player, entries: &[Entry]) {
    let memory = &player.machine.view;
    assert_same_rows(&replica.rows(), memory.rows());
    let mut last = [0; 32];
    for position in 0..entries.len() as u64 {
        last = player.machine.digests.get(&position).copied().unwrap_or(last);
        assert_eq!(replica.store.digest_at(LogIndex(position)), Some(last), "the digest after entry {position}");
    }
    assert_eq!(replica.store.newest_digest(), Some((LogIndex(entries.len() as u64 - 1), last)));
    replica.store.read(|view| {
        check_queries(view, memory);
        check_scans(view, memory);
    });
}

/// Every query of the registry, asked about everything there is and some things that are not.
fn check_queries(left: &impl View, right: &impl View) {
    macro_rules! same {
        ($name:ident($($argument:expr),*)) => {
            assert_eq!(query::$name(left, $($argument),*), query::$name(right, $($argument),*), stringify!($name))
        };
    }
    same!(machine());
    same!(contexts());
    let contexts: Vec<Context> = [".", ".eu", ".us", ".none"].map(context).into();
    for include in [Include::Live, Include::All, Include::DeletedOnly] {
        same!(subjects(None, include));
        for context in &contexts {
            same!(subjects(Some(context), include));
        }
    }
    for context in &contexts {
        same!(context_row(context));
        for id in (0..24).map(SchemaId) {
            same!(schema_by_id(context, id));
            same!(usages(context, id));
        }
    }
    let mut subjects = query::subjects(right, None, Include::All).unwrap();
    subjects.extend([subject("none"), subject(":.none:none")]);
    let mut scopes = vec![Scope::Global];
    scopes.extend(contexts.iter().cloned().map(Scope::Context));
    scopes.extend(subjects.iter().cloned().map(Scope::Subject));
    for scope in &scopes {
        same!(config(scope));
        same!(mode(scope));
        same!(mode_in_scope(scope));
        same!(config_in_scope(scope));
    }
    for subject in &subjects {
        same!(subject_row(subject));
        same!(versions(subject));
        same!(latest(subject));
        for version in (1..8).map(Version) {
            same!(version_row(subject, version));
            same!(sent(subject, version));
            same!(referrers(subject, version));
            same!(is_referenced(subject, version, None));
            same!(is_referenced(subject, version, Some(subject)));
            same!(is_referenced_at_all(subject, version, None));
        }
        for (_, row) in query::versions(right, subject).unwrap() {
            same!(content_row(row.guid, row.format));
            same!(schemas_by_guid(row.guid));
            same!(ids_by_guid(row.guid, row.format));
            same!(id_of(&subject.context, row.guid, row.format));
            same!(usages_in(row.id, subject));
        }
    }
}

/// Ranges of every kind, whole and in pages, forwards and backwards.
fn check_scans(left: &impl View, right: &impl View) {
    let all = scan(right, &KeyRange::all(), usize::MAX);
    let mut ranges = vec![
        KeyRange::all(),
        KeyRange::contexts(),
        KeyRange::subjects(None),
        KeyRange::events(),
        KeyRange::audit(),
        KeyRange::requests_by_age(),
        KeyRange::modes_of_subjects(&context(".")),
        KeyRange::versions(&subject("a")),
        KeyRange::schemas(&context(".")),
        KeyRange::usages(&context("."), SchemaId(1)),
        KeyRange::referrers(&subject("a"), Version(1)),
    ];
    for (key, _) in all.iter().step_by(7) {
        ranges.extend([KeyRange::all().after(key), KeyRange::all().from(key), KeyRange::subjects(None).after(key)]);
        // Up to a key, not including it.
        ranges.push(KeyRange { start: Vec::new(), end: key.encode(), reverse: false });
    }
    for range in ranges {
        for limit in [1, 3, usize::MAX] {
            assert_eq!(scan(left, &range, limit), scan(right, &range, limit), "{range:?}");
            let reversed = range.clone().reversed();
            assert_eq!(scan(left, &reversed, limit), scan(right, &reversed, limit), "{reversed:?}");
        }
    }
}

fn at(index: u64) -> LogPosition {
    LogPosition { index: LogIndex(index), term: 1 }
}

fn command(index: u64, command: Command) -> Entry {
    entry(at(index), envelope(&format!("request-{index}"), START_MS + index, command))
}

#[test]
fn an_empty_state_has_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    assert_eq!(replica.rows(), []);
    assert_eq!(replica.store.applied_state().0, None);
    assert_eq!(replica.store.applied_index(), LogIndex(0));
    assert_eq!(replica.store.digest_at(LogIndex(0)), None);
    assert!(block_on(replica.machine.get_current_snapshot()).unwrap().is_none());
}

#[test]
fn memberships_and_blank_entries_move_the_applied_index_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    let second = Entry { payload: EntryPayload::Membership(membership(&[1, 2, 3])), ..blank(2, 2) };
    replica.apply(&[entries_of(&[])[0].clone(), command(1, register("a", "1")), second, blank(3, 3)]).unwrap();
    let digest = replica.digest();
    let (applied, stored) = replica.store.applied_state();
    assert_eq!(applied, Some(blank(3, 3).log_id));
    assert_eq!((stored.log_id(), stored.membership()), (&Some(blank(2, 2).log_id), &membership(&[1, 2, 3])));
    for index in 1..=3 {
        assert_eq!(replica.store.digest_at(LogIndex(index)), Some(digest));
    }
    assert_eq!(replica.store.digest_at(LogIndex(0)), Some([0; 32]));
    assert_eq!(replica.store.digest_at(LogIndex(4)), None);
    replica.store.flush().unwrap();
    let before = replica.store.applied_state();
    drop(replica);
    let mut replica = Replica::open(dir.path());
    assert_eq!(replica.store.applied_state(), before);
    // What was before the last entry is forgotten; its own digest comes from the disk.
    assert_eq!(replica.store.digest_at(LogIndex(2)), None);
    assert_eq!(replica.store.digest_at(LogIndex(3)), Some(digest));
    replica.apply(&[blank(3, 4)]).unwrap();
    assert_eq!(replica.store.digest_at(LogIndex(4)), Some(digest));
    assert_eq!(block_on(replica.machine.applied_state()).unwrap().0, Some(blank(3, 4).log_id));
}

#[test]
fn old_digests_are_forgotten() {
    const REMEMBERED: u64 = 65_536;
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    let entries: Vec<_> = (0..REMEMBERED + 10).map(|index| blank(1, index)).collect();
    replica.apply(&entries).unwrap();
    assert_eq!(replica.store.digest_at(LogIndex(9)), None);
    assert_eq!(replica.store.digest_at(LogIndex(10)), Some([0; 32]));
    assert_eq!(replica.store.newest_digest(), Some((LogIndex(REMEMBERED + 9), [0; 32])));
}

/// What ends the node leaves the state as it was before the entry.
#[test]
fn an_entry_that_stops_the_node_is_not_applied() {
    let mut newer = envelope("newer", START_MS, register("a", "2"));
    newer.level = registry::level::SUPPORTED + 1;
    let (stopping, message) = (entry(at(2), newer), "upgrade this node");
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    replica.apply(&[blank(1, 0), command(1, register("a", "1"))]).unwrap();
    let before = replica.rows();
    let error = replica.apply(&[stopping, command(3, register("a", "3"))]).unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    let told = replica.fatal.lock().clone();
    assert!(told.len() == 1 && told[0].contains(message), "{told:?}");
    assert_eq!(replica.rows(), before);
    assert_eq!(replica.store.applied_index(), LogIndex(1));
}

/// A program from before the level was raised does not touch the state, and says that nothing is damaged.
#[test]
fn a_state_of_a_newer_level_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    replica.apply(&[blank(1, 0), command(1, register("a", "1"))]).unwrap();
    let machine = replica.store.read(|view| query::machine(view).unwrap());
    replica.store.flush().unwrap();
    drop(replica);
    let generation = state_support::live_generation(dir.path());
    let names = rocksdb::DB::list_cf(&rocksdb::Options::default(), &generation).unwrap();
    let database = rocksdb::DB::open_cf(&rocksdb::Options::default(), &generation, names).unwrap();
    let raised = registry::MachineRow { level: registry::level::SUPPORTED + 1, ..machine };
    let row = raft_store::codec::encode_row(&registry::Row::Machine(raised));
    database.put(Key::Machine.encode(), row).unwrap();
    database.flush().unwrap();
    drop(database);
    let opened = raft_store::state::StateStore::open(dir.path(), std::sync::Arc::new(|_: &str| {}));
    let message = opened.err().expect("the state is of a newer level").to_string();
    assert!(message.contains("start the newer program again"), "{message}");
}

#[test]
fn a_view_stays_as_it_was_while_entries_are_applied() {
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    replica.apply(&[blank(1, 0), command(1, register("a", "1"))]).unwrap();
    let store = replica.store.clone();
    store.read(|view| {
        let before = scan(view, &KeyRange::all(), usize::MAX);
        replica.apply(&[command(2, register("a", "2"))]).unwrap();
        assert_eq!(view.applied(), LogIndex(1));
        assert_eq!(scan(view, &KeyRange::all(), usize::MAX), before);
        assert_eq!(query::versions(view, &subject("a")).unwrap().len(), 1);
    });
    store.read(|view| {
        assert_eq!(view.applied(), LogIndex(2));
        assert_eq!(query::versions(view, &subject("a")).unwrap().len(), 2);
    });
}

/// A row that the disk has changed is an error, not an answer.
#[test]
fn a_damaged_row_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut replica = Replica::open(dir.path());
    replica.apply(&[blank(1, 0), command(1, register("a", "1"))]).unwrap();
    replica.store.flush().unwrap();
    drop(replica);
    let generation = state_support::live_generation(dir.path());
    // Writes a row under another key's rules by the front door of the database, past our code.
    let names = rocksdb::DB::list_cf(&rocksdb::Options::default(), &generation).unwrap();
    let database = rocksdb::DB::open_cf(&rocksdb::Options::default(), &generation, names).unwrap();
    let family = database.cf_handle("names").unwrap();
    let key = Key::Subject(subject("a")).encode();
    let mut bytes = database.get_cf(family, &key).unwrap().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    database.put_cf(family, &key, &bytes).unwrap();
    database.flush_cf(family).unwrap();
    drop(database);
    let mut replica = Replica::open(dir.path());
    replica.store.read(|view| {
        assert!(view.get(&Key::Subject(subject("a"))).unwrap_err().to_string().contains("checksum"));
        let scanned = view.scan(&KeyRange::subjects(None), &mut |_, _| std::ops::ControlFlow::Continue(()));
        assert!(scanned.unwrap_err().to_string().contains("checksum"));
    });
    // An entry that needs the row stops the node.
    replica.apply(&[command(2, register("a", "2"))]).unwrap_err();
    assert_eq!(replica.fatal.lock().len(), 1);
}
