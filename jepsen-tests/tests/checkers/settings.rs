//! Planted bad histories of levels and modes.

use jepsen_tests::checker::settings::search_settings;
use jepsen_tests::checker::verdict::Verdict;
use jepsen_tests::ops::Level;
use jepsen_tests::ops::settings::{Mode, Op, Operation, Output};

fn check(steps: &[(Op, Option<Output>)], expected: Verdict, why: &str) {
    let set = |(number, (op, output)): (u64, &(Op, Option<Output>))| Operation {
        process: 1,
        node: 1,
        object: "c".to_owned(),
        op: *op,
        invoked: number * 100,
        returned: number * 100 + 50,
        output: output.clone(),
        attempts: 1,
    };
    let history: Vec<Operation> = (0..).zip(steps).map(set).collect();
    let searched = search_settings(&history);
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    assert_eq!(searched.verdict(), expected, "{why}: {searched:?}");
}

fn register(content: u32, output: Option<Output>) -> (Op, Option<Output>) {
    (Op::Register { content }, output)
}

fn version(version: u32) -> Option<Output> {
    Some(Output::Version { version })
}

fn code(code: u32) -> Option<Output> {
    Some(Output::Refused { code })
}

fn mode(mode: Mode) -> (Op, Option<Output>) {
    (Op::SetMode { mode }, Some(Output::Done))
}

#[test]
fn a_mode_holds_for_what_comes_after_it() {
    let closed = mode(Mode::ReadOnly);
    check(&[closed.clone(), register(0, code(42_205))], Verdict::Valid, "closed");
    check(&[closed.clone(), register(0, version(1))], Verdict::Invalid, "let in through a closed door");
    check(&[register(0, version(1)), closed.clone(), register(0, version(1))], Verdict::Valid, "it is known");
    check(&[closed.clone(), mode(Mode::ReadWrite), register(0, code(42_205))], Verdict::Invalid, "open again");
    let unset = (Op::UnsetMode, Some(Output::Done));
    check(&[closed.clone(), unset.clone(), (Op::ReadMode, code(40_409))], Verdict::Valid, "taken back");
    check(&[closed.clone(), unset, (Op::ReadMode, Some(Output::Mode(Mode::ReadOnly)))], Verdict::Invalid, "stale");
    check(&[(Op::SetMode { mode: Mode::ReadOnly }, None), register(0, version(1))], Verdict::Valid, "nobody knows");
    check(&[(Op::SetMode { mode: Mode::ReadOnly }, None), register(0, code(42_205))], Verdict::Valid, "nor here");
    let level = Op::SetLevel { level: Level::Backward };
    check(&[closed, (level, Some(Output::Done))], Verdict::Invalid, "a level through a closed door");
}

#[test]
fn a_level_holds_for_what_comes_after_it() {
    let level = |level| (Op::SetLevel { level }, Some(Output::Done));
    let backward = level(Level::Backward);
    // Contents 0 and 3 are of one family, 1 is of another.
    let then = |output| vec![backward.clone(), register(0, version(1)), register(1, output)];
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
    check(&[backward.clone(), (Op::ReadLevel, Some(Output::Level(Level::None)))], Verdict::Invalid, "a stale level");
    check(&[backward, (Op::ReadLevel, code(40_408))], Verdict::Invalid, "a false 404");
    check(&[(Op::UnsetLevel, Some(Output::Done))], Verdict::Invalid, "there was none");
}
