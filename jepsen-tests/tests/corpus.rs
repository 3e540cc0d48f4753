//! Every valid schema of the corpus of canonical forms goes in through one node and comes back from another: the canonical
//! text and the guid that Confluent has for it, and the text as it was sent.
//!
//! The corpus is not part of the repository; without it the test is skipped by name.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};

use jepsen_tests::client::{Answer, Api, Call};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::dump;
use jepsen_tests::outside::data_beside_checkout;
use jepsen_tests::schemas::{Content, Format};
use proto::rest::ReferenceBody;
use serde_json::Value;

/// Rows under way at once.
const CLIENTS: usize = 6;

/// Rows that a registry with default settings refuses as new schemas, with the reason. The corpus loads leniently, as stored
/// schemas are read; a registration is strict.
const REFUSED: &[(&str, &str)] = &[];

fn rows() -> Option<Vec<Value>> {
    let path = data_beside_checkout("every_valid_schema_goes_in_and_comes_back", "corpora/canonical.json")?;
    let text = std::fs::read_to_string(path).expect("read the corpus");
    Some(serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone())
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

fn reference(item: &Value) -> ReferenceBody {
    let version = item["version"].as_i64().and_then(|version| i32::try_from(version).ok());
    ReferenceBody { name: Some(text(item, "name")), subject: Some(text(item, "subject")), version }
}

fn references(row: &Value) -> Vec<Value> {
    row["references"].as_array().cloned().unwrap_or_default()
}

async fn good(call: Call) -> Answer {
    call.send().await.expect("the node answers").good()
}

/// The rows' references, once each. Rows that name the same version with another text would need another context.
async fn register_references(cluster: &Cluster, rows: &[Value]) -> usize {
    let mut known: BTreeMap<(String, String, i64), String> = BTreeMap::new();
    let mut contexts: BTreeMap<String, ()> = BTreeMap::new();
    for row in rows {
        let list = references(row);
        if list.is_empty() {
            continue;
        }
        let context = context_of(row);
        contexts.insert(context.clone(), ());
        for (place, item) in list.iter().enumerate() {
            let (subject, version) = (text(item, "subject"), item["version"].as_i64().unwrap());
            let key = (context.clone(), subject.clone(), version);
            if let Some(schema) = known.get(&key) {
                assert_eq!(*schema, text(item, "schema"), "one context, two texts of {subject} {version}");
                continue;
            }
            let api = cluster.api(1 + known.len() as u64 % 3);
            // Versions begin at 1: those below the one that is referred to are filled with something else.
            for filler in 1..version {
                let filler_text = format!("syntax = \"proto3\";\nmessage Filler{filler} {{}}\n");
                good(register(&api, &qualified(&context, &subject), filler_text, Vec::new(), Format::Protobuf)).await;
            }
            let earlier = list[..place].iter().map(reference).collect();
            let format = Format::of(&text(row, "format"));
            let body = good(register(&api, &qualified(&context, &subject), text(item, "schema"), earlier, format))
                .await
                .schema();
            assert_eq!(body.version.map(i64::from), Some(version), "{subject}");
            known.insert(key, text(item, "schema"));
        }
    }
    eprintln!("{} references in {} contexts", known.len(), contexts.len());
    known.len()
}

fn register(api: &Api, subject: &str, sent: String, references: Vec<ReferenceBody>, format: Format) -> Call {
    api.register(subject, &Content { format, canonical: String::new(), sent, references })
}

/// Equal lists of references share a context, others may not.
fn context_of(row: &Value) -> String {
    let list = references(row);
    if list.is_empty() {
        return String::new();
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in Value::from(list).to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("c{hash:016x}")
}

fn qualified(context: &str, subject: &str) -> String {
    if context.is_empty() { subject.to_owned() } else { format!(":.{context}:{subject}") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_valid_schema_goes_in_and_comes_back() {
    let Some(rows) = rows() else { return };
    let cluster = Cluster::start(Spec::of(3)).await;
    let any = cluster.api(1);
    // Above all contexts, so that it holds in each.
    good(any.put("/config/:.__GLOBAL:").json(&serde_json::json!({"compatibility": "NONE"}))).await;
    register_references(&cluster, &rows).await;

    let mut waiting: Vec<_> = rows.iter().cloned().enumerate().collect();
    let mut running = tokio::task::JoinSet::new();
    let (mut passed, mut refused, mut wrong) = (BTreeMap::<String, usize>::new(), BTreeSet::new(), Vec::new());
    loop {
        while running.len() < CLIENTS
            && let Some((number, row)) = waiting.pop()
        {
            let (writer, reader) = (cluster.api(1 + number as u64 % 3), cluster.api(1 + (number as u64 + 1) % 3));
            running.spawn(async move { (text(&row, "id"), text(&row, "format"), check(&writer, &reader, &row).await) });
        }
        let Some(done) = running.join_next().await else { break };
        match done.unwrap() {
            (_, format, Ok(())) => *passed.entry(format).or_default() += 1,
            (id, _, Err(Fault::Refused(reason))) if REFUSED.iter().any(|(known, _)| *known == id) => {
                refused.insert(id.clone());
                eprintln!("{id}: refused as expected: {reason}");
            }
            (id, _, Err(fault)) => wrong.push(format!("{id}: {fault:?}")),
        }
    }
    eprintln!("passed {passed:?}, refused as expected {}, wrong {}", refused.len(), wrong.len());
    wrong.sort();
    for line in &wrong {
        eprintln!("  {}", line.chars().take(600).collect::<String>());
    }
    assert!(wrong.is_empty(), "{} of {} rows", wrong.len(), rows.len());
    assert_eq!(refused.len(), REFUSED.len(), "a row that was to be refused was not");
    assert_eq!(passed.values().sum::<usize>() + refused.len(), rows.len());
    let nodes = cluster.apis();
    dump::settled(&nodes).await;
    dump::same_digests(&nodes).await;
    let first = dump::local(&nodes[0]).await;
    for api in &nodes[1..] {
        assert!(dump::local(api).await == first, "node {} holds something else", api.node_id);
    }
}

#[derive(Debug)]
enum Fault {
    Refused(#[allow(dead_code, reason = "shown in the list of faults")] String),
    Differs(#[allow(dead_code, reason = "shown in the list of faults")] String),
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), Fault> {
    if found == expected { Ok(()) } else { Err(Fault::Differs(format!("{what}: {found:?}, not {expected:?}"))) }
}

async fn check(writer: &Api, reader: &Api, row: &Value) -> Result<(), Fault> {
    let context = context_of(row);
    let subject = qualified(&context, &format!("row-{}", text(row, "id")));
    let (sent, format) = (text(row, "schema"), Format::of(&text(row, "format")));
    let (canonical, guid) = (text(row, "canonical"), text(row, "guid"));
    let list = references(row).iter().map(reference).collect();
    let content = Content { format, canonical: canonical.clone(), sent: sent.clone(), references: list };
    let answer = writer.register(&subject, &content).send().await.map_err(Fault::Refused)?;
    if answer.status != 200 {
        return Err(Fault::Refused(answer.text()));
    }
    let registered = answer.schema();
    let (id, version) = (registered.id.unwrap(), registered.version.unwrap());
    same("guid of the registration", registered.guid.as_deref().unwrap_or_default(), &guid)?;

    let name = jepsen_tests::client::segment(&subject);
    let by_id = if context.is_empty() {
        format!("/schemas/ids/{id}")
    } else {
        format!("/contexts/.{context}/schemas/ids/{id}")
    };
    for path in [format!("/subjects/{name}/versions/{version}"), by_id] {
        let body = good(reader.get(&path)).await.schema();
        same(&path, body.schema.as_deref().unwrap_or_default(), &canonical)?;
        same(&path, body.guid.as_deref().unwrap_or_default(), &guid)?;
        same(&path, body.schema_type.as_deref().unwrap_or_default(), format.name())?;
        if body.references != content.references {
            return Err(Fault::Differs(format!("{path}: references {:?}", body.references)));
        }
    }
    let raw = format!("/subjects/{name}/versions/{version}/schema");
    same(&raw, &good(reader.get(&raw)).await.text(), &canonical)?;
    let as_sent = format!("{raw}?format=sent");
    same(&as_sent, &good(reader.get(&as_sent)).await.text(), &sent)?;
    let found = good(reader.lookup(&subject, &content)).await.schema();
    same("lookup", &format!("{:?} {:?}", found.id, found.version), &format!("{:?} {:?}", Some(id), Some(version)))
}
