//! Planted bad histories of lives: drafts, reviews, activations, versions.

use jepsen_tests::judge::life::search;
use jepsen_tests::judge::verdict::Verdict;
use jepsen_tests::ops::life::{Decision, Deed, Lived, Move, State, Step, Told};

const WRONG_STATE: Told = Told::Refused { code: 40_951 };

/// Steps one after the other: who, what, the answer.
fn one_after_another(steps: &[(u32, Step, Option<Told>)]) -> Vec<Lived> {
    let lived = |(number, (who, step, told)): (u64, &(u32, Step, Option<Told>))| Lived {
        process: *who,
        node: 1,
        subject: "l".to_owned(),
        deed: Deed { who: *who, step: *step, if_match: None },
        invoked: number * 100,
        returned: number * 100 + 50,
        told: told.clone(),
        attempts: 1,
    };
    (0..).zip(steps).map(lived).collect()
}

fn verdict(history: &[Lived]) -> Verdict {
    let searched = search(history);
    assert!(searched.faults.iter().all(|fault| !fault.contains("disagree")), "{searched:?}");
    searched.verdict()
}

fn done() -> Option<Told> {
    Some(Told::Done)
}

fn create(draft: u32) -> (u32, Step, Option<Told>) {
    (1, Step::Create { draft }, done())
}

fn submit(draft: u32) -> (u32, Step, Option<Told>) {
    (1, Step::Submit { draft }, done())
}

fn approve(who: u32, draft: u32, told: Option<Told>) -> (u32, Step, Option<Told>) {
    (who, Step::Review { draft, decision: Decision::Approve }, told)
}

fn activate(draft: u32, told: Option<Told>) -> (u32, Step, Option<Told>) {
    (1, Step::Activate { draft }, told)
}

fn activated(version: u32) -> Option<Told> {
    Some(Told::Activated { version })
}

fn code(code: u32) -> Option<Told> {
    Some(Told::Refused { code })
}

/// The way of a draft to a version.
fn whole(draft: u32, version: u32) -> Vec<(u32, Step, Option<Told>)> {
    vec![create(draft), submit(draft), approve(2, draft, done()), activate(draft, activated(version))]
}

fn check(steps: &[(u32, Step, Option<Told>)], expected: Verdict, why: &str) {
    assert_eq!(verdict(&one_after_another(steps)), expected, "{why}: {:?}", search(&one_after_another(steps)).faults);
}

#[test]
fn a_draft_becomes_a_version_only_by_its_steps() {
    check(&whole(3, 1), Verdict::Valid, "as it should be");
    check(&[create(3), activate(3, activated(1))], Verdict::Invalid, "nobody approved it");
    check(&[create(3), submit(3), approve(1, 3, done())], Verdict::Invalid, "its author approved it");
    check(&[create(3), submit(3), approve(1, 3, code(40_351))], Verdict::Valid, "its author may not");
    check(&[create(3), approve(2, 3, done())], Verdict::Invalid, "it was not submitted");
    let reject = (2, Step::Review { draft: 3, decision: Decision::Reject }, done());
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
    let breaking = |last: (u32, Step, Option<Told>)| {
        let mut steps = whole(3, 1);
        steps.extend([create(4), submit(4), approve(2, 4, done()), approve(3, 4, done()), last]);
        steps
    };
    check(&breaking(activate(4, code(40_901))), Verdict::Valid, "refused as it must be");
    check(&breaking(activate(4, activated(2))), Verdict::Invalid, "two incompatible versions are active");
    let one_reviewer =
        [create(3), submit(3), approve(2, 3, done()), create(4), submit(4), approve(2, 4, done())].into_iter();
    let race = |told| one_reviewer.clone().chain([activate(3, activated(1)), activate(4, told)]).collect::<Vec<_>>();
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
    history[3].told = done();
    assert_eq!(verdict(&history), Verdict::Invalid, "one approval was enough: the second was late");
}

#[test]
fn versions_move_along_the_table_only() {
    let go = |how, told| (2, Step::Move { version: 1, how }, told);
    let with = |steps: &[(u32, Step, Option<Told>)]| [whole(3, 1).as_slice(), steps].concat();
    let read = |state, revision| (3, Step::ReadVersion { version: 1 }, Some(Told::Version { state, revision }));
    check(&with(&[go(Move::Deprecate, done()), go(Move::Archive, done())]), Verdict::Valid, "an end");
    check(&with(&[go(Move::Archive, done())]), Verdict::Invalid, "archived while active");
    check(&with(&[go(Move::Quarantine, done()), go(Move::Deprecate, done())]), Verdict::Invalid, "in quarantine");
    check(&with(&[go(Move::Deprecate, done()), read(State::Active, 9)]), Verdict::Invalid, "a stale read");
    check(&with(&[read(State::Active, 9), read(State::Active, 8)]), Verdict::Invalid, "another revision, no change");
    let changed = [read(State::Active, 9), go(Move::Quarantine, done()), read(State::Quarantined, 9)];
    check(&with(&changed), Verdict::Invalid, "a change, the same revision");
    let delete = |told| (2, Step::Delete { version: 1 }, told);
    check(&with(&[go(Move::Quarantine, done()), delete(done())]), Verdict::Invalid, "deleted in quarantine");
    check(&with(&[delete(done()), go(Move::Deprecate, done())]), Verdict::Invalid, "it is deleted");
    check(&with(&[delete(done()), go(Move::Deprecate, code(40_401))]), Verdict::Valid, "no version is left");
}

#[test]
fn a_rollback_takes_all_active_versions_above_its_target() {
    let both = [whole(3, 1), whole(6, 2), whole(9, 3)].concat();
    let roll = |target, versions: &[u32]| {
        (2, Step::RollBack { target }, Some(Told::RolledBack { versions: versions.to_vec() }))
    };
    let after = |step: (u32, Step, Option<Told>)| [both.as_slice(), &[step]].concat();
    check(&after(roll(1, &[2, 3])), Verdict::Valid, "both");
    check(&after(roll(1, &[3])), Verdict::Invalid, "one stays");
    check(&after(roll(3, &[])), Verdict::Invalid, "nothing is above it");
    let twice = [both.as_slice(), &[roll(2, &[3]), roll(2, &[3])]].concat();
    check(&twice, Verdict::Invalid, "twice");
}

#[test]
fn a_change_at_an_old_revision_is_refused() {
    let read = |revision| {
        let told = Told::Draft { state: State::Draft, approvals: Vec::new(), version: 0, revision };
        (2, Step::ReadDraft { draft: 3 }, Some(told))
    };
    let mut history = one_after_another(&[create(3), read(7), submit(3), approve(2, 3, done())]);
    history[3].deed.if_match = Some(7);
    assert_eq!(verdict(&history), Verdict::Invalid, "it was submitted since");
    history[3].told = code(41_251);
    assert_eq!(verdict(&history), Verdict::Valid);
    history[2].deed.if_match = Some(7);
    assert_eq!(verdict(&history), Verdict::Valid, "the submission is at the revision that was read");
    history[2].told = code(41_251);
    assert_eq!(verdict(&history), Verdict::Invalid, "nothing had changed it");
}
