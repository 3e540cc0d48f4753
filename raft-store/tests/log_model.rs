//! The log against a model: any sequence of appends, truncations, purges, votes, commits and reopenings leaves what a map
//! would hold.
//!
//! A failure prints its seed; `LOG_MODEL_SEED=… cargo test -p schemareg-raft-store --test log_model` runs the same cases again.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod log_support;

use std::collections::BTreeMap;
use std::path::Path;

use futures::StreamExt;
use log_support::{config, entry, run, submit, vote};
use openraft::storage::{RaftLogReader, RaftLogStorage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use raft_store::log::LogStore;
use raft_store::types::{Entry, LogId, Vote, log_id};

/// Sequences that one run tries. Each opens several databases.
const CASES: u32 = 150;
/// Steps of one sequence, at most.
const STEPS_MAX: usize = 40;

#[derive(Debug, Clone)]
enum Step {
    /// Append entries with records of about these lengths, under the next term or the same.
    Append {
        lengths: Vec<usize>,
        new_term: bool,
    },
    /// Remove this many entries at the end, at most.
    Truncate {
        count: u64,
    },
    /// Purge up to this place between the first entry (0) and the last (200), or behind it (more).
    Purge {
        place: u64,
    },
    Vote,
    Committed {
        place: u64,
    },
    Read {
        from: u64,
        count: u64,
    },
    /// Wait until everything is durable.
    Wait,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (vec(0_usize..3000, 1..8), prop::bool::weighted(0.15))
            .prop_map(|(lengths, new_term)| Step::Append { lengths, new_term }),
        3 => (0_u64..12).prop_map(|count| Step::Truncate { count }),
        2 => (0_u64..230).prop_map(|place| Step::Purge { place }),
        1 => Just(Step::Vote),
        2 => (0_u64..200).prop_map(|place| Step::Committed { place }),
        4 => (0_u64..80, 0_u64..40).prop_map(|(from, count)| Step::Read { from, count }),
        1 => Just(Step::Wait),
        2 => Just(Step::Reopen),
    ];
    vec(step, 1..STEPS_MAX)
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<u64, Entry>,
    purged: Option<LogId>,
    last: Option<LogId>,
    committed: Option<LogId>,
    vote: Option<Vote>,
    term: u64,
}

impl Model {
    fn next(&self) -> u64 {
        self.last.map_or(0, |last| last.index() + 1)
    }

    fn first(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.index() + 1)
    }

    /// The index at a place of 200 between the first and the last entry, or behind.
    fn at(&self, place: u64) -> u64 {
        if place > 200 { self.next() + place - 200 } else { self.first() + (self.next() - self.first()) * place / 200 }
    }

    fn id(&self, index: u64) -> LogId {
        self.entries.get(&index).map_or_else(|| log_id(self.term, 1, index), |entry| entry.log_id)
    }
}

fn reopen(data: &Path, cache_bytes_max: usize) -> LogStore {
    let (mut config, _) = config(data);
    config.cache_bytes_max = cache_bytes_max;
    config.check_all = true;
    LogStore::open(config).expect("a log that lost nothing opens")
}

async fn compare(store: &mut LogStore, model: &Model) {
    let entries = store.clone().try_get_log_entries(..).await.expect("the log can be read");
    assert_eq!(entries, model.entries.values().cloned().collect::<Vec<_>>());
    let state = store.get_log_state().await.expect("the log has a state");
    assert_eq!(state.last_purged_log_id, model.purged);
    assert_eq!(state.last_log_id, model.last);
    let report = store.report();
    assert_eq!(report.first, model.entries.keys().next().copied());
    assert_eq!(report.entries, model.entries.len() as u64);
    assert_eq!((report.last, report.vote, report.committed), (model.last, model.vote, model.committed));
    assert_eq!(report.bytes == 0, model.entries.is_empty());
}

async fn read(store: &mut LogStore, model: &Model, from: u64, to: u64) {
    let expected: Vec<Entry> = model.entries.range(from..to).map(|(_, entry)| entry.clone()).collect();
    assert_eq!(store.clone().try_get_log_entries(from..to).await.expect("the log can be read"), expected);
    let mut reader = store.get_log_reader().await;
    let streamed: Vec<Entry> =
        reader.entries_stream(from..to).await.map(|entry| entry.expect("the log can be read")).collect().await;
    assert_eq!(streamed, expected);
    let limited = reader.limited_get_log_entries(from, to).await;
    if model.entries.contains_key(&from) && from < to {
        let limited = limited.expect("the log can be read");
        assert!(!limited.is_empty() && limited == expected[..limited.len()]);
    } else if from < to {
        limited.expect_err("replication gets no entry in place of another");
    }
}

async fn follow(data: &Path, cache_bytes_max: usize, steps: Vec<Step>) {
    let mut store = reopen(data, cache_bytes_max);
    let mut model = Model::default();
    let mut waiting = Vec::new();
    for step in steps {
        match step {
            Step::Append { lengths, new_term } => {
                if new_term || model.term == 0 {
                    model.term += 1;
                    model.vote = Some(vote(model.term));
                    store.save_vote(&vote(model.term)).await.expect("the vote is stored");
                }
                let entries: Vec<Entry> =
                    (model.next()..).zip(lengths).map(|(index, length)| entry(model.term, index, length)).collect();
                model.last = entries.last().map(|entry| entry.log_id);
                model.entries.extend(entries.iter().map(|entry| (entry.log_id.index(), entry.clone())));
                waiting.push(submit(&mut store, entries).await.expect("the append is taken"));
            }
            Step::Truncate { count } => {
                let keep = model.next().saturating_sub(count).max(model.first()).checked_sub(1);
                let keep = keep.map(|index| {
                    if Some(index) == model.purged.map(|id| id.index()) {
                        model.purged.expect("there is something purged")
                    } else {
                        model.id(index)
                    }
                });
                store.truncate_after(keep).await.expect("the truncation is done");
                model.entries.split_off(&keep.map_or(0, |keep| keep.index() + 1));
                model.last = keep;
            }
            Step::Purge { place } => {
                let upto = model.id(model.at(place));
                store.purge(upto).await.expect("the purge is taken");
                model.entries = model.entries.split_off(&(upto.index() + 1));
                model.purged = Some(upto);
                model.last = model.last.max(Some(upto));
            }
            Step::Vote => {
                model.term += 1;
                model.vote = Some(vote(model.term));
                store.save_vote(&vote(model.term)).await.expect("the vote is stored");
            }
            Step::Committed { place } => {
                model.committed = model.last.map(|_| model.id(model.at(place)));
                store.save_committed(model.committed).await.expect("the committed position is taken");
            }
            Step::Read { from, count } => read(&mut store, &model, from, from + count).await,
            Step::Wait => wait(&mut waiting).await,
            Step::Reopen => {
                store.close();
                wait(&mut waiting).await;
                store = reopen(data, cache_bytes_max);
            }
        }
        compare(&mut store, &model).await;
    }
    wait(&mut waiting).await;
}

async fn wait<F: Future<Output = Result<std::io::Result<()>, String>>>(waiting: &mut Vec<F>) {
    for answer in waiting.drain(..) {
        answer.await.expect("every append is answered").expect("the append is durable");
    }
}

#[test]
fn the_log_holds_what_a_map_would_hold() {
    let seed: u64 = match std::env::var("LOG_MODEL_SEED") {
        Ok(seed) => seed.parse().expect("LOG_MODEL_SEED is a number"),
        Err(_) => {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(0)
        }
    };
    println!("LOG_MODEL_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    // Nothing in memory, a little, everything.
    let caches = prop_oneof![Just(0_usize), Just(4_000), Just(32 * 1024 * 1024)];
    let result = runner.run(&(caches, steps()), |(cache_bytes_max, steps)| {
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        run(follow(data.path(), cache_bytes_max, steps));
        Ok(())
    });
    if let Err(error) = result {
        panic!("LOG_MODEL_SEED={seed}: {error}");
    }
}
