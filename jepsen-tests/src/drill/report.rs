//! What a drill leaves behind: a live report on the terminal, and a directory with everything that it was judged by.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checks::CheckResults;
use super::load::LoadHistory;
use super::monitor::Sample;
use super::timeline;
use crate::checker::verdict::Verdict;

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

/// The report of a drill.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The name of the drill.
    pub drill: String,
    /// The seed of its plan.
    pub seed: u64,
    /// The commit that was judged.
    pub commit: String,
    /// How long the drill took.
    pub seconds: u64,
    /// Unsynced bytes and files that power losses destroyed.
    pub bytes_lost: u64,
    /// See [`Report::bytes_lost`].
    pub files_lost: usize,
    /// From the first operation to the first fault, in milliseconds.
    pub warm_ms: u64,
    /// The faults that were injected.
    pub strikes: Vec<Strike>,
    /// The results of all checkers.
    #[serde(flatten)]
    pub results: CheckResults,
}

impl Report {
    /// Prints the verdict and what led to it.
    #[allow(clippy::print_stdout)]
    pub fn print_summary(&self) {
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
        self.results.print_figures();
        println!("  verdict of {} (seed {}): {:?}", self.drill, self.seed, self.results.verdict);
    }

    /// Is it a pass?
    pub fn is_valid(&self) -> bool {
        self.results.verdict == Verdict::Valid
    }
}

/// Characters of a fault that are printed; `verdict.json` has all of it.
const FAULT_SHOWN_MAX: usize = 900;

impl CheckResults {
    /// Prints how much was judged, and what is wrong.
    #[allow(clippy::print_stdout)]
    pub fn print_figures(&self) {
        println!(
            "  {} operations judged ({} of unknown outcome), {} acknowledged writes, {} versions on every node",
            self.operations, self.unknown, self.acknowledged_writes, self.versions
        );
        println!(
            "  {} objects searched ({} by two searches), {} operations checked for cycles, {} session and bounded reads, \
             {} answers with an age",
            self.subjects, self.searched_twice, self.appends, self.session_reads, self.aged_answers
        );
        println!(
            "  {} lifecycle actions and {} that were refused, {} operations with settings",
            self.lifecycle_actions, self.lifecycle_refusals, self.settings
        );
        println!(
            "  {} references to other schemas, which kept {} deletions from happening",
            self.references, self.references_kept
        );
        println!(
            "  {} imports and {} refusals by mode in contexts, {} changes at a revision and {} refused because of one",
            self.imports, self.mode_refusals, self.changes_at_revision, self.revision_refusals
        );
        println!(
            "  {} events on every watcher ({} resumed), {} audit records",
            self.watched_events, self.watch_resumes, self.audit_records
        );
        println!(
            "  {} rows compared between all nodes, {} snapshots installed",
            self.rows_compared, self.snapshots_installed
        );
        println!("  longest time without an answer: {} ms", self.longest_gap_ms);
        for fault in self.faults.iter().take(20) {
            println!("  WRONG: {}", fault.chars().take(FAULT_SHOWN_MAX).collect::<String>());
        }
        for reason in &self.vacuous_because {
            println!("  VACUOUS: {reason}");
        }
    }
}

/// Writes the artefacts of a drill: verdict, faults, history, node logs.
///
/// # Panics
/// If the directory cannot be written.
pub fn write_artefacts(
    dir: &Path,
    report: &Report,
    history: Option<&LoadHistory>,
    samples: &[Sample],
    cluster_dir: Option<&Path>,
) {
    fs::create_dir_all(dir).expect("make a directory for artefacts");
    let verdict = serde_json::to_vec_pretty(report).expect("a report can be printed");
    fs::write(dir.join("verdict.json"), verdict).expect("write a verdict");
    write_lines(&dir.join("faults.jsonl"), &report.strikes);
    if let Some(LoadHistory { clients, .. }) = history {
        write_lines(&dir.join("history.jsonl"), &clients.subjects);
        write_lines(&dir.join("session-reads.jsonl"), &clients.session_reads);
        write_lines(&dir.join("lifecycle.jsonl"), &clients.lifecycle);
        write_lines(&dir.join("settings.jsonl"), &clients.settings);
        write_lines(&dir.join("references.jsonl"), &clients.references);
        write_lines(&dir.join("contexts.jsonl"), &clients.contexts);
        write_lines(&dir.join("revisions.jsonl"), &clients.revisions);
        write_lines(&dir.join("ledger.jsonl"), &clients.ledger);
        write_lines(&dir.join("aged-answers.jsonl"), &clients.aged_answers);
    }
    write_lines(&dir.join("nodes.jsonl"), samples);
    let operations = history.map_or(&[][..], |history| &history.clients.subjects);
    let page = timeline::render_html(report, samples, operations);
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
