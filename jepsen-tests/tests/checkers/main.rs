//! The checkers must find what is wrong and accept what is right: planted bad histories, and random ones judged by brute force.

mod audit;
mod feed;
mod life;
mod references;
mod settings;

use jepsen_tests::judge::{append, linear, model::Subject, sessions, unknowns, verdict::Verdict};
use jepsen_tests::ops::{Event, Glimpse, Level, Op, Told, Work};
use jepsen_tests::seed;
use rand::RngExt;
use rand::rngs::StdRng;

fn event(process: u32, invoked: u64, returned: u64, op: Op, told: Option<Told>) -> Event {
    let subject = "s".to_owned();
    Event {
        work: Work::Rich,
        process,
        node: 1,
        subject,
        op,
        invoked,
        returned,
        told,
        id: None,
        guid: None,
        attempts: 1,
    }
}

fn version(version: u32, content: u32) -> Option<Told> {
    Some(Told::Version { version, content })
}

fn register(process: u32, invoked: u64, returned: u64, content: u32, told: Option<Told>) -> Event {
    event(process, invoked, returned, Op::Register { content }, told)
}

fn contents(process: u32, invoked: u64, returned: u64, contents: &[u32]) -> Event {
    event(process, invoked, returned, Op::Contents, Some(Told::Contents(contents.to_vec())))
}

fn verdict(events: Vec<Event>) -> Verdict {
    let resolved = unknowns::resolve(events, true, true);
    let searched = linear::search(&resolved);
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    searched.verdict()
}

#[test]
fn planted_faults_are_not_linearizable() {
    let first = register(1, 0, 10, 0, version(1, 0));
    let latest = |from, to, told| event(2, from, to, Op::Latest, told);
    assert_eq!(verdict(vec![first.clone(), latest(20, 30, version(1, 0))]), Verdict::Valid);
    assert_eq!(verdict(vec![first.clone(), latest(20, 30, Some(Told::NotFound))]), Verdict::Invalid, "a stale 404");
    assert_eq!(
        verdict(vec![first.clone(), latest(5, 30, Some(Told::NotFound))]),
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
    let level = event(3, 0, 5, Op::SetLevel { level: Level::Backward }, Some(Told::Done));
    let one = register(1, 10, 30, 0, version(1, 0));
    let other = register(2, 10, 30, 1, version(2, 1));
    assert_eq!(
        verdict(vec![level.clone(), one.clone(), other]),
        Verdict::Invalid,
        "two incompatible ones were accepted"
    );
    let refused = register(2, 10, 30, 1, Some(Told::Incompatible));
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
    let append = |events: &[Event]| append::judge(events).verdict;
    let a = register(1, 0, 10, 1, version(1, 1));
    let b = register(1, 20, 30, 2, version(2, 2));
    let good = [a.clone(), b.clone(), contents(2, 40, 50, &[1, 2])];
    assert_eq!(append(&good), Verdict::Valid, "{:?}", append::judge(&good));
    let stale = [a.clone(), b.clone(), contents(2, 40, 50, &[1]), contents(2, 60, 70, &[1, 2])];
    assert_eq!(append(&stale), Verdict::Invalid, "a stale read");
    let reordered = [a.clone(), b.clone(), contents(2, 40, 50, &[2, 1])];
    assert_eq!(append(&reordered), Verdict::Invalid, "against real time");
    let lost = [a.clone(), b, contents(2, 40, 50, &[2])];
    assert_eq!(append(&lost), Verdict::Invalid, "a lost write");
    let refused = [a.clone(), register(1, 20, 30, 2, Some(Told::Incompatible)), contents(2, 40, 50, &[1, 2])];
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
    let glimpse = |promise: &str, at_least, seen, token, index| Glimpse {
        node: 1,
        subject: "s".to_owned(),
        promise: promise.to_owned(),
        at_least,
        seen,
        token,
        index,
    };
    assert!(sessions::faults(&[glimpse("session", 2, 2, 9, 9), glimpse("bounded", 1, 4, 0, 3)]).is_empty());
    assert!(sessions::faults(&[glimpse("session", 2, 1, 9, 9)])[0].starts_with("I17"));
    assert!(sessions::faults(&[glimpse("session", 2, 2, 9, 8)])[0].starts_with("I17"));
    assert!(sessions::faults(&[glimpse("bounded", 2, 1, 0, 8)])[0].starts_with("I18"));
}

/// Random small histories: executed in a random order inside their intervals, then perhaps damaged.
fn random_history(random: &mut StdRng) -> Vec<Event> {
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
        let (told, after) = state.after(op);
        state = after;
        // The effect is at 10 × number + 5; the interval reaches over some neighbours.
        let at = u64::from(number) * 10 + 5;
        let (before, behind) = (random.random_range(1..25), random.random_range(1..25));
        let told = (!op.is_write() || random.random_bool(0.8)).then_some(told);
        let process = number;
        events.push(event(process, at.saturating_sub(before), at + behind, op, told));
    }
    for _ in 0..random.random_range(0..3) {
        let place = random.random_range(0..events.len());
        let wrong = match events[place].op {
            Op::Register { content } => version(random.random_range(1..4), content),
            Op::Latest | Op::Get { .. } => version(random.random_range(1..3), random.random_range(0..4)),
            Op::List { .. } => Some(Told::Versions(vec![1])),
            _ => continue,
        };
        if events[place].told.is_some() {
            events[place].told = wrong;
        }
    }
    events
}

/// Every order that real time allows, one by one.
fn brute_force(state: &Subject, left: &[Event]) -> bool {
    if left.iter().all(|event| event.told.is_none()) {
        return true;
    }
    let first_return = left.iter().filter(|event| event.told.is_some()).map(|event| event.returned).min().unwrap();
    (0..left.len()).any(|place| {
        let event = &left[place];
        if event.invoked > first_return {
            return false;
        }
        let (possible, after) = state.step(event.op, event.told.as_ref());
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
        let searched = linear::search(&unknowns::resolve(events.clone(), false, false));
        assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}\n{events:#?}");
        assert_eq!(searched.verdict() == Verdict::Valid, expected, "{events:#?}");
    }
    assert!(counts.iter().all(|count| *count > 100), "both kinds must occur: {counts:?}");
}
