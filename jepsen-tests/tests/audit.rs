//! The audit log after leaders were killed: every acknowledged write is in it exactly once, all nodes have the same, and it can
//! be proven offline; a changed export cannot.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::BTreeMap;
use std::io::Write;

use client::audit::{ConsistencyProof, Export, Head, InclusionProof, Record, VerifierKey};
use jepsen_tests::client::Api;
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::workload::Workload;
use jepsen_tests::{dump, seed, verify, wait};
use serde_json::Value;

const CLIENTS: usize = 4;
const PROGRESS: usize = 40;

async fn get(api: &Api, path: &str) -> Value {
    api.get(&format!("/api/v1/audit{path}")).send().await.unwrap().good().json()
}

async fn head(api: &Api, size: u64) -> (Head, VerifierKey, String) {
    let answer = get(api, &format!("/checkpoint?size={size}")).await;
    let key = VerifierKey::parse(answer["verifierKey"].as_str().unwrap()).unwrap();
    let note = answer["note"].as_str().unwrap().to_owned();
    (key.open(&note).unwrap(), key, note)
}

async fn export(api: &Api, to: u64) -> String {
    api.get(&format!("/api/v1/audit/export?to={to}")).send().await.unwrap().good().text()
}

fn verdict(text: &str, head: &Head) -> Result<(), client::audit::AuditError> {
    let mut export = Export::default();
    text.lines().try_for_each(|line| export.line(line))?;
    export.check(head)
}

fn hashes(proof: &Value) -> Vec<String> {
    proof["hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_is_in_the_log_once_and_can_be_proven() {
    let (seed, _) = seed::generator("audit");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    let workload = Workload::start(cluster.apis(), CLIENTS, seed);
    workload.progress(PROGRESS).await;
    let (early, ..) = head(&cluster.api(2), 0).await;
    for _ in 0..2 {
        let leader = cluster.leader().await;
        cluster.kill(leader);
        workload.progress(PROGRESS).await;
        cluster.restart(leader).await;
    }
    let history = workload.stop().await;
    verify::all_nodes(&cluster, &history).await;

    // One size, one root, on every node; each signs with a key of its own.
    let size = dump::settled(&cluster.apis()).await;
    let size = get(&cluster.api(1), "/checkpoint").await["size"].as_u64().unwrap().min(size);
    let mut heads = BTreeMap::new();
    for api in cluster.apis() {
        let (head, key, note) = head(&api, size).await;
        heads.insert(api.node_id, (head, key, note));
    }
    let (trusted, key, _) = heads[&1].clone();
    assert!(heads.values().all(|(head, ..)| *head == trusted), "{heads:?}");
    assert!(heads.iter().all(|(id, (.., note))| *id == 1 || key.open(note).is_err()), "a node signed as another");

    let text = export(&cluster.api(1), size).await;
    for api in cluster.apis() {
        assert_eq!(export(&api, size).await, text, "the export of node {}", api.node_id);
    }
    assert_eq!(verdict(&text, &trusted), Ok(()));
    let records: Vec<Record> = text.lines().map(|line| Record::parse(0, line).unwrap()).collect();

    // Every acknowledged write that made a version is there once with its outcome; none is there twice.
    let mut made = 0;
    for record in history.iter().filter(|record| record.result.is_acknowledged()) {
        let key = format!("client:{}:", record.key);
        let found: Vec<_> = records.iter().filter(|found| found.request_id.starts_with(&key)).collect();
        let done = found.iter().filter(|found| found.outcome.starts_with("ok")).count();
        assert!(done <= 1, "{found:?}");
        made += done;
    }
    let versions = dump::local(&cluster.api(2)).await.len();
    let all = records.iter().filter(|record| record.action == "schema.register" && record.outcome.starts_with("ok"));
    assert_eq!(all.count(), versions, "a record for every version, and a version for every record");
    assert!(made > 0 && made <= versions);

    // A record with its proof, from any node, against the head of any other.
    let api = cluster.api(3);
    for position in [0, 1, size / 2, size - 1] {
        let proof = get(&api, &format!("/proofs/inclusion?position={position}&size={size}")).await;
        let record = records[usize::try_from(position).unwrap()].clone();
        let proof = InclusionProof { record, size, hashes: hashes(&proof) };
        assert_eq!(proof.check(&trusted), Ok(()), "record {position}");
        let forged = Record { principal: "nobody".to_owned(), ..proof.record.clone() };
        assert!(InclusionProof { record: forged, ..proof }.check(&trusted).is_err(), "record {position}");
    }
    // The log from before the kills is the beginning of the log of now.
    let proof = get(&api, &format!("/proofs/consistency?from={}&to={size}", early.size)).await;
    let proof = ConsistencyProof { from: early.size, to: size, hashes: hashes(&proof) };
    assert_eq!(proof.check(&early, &trusted), Ok(()));
    let rewritten = Head { root: [9; 32], ..early };
    assert!(proof.check(&rewritten, &trusted).is_err());

    // What is changed afterwards is found, wherever it is.
    for (from, to) in [("\"ok ", "\"no "), ("schema.register", "schema.rogister")] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(verdict(&changed, &trusted).is_err(), "{from}");
    }
    let without = text.lines().filter(|line| !line.contains("\"position\":5,")).map(|line| format!("{line}\n"));
    assert!(verdict(&without.collect::<String>(), &trusted).is_err(), "record 5 is missing");
    eprintln!("{size} records, {versions} versions, {made} of them acknowledged to the clients that asked first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_go_to_files_when_their_time_is_over_and_proofs_survive() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    api.allow_everything().await;
    for number in 0..5 {
        let body =
            serde_json::json!({"schema": format!("{{\"type\":\"fixed\",\"name\":\"F\",\"size\":{}}}", number + 1)});
        api.post("/subjects/a/versions").json(&body).send().await.unwrap().good();
    }
    let archive = async |before: u64| {
        api.post("/api/v1/audit/archive").json(&serde_json::json!({"before": before})).send().await.unwrap()
    };
    let young = archive(3).await;
    assert_eq!(young.status, 422, "seven years are not over: {}", young.text());
    let (early, ..) = head(&api, 0).await;
    let files = export(&api, early.size).await;
    let policy = serde_json::json!({"policy": {"auditRetentionMs": 0}});
    api.put("/api/v1/policy/:.__GLOBAL:").json(&policy).send().await.unwrap().good();
    assert_eq!(archive(3).await.good().json()["first"], 3);
    let page = get(&api, "").await;
    assert_eq!((page["first"].as_u64(), page["records"][0]["position"].as_u64()), (Some(3), Some(3)));

    // The file of then and the rest of now are the whole log, and an archived record is still proven.
    let (now, ..) = head(&api, 0).await;
    let rest = api.get(&format!("/api/v1/audit/export?to={}", now.size)).send().await.unwrap().good().text();
    let archived: String = files.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert_eq!(verdict(&format!("{archived}{rest}"), &now), Ok(()));
    assert!(verdict(&rest, &now).is_err(), "the rest alone is not the log");
    let proof = get(&api, &format!("/proofs/inclusion?position=1&size={}", now.size)).await;
    let record = Record::parse(0, files.lines().nth(1).unwrap()).unwrap();
    assert_eq!(InclusionProof { record, size: now.size, hashes: hashes(&proof) }.check(&now), Ok(()));
    let proof = get(&api, &format!("/proofs/consistency?from={}&to={}", early.size, now.size)).await;
    let proof = ConsistencyProof { from: early.size, to: now.size, hashes: hashes(&proof) };
    assert_eq!(proof.check(&early, &now), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_csv_where_asked_for() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    api.post("/subjects/a,%22b%22/versions")
        .json(&serde_json::json!({"schema": "\"int\""}))
        .send()
        .await
        .unwrap()
        .good();
    let answer = api.get("/api/v1/audit/export?format=csv").send().await.unwrap().good();
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = answer.text();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("position,index,time_ms,principal,"));
    let line = lines.find(|line| line.contains("schema.register")).unwrap();
    assert!(line.contains("\"subject/a,\"\"b\"\"\""), "quotes are doubled: {line}");
}

/// What was refused before it reached the log is kept by the node that refused it, and nothing that was granted is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_what_it_refused_to_confluent_clients() {
    let mut cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    let avro = |kind: &str| {
        let text = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":"{kind}"}}]}}"#);
        serde_json::json!({"schema": text})
    };
    let register = async |body: Value| api.post("/subjects/a/versions").json(&body).send().await.unwrap();
    register(avro("string")).await.good();
    let refusals = [
        (register(avro("long")).await, 40_901, "POST /subjects/{subject}/versions"),
        (register(avro("no such type")).await, 42_201, "POST /subjects/{subject}/versions"),
        (api.delete("/subjects/b").send().await.unwrap(), 40_401, "DELETE /subjects/{subject}"),
        (
            api.put("/config/a").json(&serde_json::json!({"compatibility": "NO"})).send().await.unwrap(),
            42_203,
            "PUT /config/{subject}",
        ),
    ];
    let expected: Vec<_> = refusals.iter().map(|(_, code, action)| (u64::from(*code), (*action).to_owned())).collect();
    for (answer, code, _) in &refusals {
        assert_eq!(answer.error_code(), *code, "{}", answer.text());
    }
    // Questions are not attempts, whatever their answer.
    api.post("/subjects/a").json(&avro("long")).send().await.unwrap();
    api.post("/compatibility/subjects/a/versions").json(&avro("long")).send().await.unwrap();

    let file = cluster.data_dir(1).join("attempts").join("attempts.jsonl");
    let recorded = || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |line: &Value| (line["code"].as_u64().unwrap(), line["action"].as_str().unwrap().to_owned());
        lines.iter().map(of).collect::<Vec<_>>()
    };
    let all_of = async |expected: &Vec<(u64, String)>| {
        wait::until("the refusals are recorded", async || {
            let found = recorded();
            if found == *expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    };
    all_of(&expected).await;
    // A node that was killed while it wrote a line goes on with a line of its own.
    cluster.kill(1);
    std::fs::OpenOptions::new().append(true).open(&file).and_then(|mut file| file.write_all(b"{\"code\":1,")).unwrap();
    cluster.restart(1).await;
    register(avro("double")).await;
    wait::until("a refusal after the start is recorded", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let last: Result<Value, _> = serde_json::from_str(text.lines().last().unwrap_or_default());
        if last.is_ok_and(|line| line["code"] == 40_901) { Ok(()) } else { Err(text) }
    })
    .await;
}
