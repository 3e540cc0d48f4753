//! What a drill leaves behind: a live report on the terminal, and a directory with everything that it was judged by.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::load::Done;
use super::timeline;
use super::watch::Sample;
use crate::judge::verdict::Verdict;

/// A strike, for the timeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Strike {
    pub fault: String,
    pub from_ms: u64,
    pub to_ms: u64,
    pub real: bool,
    pub detail: String,
    /// Operations answered and without outcome meanwhile.
    pub answered: u64,
    pub unknown: u64,
}

/// The result of a drill.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Report {
    pub drill: String,
    pub seed: u64,
    pub commit: String,
    pub verdict: Verdict,
    pub seconds: u64,
    /// Operations that were judged, and those of unknown outcome among them.
    pub operations: usize,
    pub unknown: usize,
    pub acknowledged_writes: usize,
    pub versions: usize,
    pub subjects: usize,
    /// Subjects that two independent searches judged.
    pub judged_twice: usize,
    pub appends_judged: usize,
    pub glimpses: usize,
    /// Steps in the lives of schemas that changed something, and those that were refused.
    pub life_steps: usize,
    pub life_refusals: usize,
    /// Changes and reads of levels and modes, with registrations between them.
    pub settings: usize,
    /// References that were made, and deletions that one of them prevented.
    pub references: usize,
    pub references_kept: usize,
    /// Events that every watcher saw, and how often one went on at its token.
    pub watched_events: usize,
    pub watch_resumes: usize,
    /// Records of the audit log, rebuilt and joined with what clients know.
    pub audit_records: usize,
    pub bytes_lost: u64,
    pub files_lost: usize,
    /// Longest time without any answered operation, in milliseconds.
    pub longest_gap_ms: u64,
    /// From the first operation to the first fault, in milliseconds.
    pub warm_ms: u64,
    pub strikes: Vec<Strike>,
    pub faults: Vec<String>,
    /// Why the run says nothing, though nothing is wrong.
    pub idle: Vec<String>,
}

impl Report {
    /// Prints the verdict and what led to it.
    #[allow(clippy::print_stdout)]
    pub fn print(&self) {
        println!();
        println!("  time    fault                       answered  unknown");
        for strike in &self.strikes {
            let mark = if strike.real { ' ' } else { '!' };
            println!(
                "  {:>5.1} s {mark} {:<26} {:>7} {:>8}   {}",
                Duration::from_millis(strike.from_ms).as_secs_f64(),
                strike.fault,
                strike.answered,
                strike.unknown,
                strike.detail
            );
        }
        println!();
        println!(
            "  {} operations judged ({} of unknown outcome), {} acknowledged writes, {} versions on every node",
            self.operations, self.unknown, self.acknowledged_writes, self.versions
        );
        println!(
            "  {} subjects searched ({} by two searches), {} operations checked for cycles, {} session and bounded reads",
            self.subjects, self.judged_twice, self.appends_judged, self.glimpses
        );
        println!(
            "  {} steps in lives of schemas and {} that were refused, {} operations with settings",
            self.life_steps, self.life_refusals, self.settings
        );
        println!(
            "  {} references to other schemas, which kept {} deletions from happening",
            self.references, self.references_kept
        );
        println!(
            "  {} events on every watcher ({} resumed), {} audit records",
            self.watched_events, self.watch_resumes, self.audit_records
        );
        println!("  longest time without an answer: {} ms", self.longest_gap_ms);
        for fault in self.faults.iter().take(20) {
            println!("  WRONG: {fault}");
        }
        for reason in &self.idle {
            println!("  VACUOUS: {reason}");
        }
        println!("  verdict of {} (seed {}): {:?}", self.drill, self.seed, self.verdict);
    }

    /// Is it a pass?
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Valid
    }
}

/// Writes the artefacts of a drill: verdict, faults, history, node logs.
///
/// # Panics
/// If the directory cannot be written.
pub fn keep(dir: &Path, report: &Report, done: Option<&Done>, samples: &[Sample], cluster_dir: Option<&Path>) {
    fs::create_dir_all(dir).expect("make a directory for artefacts");
    let verdict = serde_json::to_vec_pretty(report).expect("a report can be printed");
    fs::write(dir.join("verdict.json"), verdict).expect("write a verdict");
    write_lines(&dir.join("faults.jsonl"), &report.strikes);
    if let Some(done) = done {
        write_lines(&dir.join("history.jsonl"), &done.did.events);
        write_lines(&dir.join("glimpses.jsonl"), &done.did.glimpses);
        write_lines(&dir.join("lives.jsonl"), &done.did.lived);
        write_lines(&dir.join("settings.jsonl"), &done.did.settings);
        write_lines(&dir.join("references.jsonl"), &done.did.links);
        write_lines(&dir.join("ledger.jsonl"), &done.did.ledger);
    }
    write_lines(&dir.join("nodes.jsonl"), samples);
    let events = done.map_or(&[][..], |done| &done.did.events);
    let page = timeline::html(report, &report.strikes, samples, events, report.warm_ms);
    fs::write(dir.join("timeline.html"), page).expect("write a timeline");
    for entry in cluster_dir.and_then(|dir| fs::read_dir(dir).ok()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log") || name.ends_with(".toml") {
            fs::copy(entry.path(), dir.join(name)).expect("copy a log");
        }
    }
}

fn write_lines<T: Serialize>(path: &Path, items: &[T]) {
    let mut file = BufWriter::new(File::create(path).expect("make a file for artefacts"));
    for item in items {
        serde_json::to_writer(&mut file, item).expect("an item can be printed");
        file.write_all(b"\n").expect("write an artefact");
    }
}
