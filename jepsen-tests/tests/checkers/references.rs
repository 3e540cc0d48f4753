//! Planted bad histories of schemas that refer to others.

use jepsen_tests::checker::references::{count_activity, search_references};
use jepsen_tests::checker::verdict::Verdict;
use jepsen_tests::ops::references::{Op, Operation, Output, Side};

fn history(steps: &[(Op, Option<Output>)]) -> Vec<Operation> {
    let operation = |(number, (op, output)): (u64, &(Op, Option<Output>))| Operation {
        process: 1,
        node: 1,
        object: "r".to_owned(),
        op: *op,
        invoked: number * 100,
        returned: number * 100 + 50,
        output: output.clone(),
        attempts: 1,
    };
    (0..).zip(steps).map(operation).collect()
}

fn check(steps: &[(Op, Option<Output>)], expected: Verdict, why: &str) {
    let searched = search_references(&history(steps));
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    assert_eq!(searched.verdict(), expected, "{why}: {searched:?}");
}

fn define(version: u32) -> (Op, Option<Output>) {
    (Op::Define { content: version }, Some(Output::Version { version }))
}

fn refer(to: u32, output: Option<Output>) -> (Op, Option<Output>) {
    (Op::Refer { content: 100 + to, version: to }, output)
}

fn version(version: u32) -> Option<Output> {
    Some(Output::Version { version })
}

fn code(code: u32) -> Option<Output> {
    Some(Output::Refused { code })
}

fn hide(side: Side, version: u32, output: Option<Output>) -> (Op, Option<Output>) {
    (Op::Hide { side, version }, output)
}

fn drop_for_good(side: Side, version: u32, output: Option<Output>) -> (Op, Option<Output>) {
    (Op::Drop { side, version }, output)
}

const DONE: Option<Output> = Some(Output::Done);

#[test]
fn nothing_refers_to_what_is_not_there() {
    check(&[refer(1, code(42_201))], Verdict::Valid, "there is none");
    check(&[refer(1, version(1))], Verdict::Invalid, "to nothing");
    check(&[define(1), refer(1, version(1))], Verdict::Valid, "there it is");
    check(&[define(1), refer(1, code(42_201))], Verdict::Invalid, "it is there");
    let hidden = [define(1), hide(Side::Target, 1, DONE)];
    check(&[hidden.as_slice(), &[refer(1, version(1))]].concat(), Verdict::Invalid, "to what is hidden");
    check(&[hidden.as_slice(), &[refer(1, code(42_201))]].concat(), Verdict::Valid, "it is hidden");
    let nobody_knows = [define(1), hide(Side::Target, 1, None)];
    for output in [version(1), code(42_201)] {
        check(&[nobody_knows.as_slice(), &[refer(1, output)]].concat(), Verdict::Valid, "perhaps hidden");
    }
}

#[test]
fn what_is_referred_to_stays() {
    let referred = [define(1), refer(1, version(1))];
    let then = |more: &[(Op, Option<Output>)]| [referred.as_slice(), more].concat();
    check(&then(&[hide(Side::Target, 1, code(42_206))]), Verdict::Valid, "it is referred to");
    check(&then(&[hide(Side::Target, 1, DONE)]), Verdict::Invalid, "hidden under who refers to it");
    // A hidden referrer does not keep its target from being hidden, but from going.
    let hidden = [hide(Side::Referrer, 1, DONE), hide(Side::Target, 1, DONE)];
    check(&then(&hidden), Verdict::Valid, "both hidden");
    let dropped = |output| [hidden.as_slice(), &[drop_for_good(Side::Target, 1, output)]].concat();
    check(&then(&dropped(code(42_206))), Verdict::Valid, "it is needed to read the other");
    check(&then(&dropped(DONE)), Verdict::Invalid, "gone under who refers to it");
    let both = [hidden.as_slice(), &[drop_for_good(Side::Referrer, 1, DONE), drop_for_good(Side::Target, 1, DONE)]];
    check(&then(&both.concat()), Verdict::Valid, "nobody is left");
    check(&then(&[both.concat().as_slice(), &[define(1)]].concat()), Verdict::Valid, "a subject begins again");
    check(&then(&[both.concat().as_slice(), &[define(2)]].concat()), Verdict::Invalid, "it has begun again");
    assert_eq!(count_activity(&history(&then(&dropped(code(42_206))))), (1, 1));
}

#[test]
fn a_count_is_of_its_moment() {
    let count = |version, output| (Op::Count { version }, Some(output));
    let referred = [define(1), refer(1, version(1)), refer(1, version(2))];
    let then = |more: &[(Op, Option<Output>)]| [referred.as_slice(), more].concat();
    check(&then(&[count(1, Output::Count(2))]), Verdict::Valid, "two");
    check(&then(&[count(1, Output::Count(1))]), Verdict::Invalid, "stale");
    check(&then(&[hide(Side::Referrer, 2, DONE), count(1, Output::Count(1))]), Verdict::Valid, "one is hidden");
    check(&then(&[count(2, Output::Refused { code: 40_402 })]), Verdict::Valid, "no such version");
    check(&[count(1, Output::Refused { code: 40_401 })], Verdict::Valid, "no such subject");
    let hidden = [define(1), hide(Side::Target, 1, DONE)];
    check(&[hidden.as_slice(), &[count(1, Output::Count(0))]].concat(), Verdict::Valid, "hidden, and asked for");
    check(&then(&[hide(Side::Referrer, 1, code(40_406))]), Verdict::Invalid, "it is not hidden");
    check(&then(&[drop_for_good(Side::Referrer, 1, code(40_407))]), Verdict::Valid, "not hidden before");
}
