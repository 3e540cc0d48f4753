//! The directory with everything that a drill was judged by.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::load::LoadHistory;
use super::monitor::Sample;
use super::report::Report;
use super::timeline;

/// Writes the artefacts of a drill: verdict, faults, history, node logs.
///
/// # Panics
/// If the directory cannot be written.
pub(super) fn write_artefacts(
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
