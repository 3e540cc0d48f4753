//! Planted bad histories of lifecycles: drafts, reviews, activations, versions.

use jepsen_tests::checker::lifecycle::search_lifecycles;
use jepsen_tests::checker::verdict::Verdict;
use jepsen_tests::ops::lifecycle::{Action, Decision, Invocation, Move, Operation, Output, State};

const WRONG_STATE: Output = Output::Refused { code: 40_951 };

/// Steps one after the other: who, what, the answer.
fn one_after_another(steps: &[(u32, Action, Option<Output>)]) -> Vec<Operation> {
    let operation = |(number, (who, action, output)): (u64, &(u32, Action, Option<Output>))| Operation {
        process: *who,
        node: 1,
        object: "l".to_owned(),
        op: Invocation { actor: *who, action: *action, if_match: None },
        invoked: number * 100,
        returned: number * 100 + 50,
        output: output.clone(),
        attempts: 1,
    };
    (0..).zip(steps).map(operation).collect()
}

fn verdict(history: &[Operation]) -> Verdict {
    let searched = search_lifecycles(history);
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    searched.verdict()
}

fn done() -> Option<Output> {
    Some(Output::Done)
}

fn create(draft: u32) -> (u32, Action, Option<Output>) {
    (1, Action::Create { draft }, done())
}

fn submit(draft: u32) -> (u32, Action, Option<Output>) {
    (1, Action::Submit { draft }, done())
}

fn approve(actor: u32, draft: u32, output: Option<Output>) -> (u32, Action, Option<Output>) {
    (actor, Action::Review { draft, decision: Decision::Approve }, output)
}

fn activate(draft: u32, output: Option<Output>) -> (u32, Action, Option<Output>) {
    (1, Action::Activate { draft }, output)
}

fn activated(version: u32) -> Option<Output> {
    Some(Output::Activated { version })
}

fn code(code: u32) -> Option<Output> {
    Some(Output::Refused { code })
}

/// The way of a draft to a version.
fn whole(draft: u32, version: u32) -> Vec<(u32, Action, Option<Output>)> {
    vec![create(draft), submit(draft), approve(2, draft, done()), activate(draft, activated(version))]
}

fn check(steps: &[(u32, Action, Option<Output>)], expected: Verdict, why: &str) {
    assert_eq!(
        verdict(&one_after_another(steps)),
        expected,
        "{why}: {:?}",
        search_lifecycles(&one_after_another(steps)).faults
    );
}

#[test]
fn a_draft_becomes_a_version_only_by_its_steps() {
    check(&whole(3, 1), Verdict::Valid, "as it should be");
    check(&[create(3), activate(3, activated(1))], Verdict::Invalid, "nobody approved it");
    check(&[create(3), submit(3), approve(1, 3, done())], Verdict::Invalid, "its author approved it");
    check(&[create(3), submit(3), approve(1, 3, code(40_351))], Verdict::Valid, "its author may not");
    check(&[create(3), approve(2, 3, done())], Verdict::Invalid, "it was not submitted");
    let reject = (2, Action::Review { draft: 3, decision: Decision::Reject }, done());
    check(&[create(3), submit(3), reject, submit(3)], Verdict::Invalid, "what was rejected is final");
    let mut twice = whole(3, 1);
    twice.push(activate(3, activated(2)));
    check(&twice, Verdict::Invalid, "activated twice");
    let mut again = whole(3, 1);
    again.extend(whole(6, 1));
    check(&again, Verdict::Invalid, "a number is given twice");
}

#[test]
fn a_refusal_without_a_reason_is_found() {
    // What a retry under another id looks like: it took effect, and its author is told that it did not.
    let refused = [create(3), submit(3), approve(2, 3, Some(WRONG_STATE)), activate(3, activated(1))];
    check(&refused, Verdict::Invalid, "refused, and approved all the same");
    check(&[create(3), submit(3), approve(2, 3, Some(WRONG_STATE))], Verdict::Invalid, "nothing forbade it");
    let unknown = [create(3), submit(3), approve(2, 3, None), activate(3, activated(1))];
    check(&unknown, Verdict::Valid, "what nobody knows of may have happened");
    let late = [create(3), submit(3), approve(2, 3, None), activate(3, Some(WRONG_STATE)), activate(3, activated(1))];
    check(&late, Verdict::Valid, "and may happen late");
    let twice = [create(3), submit(3), approve(2, 3, None), approve(3, 3, done()), activate(3, activated(1))];
    check(&twice, Verdict::Valid, "or never");
}

#[test]
fn an_activation_is_compared_with_what_is_latest_by_then() {
    // Contents 3 and 4 are of two families. The second needs two reviewers, and is incompatible then.
    let breaking = |last: (u32, Action, Option<Output>)| {
        let mut steps = whole(3, 1);
        steps.extend([create(4), submit(4), approve(2, 4, done()), approve(3, 4, done()), last]);
        steps
    };
    check(&breaking(activate(4, code(40_901))), Verdict::Valid, "refused as it must be");
    check(&breaking(activate(4, activated(2))), Verdict::Invalid, "two incompatible versions are active");
    let one_reviewer =
        [create(3), submit(3), approve(2, 3, done()), create(4), submit(4), approve(2, 4, done())].into_iter();
    let race =
        |output| one_reviewer.clone().chain([activate(3, activated(1)), activate(4, output)]).collect::<Vec<_>>();
    check(&race(code(40_953)), Verdict::Valid, "it has become a breaking change since");
    check(&race(activated(2)), Verdict::Invalid, "it was approved against another latest version");
}

#[test]
fn two_reviewers_at_once_are_put_into_an_order() {
    let mut history =
        one_after_another(&[create(3), submit(3), approve(2, 3, done()), approve(3, 3, Some(WRONG_STATE))]);
    (history[2].invoked, history[3].invoked) = (200, 200);
    (history[2].returned, history[3].returned) = (400, 400);
    assert_eq!(verdict(&history), Verdict::Valid);
    history[3].output = done();
    assert_eq!(verdict(&history), Verdict::Invalid, "one approval was enough: the second was late");
}

#[test]
fn versions_move_along_the_table_only() {
    let go = |how, output| (2, Action::Move { version: 1, how }, output);
    let with = |steps: &[(u32, Action, Option<Output>)]| [whole(3, 1).as_slice(), steps].concat();
    let read = |state, revision| (3, Action::ReadVersion { version: 1 }, Some(Output::Version { state, revision }));
    check(&with(&[go(Move::Deprecate, done()), go(Move::Archive, done())]), Verdict::Valid, "an end");
    check(&with(&[go(Move::Archive, done())]), Verdict::Invalid, "archived while active");
    check(&with(&[go(Move::Quarantine, done()), go(Move::Deprecate, done())]), Verdict::Invalid, "in quarantine");
    check(&with(&[go(Move::Deprecate, done()), read(State::Active, 9)]), Verdict::Invalid, "a stale read");
    check(&with(&[read(State::Active, 9), read(State::Active, 8)]), Verdict::Invalid, "another revision, no change");
    let changed = [read(State::Active, 9), go(Move::Quarantine, done()), read(State::Quarantined, 9)];
    check(&with(&changed), Verdict::Invalid, "a change, the same revision");
    let delete = |output| (2, Action::Delete { version: 1 }, output);
    check(&with(&[go(Move::Quarantine, done()), delete(done())]), Verdict::Invalid, "deleted in quarantine");
    check(&with(&[delete(done()), go(Move::Deprecate, done())]), Verdict::Invalid, "it is deleted");
    check(&with(&[delete(done()), go(Move::Deprecate, code(40_401))]), Verdict::Valid, "no version is left");
}

#[test]
fn a_rollback_takes_all_active_versions_above_its_target() {
    let both = [whole(3, 1), whole(6, 2), whole(9, 3)].concat();
    let roll = |target, versions: &[u32]| {
        (2, Action::RollBack { target }, Some(Output::RolledBack { versions: versions.to_vec() }))
    };
    let after = |step: (u32, Action, Option<Output>)| [both.as_slice(), &[step]].concat();
    check(&after(roll(1, &[2, 3])), Verdict::Valid, "both");
    check(&after(roll(1, &[3])), Verdict::Invalid, "one stays");
    check(&after(roll(3, &[])), Verdict::Invalid, "nothing is above it");
    let twice = [both.as_slice(), &[roll(2, &[3]), roll(2, &[3])]].concat();
    check(&twice, Verdict::Invalid, "twice");
}

#[test]
fn a_change_at_an_old_revision_is_refused() {
    let read = |revision| {
        let output = Output::Draft { state: State::Draft, approvals: Vec::new(), version: 0, revision };
        (2, Action::ReadDraft { draft: 3 }, Some(output))
    };
    let mut history = one_after_another(&[create(3), read(7), submit(3), approve(2, 3, done())]);
    history[3].op.if_match = Some(7);
    assert_eq!(verdict(&history), Verdict::Invalid, "it was submitted since");
    history[3].output = code(41_251);
    assert_eq!(verdict(&history), Verdict::Valid);
    history[2].op.if_match = Some(7);
    assert_eq!(verdict(&history), Verdict::Valid, "the submission is at the revision that was read");
    history[2].output = code(41_251);
    assert_eq!(verdict(&history), Verdict::Invalid, "nothing had changed it");
}
