//! The conformance scenarios of `../shared/conformance` against a real cluster, through a node that does not lead. They are not part of
//! the repository: without them, or without python3 to run them, these tests are skipped by name.
//!
//! A scenario that fails is run again on an empty cluster: the runner wipes through the API, which brings no id back, and
//! some scenarios import fixed ids. What fails there, too, must be one of the scenarios that
//! `docs/confluent-compatibility.md` argues.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::path::Path;
use std::process::Stdio;

use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::outside::{data_beside_checkout, has_program};
use serde_json::Value;

/// Tags of scenarios about other things than this API: the other product's own endpoints, security, storage.
const ELSEWHERE: &str = "axonops-only,pending-impl,auth,oidc,jwt,mtls,kms,mcp,analysis,audit,audit-outputs,memory,postgres,\
                         mysql,cassandra,ldap,metrics,rate-limiting,tls,mtls-auth";
/// Tags of scenarios that their authors do not run against Confluent's own server.
const NOT_VALIDATED: &str = "operational,import,contexts,data-contracts";
/// Key management comes later; its paths answer 404 until then.
const ONLY: &str = "^(?!dek_registry)";

/// The document that argues them.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/confluent-compatibility.md");
/// Scenarios that hold something else than Confluent's contract, each argued in the document.
const ARGUED: [(&str, &str); 7] = [
    ("contexts_advanced_api.feature", "Schema lookup returns correct result in context"),
    ("contexts_advanced_api.feature", "Subject listing is scoped to default context only"),
    ("contexts_global_config.feature", "Cannot register schema under __GLOBAL via qualified subject"),
    ("contexts_isolation.feature", "Subject listing is context-scoped via URL prefix"),
    ("contexts_real_world.feature", "Multi-team isolation with same subject name but different schemas"),
    ("metadata_rulesets.feature", "Metadata does not affect schema identity — same schema different metadata"),
    ("metadata_rulesets.feature", "Lookup schema returns metadata and ruleSet"),
];

struct Run {
    passed: u64,
    skipped: u64,
    /// Feature, scenario, and what was wrong.
    failed: Vec<(String, String, String)>,
}

/// Runs the scenarios whose file and name match `only` through a node of a cluster.
async fn run(scenarios: &Path, cluster: &Cluster, node: u64, exclude: &str, only: &str) -> Run {
    let report = tempfile::NamedTempFile::new().unwrap();
    let status = tokio::process::Command::new("python3")
        .arg(scenarios.join("run_features.py"))
        .args(["--url", &format!("http://{}", cluster.api(node).address), "--only", only, "--exclude-tags", exclude])
        .arg("--features")
        .arg(scenarios.join("features"))
        .arg("--json")
        .arg(report.path())
        .stdout(Stdio::null())
        .status()
        .await;
    status.expect("python3 runs the scenarios");
    let report: Value = serde_json::from_slice(&std::fs::read(report.path()).unwrap()).expect("the runner reports");
    let text = |failure: &Value, name: &str| failure[name].as_str().unwrap_or_default().to_owned();
    let failure = |failure: &Value| {
        let what = format!("{}: {}", text(failure, "step"), text(failure, "error"));
        (text(failure, "feature"), text(failure, "scenario"), what)
    };
    let count = |name: &str| report["summary"][name].as_u64().unwrap_or(0);
    let failed = report["failures"].as_array().unwrap().iter().map(failure).collect();
    Run { passed: count("passed"), skipped: count("skipped"), failed }
}

/// Every character of a name as itself in a regular expression.
fn quoted(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() || c == ' ' { c.to_string() } else { ".".to_owned() }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scenarios_hold_but_for_those_that_are_argued() {
    let test = "the_scenarios_hold_but_for_those_that_are_argued";
    let Some(scenarios) = data_beside_checkout(test, "conformance") else { return };
    if !has_program(test, "python3") {
        return;
    }
    let cluster = Cluster::start(Spec::of(3)).await;
    let follower = cluster.follower().await;
    let all = run(&scenarios, &cluster, follower, ELSEWHERE, ONLY).await;
    drop(cluster);
    let mut passed = all.passed;
    let mut failed = Vec::new();
    for (feature, scenario, _) in &all.failed {
        let cluster = Cluster::start(Spec::of(1)).await;
        let again =
            run(&scenarios, &cluster, 1, ELSEWHERE, &format!("^{} {}$", quoted(feature), quoted(scenario))).await;
        assert_eq!(again.passed + again.failed.len() as u64, 1, "{feature}: {scenario}");
        passed += again.passed;
        failed.extend(again.failed);
    }
    println!("{passed} scenarios passed, {} failed, {} skipped", failed.len(), all.skipped);
    let names: Vec<_> = failed.iter().map(|(feature, scenario, _)| (feature.as_str(), scenario.as_str())).collect();
    for failure in &failed {
        assert!(ARGUED.contains(&(&failure.0, &failure.1)), "{failure:?}");
    }
    for argued in ARGUED {
        assert!(names.contains(&argued), "{argued:?} passes now: take it off the list, and out of the document");
    }
    // Two scenarios use a step that the runner does not know.
    assert!(passed >= 760 && all.skipped <= 2, "{passed} passed, {} skipped: are scenarios missing?", all.skipped);
}

#[test]
fn every_argued_scenario_is_documented() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    for (_, scenario) in ARGUED {
        assert!(document.contains(scenario), "{scenario} is not argued");
    }
}

/// None of the scenarios that hold for Confluent's own server is among those that are argued.
#[test]
fn what_is_argued_is_not_validated_against_confluent() {
    let test = "what_is_argued_is_not_validated_against_confluent";
    let Some(scenarios) = data_beside_checkout(test, "conformance") else { return };
    let tags: Vec<String> = NOT_VALIDATED.split(',').map(|tag| format!("@{tag}")).collect();
    for (feature, _) in ARGUED {
        let text = std::fs::read_to_string(scenarios.join("features").join(feature)).unwrap();
        let head = text.split("Feature:").next().unwrap();
        assert!(head.split_whitespace().any(|tag| tags.iter().any(|known| known == tag)), "{feature}: {head}");
    }
}
