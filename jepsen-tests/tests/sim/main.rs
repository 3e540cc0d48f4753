//! Deterministic simulation of whole clusters: openraft with the product's settings and the product's state machine on disks
//! in memory that can lose and tear what was not synced, over a network that turmoil cuts, slows and loses. One thread, one
//! clock, one seed: a seed is a bug report.
//!
//! What is simulated is the product from its service down to openraft: preparation, the commit loop, forwarding, rounds of reads
//! and their confirmation, session tokens, request ids, succession, elections, replication, snapshots, membership. What is
//! not: RocksDB, gRPC and HTTP, which the drills run as they are.
//!
//! `SIM_SEED` repeats one run, `SIM_MINUTES` goes on for so long, `SIM_FRESH` adds so many new seeds to the slice, `SIM_OUT` names a
//! file for the summary, `SIM_HISTORY` one for what clients did in the last run.

mod calls;
mod client;
mod disk;
mod hub;
mod machine;
mod node;
mod peers;
mod rows;
mod run;
mod types;
mod world;

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use jepsen_tests::checker::verdict::Verdict;
use run::{Ended, simulate};
use types::Bug;

/// Seeds of the short slice.
const SLICE: Range<u64> = 1..11;
/// Seeds that hunt for one planted bug.
const SEEDS_PER_BUG: u64 = 20;
/// Memory of the process after any run.
const MEMORY_MB_MAX: u64 = 1_024;
/// A campaign goes on after a fault, but not for ever.
const FAULTY_SEEDS_MAX: usize = 5;

/// Processor time of this process so far, in seconds, and its memory, in MB.
fn spent() -> (f64, u64) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let stat = read("/proc/self/stat");
    // After the name, which may hold anything, come the fields from the third on; times are in hundredths of a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let pages = read("/proc/self/statm").split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok());
    (ticks as f64 / 100.0, pages.unwrap_or(0) * 4 / 1_024)
}

/// A run in which something panics, openraft or a check of the simulation, is as wrong as one that breaks a promise.
fn simulate_or_panic(seed: u64, bug: Option<Bug>) -> Ended {
    let ended = std::panic::catch_unwind(|| simulate(seed, bug));
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("see above");
        Ended { seed, verdict: Verdict::Invalid, faults: vec![format!("panic: {text}")], ..Ended::default() }
    })
}

/// The figures of a run in one line, as `scripts/sim.sh` adds them up.
fn line(ended: &Ended, processor: f64, memory_mb: u64) -> String {
    let figures = &ended.figures;
    let mut line = format!(
        "seed={} timing={} verdict={} seconds={:.1} processor={processor:.2} memory_mb={memory_mb} chapters={} steps={} \
         operations={} acknowledged={} applied={} snapshots={} repeated={} stale={} forwarded={} confirmations={} gone={} \
         members={} unknown={} lost={} torn={}",
        ended.seed,
        ended.timing,
        format!("{:?}", ended.verdict).to_lowercase(),
        ended.simulated.as_secs_f64(),
        ended.chapters,
        ended.steps,
        ended.operations,
        ended.acknowledged,
        figures.applied,
        figures.snapshots_installed,
        figures.repeated_requests,
        figures.stale,
        figures.forwarded,
        figures.confirmations,
        figures.found_gone,
        figures.changes_of_members,
        figures.unknown,
        ended.lost,
        ended.torn,
    );
    for (name, count) in &ended.strikes {
        let _ = write!(line, " strike:{}={count}", name.replace(' ', "-"));
    }
    line
}

/// The seeds of this run: one, a short slice, or as many as the time allows. A campaign writes a line for every seed when it
/// has run, so that it may be cut at any time, and several may write to one file.
#[test]
#[cfg_attr(debug_assertions, ignore = "minutes of processor time in a development build: scripts/sim.sh runs it")]
fn clusters_keep_their_promises() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let begun = Instant::now();
    let first = number("SIM_SEED");
    let end = number("SIM_MINUTES").map(|minutes| begun + Duration::from_secs(60 * minutes));
    let (seeds, fresh) = match (first, end) {
        (Some(seed), None) => (seed..seed + 1, 0..0),
        (first, Some(_)) => (first.unwrap_or_else(|| rand::random::<u32>().into())..u64::MAX, 0..0),
        (None, None) => {
            let from = u64::from(rand::random::<u32>());
            (SLICE, from..from + number("SIM_FRESH").unwrap_or(0))
        }
    };
    let out = std::env::var("SIM_OUT").ok();
    let memory_mb_max = number("SIM_MEMORY_MB").unwrap_or(MEMORY_MB_MAX);
    let is_slice = seeds == SLICE;
    let mut happened = [0; 8];
    let mut faulty = Vec::new();
    for seed in seeds.chain(fresh) {
        let before = spent().0;
        let ended = simulate_or_panic(seed, None);
        let (processor, memory_mb) = spent();
        let line = line(&ended, processor - before, memory_mb);
        eprintln!("{line}");
        if let Some(out) = &out {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(out);
            file.and_then(|mut file| writeln!(file, "{line}")).expect("append the figures");
        }
        if first.is_some() && end.is_none() {
            eprintln!("{ended:#?}");
        }
        if ended.verdict != Verdict::Valid {
            eprintln!("SIM_SEED={seed} ({}):\n{}", ended.timing, ended.faults.join("\n"));
            faulty.push(seed);
        }
        assert!(memory_mb < memory_mb_max, "seed {seed} left {memory_mb} MB behind");
        let figures = &ended.figures;
        let counts = [
            figures.snapshots_installed,
            figures.repeated_requests,
            figures.stale,
            figures.forwarded,
            figures.confirmations,
            figures.found_gone,
            figures.changes_of_members,
            ended.lost,
        ];
        happened.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        if faulty.len() >= FAULTY_SEEDS_MAX || end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
    }
    assert!(faulty.is_empty(), "seeds that are not valid: {faulty:?}");
    // What never happened was not tested.
    assert!(!is_slice || happened.iter().all(|count| *count > 0), "the plan leaves something out: {happened:?}");
}

/// tokio draws random numbers of its own, for instance when a watch channel wakes many; only a build with `tokio_unstable` lets
/// turmoil seed them: `scripts/sim.sh`.
#[cfg(tokio_unstable)]
#[test]
fn a_seed_repeats_a_run() {
    let runs = [simulate(11, None), simulate(11, None)];
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
        Bug::LeaseRead,
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
        let mut runs = (1..=SEEDS_PER_BUG).map(|seed| simulate_or_panic(seed, Some(bug)));
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
