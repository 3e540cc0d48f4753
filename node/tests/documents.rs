//! Tables of the operators' documents, compared with the sources and with what the program says of itself.
//!
//! Error codes are compared in `proto`, keys of the configuration in `config`, the life cycle in `registry`, the API in `api`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The sources below a folder in one text, without the unit tests at the ends of files.
fn sources(folder: &str) -> String {
    fn collect(folder: &Path, text: &mut String) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            if entry.is_dir() {
                collect(&entry, text);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(std::fs::read_to_string(&entry).unwrap().split("#[cfg(test)]").next().unwrap());
            }
        }
    }
    let mut text = String::new();
    collect(&root().join(folder), &mut text);
    text
}

/// The text below a heading, up to the next one.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let after = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}")).1;
    after.split("\n#").next().unwrap()
}

/// The rows of the table whose head begins with `head`.
fn table<'t>(text: &'t str, head: &str) -> Vec<Vec<&'t str>> {
    let after = text.split_once(&format!("| {head}")).unwrap_or_else(|| panic!("no table with the head {head}")).1;
    let rows = after.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands between backticks, without labels and places for other words.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|name| name.split(['{', '<', ' ']).next().unwrap().to_owned()).collect()
}

/// The text literals behind each `call(`, over line breaks.
fn literals(source: &str, call: &str) -> BTreeSet<String> {
    let parts = source.split(call).skip(1);
    let literal = |part: &str| {
        let rest = part.trim_start().strip_prefix("&format!(").unwrap_or(part).trim_start();
        rest.strip_prefix('"')
            .and_then(|rest| rest.split('"').next())
            .map(|name| name.split('{').next().unwrap().to_owned())
    };
    parts.filter_map(literal).collect()
}

#[test]
fn metrics() {
    let source = sources("node/src");
    let operations = document("docs/operations.md");
    let counters: BTreeSet<String> = literals(&source, "registry.register(");
    let gauges = literals(&source, " gauge(");
    assert!(counters.len() >= 5 && gauges.len() >= 12, "the declarations were not found: {counters:?} {gauges:?}");
    let is_declared = |name: &str| {
        let plain = name.strip_suffix("_total").unwrap_or(name);
        let prefix = gauges.iter().any(|gauge| gauge.ends_with('_') && name.starts_with(gauge.as_str()));
        // What is printed with labels stands in the source by its whole name, or in a table of names.
        let printed = source.contains(&format!("schemareg_{name}")) || source.contains(&format!("\"{name}\""));
        counters.contains(plain) || counters.contains(name) || gauges.contains(name) || prefix || printed
    };
    let mut documented: BTreeSet<String> =
        table(&operations, "metric |").iter().flat_map(|row| names(row[0])).collect();
    // The family of figures that every exporter has.
    assert!(documented.remove("process_*"));
    for name in &documented {
        assert!(is_declared(name), "docs/operations.md has the metric {name}, which no source declares");
    }
    for name in counters.iter().chain(&gauges) {
        let known = documented.iter().any(|known| known == name || *known == format!("{name}_total"))
            || name.ends_with('_') && documented.iter().any(|known| known.starts_with(name.as_str()));
        assert!(known, "the metric {name} is not in docs/operations.md");
    }
}

#[test]
fn profiles() {
    let source = sources("node/src");
    let operations = document("docs/operations.md");
    let rows = table(section(&operations, "## Profiles and timeouts"), "profile | for");
    for row in &rows {
        let number = |cell: &str| cell.replace([',', ' '], "").replace("ms", "");
        let (heartbeat, lease) = (number(row[2]), number(row[4]));
        let election = number(row[3]);
        let (min, max) = election.split_once('–').unwrap();
        assert_eq!(max, lease, "the lease is the longest election wait: {row:?}");
        let words = names(row[0])[0]
            .split('-')
            .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
            .collect::<String>();
        let arm = format!("Self::{words} => ({heartbeat}, {min}, {max})");
        assert!(source.replace('_', "").contains(&arm), "no source has {arm}, as docs/operations.md says");
    }
    assert_eq!(rows.len(), 4);
}

#[test]
fn flags_and_exit_codes() {
    let help = Command::new(env!("CARGO_BIN_EXE_registry-node")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let operations = document("docs/operations.md");
    let documented: BTreeSet<String> = table(&operations, "flag |").iter().flat_map(|row| names(row[0])).collect();
    let offered =
        help.split_whitespace().filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches(',').to_owned());
    let offered: BTreeSet<String> = offered.filter(|flag| flag != "--help" && flag != "--version").collect();
    assert_eq!(documented, offered, "the flags of registry-node");

    let codes: BTreeSet<&str> =
        table(&operations, "code |").iter().map(|row| row[0].split(' ').next().unwrap()).collect();
    let source = sources("node/src");
    let constants = source
        .split("const EXIT_")
        .skip(1)
        .map(|rest| rest.split('=').nth(1).unwrap().split(';').next().unwrap().trim());
    for code in constants {
        assert!(codes.contains(code), "the exit code {code} is not in docs/operations.md");
    }
    // 0, 1, 2 and 134 come from the language, the parser of flags and the signal.
    let known = ["0", "1", "2", "134"];
    for code in codes {
        assert!(known.contains(&code) || source.contains(&format!(": u8 = {code};")), "no source ends with {code}");
    }
    let unusable =
        Command::new(env!("CARGO_BIN_EXE_registry-node")).args(["--check-config", "--config", "no-such-file"]).output();
    assert_eq!(unusable.unwrap().status.code(), Some(78));
}

#[test]
fn the_data_directory() {
    let source = sources("node/src") + &sources("raft-store/src");
    let operations = document("docs/operations.md");
    for row in table(section(&operations, "### The data directory"), "path |") {
        for name in names(row[0]) {
            let first = name.split(['/', '…']).next().unwrap();
            assert!(source.contains(&format!("\"{first}\"")), "no source names {first} of the data directory");
        }
    }
}

#[test]
fn kinds_of_events() {
    let events = document("docs/events.md");
    let documented: BTreeSet<String> =
        table(section(&events, "## Kinds"), "kind |").iter().flat_map(|row| names(row[0])).collect();
    let source = sources("registry/src");
    // An event says what has happened, "version.activated"; the name of a command is an imperative, "version.activate".
    let groups = ["schema", "version", "draft", "subject", "config", "mode", "policy"];
    let is_kind = |text: &&str| {
        let (group, what) = text.split_once('.').unwrap_or_default();
        groups.contains(&group)
            && (what == "rolled_back" || what.ends_with("ed") && what.chars().all(char::is_lowercase))
    };
    let declared: BTreeSet<String> = source.split('"').filter(is_kind).map(str::to_owned).collect();
    assert_eq!(documented, declared, "the kinds of events in docs/events.md and in registry");
}

#[test]
fn commands_of_the_scripts() {
    let script = document("scripts/cluster.sh");
    let head = script.split("set -euo pipefail").next().unwrap();
    let offered = script.split("case $command in").nth(1).unwrap();
    let arms: BTreeSet<&str> = offered
        .lines()
        .filter_map(|line| line.trim().split_once(')'))
        .map(|(arm, _)| arm)
        .filter(|arm| *arm != "*")
        .collect();
    for arm in &arms {
        assert!(head.contains(arm), "scripts/cluster.sh does not explain {arm}");
    }
    let test = document("scripts/test.sh");
    let stages = test.split("stages='").nth(1).unwrap().split("'\n").next().unwrap();
    for stage in stages.lines().map(|line| line.split('|').next().unwrap().trim()) {
        assert!(
            test.contains(&format!("stage_{stage}()")),
            "scripts/test.sh lists the stage {stage} and does not have it"
        );
    }
    let contributing = document("CONTRIBUTING.md");
    for path in std::fs::read_dir(root().join("scripts")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let known = !name.ends_with(".sh")
            || ["lib.sh", "tidy.sh"].contains(&name)
            || contributing.contains(&format!("scripts/{name}"));
        assert!(known, "CONTRIBUTING.md, \"Map of commands\" lacks scripts/{name}");
    }
}
