//! The case files of the repository (`jepsen-tests/cases/*.json`) and, where they are there, shared ones: every request of every case is
//! sent to one of three nodes, and every answer is what the case says.
//!
//! A case that the product does not answer rightly yet is in [`EXPECTED_FAILURES`] with its reason. It fails this test as soon as it
//! passes, so that the list only shrinks. `CASES=FILE,FILE` runs these files instead, and shows every answer that is not right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jepsen_tests::cases::{Case, Kept, parse_cases, unmet_expectations};
use jepsen_tests::client::{Answer, Api};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::outside::note_skipped;
use jepsen_tests::seed;
use rand::RngExt;
use rand::rngs::StdRng;

/// Case files that are not part of the repository.
const SHARED: [&str; 2] = ["../../shared/cases/turn2.json", "../../shared/cases/turn2-clients.json"];

/// Cases that are known to fail, each with its reason.
const EXPECTED_FAILURES: &[(&str, &str)] = &[];

/// The files to run: name and text. Files that are not there are named and counted.
fn case_files() -> Vec<(String, String)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = match std::env::var("CASES") {
        Ok(list) => list.split(',').map(PathBuf::from).collect(),
        Err(_) => {
            let own = std::fs::read_dir(here.join("cases")).expect("the repository has case files");
            let own = own.map(|entry| entry.expect("read the directory of case files").path());
            let mut own: Vec<_> = own.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
            own.sort();
            own
        }
    };
    if std::env::var_os("CASES").is_none() {
        paths.extend(SHARED.iter().map(|name| here.join(name)));
    }
    let mut files = Vec::new();
    let mut skipped = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push((name, text)),
            Err(_) => skipped.push(name),
        }
    }
    if !skipped.is_empty() {
        note_skipped("cases", &format!("{} files are not there: {}", skipped.len(), skipped.join(", ")));
    }
    files
}

async fn send(api: &Api, request: &jepsen_tests::cases::Request, kept: &Kept) -> Result<Answer, String> {
    let mut call = api.call(&request.method, &kept.fill_text(&request.path)?);
    let has_type = request.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
    for (name, value) in &request.headers {
        call = call.header(name, &kept.fill_text(value)?);
    }
    let body = match (&request.body, &request.raw) {
        (Some(body), _) => Some(kept.fill_value(body)?.to_string()),
        (None, Some(raw)) => Some(kept.fill_text(raw)?),
        (None, None) => None,
    };
    if let Some(body) = body {
        if !has_type {
            call = call.header("Content-Type", "application/vnd.schemaregistry.v1+json");
        }
        call = call.body(body.into_bytes());
    }
    call.send().await
}

/// Runs a case; why it fails, if it does.
async fn run_case(cluster: &Cluster, case: &Case, prefix: &str, random: &mut StdRng) -> Result<(), String> {
    let mut kept = Kept::with_prefix(prefix);
    for (number, request) in case.requests.iter().enumerate() {
        let api = cluster.api(random.random_range(1..=3));
        let place = || format!("request {} ({} {}) to node {}", number + 1, request.method, request.path, api.node_id);
        let begun = Instant::now();
        let answer = send(&api, request, &kept).await.map_err(|error| format!("{}: {error}", place()))?;
        let unmet = unmet_expectations(&request.expect, &answer, begun.elapsed(), &kept);
        if !unmet.is_empty() {
            let text: String = answer.text().chars().take(400).collect();
            return Err(format!("{}: {}; the answer was {} {text}", place(), unmet.join("; "), answer.status));
        }
        if let Some(name) = &request.name {
            kept.keep_answer(name, answer);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_is_answered_as_its_file_says() {
    let (seed, mut random) = seed::generator("cases");
    let expected: BTreeMap<&str, &str> = EXPECTED_FAILURES.iter().copied().collect();
    let files = case_files();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let (mut passed, mut failed_as_expected, mut wrong) = (0, 0, Vec::new());
    let cluster = Cluster::start(Spec::of(3)).await;
    for (file, text) in &files {
        let cases = parse_cases(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        for case in cases {
            assert!(seen.insert(case.id.clone()), "{file}: a second case has the id {}", case.id);
            let prefix = format!("c{}-{}-", seed % 10_000, seen.len());
            let result = run_case(&cluster, &case, &prefix, &mut random).await;
            match (result, expected.get(case.id.as_str())) {
                (Ok(()), None) => passed += 1,
                (Err(_), Some(_)) => failed_as_expected += 1,
                (Ok(()), Some(reason)) => {
                    wrong.push(format!("{file}: {} passes now: take it off the list ({reason})", case.id));
                }
                (Err(failure), None) => wrong.push(format!("{file}: {} ({}): {failure}", case.id, case.why)),
            }
        }
    }
    println!(
        "{passed} cases of {} files passed, {failed_as_expected} failed as expected, {} wrong",
        files.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_expected_failure_is_a_case_of_the_repository_or_a_shared_one() {
    let texts = case_files();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CASES").is_some() || SHARED.iter().any(|name| !here.join(name).exists()) {
        note_skipped(
            "every_expected_failure_is_a_case_of_the_repository_or_a_shared_one",
            "not all case files are there",
        );
        return;
    }
    let ids: BTreeSet<String> =
        texts.iter().flat_map(|(_, text)| parse_cases(text).expect("a case file")).map(|case| case.id).collect();
    let strangers: Vec<_> = EXPECTED_FAILURES.iter().filter(|(id, _)| !ids.contains(*id)).collect();
    assert!(strangers.is_empty(), "no case has these ids: {strangers:?}");
}
