//! Planted bad histories of contexts.

use jepsen_tests::checker::contexts::{count_activity, search_contexts};
use jepsen_tests::checker::verdict::Verdict;
use jepsen_tests::ops::Level;
use jepsen_tests::ops::contexts::{Mode, Op, Operation, Output, import_id};

type Entry = (Op, Option<Output>);

fn history(entries: &[Entry]) -> Vec<Operation> {
    let operation = |(number, (op, output)): (u64, &Entry)| Operation {
        process: 1,
        node: 1,
        object: "k".to_owned(),
        op: *op,
        invoked: number * 100,
        returned: number * 100 + 50,
        output: output.clone(),
        attempts: 1,
    };
    (0..).zip(entries).map(operation).collect()
}

fn check(entries: &[Entry], expected: Verdict, why: &str) {
    let result = search_contexts(&history(entries));
    assert!(result.faults.iter().all(|fault| !fault.contains("disagree")), "{result:?}");
    assert_eq!(result.verdict(), expected, "{why}: {result:?}");
}

fn register(subject: u8, content: u32, output: Option<Output>) -> Entry {
    (Op::Register { subject, content, expected: None }, output)
}

fn expecting(content: u32, expected: u32, output: Option<Output>) -> Entry {
    (Op::Register { subject: 0, content, expected: Some(expected) }, output)
}

fn registered(version: u32, id: u32) -> Option<Output> {
    Some(Output::Registered { version, id })
}

fn shown(version: u32, id: u32, content: u32) -> Option<Output> {
    Some(Output::Shown { version, id, content })
}

fn code(code: u32) -> Option<Output> {
    Some(Output::Refused { code })
}

fn mode(mode: Mode) -> Entry {
    (Op::SetMode { mode }, Some(Output::Done))
}

fn import(content: u32, output: Option<Output>) -> Entry {
    (Op::Import { subject: 0, content }, output)
}

#[test]
fn an_id_belongs_to_one_content_of_the_context() {
    check(&[register(0, 0, registered(1, 7)), register(1, 0, registered(1, 7))], Verdict::Valid, "the same in both");
    check(&[register(0, 0, registered(1, 7)), register(1, 0, registered(1, 8))], Verdict::Invalid, "a second id");
    check(&[register(0, 0, registered(1, 7)), register(0, 6, registered(2, 7))], Verdict::Invalid, "an id twice");
    let by_id = |id, output| (Op::ById { id }, output);
    let first = register(0, 0, registered(1, 7));
    check(&[first.clone(), by_id(7, Some(Output::Content(0)))], Verdict::Valid, "there it is");
    check(&[first.clone(), by_id(7, code(40_403))], Verdict::Invalid, "a false 404");
    check(&[first.clone(), by_id(7, Some(Output::Content(6)))], Verdict::Invalid, "another content");
    check(&[first.clone(), by_id(8, code(40_403))], Verdict::Valid, "no such id");
    let unknown = register(0, 0, None);
    check(&[unknown.clone(), by_id(7, Some(Output::Content(0)))], Verdict::Valid, "it took effect");
    check(
        &[unknown, by_id(7, Some(Output::Content(0))), by_id(8, Some(Output::Content(0)))],
        Verdict::Invalid,
        "two ids",
    );
    let latest = (Op::Latest { subject: 0 }, shown(1, 9, 0));
    check(&[first, latest], Verdict::Invalid, "another id by another way");
}

#[test]
fn a_mode_of_the_context_holds_for_its_subjects() {
    let first = register(0, 0, registered(1, 1));
    check(&[mode(Mode::ReadOnly), first.clone()], Verdict::Invalid, "let in through a closed door");
    check(&[mode(Mode::ReadOnly), register(0, 0, code(42_205))], Verdict::Valid, "closed");
    check(&[first.clone(), mode(Mode::ReadOnly), first.clone()], Verdict::Valid, "it is known");
    check(&[mode(Mode::Import), first.clone()], Verdict::Invalid, "an ordinary registration among imports");
    let id = import_id(3);
    check(&[import(3, registered(1, id))], Verdict::Invalid, "imported in READWRITE");
    check(&[import(3, code(42_205))], Verdict::Valid, "refused");
    check(&[mode(Mode::Import), import(3, registered(1, id))], Verdict::Valid, "imported");
    check(&[mode(Mode::Import), import(3, registered(1, 5))], Verdict::Invalid, "under another id");
    let effective = |subject, mode| (Op::EffectiveMode { subject }, Some(Output::Mode(mode)));
    check(&[mode(Mode::Import), effective(1, Mode::Import)], Verdict::Valid, "in force");
    check(&[mode(Mode::Import), effective(1, Mode::ReadWrite)], Verdict::Invalid, "a stale mode");
    let closed = (Op::SetMode { mode: Mode::ReadOnly }, None);
    check(&[closed.clone(), first], Verdict::Valid, "perhaps not closed");
    check(&[closed, register(0, 0, code(42_205))], Verdict::Valid, "perhaps closed");
}

#[test]
fn a_level_of_the_context_holds_for_its_subjects() {
    // Contents 0 and 6 are of one family, 1 is of another. BACKWARD is the default.
    let first = register(0, 0, registered(1, 1));
    check(&[first.clone(), register(0, 1, registered(2, 2))], Verdict::Invalid, "let in");
    check(&[first.clone(), register(0, 1, code(40_901))], Verdict::Valid, "refused");
    check(&[first.clone(), register(1, 1, registered(1, 2))], Verdict::Valid, "another subject");
    let none = (Op::SetLevel { level: Level::None }, Some(Output::Done));
    check(&[first.clone(), none.clone(), register(0, 1, registered(2, 2))], Verdict::Valid, "NONE");
    check(&[first, none.clone(), register(0, 1, code(40_901))], Verdict::Invalid, "nothing forbade it");
    let effective = |level| (Op::EffectiveLevel { subject: 0 }, Some(Output::Level(level)));
    check(&[effective(Level::Backward), none.clone(), effective(Level::None)], Verdict::Valid, "in force");
    check(&[none, effective(Level::Backward)], Verdict::Invalid, "a stale level");
}

#[test]
fn an_expected_version_is_the_next_one_or_nothing() {
    check(&[expecting(0, 1, registered(1, 1)), expecting(6, 2, registered(2, 2))], Verdict::Valid, "the next");
    check(&[expecting(0, 2, registered(1, 1))], Verdict::Invalid, "another than was expected");
    check(&[expecting(0, 2, code(42_201))], Verdict::Valid, "refused");
    check(&[expecting(0, 1, code(42_201))], Verdict::Invalid, "it was the next");
    let subjects = |held: &[u8]| (Op::Subjects, Some(Output::Subjects(held.to_vec())));
    check(&[subjects(&[]), register(1, 0, registered(1, 1)), subjects(&[1])], Verdict::Valid, "listed");
    check(&[register(1, 0, registered(1, 1)), subjects(&[])], Verdict::Invalid, "a stale list");
    check(&[subjects(&[u8::MAX])], Verdict::Invalid, "a subject of another context");
}

#[test]
fn imports_and_refusals_are_counted() {
    let found = count_activity(&history(&[import(3, code(42_205)), mode(Mode::Import), import(9, registered(1, 9))]));
    assert_eq!(found, (1, 1));
}
