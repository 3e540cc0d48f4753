//! Deterministic simulation of whole clusters: openraft with the product's settings and the product's state machine on disks
//! in memory that can lose and tear what was not synced, over a network that turmoil cuts, slows and loses. One thread, one
//! clock, one seed: a seed is a bug report.
//!
//! What is simulated is the protocol: elections, replication, snapshots, membership, forwarding, read index, session tokens,
//! request ids, premises. What is not: RocksDB, gRPC and HTTP, which the drills run as they are. The node's service is told
//! again in `service`, as the product's cannot run without RocksDB.
//!
//! `SIM_SEED` repeats one run, `SIM_MINUTES` goes on for so long, `SIM_OUT` names a file for the summary.

mod client;
mod disk;
mod hub;
mod machine;
mod node;
mod run;
mod service;
mod types;
mod world;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jepsen_tests::judge::verdict::Verdict;
use run::{Ended, simulate};
use types::Bug;

/// How long faults go on in a run, in election times.
const LENGTH: u32 = 60;
/// Runs of the short slice.
const SLICE: u64 = 6;
/// Seeds that hunt for one planted bug.
const SEEDS_PER_BUG: u64 = 20;

#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    seconds: f64,
    steps: u64,
    operations: usize,
    acknowledged: usize,
    strikes: BTreeMap<&'static str, u64>,
    applied: u64,
    snapshots: u64,
    repeated: u64,
    stale: u64,
    forwarded: u64,
    members: u64,
    unknown: u64,
    lost: u64,
    torn: u64,
}

impl Sum {
    fn add(&mut self, ended: &Ended) {
        self.runs += 1;
        self.seconds += ended.simulated.as_secs_f64();
        self.steps += ended.steps;
        self.operations += ended.operations;
        self.acknowledged += ended.acknowledged;
        for (name, count) in &ended.strikes {
            *self.strikes.entry(name).or_default() += count;
        }
        let figures = &ended.figures;
        self.applied += figures.applied;
        self.snapshots += figures.snapshots_installed;
        self.repeated += figures.repeated_requests;
        self.stale += figures.stale;
        self.forwarded += figures.forwarded;
        self.members += figures.changes_of_members;
        self.unknown += figures.unknown;
        self.lost += ended.lost;
        self.torn += ended.torn;
    }
}

fn expect_valid(ended: &Ended) {
    assert_eq!(
        ended.verdict,
        Verdict::Valid,
        "SIM_SEED={} ({}, {:?} simulated):\n{}",
        ended.seed,
        ended.timing,
        ended.simulated,
        ended.faults.join("\n")
    );
}

/// The seeds of this run: one, a short slice, or as many as the time allows.
#[test]
#[cfg_attr(debug_assertions, ignore = "minutes of processor time in a development build: scripts/sim.sh runs it")]
fn clusters_keep_their_promises() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let mut sum = Sum::default();
    let begun = Instant::now();
    let first = number("SIM_SEED");
    let end = number("SIM_MINUTES").map(|minutes| begun + Duration::from_secs(60 * minutes));
    let seeds = match (first, end) {
        (Some(seed), None) => seed..seed + 1,
        (first, Some(_)) => first.unwrap_or_else(|| rand::random::<u32>().into())..u64::MAX,
        (None, None) => 1..1 + SLICE,
    };
    eprintln!("seeds from {}", seeds.start);
    for seed in seeds {
        let ended = simulate(seed, None, LENGTH);
        sum.add(&ended);
        if first.is_some() && end.is_none() {
            eprintln!("{ended:#?}");
        }
        expect_valid(&ended);
        if let Ok(out) = std::env::var("SIM_OUT") {
            let text = format!(
                "seeds up to {seed}, {:.1} simulated hours in {:.1} hours: {sum:?}\n",
                sum.seconds / 3_600.0,
                begun.elapsed().as_secs_f64() / 3_600.0
            );
            std::fs::write(out, text).expect("write the summary");
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
    }
    eprintln!("{:.2} simulated hours: {sum:?}", sum.seconds / 3_600.0);
    if sum.runs >= SLICE {
        // What never happened was not tested.
        let happened = [sum.snapshots, sum.repeated, sum.stale, sum.forwarded, sum.members, sum.lost];
        assert!(happened.iter().all(|count| *count > 0), "the plan leaves something out: {sum:?}");
    }
}

/// tokio draws random numbers of its own, for instance when a watch channel wakes many; only a build with `tokio_unstable` lets
/// turmoil seed them: `scripts/sim.sh`.
#[cfg(tokio_unstable)]
#[test]
fn a_seed_repeats_a_run() {
    let runs = [simulate(11, None, 30), simulate(11, None, 30)];
    assert!(runs[0].operations > 0);
    let of = |ended: &Ended| (ended.trace, ended.operations, ended.steps, ended.acknowledged);
    assert_eq!(of(&runs[0]), of(&runs[1]));
}

/// The simulation finds what it is there to find. Every change hunts for the bugs that show soon; `SIM_ZOO=1` for all of them,
/// and tells what it did not find.
#[test]
#[cfg_attr(debug_assertions, ignore = "minutes of processor time in a development build: scripts/sim.sh runs it")]
fn planted_bugs_are_found() {
    let all = std::env::var("SIM_ZOO").is_ok();
    let rare = [
        Bug::NoSync,
        Bug::VoteLost,
        Bug::SessionIgnored,
        Bug::BasisIgnored,
        Bug::RetryRenamed,
        Bug::LeaderRestored,
        Bug::SnapshotWithoutRequests,
    ];
    let bugs: Vec<Bug> = [Bug::LocalRead].into_iter().chain(rare.into_iter().filter(|_| all)).collect();
    let mut missed = Vec::new();
    for bug in bugs {
        let begun = Instant::now();
        let mut runs = (1..=SEEDS_PER_BUG).map(|seed| simulate(seed, Some(bug), LENGTH));
        let found = runs.find(|ended| ended.verdict == Verdict::Invalid);
        let seconds = begun.elapsed().as_secs_f64();
        let Some(found) = found else {
            eprintln!("{bug:?}: not found in {SEEDS_PER_BUG} seeds, {seconds:.1} s");
            missed.push(bug);
            continue;
        };
        let fault = found.faults.first().map(|fault| fault.chars().take(160).collect::<String>());
        eprintln!("{bug:?}: seed {}, {seconds:.1} s: {}", found.seed, fault.unwrap_or_default());
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
