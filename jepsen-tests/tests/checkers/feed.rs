//! Planted bad watches.

use std::collections::BTreeMap;

use jepsen_tests::checker::feed;
use jepsen_tests::dump::{Dump, Held};
use jepsen_tests::native::{Transport, WatchedEvent};
use jepsen_tests::ops::lifecycle::{Action, Decision, Invocation, Operation, Output};
use jepsen_tests::ops::watchers::WatcherHistory;

fn seen(index: u64, kind: &str, subject: &str) -> WatchedEvent {
    WatchedEvent { id: format!("{index}.0"), kind: kind.to_owned(), subject: subject.to_owned() }
}

fn log() -> Vec<WatchedEvent> {
    (2..8).map(|index| seen(index, "schema.registered", "s")).collect()
}

fn watched(seen: Vec<WatchedEvent>) -> WatcherHistory {
    WatcherHistory { home: 2, transport: Transport::Grpc, seen, resumed: 1, broken: None }
}

/// The faults of one watcher beside two nodes with the same log.
fn faults_of(watched: &WatcherHistory) -> Vec<String> {
    feed::watcher_faults(&BTreeMap::from([(1, log()), (2, log())]), std::slice::from_ref(watched))
}

#[test]
fn gaps_repetitions_and_inventions_are_found() {
    assert!(faults_of(&watched(log())).is_empty());
    let gap: Vec<_> = log().into_iter().filter(|seen| seen.id != "4.0").collect();
    assert!(faults_of(&watched(gap))[0].contains("a gap"));
    let mut twice = log();
    twice.insert(3, twice[1].clone());
    assert!(faults_of(&watched(twice))[0].contains("a repetition"));
    let mut swapped = log();
    swapped.swap(2, 3);
    assert!(!faults_of(&watched(swapped)).is_empty(), "the order is another");
    let mut other = log();
    other[2].kind = "version.deleted".to_owned();
    assert!(faults_of(&watched(other))[0].contains("the log has not"));
    assert!(faults_of(&watched(log()[..4].to_vec()))[0].contains("missing at the end"));
    let broken = WatcherHistory { broken: Some("silence".to_owned()), ..watched(log()) };
    assert!(faults_of(&broken)[0].contains("silence"));
}

#[test]
fn logs_that_differ_or_do_not_grow_are_found() {
    let short = log()[..5].to_vec();
    let found = feed::watcher_faults(&BTreeMap::from([(1, log()), (2, short)]), &[]);
    assert!(found[0].contains("node 2 are not those of node 1"), "{found:?}");
    let mut back = log();
    back.swap(0, 1);
    let found = feed::watcher_faults(&BTreeMap::from([(1, back.clone()), (2, back)]), &[]);
    assert!(found[0].contains("do not grow"), "{found:?}");
}

#[test]
fn a_version_without_an_event_and_an_event_without_a_version_are_found() {
    let held = |id: u32| Held { id, guid: String::new(), format: "AVRO".to_owned(), text: id.to_string() };
    let dump: Dump = (1..=6).map(|version| (("s".to_owned(), version), held(version))).collect();
    assert!(feed::version_faults(&log(), &dump, |_| false).is_empty());
    assert_eq!(feed::version_faults(&log()[1..], &dump, |_| false).len(), 1);
    let mut more = log();
    more.push(seen(9, "schema.registered", "t"));
    assert_eq!(feed::version_faults(&more, &dump, |_| false).len(), 1);
    assert!(feed::version_faults(&more, &dump, |subject| subject == "t").is_empty(), "its versions may be gone");
}

#[test]
fn a_step_that_happened_twice_or_never_is_found() {
    let approve = |output| Operation {
        process: 2,
        node: 1,
        object: "l".to_owned(),
        op: Invocation { actor: 2, action: Action::Review { draft: 3, decision: Decision::Approve }, if_match: None },
        invoked: 0,
        returned: 9,
        output,
        attempts: 1,
    };
    let reported = |count: u64| (0..count).map(|index| seen(index, "draft.reviewed", "l")).collect::<Vec<_>>();
    let refused = || Some(Output::Refused { code: 40_951 });
    let faults = |count: u64, history: &[Operation]| feed::transition_faults(&reported(count), history).len();
    assert_eq!(faults(1, &[approve(Some(Output::Done))]), 0);
    assert_eq!(faults(0, &[approve(Some(Output::Done))]), 1, "it did not happen");
    assert_eq!(faults(2, &[approve(Some(Output::Done))]), 1, "it happened twice");
    assert_eq!(faults(1, &[approve(refused())]), 1, "it was refused and happened");
    assert_eq!(faults(0, &[approve(refused())]), 0);
    assert_eq!(faults(1, &[approve(None)]) + faults(0, &[approve(None)]), 0, "nobody knows");
    assert_eq!(faults(2, &[approve(None)]), 1, "more than nobody knows of");
}
