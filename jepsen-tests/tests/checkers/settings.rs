//! Planted bad histories of levels and modes.

use jepsen_tests::judge::settings::search;
use jepsen_tests::judge::verdict::Verdict;
use jepsen_tests::ops::Level;
use jepsen_tests::ops::settings::{Granted, Mode, Set, Wish};

fn check(steps: &[(Wish, Option<Granted>)], expected: Verdict, why: &str) {
    let set = |(number, (wish, told)): (u64, &(Wish, Option<Granted>))| Set {
        process: 1,
        node: 1,
        subject: "c".to_owned(),
        wish: *wish,
        invoked: number * 100,
        returned: number * 100 + 50,
        told: told.clone(),
    };
    let history: Vec<Set> = (0..).zip(steps).map(set).collect();
    let searched = search(&history);
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    assert_eq!(searched.verdict(), expected, "{why}: {searched:?}");
}

fn register(content: u32, told: Option<Granted>) -> (Wish, Option<Granted>) {
    (Wish::Register { content }, told)
}

fn version(version: u32) -> Option<Granted> {
    Some(Granted::Version { version })
}

fn code(code: u32) -> Option<Granted> {
    Some(Granted::Refused { code })
}

fn mode(mode: Mode) -> (Wish, Option<Granted>) {
    (Wish::SetMode { mode }, Some(Granted::Done))
}

#[test]
fn a_mode_holds_for_what_comes_after_it() {
    let closed = mode(Mode::ReadOnly);
    check(&[closed.clone(), register(0, code(42_205))], Verdict::Valid, "closed");
    check(&[closed.clone(), register(0, version(1))], Verdict::Invalid, "let in through a closed door");
    check(&[register(0, version(1)), closed.clone(), register(0, version(1))], Verdict::Valid, "it is known");
    check(&[closed.clone(), mode(Mode::ReadWrite), register(0, code(42_205))], Verdict::Invalid, "open again");
    let unset = (Wish::UnsetMode, Some(Granted::Done));
    check(&[closed.clone(), unset.clone(), (Wish::ReadMode, code(40_409))], Verdict::Valid, "taken back");
    check(&[closed.clone(), unset, (Wish::ReadMode, Some(Granted::Mode(Mode::ReadOnly)))], Verdict::Invalid, "stale");
    check(&[(Wish::SetMode { mode: Mode::ReadOnly }, None), register(0, version(1))], Verdict::Valid, "nobody knows");
    check(&[(Wish::SetMode { mode: Mode::ReadOnly }, None), register(0, code(42_205))], Verdict::Valid, "nor here");
    let level = Wish::SetLevel { level: Level::Backward };
    check(&[closed, (level, Some(Granted::Done))], Verdict::Invalid, "a level through a closed door");
}

#[test]
fn a_level_holds_for_what_comes_after_it() {
    let level = |level| (Wish::SetLevel { level }, Some(Granted::Done));
    let backward = level(Level::Backward);
    // Contents 0 and 3 are of one family, 1 is of another.
    let then = |told| vec![backward.clone(), register(0, version(1)), register(1, told)];
    check(&then(code(40_901)), Verdict::Valid, "incompatible");
    check(&then(version(2)), Verdict::Invalid, "let in");
    check(
        &[register(0, version(1)), register(1, version(2)), backward.clone(), register(4, version(3))],
        Verdict::Valid,
        "the latest counts",
    );
    let full =
        [register(0, version(1)), register(1, version(2)), level(Level::FullTransitive), register(4, version(3))];
    check(&full, Verdict::Invalid, "all count");
    check(&[backward.clone(), (Wish::ReadLevel, Some(Granted::Level(Level::None)))], Verdict::Invalid, "a stale level");
    check(&[backward, (Wish::ReadLevel, code(40_408))], Verdict::Invalid, "a false 404");
    check(&[(Wish::UnsetLevel, Some(Granted::Done))], Verdict::Invalid, "there was none");
}
