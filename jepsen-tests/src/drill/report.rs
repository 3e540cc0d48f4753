//! What a drill leaves behind: a report, on the terminal and as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checks::CheckResults;
use super::strike::Strike;
use crate::checker::verdict::Verdict;

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
