//! The command line of the drills: list them, run them, soak.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use jepsen_tests::campaign::{growth, rot, zoo};
use jepsen_tests::drill::{Drill, catalogue, checks, report::Report, run};
use tokio::signal::unix::{SignalKind, signal};

/// Rehearses failures on a scratch cluster and judges what clients saw.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The drills, and what each proves.
    List,
    /// Runs a drill by name ("slice": the one that every change runs; "all": everything).
    Run {
        name: String,
        /// Repeats a plan.
        #[arg(long)]
        seed: Option<u64>,
        /// Again and again, each time with the next seed.
        #[arg(long, default_value_t = 1)]
        times: u64,
        /// Strikes in place of the drill's own number.
        #[arg(long)]
        strikes: Option<usize>,
        /// A planted bug, in a binary that has them.
        #[arg(long)]
        bug: Option<String>,
        /// Where histories, logs and verdicts are kept.
        #[arg(long)]
        artefacts: Option<PathBuf>,
    },
    /// Judges a history that a drill left behind again.
    Check { history: PathBuf },
    /// Flips bits in files of a minority, and sees that the node is fenced and rebuilt and no answer is wrong.
    Rot {
        #[arg(long, default_value_t = 50)]
        count: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Restarts peers again and again, and sees that the survivor gathers nothing.
    Growth {
        #[arg(long, default_value_t = 50)]
        restarts: u64,
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Hunts for every planted bug, in a binary that has them (REGISTRY_NODE_BIN, built with the feature "bugs").
    Zoo {
        /// Only this one.
        #[arg(long)]
        bug: Option<String>,
        /// Only so many, others with every seed.
        #[arg(long)]
        some: Option<usize>,
        #[arg(long)]
        seed: Option<u64>,
        /// Seconds for each.
        #[arg(long, default_value_t = zoo::LIMIT.as_secs())]
        limit: u64,
    },
    /// Random compositions of faults until the time is over; ends at the first run that is not valid.
    Soak {
        #[arg(long)]
        minutes: u64,
        #[arg(long)]
        seed: Option<u64>,
        #[arg(long)]
        artefacts: Option<PathBuf>,
    },
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut terminated = signal(SignalKind::terminate()).expect("listen for SIGTERM");
    // A drill that is broken off leaves no processes and no namespaces behind: dropping the cluster removes them.
    tokio::select! {
        code = run_command(Arguments::parse().command) => code,
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        _ = terminated.recv() => ExitCode::from(143),
    }
}

async fn run_command(command: Command) -> ExitCode {
    match command {
        Command::List => {
            for drill in catalogue::all_drills() {
                println!("{:<22} {} nodes, {:<4} {}", drill.name, drill.nodes, drill.profile, drill.about);
            }
            ExitCode::SUCCESS
        }
        Command::Run { name, seed, times, strikes, bug, artefacts } => {
            let mut drills = run::drills_named(&name);
            if drills.is_empty() {
                eprintln!("there is no drill {name}; 'list' shows them");
                return ExitCode::from(2);
            }
            drills.retain(|drill| {
                let possible = drill.check_possible();
                if let Err(reason) = &possible {
                    eprintln!("SKIPPED: {} does not run here: {reason}", drill.name);
                }
                possible.is_ok()
            });
            if drills.is_empty() {
                return ExitCode::from(3);
            }
            let first = seed_or_any(seed);
            let mut reports = Vec::new();
            for round in 0..times {
                for drill in &drills {
                    let drill = Drill { strikes: strikes.unwrap_or(drill.strikes), ..drill.clone() };
                    let (bug, artefacts) = (bug.clone(), artefacts.clone());
                    let options = run::Options { seed: first + round, bug, artefacts, live: true, hunt: false };
                    let report = run::run_drill(&drill, &options).await;
                    report.print_summary();
                    reports.push(report);
                }
            }
            print_verdicts(&reports)
        }
        Command::Check { history } => {
            let text = std::fs::read_to_string(&history).unwrap_or_else(|error| panic!("read {history:?}: {error}"));
            let history: Vec<_> =
                text.lines().map(|line| serde_json::from_str(line).expect("a line is an operation")).collect();
            let searched = checks::search_all_subjects(&history);
            println!("{} operations on {} subjects", searched.operations, searched.subjects);
            print_faults(&[searched.faults, searched.unknown].concat())
        }
        Command::Rot { count, seed } => {
            let rotten = rot::run_campaign(count, seed_or_any(seed), |text| println!("{text}")).await;
            println!("{}", serde_json::to_string(&rotten).expect("figures can be printed"));
            print_faults(&rotten.faults)
        }
        Command::Growth { restarts, seed } => {
            let growth = growth::run_campaign(restarts, seed_or_any(seed), |text| println!("{text}")).await;
            println!("{}", serde_json::to_string(&growth).expect("figures can be printed"));
            print_faults(&growth.faults)
        }
        Command::Zoo { bug, some, seed, limit } => {
            let (seed, limit) = (seed_or_any(seed), Duration::from_secs(limit));
            let mut missed = Vec::new();
            println!("commit {}, seed {seed}", run::commit_id());
            for exhibit in zoo::chosen_bugs(bug.as_deref(), some, seed) {
                let hunt = zoo::hunt_bug(exhibit, seed, limit).await;
                let found = if hunt.found { "found" } else { "NOT FOUND" };
                let zoo::Hunt { bug, about, faults, took, by, .. } = hunt;
                println!(
                    "| {bug} | {about} | {faults} | {found} | {:.0} s | {} |",
                    took.as_secs_f64(),
                    by.replace('\n', " ")
                );
                if !hunt.found {
                    missed.push(format!("{bug} was not found"));
                }
            }
            print_faults(&missed)
        }
        Command::Soak { minutes, seed, artefacts } => {
            let first = seed_or_any(seed);
            let end = Instant::now() + Duration::from_secs(minutes * 60);
            let mut reports: Vec<Report> = Vec::new();
            for seed in first.. {
                let options = run::Options { seed, bug: None, artefacts: artefacts.clone(), live: true, hunt: false };
                let report = run::run_drill(&run::random_drill(seed), &options).await;
                report.print_summary();
                let passed = report.is_valid();
                reports.push(report);
                if !passed || Instant::now() >= end {
                    break;
                }
            }
            print_verdicts(&reports)
        }
    }
}

fn seed_or_any(seed: Option<u64>) -> u64 {
    seed.unwrap_or_else(|| rand::random::<u32>().into())
}

fn print_faults(faults: &[String]) -> ExitCode {
    faults.iter().for_each(|fault| println!("WRONG: {fault}"));
    println!("{}", if faults.is_empty() { "valid" } else { "invalid" });
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The beginning of the first fault; the report above has the others.
fn first_fault(report: &Report) -> String {
    report.results.faults.first().map(|fault| fault.chars().take(200).collect()).unwrap_or_default()
}

fn print_verdicts(reports: &[Report]) -> ExitCode {
    let failed: Vec<_> = reports.iter().filter(|report| !report.is_valid()).collect();
    let strikes: usize = reports.iter().map(|report| report.strikes.len()).sum();
    let operations: usize = reports.iter().map(|report| report.results.operations).sum();
    let writes: usize = reports.iter().map(|report| report.results.acknowledged_writes).sum();
    let seconds: u64 = reports.iter().map(|report| report.seconds).sum();
    println!();
    for report in &failed {
        println!("{:?}: {} with seed {}: {}", report.results.verdict, report.drill, report.seed, first_fault(report));
    }
    println!(
        "commit {}, {} drills, {strikes} strikes, {operations} operations, {writes} acknowledged writes, {seconds} s",
        run::commit_id(),
        reports.len()
    );
    println!("{} passed, {} failed", reports.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
