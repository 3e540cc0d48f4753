//! What `deploy/` names exists: metrics, runbook entries, environment variables, flags. promtool runs where it is installed.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use node::Config;
use support::Cluster;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below a folder, with its text.
fn files(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
}

fn deployed() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    files(&root().join("deploy"), &mut found);
    assert!(found.len() > 5, "{found:?}");
    found
}

/// The words of a text that begin so.
fn words<'t>(text: &'t str, prefix: &str) -> BTreeSet<&'t str> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.match_indices(prefix).map(|(at, _)| &text[at..]);
    starts.map(|rest| &rest[..rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())]).collect()
}

/// What a node serves under `/metrics` once everything has been counted that is only there when it was.
fn page_of_metrics() -> String {
    let mut cluster = Cluster::prepared(1);
    cluster.node(1).start(true);
    cluster.nodes[0].wait_ready();
    assert_eq!(cluster.register(1, "s", "Some").status, 200);
    // A family of figures is there when it counted something: here a comparison of two versions.
    let next = r#"{"schema":"{\"type\":\"enum\",\"name\":\"Some\",\"symbols\":[\"A\",\"B\"],\"default\":\"A\"}"}"#;
    assert_eq!(cluster.ask(1, "PUT", "/config", Some(r#"{"compatibility":"BACKWARD"}"#)).status, 200);
    assert_eq!(cluster.ask(1, "POST", "/subjects/s/versions", Some(next)).status, 200);
    // What tells of backups is there when there is one, and that of the disk and of a quorum when it was asked for.
    assert!(!cluster.fetch(1, "/v1/backup").is_empty());
    let mut text = String::new();
    support::wait_for("figures of the backup, the disk and the quorum", || {
        text = cluster.ask(1, "GET", "/metrics", None).body;
        ["backup_last_index", "disk_free_bytes", "read_staleness_seconds"]
            .iter()
            .all(|name| text.contains(&format!("\nschemareg_{name} ")))
    });
    text
}

/// One metric, as the page describes it.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

/// The metrics of a page by the names of their samples; a histogram under its own name.
fn metrics_of(page: &str) -> BTreeMap<String, Metric> {
    let described = |line: &str, mark: &str| {
        let (name, rest) = line.strip_prefix(mark)?.split_once(' ')?;
        Some((name.to_owned(), rest.to_owned()))
    };
    let kinds: BTreeMap<String, String> = page.lines().filter_map(|line| described(line, "# TYPE ")).collect();
    let helps: BTreeMap<String, String> = page.lines().filter_map(|line| described(line, "# HELP ")).collect();
    let mut metrics = BTreeMap::<String, Metric>::new();
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let endings = ["_bucket", "_sum", "_count", "_total", ""];
        let family = endings.iter().find_map(|end| name.strip_suffix(end).filter(|family| kinds.contains_key(*family)));
        let family = family.unwrap_or_else(|| panic!("{line} is not described"));
        let kind = kinds[family].clone();
        let shown = if kind == "histogram" { family } else { name };
        let metric = metrics.entry(shown.to_owned()).or_default();
        metric.help = helps[family].trim_end_matches('.').to_owned();
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let of_reader = |label: &&str| !(kind == "histogram" && *label == "le");
        let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name);
        metric.labels.extend(names.filter(of_reader).map(str::to_owned));
        metric.kind = kind;
    }
    metrics
}

#[test]
fn dashboards_and_alerts_name_metrics_that_a_node_serves() {
    let mut served = BTreeSet::new();
    for (name, metric) in metrics_of(&page_of_metrics()) {
        let endings: &[&str] = if metric.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        served.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    let mut named = 0;
    for (path, text) in deployed() {
        for name in words(&text, "schemareg_") {
            assert!(served.contains(name), "{} names {name}, which no node serves", path.display());
            named += 1;
        }
    }
    assert!(named > 40, "{named} names of metrics were found");
}

/// `docs/metrics.md` is what a node says of its metrics; `METRICS_WRITE=1` writes it anew.
#[test]
fn the_document_of_metrics_is_what_a_node_serves() {
    let mut table = String::new();
    for (name, Metric { kind, help, labels }) in metrics_of(&page_of_metrics()) {
        let labels = labels.into_iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        table += &format!("| `{name}` | {kind} | {labels} | {help} |\n");
    }
    let path = root().join("docs/metrics.md");
    let known = std::fs::read_to_string(&path).unwrap();
    let head = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
    let (before, _) = known.split_once(head).expect("the document has the head of the table");
    let text = format!("{before}{head}{table}");
    if std::env::var_os("METRICS_WRITE").is_some() {
        std::fs::write(path, text).unwrap();
    } else {
        let hint =
            "docs/metrics.md is not that of the code: METRICS_WRITE=1 cargo test --workspace --test deploy metrics";
        assert_eq!(known, text, "{hint}");
    }
}

/// Helm takes no file from outside of a chart, so that the chart has a copy of the rules.
#[test]
fn the_chart_has_the_rules_as_they_are() {
    let rules = std::fs::read(root().join("deploy/prometheus/rules.yaml")).unwrap();
    let path = root().join("deploy/helm/schema-registry/files/rules.yaml");
    assert!(!path.is_symlink(), "Helm refuses a link");
    assert_eq!(std::fs::read(path).unwrap(), rules, "scripts/deploy.sh write makes the copy");
}

#[test]
fn every_alert_leads_to_a_runbook_entry_and_has_a_unit_test() {
    let rules = std::fs::read_to_string(root().join("deploy/prometheus/rules.yaml")).unwrap();
    let tests: String = ["rules_test.yaml", "rules_slow_test.yaml"]
        .map(|name| std::fs::read_to_string(root().join("deploy/prometheus").join(name)).unwrap())
        .concat();
    let operations = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let anchor = |heading: &str| {
        let plain = heading.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != ' ' && c != '-', "");
        plain.replace(' ', "-")
    };
    let headings: BTreeSet<String> = operations
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|heading| anchor(heading.trim_start_matches('#').trim()))
        .collect();
    let value = |line: &str, key: &str| line.trim().trim_start_matches("- ").strip_prefix(key).map(str::to_owned);
    let alerts: Vec<String> = rules.lines().filter_map(|line| value(line, "alert: ")).collect();
    let runbooks: Vec<String> = rules.lines().filter_map(|line| value(line, "runbook_url: ")).collect();
    assert!(alerts.len() >= 20 && alerts.len() == runbooks.len(), "{alerts:?}");
    for runbook in &runbooks {
        let entry = runbook.strip_prefix("docs/operations.md#").unwrap();
        assert!(headings.contains(entry), "{runbook} leads nowhere");
    }
    for alert in &alerts {
        let cases = tests.match_indices(&format!("alertname: {alert}\n        exp_alerts:\n")).count();
        assert!(cases > 0, "no test makes {alert} fire");
    }
}

#[test]
fn promtool_finds_the_rules_sound_and_their_tests_pass() {
    if Command::new("promtool").arg("--version").output().is_err() {
        println!("skipped promtool_finds_the_rules_sound_and_their_tests_pass: promtool is not installed");
        return;
    }
    let test = |name| ["test", "rules", name];
    for arguments in [["check", "rules", "rules.yaml"], test("rules_test.yaml"), test("rules_slow_test.yaml")] {
        let output =
            Command::new("promtool").args(arguments).current_dir(root().join("deploy/prometheus")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}

#[test]
fn environment_variables_and_flags_are_those_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_registry-node")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let example = root().join("cluster.toml.example");
    let mut seen = 0;
    for (path, text) in deployed() {
        // Patterns and words of explanation are no variables.
        for name in words(&text, "REGISTRY__").into_iter().filter(|name| name.split("__").count() == 3) {
            if name == "REGISTRY__SECTION__KEY" {
                continue;
            }
            let loaded = Config::load(&example, std::iter::once((name.to_owned(), "7".to_owned())));
            let message = loaded.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!message.contains("unknown field"), "{} sets {name}: {message}", path.display());
            seen += 1;
        }
        let is_start = |line: &&str| ["ExecStart=", "command: [", "CMD ["].iter().any(|part| line.contains(part));
        let starts = text.lines().filter(is_start).filter(|line| !line.contains("registryctl"));
        for flag in starts.flat_map(|line| line.split(['"', ' ', ','])).filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{} gives registry-node {flag}", path.display());
        }
    }
    assert!(seen > 5, "{seen} variables were found");
}

/// A dashboard is shown by Grafana if it has these parts; panels that lie over each other are a mistake.
#[test]
fn dashboards_are_dashboards() {
    let mut names = BTreeSet::new();
    for (path, text) in deployed().into_iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "json")) {
        let Some(board) =
            serde_json::from_str::<serde_json::Value>(&text).ok().filter(|board| board["panels"].is_array())
        else {
            continue;
        };
        let place = path.display();
        assert!(names.insert(board["uid"].as_str().unwrap().to_owned()), "{place}: its uid is another one's, too");
        assert!(board["title"].as_str().is_some_and(|title| title.starts_with("Schema registry")), "{place}");
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for panel in board["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: an id twice");
            let number = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(number("x") + number("w") <= 24, "{place}: {}", panel["title"]);
            for (x, y) in (number("x")..number("x") + number("w"))
                .flat_map(|x| (number("y")..number("y") + number("h")).map(move |y| (x, y)))
            {
                assert!(cells.insert((x, y)), "{place}: {} lies over another panel", panel["title"]);
            }
            let is_row = panel["type"] == "row";
            let targets = panel["targets"].as_array().map_or(0, Vec::len);
            assert!(is_row || targets > 0, "{place}: {} shows nothing", panel["title"]);
        }
    }
    assert!(names.len() >= 4, "{names:?}");
}
