//! The term index says what the rows say, whatever is in blocks, in memory or half removed, and after a crash.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

#[path = "../../registry/tests/machine/support/mod.rs"]
mod support;

mod state_support;

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;

use openraft::storage::RaftStateMachine;
use raft_store::state::StateMachine;
use raft_store::types::Entry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use registry::{CatalogCommand, Command, Key, KeyRange, LogIndex, Permanent, Row, Terms, View, ViewError, query};

use state_support::{Replica, block_on, crash_image, entry, membership};
use support::{Machine, START_MS, delete_subject, envelope, register};

/// Enough for two rounds of blocks and some that are in memory.
const STEPS: usize = 1_400;
const TERMS: [&str; 6] = ["f:a", "f:ab", "f:b", "t:a", "w:\u{e9}", "w:never"];

/// A view without an index.
struct Plain<'a, V>(&'a V);

impl<V: View> View for Plain<'_, V> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        self.0.get(key)
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        self.0.scan(range, visit)
    }
}

/// The contents that a view shows to have all of these terms, so many at most.
fn found(view: &impl View, terms: &[&str], after: Option<u64>, limit: usize) -> Vec<u64> {
    let terms: Vec<_> = terms.iter().map(|term| (*term).to_owned()).collect();
    let mut found = Vec::new();
    view.scan_terms(&terms, after.map(LogIndex), &mut |since, has_all| {
        // The index may be ahead of a view.
        if has_all && query::terms_row(view, since).unwrap().is_some() {
            found.push(since.0);
        }
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .unwrap();
    found
}

fn check(view: &impl View, random: &mut StdRng, upto: u64) {
    let pairs = TERMS.iter().flat_map(|one| TERMS.iter().map(move |two| vec![*one, *two]));
    for terms in TERMS.iter().map(|term| vec![*term]).chain(pairs).chain([TERMS[..5].to_vec()]) {
        for after in [None, Some(random.random_range(0..=upto))] {
            for limit in [3, usize::MAX] {
                let (by_index, by_rows) =
                    (found(view, &terms, after, limit), found(&Plain(view), &terms, after, limit));
                assert_eq!(by_index, by_rows, "{terms:?} after {after:?}");
            }
        }
    }
}

fn apply(machine: &mut StateMachine, entries: &[Entry]) {
    let entries: Vec<_> = entries.iter().map(|entry| Ok((entry.clone(), None))).collect();
    block_on(machine.apply(futures::stream::iter(entries))).unwrap();
}

/// A log of registrations with random terms, and of removals.
fn log(random: &mut StdRng) -> Vec<Entry> {
    let first = Entry {
        log_id: raft_store::types::log_id(1, 1, 0),
        payload: openraft::EntryPayload::Membership(membership(&[1])),
    };
    let (mut log, mut machine, mut live) = (vec![first], Machine::default(), Vec::new());
    for step in 0..STEPS {
        let mut commands = Vec::new();
        if !live.is_empty() && random.random_bool(0.05) {
            let subject: String = live.swap_remove(random.random_range(0..live.len()));
            commands.extend([Permanent::No, Permanent::Yes].map(|permanent| delete_subject(&subject, permanent)));
        } else {
            let subject = format!("s{step}");
            let mut command = register(&subject, &format!("text {step}"));
            if let Command::Catalog(CatalogCommand::Register(register)) = &mut command {
                let common = random.random_bool(0.9);
                let has = |at: usize, random: &mut StdRng| at == 0 && common || random.random_bool(0.1 * at as f64);
                register.content.terms =
                    Terms::of(TERMS[..5].iter().enumerate().filter(|(at, _)| has(*at, random)).map(|(_, term)| *term));
            }
            live.push(subject);
            commands.push(command);
        }
        for command in commands {
            let envelope = envelope(&format!("{step} {}", log.len()), START_MS + log.len() as u64, command);
            log.push(entry(machine.next(), envelope.clone()));
            machine.apply(&envelope);
        }
    }
    log
}

#[test]
fn the_index_says_what_the_rows_say() {
    let seed = std::env::var("TERM_INDEX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("TERM_INDEX_SEED={seed}");
    let random = &mut StdRng::seed_from_u64(seed);
    let log = log(random);
    let home = tempfile::tempdir().unwrap();
    let mut dir = home.path().join("0");
    let mut replica = Replica::open(&dir);
    let (mut at, mut crashes) = (0, 0);
    while at < log.len() {
        let to = log.len().min(at + random.random_range(1..120));
        let mut machine = StateMachine::new(replica.store.clone());
        replica.store.read(|view| {
            // Beside a reader that began before: it misses nothing but what is gone by now.
            apply(&mut machine, &log[at..to]);
            for term in TERMS {
                let (by_index, by_rows) =
                    (found(view, &[term], None, usize::MAX), found(&Plain(view), &[term], None, usize::MAX));
                assert!(by_index.is_sorted() && by_index.iter().all(|since| by_rows.contains(since)), "{term}");
                replica.store.read(|newest| {
                    for since in by_rows.iter().filter(|since| !by_index.contains(since)) {
                        assert_eq!(query::terms_row(newest, LogIndex(*since)).unwrap(), None, "{term} {since}");
                    }
                });
            }
        });
        replica.store.read(|view| check(view, random, to as u64));
        at = to;
        if random.random_bool(0.2) {
            replica.store.flush().unwrap();
        }
        if random.random_bool(0.2) {
            crashes += 1;
            let image = home.path().join(crashes.to_string());
            crash_image(&dir, &image);
            dir = image;
            replica = Replica::open(&dir);
            replica.store.read(|view| check(view, random, to as u64));
            replica.catch_up(&log[..at]);
        }
    }
    let rows = replica.store.read(|view| found(&Plain(view), &["f:a"], None, usize::MAX)).len();
    assert!(rows > 1_024, "{rows} contents are two rounds of blocks");
}
