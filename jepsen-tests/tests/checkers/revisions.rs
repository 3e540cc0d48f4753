//! Planted bad histories of changes at revisions.

use jepsen_tests::checker::revisions::{REVISION_DIFFERS, count_activity, search_revisions};
use jepsen_tests::checker::verdict::Verdict;
use jepsen_tests::ops::Level;
use jepsen_tests::ops::revisions::{Action, FUTURE, Op, Operation, Output};

type Entry = (Op, Option<Output>);

fn history(entries: &[Entry]) -> Vec<Operation> {
    let operation = |(number, (op, output)): (u64, &Entry)| Operation {
        process: 1,
        node: 1,
        object: "v".to_owned(),
        op: *op,
        invoked: number * 100,
        returned: number * 100 + 50,
        output: output.clone(),
        attempts: 1,
    };
    (0..).zip(entries).map(operation).collect()
}

fn check(entries: &[Entry], expected: Verdict, why: &str) {
    let result = search_revisions(&history(entries));
    assert!(result.faults.iter().all(|fault| !fault.contains("disagree")), "{result:?}");
    assert_eq!(result.verdict(), expected, "{why}: {result:?}");
}

fn entry(action: Action, if_match: Option<u64>, output: Output) -> Entry {
    (Op { action, if_match }, Some(output))
}

fn register(content: u32, version: u32) -> Entry {
    entry(Action::Register { content }, None, Output::Registered { version })
}

fn read(version: u32, is_deleted: bool, revision: u64) -> Entry {
    let output = Output::Version { is_deleted, content: 3 * (version - 1), revision };
    entry(Action::ReadVersion { version }, None, output)
}

fn delete(version: u32, permanent: bool, if_match: Option<u64>, output: Output) -> Entry {
    entry(Action::DeleteVersion { version, permanent }, if_match, output)
}

fn policy(approvals: u32, if_match: Option<u64>, output: Output) -> Entry {
    entry(Action::SetPolicy { approvals }, if_match, output)
}

fn read_policy(approvals: u32, revision: u64) -> Entry {
    entry(Action::ReadPolicy, None, Output::Policy { approvals, revision })
}

const DIFFERS: Output = Output::Refused { code: REVISION_DIFFERS };

#[test]
fn a_deletion_at_a_revision_is_done_only_there() {
    let made = [register(0, 1), read(1, false, 7)];
    let then = |entry: Entry| [made.as_slice(), &[entry]].concat();
    check(&then(delete(1, false, Some(7), Output::Done)), Verdict::Valid, "at the revision that was read");
    check(&then(delete(1, false, Some(6), Output::Done)), Verdict::Invalid, "at another");
    check(&then(delete(1, false, Some(6), DIFFERS)), Verdict::Valid, "refused");
    check(&then(delete(1, false, Some(7), DIFFERS)), Verdict::Invalid, "nothing had changed it");
    check(&then(delete(1, false, Some(FUTURE), Output::Done)), Verdict::Invalid, "in the future");
    check(&then(delete(1, false, Some(FUTURE), DIFFERS)), Verdict::Valid, "refused in the future");
    let deleted = then(delete(1, false, None, Output::Done));
    let after = |entry: Entry| [deleted.as_slice(), &[entry]].concat();
    check(&after(read(1, true, 9)), Verdict::Valid, "a deletion changes the revision");
    check(&after(read(1, true, 7)), Verdict::Invalid, "a change without a new revision");
    check(&after(delete(1, true, Some(7), Output::Done)), Verdict::Invalid, "an old revision");
    check(&after(delete(1, true, Some(7), DIFFERS)), Verdict::Valid, "refused at an old revision");
    let gone = [deleted.as_slice(), &[read(1, true, 9), delete(1, true, Some(9), Output::Done)]].concat();
    let no_subject = entry(Action::ReadVersion { version: 1 }, None, Output::Refused { code: 40_401 });
    check(&[gone.as_slice(), &[no_subject]].concat(), Verdict::Valid, "gone for good");
    check(&[gone.as_slice(), &[register(3, 2)]].concat(), Verdict::Invalid, "the subject begins again");
}

#[test]
fn a_policy_at_a_revision_is_changed_only_there() {
    let first = [read_policy(0, 0), policy(2, Some(0), Output::Done), read_policy(2, 5)];
    check(&first, Verdict::Valid, "what was never set has revision 0");
    let then = |entry: Entry| [first.as_slice(), &[entry]].concat();
    check(&then(policy(3, Some(0), Output::Done)), Verdict::Invalid, "a lost update");
    check(&then(policy(3, Some(0), DIFFERS)), Verdict::Valid, "refused");
    check(&then(read_policy(1, 5)), Verdict::Invalid, "another policy at one revision");
    check(&then(read_policy(2, 6)), Verdict::Invalid, "another revision without a change");
    let unknown = (Op { action: Action::SetPolicy { approvals: 4 }, if_match: Some(5) }, None);
    check(&[then(unknown.clone()).as_slice(), &[read_policy(4, 8)]].concat(), Verdict::Valid, "it took effect");
    check(&[then(unknown).as_slice(), &[read_policy(2, 5)]].concat(), Verdict::Valid, "or did not");
}

#[test]
fn nothing_is_done_at_a_revision_in_the_future() {
    let ahead = |action| entry(action, Some(FUTURE), DIFFERS);
    let level = Action::SetLevel { level: Level::None };
    check(&[ahead(Action::Register { content: 0 }), ahead(level)], Verdict::Valid, "refused");
    let registered = entry(Action::Register { content: 0 }, Some(FUTURE), Output::Registered { version: 1 });
    check(&[registered], Verdict::Invalid, "registered");
    check(&[entry(level, Some(FUTURE), Output::Done)], Verdict::Invalid, "a level");
    let found = count_activity(&history(&[ahead(level), policy(1, Some(0), Output::Done)]));
    assert_eq!(found, (1, 1));
}

#[test]
fn a_policy_goes_with_the_last_version_and_not_before() {
    let hidden = [
        policy(2, Some(0), Output::Done),
        read_policy(2, 5),
        register(0, 1),
        delete(1, false, None, Output::Done),
        read_policy(2, 5),
    ];
    check(&hidden, Verdict::Valid, "a soft deletion keeps it");
    let gone = [hidden.as_slice(), &[delete(1, true, None, Output::Done)]].concat();
    let then = |entry: Entry| [gone.as_slice(), &[entry]].concat();
    check(&then(read_policy(0, 9)), Verdict::Valid, "the last version is gone for good");
    check(&then(read_policy(2, 5)), Verdict::Invalid, "the policy has stayed");
    check(&then(read_policy(0, 5)), Verdict::Invalid, "it went without a new revision");
    let never = [register(0, 1), delete(1, false, None, Output::Done), delete(1, true, None, Output::Done)];
    check(&[never.as_slice(), &[read_policy(0, 0)]].concat(), Verdict::Valid, "there was none");
    check(&[never.as_slice(), &[read_policy(0, 9)]].concat(), Verdict::Invalid, "nothing has changed");
}
