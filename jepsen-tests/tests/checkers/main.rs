//! The checkers must find what is wrong and accept what is right: planted bad histories, and random ones judged by brute force.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

mod audit;
mod contexts;
mod feed;
mod lifecycle;
mod references;
mod revisions;
mod settings;

use jepsen_tests::checker::{append, linear, model::Subject, sessions, unknowns, verdict::Verdict};
use jepsen_tests::ops::{Guarantee, Level, Op, Output, SessionRead, SubjectOperation, SubjectWorkload};
use jepsen_tests::seed;
use rand::RngExt;
use rand::rngs::StdRng;

fn event(process: u32, invoked: u64, returned: u64, op: Op, output: Option<Output>) -> SubjectOperation {
    let subject = "s".to_owned();
    SubjectOperation {
        workload: SubjectWorkload::Rich,
        process,
        node: 1,
        subject,
        op,
        invoked,
        returned,
        output,
        id: None,
        guid: None,
        attempts: 1,
    }
}

fn version(version: u32, content: u32) -> Option<Output> {
    Some(Output::Version { version, content })
}

fn register(process: u32, invoked: u64, returned: u64, content: u32, output: Option<Output>) -> SubjectOperation {
    event(process, invoked, returned, Op::Register { content }, output)
}

fn contents(process: u32, invoked: u64, returned: u64, contents: &[u32]) -> SubjectOperation {
    event(process, invoked, returned, Op::Contents, Some(Output::Contents(contents.to_vec())))
}

fn verdict(events: Vec<SubjectOperation>) -> Verdict {
    let resolved = unknowns::resolve_unknown(events, true, true);
    let searched = linear::search_subjects(&resolved);
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    searched.verdict()
}

#[test]
fn planted_faults_are_not_linearizable() {
    let first = register(1, 0, 10, 0, version(1, 0));
    let latest = |from, to, output| event(2, from, to, Op::Latest, output);
    assert_eq!(verdict(vec![first.clone(), latest(20, 30, version(1, 0))]), Verdict::Valid);
    assert_eq!(verdict(vec![first.clone(), latest(20, 30, Some(Output::NotFound))]), Verdict::Invalid, "a stale 404");
    assert_eq!(
        verdict(vec![first.clone(), latest(5, 30, Some(Output::NotFound))]),
        Verdict::Valid,
        "not stale: they overlap"
    );
    let second = register(1, 20, 30, 3, version(2, 3));
    assert_eq!(
        verdict(vec![first.clone(), second.clone(), latest(40, 50, version(1, 0))]),
        Verdict::Invalid,
        "stale latest"
    );
    let lost = contents(2, 40, 50, &[0]);
    assert_eq!(verdict(vec![first.clone(), second, lost]), Verdict::Invalid, "a lost write");
    let swapped = register(1, 20, 30, 3, version(1, 3));
    assert_eq!(verdict(vec![first.clone(), swapped]), Verdict::Invalid, "a version is used twice");
    let twice = register(1, 20, 30, 0, version(2, 0));
    assert_eq!(verdict(vec![first, twice]), Verdict::Invalid, "the same content as two versions");
    let level = event(3, 0, 5, Op::SetLevel { level: Level::Backward }, Some(Output::Done));
    let one = register(1, 10, 30, 0, version(1, 0));
    let other = register(2, 10, 30, 1, version(2, 1));
    assert_eq!(
        verdict(vec![level.clone(), one.clone(), other]),
        Verdict::Invalid,
        "two incompatible ones were accepted"
    );
    let refused = register(2, 10, 30, 1, Some(Output::Incompatible));
    assert_eq!(verdict(vec![level, one, refused]), Verdict::Valid);
}

#[test]
fn unknown_writes_may_have_happened_or_not_but_not_both() {
    let lost = register(1, 0, 10, 0, None);
    let seen = |from: u64| contents(2, from, from + 5, &[0]);
    let empty = |from: u64| contents(2, from, from + 5, &[]);
    assert_eq!(verdict(vec![lost.clone(), empty(20), seen(30)]), Verdict::Valid, "it took effect late");
    assert_eq!(verdict(vec![lost.clone(), empty(20), empty(30)]), Verdict::Valid, "it never took effect");
    assert_eq!(verdict(vec![lost, seen(20), empty(30)]), Verdict::Invalid, "it took effect and vanished");
}

#[test]
fn cycles_are_found_by_the_second_kind_of_checker() {
    let append = |events: &[SubjectOperation]| append::check_cycles(events).verdict;
    let a = register(1, 0, 10, 1, version(1, 1));
    let b = register(1, 20, 30, 2, version(2, 2));
    let good = [a.clone(), b.clone(), contents(2, 40, 50, &[1, 2])];
    assert_eq!(append(&good), Verdict::Valid, "{:?}", append::check_cycles(&good));
    let stale = [a.clone(), b.clone(), contents(2, 40, 50, &[1]), contents(2, 60, 70, &[1, 2])];
    assert_eq!(append(&stale), Verdict::Invalid, "a stale read");
    let reordered = [a.clone(), b.clone(), contents(2, 40, 50, &[2, 1])];
    assert_eq!(append(&reordered), Verdict::Invalid, "against real time");
    let lost = [a.clone(), b, contents(2, 40, 50, &[2])];
    assert_eq!(append(&lost), Verdict::Invalid, "a lost write");
    let refused = [a.clone(), register(1, 20, 30, 2, Some(Output::Incompatible)), contents(2, 40, 50, &[1, 2])];
    assert_eq!(append(&refused), Verdict::Invalid, "what was refused happened");
    // Its client had done another operation when what it did not know of took effect.
    let late = register(1, 12, 45, 2, None);
    let next = register(1, 20, 30, 3, version(2, 3));
    assert_eq!(append(&[a.clone(), late, next, contents(2, 50, 60, &[1, 3, 2])]), Verdict::Valid);
    let invented = [a, contents(2, 40, 50, &[1, 9])];
    assert_eq!(append(&invented), Verdict::Invalid, "nobody sent 9");
}

#[test]
fn broken_sessions_and_bounds_are_found() {
    let session_read = |guarantee, at_least, seen, token, index| SessionRead {
        node: 1,
        subject: "s".to_owned(),
        guarantee,
        at_least,
        seen,
        token,
        index,
    };
    assert!(
        sessions::session_faults(&[
            session_read(Guarantee::Session, 2, 2, 9, 9),
            session_read(Guarantee::Bounded, 1, 4, 0, 3)
        ])
        .is_empty()
    );
    assert!(sessions::session_faults(&[session_read(Guarantee::Session, 2, 1, 9, 9)])[0].starts_with("I17"));
    assert!(sessions::session_faults(&[session_read(Guarantee::Session, 2, 2, 9, 8)])[0].starts_with("I17"));
    assert!(sessions::session_faults(&[session_read(Guarantee::Bounded, 2, 1, 0, 8)])[0].starts_with("I18"));
    assert!(sessions::session_faults(&[session_read(Guarantee::Default, 2, 1, 0, 8)])[0].starts_with("I19"));
    assert!(sessions::session_faults(&[session_read(Guarantee::OwnWrite, 2, 0, 0, 8)])[0].starts_with("I17"));
}

/// Random small histories: executed in a random order inside their intervals, then perhaps damaged.
fn random_history(random: &mut StdRng) -> Vec<SubjectOperation> {
    let count = random.random_range(4..=7_u32);
    let mut state = Subject::default();
    let mut events = Vec::new();
    for number in 0..count {
        let content = random.random_range(0..4);
        let version = random.random_range(1..3);
        let op = match random.random_range(0..9) {
            0..3 => Op::Register { content },
            3 => Op::Latest,
            4 => Op::Get { version },
            5 => Op::List { deleted: random.random_bool(0.5) },
            6 => Op::DeleteVersion { version, permanent: random.random_bool(0.5) },
            7 => Op::DeleteSubject { permanent: random.random_bool(0.5) },
            _ => Op::SetLevel { level: Level::Backward },
        };
        let (output, after) = state.apply_op(op);
        state = after;
        // The effect is at 10 × number + 5; the interval reaches over some neighbours.
        let at = u64::from(number) * 10 + 5;
        let (before, behind) = (random.random_range(1..25), random.random_range(1..25));
        let output = (!op.is_write() || random.random_bool(0.8)).then_some(output);
        let process = number;
        events.push(event(process, at.saturating_sub(before), at + behind, op, output));
    }
    for _ in 0..random.random_range(0..3) {
        let place = random.random_range(0..events.len());
        let wrong = match events[place].op {
            Op::Register { content } => version(random.random_range(1..4), content),
            Op::Latest | Op::Get { .. } => version(random.random_range(1..3), random.random_range(0..4)),
            Op::List { .. } => Some(Output::Versions(vec![1])),
            _ => continue,
        };
        if events[place].output.is_some() {
            events[place].output = wrong;
        }
    }
    events
}

/// Every order that real time allows, one by one.
fn brute_force(state: &Subject, left: &[SubjectOperation]) -> bool {
    if left.iter().all(|event| event.output.is_none()) {
        return true;
    }
    let first_return = left.iter().filter(|event| event.output.is_some()).map(|event| event.returned).min().unwrap();
    (0..left.len()).any(|place| {
        let event = &left[place];
        if event.invoked > first_return {
            return false;
        }
        let (possible, after) = state.step(event.op, event.output.as_ref());
        let rest: Vec<_> = left.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, e)| e.clone()).collect();
        possible && brute_force(&after, &rest)
    })
}

#[test]
fn both_searches_agree_with_brute_force_on_random_histories() {
    let (_, mut random) = seed::generator("checkers");
    let mut counts = [0_u32; 2];
    for _ in 0..1_500 {
        let events = random_history(&mut random);
        let expected = brute_force(&Subject::default(), &events);
        counts[usize::from(expected)] += 1;
        // Nothing is resolved: these histories delete.
        let searched = linear::search_subjects(&unknowns::resolve_unknown(events.clone(), false, false));
        assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}\n{events:#?}");
        assert_eq!(searched.verdict() == Verdict::Valid, expected, "{events:#?}");
    }
    assert!(counts.iter().all(|count| *count > 100), "both kinds must occur: {counts:?}");
}
