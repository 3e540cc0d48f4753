//! Planted bad audit logs.

use std::collections::BTreeMap;
use std::time::Duration;

use jepsen_tests::history;
use jepsen_tests::judge::audit::{Record, Shown, registrations, root, trees, writes};
use jepsen_tests::ops::ledger::{Came, Sent};
use jepsen_tests::schemas::{Content, Format};

/// A chain of records with these keys and outcomes, one for each log index from 5 on.
fn log(records: &[(&str, &str)]) -> Vec<Record> {
    let digest = |number: u64| format!("{number:064x}");
    let record = |(position, (key, outcome)): (u64, &(&str, &str))| Record {
        position,
        index: position + 5,
        time_ms: 1_000 + position,
        principal: "ada".to_owned(),
        node_id: 1,
        action: "schema.register".to_owned(),
        reason: String::new(),
        resource: "subject/s".to_owned(),
        outcome: (*outcome).to_owned(),
        request_id: if key.is_empty() { "node:7".to_owned() } else { format!("client:{key}:abc") },
        digest_before: digest(position),
        digest_after: digest(position + 1),
    };
    (0..).zip(records).map(record).collect()
}

fn sent(key: &str, came: Came, times: (u64, u64)) -> Sent {
    let (invoked, returned) = times;
    Sent { key: key.to_owned(), who: "ada".to_owned(), subject: "s".to_owned(), invoked, returned, came }
}

const DONE: Came = Came::Done { logged: true };

/// Do the faults begin with these names, and is there none without a name?
fn check(records: &[Record], ledger: &[Sent], expected: &[&str]) {
    let found = writes(records, &[ledger]);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(found.iter().zip(expected).all(|(fault, name)| fault.starts_with(name)), "{found:?}");
}

#[test]
fn writes_that_are_missing_doubled_or_refused_are_found() {
    let ok = "ok id=1 version=1";
    check(&log(&[("a", ok)]), &[sent("a", DONE, (0, 9))], &[]);
    check(&log(&[("a", "stale"), ("a", ok)]), &[sent("a", DONE, (0, 9))], &[]);
    check(&log(&[]), &[sent("a", DONE, (0, 9))], &["I13"]);
    check(&log(&[]), &[sent("a", Came::Done { logged: false }, (0, 9))], &[]);
    check(&log(&[("a", ok), ("a", ok)]), &[sent("a", DONE, (0, 9))], &["I21", "I13"]);
    // A retry under another id: the first took effect, the second was refused.
    check(&log(&[("a", ok), ("a", "rejected wrong_state")]), &[sent("a", DONE, (0, 9))], &["I21"]);
    let refused = Came::Refused { sure: true };
    check(&log(&[("a", "rejected wrong_state")]), &[sent("a", refused, (0, 9))], &[]);
    check(&log(&[("a", ok)]), &[sent("a", refused, (0, 9))], &["I14"]);
    check(&log(&[("a", ok)]), &[sent("a", Came::Unknown, (0, 9))], &[]);
    check(&log(&[]), &[sent("a", Came::Unknown, (0, 9))], &[]);
    check(&log(&[("b", ok)]), &[], &["I13: nobody sent"]);
    check(&log(&[("", ok)]), &[], &[]);
    let other = Sent { who: "eve".to_owned(), ..sent("a", DONE, (0, 9)) };
    check(&log(&[("a", ok)]), &[other], &["I13: it is in the log under another"]);
}

#[test]
fn an_order_against_real_time_is_found() {
    let records = log(&[("b", "ok"), ("a", "ok")]);
    check(&records, &[sent("a", DONE, (0, 10)), sent("b", DONE, (5, 20))], &[]);
    check(&records, &[sent("a", DONE, (0, 10)), sent("b", DONE, (15, 20))], &["I13"]);
}

#[test]
fn a_log_that_was_changed_or_cut_is_found() {
    let records = log(&[("a", "ok"), ("b", "ok"), ("c", "ok"), ("d", "rejected"), ("e", "ok")]);
    let show = |records: &[Record]| Shown { records: records.to_vec(), root: root(records) };
    let good = show(&records);
    let found = |one: &Shown, other: &Shown| trees(&BTreeMap::from([(1, one.clone()), (2, other.clone())]));
    assert!(found(&good, &good).is_empty());
    let mut changed = records.clone();
    changed[1].outcome = "ok version=9".to_owned();
    assert!(found(&good, &Shown { records: changed.clone(), ..good.clone() })[0].starts_with("I12"), "another root");
    assert!(found(&good, &show(&changed))[0].contains("differ"));
    assert!(found(&good, &show(&records[..4]))[0].contains("differ"));
    let without: Vec<Record> = records.iter().filter(|record| record.position != 2).cloned().collect();
    assert!(found(&show(&without), &show(&without))[0].contains("does not follow"));
    let mut unchained = records;
    unchained[3].digest_before = "00".to_owned();
    assert!(found(&show(&unchained), &show(&unchained))[0].contains("does not follow"));
}

#[test]
fn a_registration_without_a_record_or_with_two_is_found() {
    let content =
        Content { format: Format::Avro, sent: String::new(), canonical: String::new(), references: Vec::new() };
    let told = history::Record {
        process: 1,
        node_id: 1,
        key: "a".to_owned(),
        subject: "s".to_owned(),
        content,
        invoked: Duration::ZERO,
        returned: Duration::ZERO,
        result: history::Result::Registered { id: 1, version: 1, guid: String::new() },
    };
    let told = [told];
    assert!(registrations(&log(&[("a", "ok id=1 version=1")]), &told).is_empty());
    assert_eq!(registrations(&log(&[("a", "ok id=2 version=1")]), &told).len(), 1);
    assert_eq!(registrations(&log(&[("a", "ok id=1 version=1"), ("b", "ok id=1 version=1")]), &told).len(), 1);
}
