//! Planted bad audit logs.

use std::collections::BTreeMap;
use std::time::Duration;

use jepsen_tests::checker::audit::{
    AuditRecord, NodeAuditLog, age_faults, operation_faults, registration_faults, tree_faults, tree_root, write_faults,
};
use jepsen_tests::history::{Registration, RegistrationResult};
use jepsen_tests::ops::freshness::AgedAnswer;
use jepsen_tests::ops::ledger::{LedgerEntry, WriteOutcome};
use jepsen_tests::schemas::{Content, Format};

/// A chain of records with these keys and outcomes, one for each log index from 5 on.
fn log(records: &[(&str, &str)]) -> Vec<AuditRecord> {
    let digest = |number: u64| format!("{number:064x}");
    let record = |(position, (key, outcome)): (u64, &(&str, &str))| AuditRecord {
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
        authentication: "token".to_owned(),
        address: String::new(),
        user_agent: "curl/8".to_owned(),
        trace_id: String::new(),
    };
    (0..).zip(records).map(record).collect()
}

fn entry(key: &str, outcome: WriteOutcome, times: (u64, u64)) -> LedgerEntry {
    let (invoked, returned) = times;
    let (key, principal, subject) = (key.to_owned(), "ada".to_owned(), "s".to_owned());
    LedgerEntry { key, principal, subject, invoked, returned, outcome }
}

const DONE: WriteOutcome = WriteOutcome::Ok { logged: true };

/// Do the faults begin with these names, and is there none without a name?
fn check(records: &[AuditRecord], ledger: &[LedgerEntry], expected: &[&str]) {
    let found = write_faults(records, &[ledger]);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(found.iter().zip(expected).all(|(fault, name)| fault.starts_with(name)), "{found:?}");
}

#[test]
fn writes_that_are_missing_doubled_or_refused_are_found() {
    let ok = "ok id=1 version=1";
    check(&log(&[("a", ok)]), &[entry("a", DONE, (0, 9))], &[]);
    check(&log(&[("a", "stale"), ("a", ok)]), &[entry("a", DONE, (0, 9))], &[]);
    check(&log(&[]), &[entry("a", DONE, (0, 9))], &["I13"]);
    check(&log(&[]), &[entry("a", WriteOutcome::Ok { logged: false }, (0, 9))], &[]);
    check(&log(&[("a", ok), ("a", ok)]), &[entry("a", DONE, (0, 9))], &["I21", "I13"]);
    // A retry under another id: the first took effect, the second was refused.
    check(&log(&[("a", ok), ("a", "refused wrong_state")]), &[entry("a", DONE, (0, 9))], &["I21"]);
    let refused = WriteOutcome::Fail { definite: true };
    check(&log(&[("a", "refused wrong_state")]), &[entry("a", refused, (0, 9))], &[]);
    check(&log(&[("a", ok)]), &[entry("a", refused, (0, 9))], &["I14"]);
    check(&log(&[("a", ok)]), &[entry("a", WriteOutcome::Info, (0, 9))], &[]);
    check(&log(&[]), &[entry("a", WriteOutcome::Info, (0, 9))], &[]);
    check(&log(&[("b", ok)]), &[], &["I13: nobody sent"]);
    check(&log(&[("", ok)]), &[], &[]);
    let other = LedgerEntry { principal: "eve".to_owned(), ..entry("a", DONE, (0, 9)) };
    check(&log(&[("a", ok)]), &[other], &["I13: it is in the log under another"]);
}

#[test]
fn an_operation_on_the_members_that_was_not_recorded_before_it_was_done_is_found() {
    let operations = |outcomes: &[(&str, &str)]| {
        let mut records = log(&outcomes.iter().map(|(_, outcome)| ("", *outcome)).collect::<Vec<_>>());
        for (record, (resource, _)) in records.iter_mut().zip(outcomes) {
            (record.action, record.resource) = ("cluster.member.remove".to_owned(), (*resource).to_owned());
        }
        operation_faults(&records)
    };
    assert!(operations(&[("node/3", "begun"), ("node/3", "ok")]).is_empty());
    assert!(operations(&[("node/3", "begun without=2"), ("node/3", "interrupted begun_by=ada")]).is_empty());
    // The leader died and nobody knows the end yet.
    assert!(operations(&[("node/3", "begun"), ("node/4", "begun"), ("node/4", "failed: late")]).is_empty());
    for wrong in [
        &[("node/3", "ok")][..],
        &[("node/3", "begun"), ("node/4", "ok")],
        &[("node/3", "begun"), ("node/3", "ok"), ("node/3", "ok")],
    ] {
        assert_eq!(operations(wrong).len(), 1, "{wrong:?}");
    }
}

#[test]
fn an_order_against_real_time_is_found() {
    let records = log(&[("b", "ok"), ("a", "ok")]);
    check(&records, &[entry("a", DONE, (0, 10)), entry("b", DONE, (5, 20))], &[]);
    check(&records, &[entry("a", DONE, (0, 10)), entry("b", DONE, (15, 20))], &["I13"]);
}

#[test]
fn a_log_that_was_changed_or_cut_is_found() {
    let records = log(&[("a", "ok"), ("b", "ok"), ("c", "ok"), ("d", "refused"), ("e", "ok")]);
    let show = |records: &[AuditRecord]| NodeAuditLog { records: records.to_vec(), root: tree_root(records) };
    let good = show(&records);
    let found =
        |one: &NodeAuditLog, other: &NodeAuditLog| tree_faults(&BTreeMap::from([(1, one.clone()), (2, other.clone())]));
    assert!(found(&good, &good).is_empty());
    let mut changed = records.clone();
    changed[1].outcome = "ok version=9".to_owned();
    assert!(
        found(&good, &NodeAuditLog { records: changed.clone(), ..good.clone() })[0].starts_with("I12"),
        "another root"
    );
    assert!(found(&good, &show(&changed))[0].contains("differ"));
    assert!(found(&good, &show(&records[..4]))[0].contains("differ"));
    let without: Vec<AuditRecord> = records.iter().filter(|record| record.position != 2).cloned().collect();
    assert!(found(&show(&without), &show(&without))[0].contains("does not follow"));
    let mut unchained = records;
    unchained[3].digest_before = "00".to_owned();
    assert!(found(&show(&unchained), &show(&unchained))[0].contains("does not follow"));
}

#[test]
fn a_registration_without_a_record_or_with_two_is_found() {
    let content =
        Content { format: Format::Avro, sent: String::new(), canonical: String::new(), references: Vec::new() };
    let acknowledged = Registration {
        process: 1,
        node_id: 1,
        key: "a".to_owned(),
        subject: "s".to_owned(),
        content,
        invoked: Duration::ZERO,
        returned: Duration::ZERO,
        result: RegistrationResult::Registered { id: 1, version: 1, guid: String::new() },
    };
    let acknowledged = [acknowledged];
    assert!(registration_faults(&log(&[("a", "ok id=1 version=1")]), &acknowledged).is_empty());
    assert_eq!(registration_faults(&log(&[("a", "ok id=2 version=1")]), &acknowledged).len(), 1);
    assert_eq!(
        registration_faults(&log(&[("a", "ok id=1 version=1"), ("b", "ok id=1 version=1")]), &acknowledged).len(),
        1
    );
}

#[test]
fn an_answer_that_is_older_than_it_claims_is_found() {
    // The entries of a, b and c stand at 5, 6 and 7; times are nanoseconds, ages milliseconds.
    let records = log(&[("a", "ok"), ("b", "ok"), ("c", "refused wrong_state")]);
    let ms = 1_000_000;
    let ledger = [
        entry("a", DONE, (0, 10 * ms)),
        entry("b", DONE, (10 * ms, 20 * ms)),
        entry("c", WriteOutcome::Fail { definite: true }, (20 * ms, 30 * ms)),
    ];
    let found = |sent_ms: u64, age_ms, index| {
        let answer = AgedAnswer { node: 1, sent: sent_ms * ms, index, age_ms };
        age_faults(&records, &ledger, &[answer]).len()
    };
    assert_eq!(found(25, 0, 6), 0, "both writes are in it");
    assert_eq!(found(25, 0, 5), 1, "b had been acknowledged");
    assert_eq!(found(25, 10, 5), 0, "b is younger than the answer claims to be");
    assert_eq!(found(40, 10, 5), 1, "b is older than that");
    assert_eq!(found(40, 10, 4), 1);
    assert_eq!(found(15, 10, 0), 0, "a is younger than that, too");
    assert_eq!(found(90, 10, 6), 0, "what was refused need not be in it");
    let of_a_replica = [entry("a", WriteOutcome::Ok { logged: false }, (0, 10 * ms))];
    let answer = AgedAnswer { node: 1, sent: 90 * ms, index: 0, age_ms: 0 };
    assert!(age_faults(&records, &of_a_replica, &[answer]).is_empty(), "its own entry may come late");
}
