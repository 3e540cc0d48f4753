//! The life of schemas, rule by rule: reviews and who may give them, notices, blockers, rollback, revisions, retention,
//! and that Confluent clients see none of the drafts.

use std::collections::BTreeSet;

use registry::query::{self, Include};
use registry::{
    Actor, Authentication, ClusterCommand, ClusterDone, ClusterRefusal, Command, Decision, Done, DraftContent, DraftId,
    DraftState, Envelope, FeedsCommand, FeedsDone, Key, LifeChange, LifeCommand, LifeDone, LifePolicy, LifeRefusal,
    LogIndex, Outcome, Permanent, Principal, Refusal, Report, Row, Scope, SemVer, SettingsCommand, SettingsRefusal,
    Table, Transition, Version, VersionState, View, audit,
};

use crate::support::{Machine, START_MS, content, delete, delete_subject, envelope, register, scope, subject};

const GOOD: Report = Report { base: None, compatible: true, breaking: false, messages: Vec::new() };

fn life(of: &str, change: LifeChange) -> Command {
    Command::Life(LifeCommand { subject: subject(of), reason: "because".to_owned(), change })
}

fn policy(on: Scope, policy: LifePolicy) -> Command {
    Command::Settings(SettingsCommand::SetPolicy { scope: on, policy: Some(policy) })
}

fn by(machine: &Machine, actor: &str, command: Command) -> Envelope {
    let number = machine.index + 1;
    let actor = Actor { principal: Principal::user(actor, Authentication::Basic), node_id: 1 };
    Envelope { actor, ..envelope(&format!("by-{number}"), START_MS + 1_000 * number, command) }
}

fn as_actor(machine: &mut Machine, actor: &str, command: Command) -> Result<Done, Refusal> {
    match machine.apply(&by(machine, actor, command)).outcome {
        Outcome::Done(done) => Ok(done),
        Outcome::Refused(refusal) => Err(refusal),
        outcome => panic!("{outcome:?}"),
    }
}

fn draft(machine: &mut Machine, author: &str, of: &str, text: &str, report: Report) -> DraftId {
    let draft = DraftContent { content: content(text, Vec::new()), sent: None, report };
    match as_actor(machine, author, life(of, LifeChange::Create { draft })) {
        Ok(Done::Life(LifeDone::Draft { id, .. })) => id,
        outcome => panic!("{outcome:?}"),
    }
}

fn review(id: DraftId, decision: Decision) -> Command {
    life("a", LifeChange::Review { id, decision })
}

fn state(machine: &Machine, version: u32) -> VersionState {
    query::version_row(&machine.view, &subject("a"), Version(version)).unwrap().unwrap().state
}

fn latest(machine: &Machine) -> u32 {
    query::latest(&machine.view, &subject("a")).unwrap().unwrap().0.0
}

/// The rows of every table that Confluent requests are answered from.
fn seen_by_confluent(machine: &Machine) -> Vec<(Key, Row)> {
    let own = [
        Table::Machine,
        Table::Request,
        Table::RequestAge,
        Table::Event,
        Table::Audit,
        Table::AuditNode,
        Table::Draft,
        Table::History,
    ];
    machine.view.rows().filter(|(key, _)| !own.contains(&key.table())).cloned().collect()
}

#[test]
fn a_whole_life() {
    let mut machine = Machine::default();
    machine.accept(policy(Scope::Global, LifePolicy { review: Some(true), ..LifePolicy::default() }));
    let refused = machine.refuse(register("a", "1"));
    assert_eq!(refused, Refusal::Life(LifeRefusal::ReviewRequired));
    let before = seen_by_confluent(&machine);
    let id = draft(&mut machine, "ann", "a", "1", GOOD);
    as_actor(&mut machine, "ann", life("a", LifeChange::Submit { id, report: GOOD })).unwrap();
    as_actor(&mut machine, "bob", review(id, Decision::RequestChanges)).unwrap();
    let revised = DraftContent { content: content("2", Vec::new()), sent: None, report: GOOD };
    as_actor(&mut machine, "ann", life("a", LifeChange::Revise { id, draft: revised })).unwrap();
    as_actor(&mut machine, "ann", life("a", LifeChange::Submit { id, report: GOOD })).unwrap();
    as_actor(&mut machine, "bob", review(id, Decision::Approve)).unwrap();
    assert_eq!(seen_by_confluent(&machine), before, "nothing of a draft is seen");
    assert!(query::subjects(&machine.view, None, Include::All).unwrap().is_empty());
    let activate = LifeChange::Activate { id, report: GOOD, semver: SemVer::FIRST };
    let activated = as_actor(&mut machine, "ann", life("a", activate)).unwrap();
    assert!(matches!(activated, Done::Life(LifeDone::Activated { version: Version(1), .. })), "{activated:?}");
    machine.accept(life("a", LifeChange::Deprecate { version: Version(1), sunset_ms: None, successor: None }));
    machine.accept(life("a", LifeChange::Archive { version: Version(1), force: true }));
    machine.accept(delete("a", 1, Permanent::No));
    let history = query::history(&machine.view, &subject("a"), id).unwrap();
    let steps: Vec<_> = history.iter().map(|(_, row)| (row.to.name(), row.actor.as_str())).collect();
    assert_eq!(
        steps,
        [
            ("DRAFT", "ann"),
            ("PENDING_REVIEW", "ann"),
            ("CHANGES_REQUESTED", "bob"),
            ("CHANGES_REQUESTED", "ann"),
            ("PENDING_REVIEW", "ann"),
            ("APPROVED", "bob"),
            ("ACTIVE", "ann"),
            ("DEPRECATED", "tester"),
            ("ARCHIVED", "tester"),
            ("DELETED", "tester"),
        ]
    );
    assert_eq!(history[2].1.reason, "because");
    let events = machine.view.rows().filter_map(|(_, row)| match row {
        Row::Event(event) => Some(event.kind.name()),
        _ => None,
    });
    let events: Vec<_> = events.collect();
    assert_eq!(
        events,
        [
            "policy.changed",
            "draft.submitted",
            "draft.reviewed",
            "draft.submitted",
            "draft.reviewed",
            "schema.registered",
            "version.activated",
            "version.deprecated",
            "version.archived",
            "version.deleted",
        ]
    );
}

/// The drawing in docs/lifecycle.md is the table of the code.
#[test]
fn the_drawing_is_the_table() {
    const DRAWING: &str = include_str!("../../../docs/lifecycle.md");
    let arrows = DRAWING.lines().filter_map(|line| line.trim().split_once(" --> "));
    let drawn: BTreeSet<_> = arrows
        .filter(|(from, to)| *from != "[*]" && *to != "[*]")
        .map(|(from, rest)| (from, rest.split_once(": ").expect("an arrow has a name")))
        .collect();
    let table = Transition::ALL.map(|transition| {
        let (from, to) = transition.ends();
        (from.name(), (to.name(), transition.name()))
    });
    assert_eq!(drawn, BTreeSet::from(table));
}

#[test]
fn an_author_does_not_review_and_nobody_approves_twice() {
    let mut machine = Machine::default();
    let two = LifePolicy { review: Some(true), approvals: Some(2), ..LifePolicy::default() };
    machine.accept(policy(scope("a"), two));
    let id = draft(&mut machine, "ann", "a", "1", GOOD);
    as_actor(&mut machine, "ann", life("a", LifeChange::Submit { id, report: GOOD })).unwrap();
    let refused = as_actor(&mut machine, "ann", review(id, Decision::Approve));
    assert_eq!(refused, Err(Refusal::Life(LifeRefusal::ReviewerIsAuthor)));
    let first = as_actor(&mut machine, "bob", review(id, Decision::Approve));
    assert_eq!(first, Ok(Done::Life(LifeDone::Draft { id, state: DraftState::PendingReview, approvals: 1 })));
    assert_eq!(
        as_actor(&mut machine, "bob", review(id, Decision::Approve)),
        Err(Refusal::Life(LifeRefusal::AlreadyApproved))
    );
    let second = as_actor(&mut machine, "cyd", review(id, Decision::Approve));
    assert_eq!(second, Ok(Done::Life(LifeDone::Draft { id, state: DraftState::Approved, approvals: 2 })));
    // The race of two reviewers: who comes after the decision is told so.
    let late = as_actor(&mut machine, "dan", review(id, Decision::Reject));
    let transition = Transition::Reject;
    assert_eq!(late, Err(Refusal::Life(LifeRefusal::WrongState { transition, state: registry::State::Approved })));
}

#[test]
fn a_breaking_change_needs_two_also_if_it_became_one_after_approval() {
    let mut machine = Machine::default();
    let reviewed = LifePolicy { review: Some(true), ..LifePolicy::default() };
    machine.accept(policy(scope("a"), reviewed));
    let breaking = Report { breaking: true, ..GOOD };
    let id = draft(&mut machine, "ann", "a", "1", breaking.clone());
    as_actor(&mut machine, "ann", life("a", LifeChange::Submit { id, report: breaking.clone() })).unwrap();
    let one = as_actor(&mut machine, "bob", review(id, Decision::Approve)).unwrap();
    assert_eq!(one, Done::Life(LifeDone::Draft { id, state: DraftState::PendingReview, approvals: 1 }));
    let other = draft(&mut machine, "ann", "a", "2", GOOD);
    as_actor(&mut machine, "ann", life("a", LifeChange::Submit { id: other, report: GOOD })).unwrap();
    as_actor(&mut machine, "bob", review(other, Decision::Approve)).unwrap();
    let activate = |report| life("a", LifeChange::Activate { id: other, report, semver: SemVer::FIRST });
    let refused = as_actor(&mut machine, "ann", activate(breaking));
    assert_eq!(refused, Err(Refusal::Life(LifeRefusal::ApprovalsMissing { have: 1, needed: 2 })));
    let incompatible = Report { compatible: false, ..GOOD };
    assert_eq!(as_actor(&mut machine, "ann", activate(incompatible)), Err(Refusal::Life(LifeRefusal::Incompatible)));
    as_actor(&mut machine, "ann", activate(GOOD)).unwrap();
}

#[test]
fn archiving_waits_for_sunset_and_consumers() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.register("a", "2");
    let notice = LifePolicy { deprecation_notice_ms: Some(5_000), ..LifePolicy::default() };
    machine.accept(policy(scope("a"), notice));
    let put = |from, to: Option<u32>| LifeChange::PutConsumer {
        id: "billing".to_owned(),
        from: Version(from),
        to: to.map(Version),
        owner: "team".to_owned(),
        contact: "mail".to_owned(),
    };
    machine.accept(life("a", put(1, Some(1))));
    let deprecate =
        |sunset_ms| life("a", LifeChange::Deprecate { version: Version(1), sunset_ms, successor: Some(Version(2)) });
    let refused = machine.refuse(deprecate(Some(START_MS)));
    assert!(matches!(refused, Refusal::Life(LifeRefusal::SunsetTooSoon { .. })), "{refused:?}");
    machine.accept(deprecate(None));
    let archive = |force| life("a", LifeChange::Archive { version: Version(1), force });
    let refused = machine.refuse(archive(false));
    assert!(matches!(refused, Refusal::Life(LifeRefusal::SunsetNotReached { .. })), "{refused:?}");
    for _ in 0..6 {
        machine.register("b", "1");
    }
    let consumers = vec!["billing".to_owned()];
    let refused = machine.refuse(archive(false));
    assert_eq!(refused, Refusal::Life(LifeRefusal::ConsumersRemain { consumers }));
    machine.accept(life("a", put(2, None)));
    machine.accept(archive(false));
    assert_eq!((state(&machine, 1), latest(&machine)), (VersionState::Archived, 2));
}

#[test]
fn a_rollback_is_one_change_and_can_be_taken_back() {
    let mut machine = Machine::default();
    for text in ["1", "2", "3"] {
        machine.register("a", text);
    }
    let plan = query::rollback_plan(&machine.view, &subject("a"), Version(1)).unwrap();
    assert_eq!(plan.versions, [Version(2), Version(3)]);
    let done = machine.accept(life("a", LifeChange::RollBack { target: Version(1), force: false }));
    let versions = plan.versions;
    assert_eq!(done, Outcome::Done(Done::Life(LifeDone::RolledBack { target: Version(1), versions })));
    assert_eq!(latest(&machine), 1);
    let refused = machine.refuse(life("a", LifeChange::RollBack { target: Version(1), force: false }));
    assert_eq!(refused, Refusal::Life(LifeRefusal::NothingToRollBack));
    // The next registration goes on with the numbers, and the rolled-back ones are still there.
    assert_eq!(machine.register("a", "4"), (4, 4));
    machine.accept(life("a", LifeChange::Reactivate { version: Version(2) }));
    assert_eq!((state(&machine, 2), state(&machine, 3)), (VersionState::Active, VersionState::RolledBack));
    assert!(matches!(machine.refuse(delete("a", 3, Permanent::No)), Refusal::Life(_)));
    machine.accept(delete_subject("a", Permanent::No));
}

#[test]
fn quarantine_takes_a_version_from_latest() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.register("a", "2");
    machine.accept(life("a", LifeChange::Quarantine { version: Version(2) }));
    assert_eq!(latest(&machine), 1);
    assert!(matches!(machine.refuse(delete_subject("a", Permanent::No)), Refusal::Life(_)));
    machine.accept(life("a", LifeChange::Release { version: Version(2) }));
    assert_eq!(latest(&machine), 2);
}

#[test]
fn a_revision_is_compared_before_anything_is_done() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    let row = query::version_row(&machine.view, &subject("a"), Version(1)).unwrap().unwrap();
    let quarantine = || life("a", LifeChange::Quarantine { version: Version(1) });
    let at = |machine: &Machine, revision| Envelope { if_revision: Some(revision), ..by(machine, "ann", quarantine()) };
    let other = at(&machine, LogIndex(99));
    let refused = machine.apply(&other).outcome;
    let rejection = Refusal::RevisionDiffers { asked: LogIndex(99), found: row.modified_at };
    assert_eq!(refused, Outcome::Refused(rejection));
    let same = at(&machine, row.modified_at);
    assert!(matches!(machine.apply(&same).outcome, Outcome::Done(Done::Life(_))));
    let again = at(&machine, row.modified_at);
    assert!(matches!(machine.apply(&again).outcome, Outcome::Refused(_)), "it has another revision now");
}

#[test]
fn policies_ask_for_properties_and_limit_versions() {
    let mut machine = Machine::default();
    let required = LifePolicy {
        required_properties: Some(["owner".to_owned()].into()),
        versions_max: Some(1),
        ..LifePolicy::default()
    };
    machine.register("a", "1");
    machine.accept(policy(scope("b"), LifePolicy { required_properties: None, ..required }));
    machine.accept(policy(scope("a"), required));
    let refused = machine.refuse(register("a", "2"));
    let name = "owner".to_owned();
    assert_eq!(refused, Refusal::Life(LifeRefusal::PropertyMissing { name }));
    machine.register("b", "1");
    let refused = machine.refuse(register("b", "2"));
    assert_eq!(refused, Refusal::Life(LifeRefusal::VersionsMax { limit: 1 }));
}

#[test]
fn events_are_kept_up_to_the_limit_and_told_what_is_gone() {
    let mut machine = Machine::default();
    let few = LifePolicy { event_count_max: Some(3), ..LifePolicy::default() };
    let refused = machine.refuse(policy(scope("a"), few.clone()));
    assert_eq!(refused, Refusal::Settings(SettingsRefusal::GlobalOnly));
    machine.accept(policy(Scope::Global, few));
    for text in 0..6 {
        machine.register("a", &text.to_string());
    }
    let row = query::machine(&machine.view).unwrap();
    // Before the last one is counted, those that are too many go: one more than the limit may stay for an entry.
    let kept: Vec<_> = machine.view.rows().filter(|(key, _)| key.table() == Table::Event).collect();
    assert_eq!(kept.len() as u64, row.event_count);
    assert!((3..=4).contains(&row.event_count), "{row:?}");
    assert!(row.events_forgotten > LogIndex(0));
}

#[test]
fn archived_audit_records_can_still_be_proven() {
    let mut machine = Machine::default();
    let short = LifePolicy { audit_retention_ms: Some(2_500), ..LifePolicy::default() };
    machine.accept(policy(Scope::Global, short));
    for text in 0..6 {
        machine.register("a", &text.to_string());
    }
    let rows = |machine: &Machine| machine.view.rows().filter(|(key, _)| key.table() == Table::Audit).count();
    let Some(Row::Audit(first)) = machine.view.get(&Key::Audit(0)).unwrap() else { panic!("no record") };
    let before = rows(&machine);
    let outcome =
        machine.apply(&by(&machine, "ann", Command::Cluster(ClusterCommand::ArchiveAudit { before: 3 }))).outcome;
    assert_eq!(outcome, Outcome::Done(Done::Cluster(ClusterDone::AuditArchived { from: 3 })));
    assert_eq!(rows(&machine), before + 1 - 3);
    let size = query::machine(&machine.view).unwrap().audit_size;
    let root = audit::root(&machine.view, size).unwrap();
    let proof = audit::inclusion(&machine.view, 0, size).unwrap();
    assert!(audit::is_included(&audit::leaf_hash(&first), 0, size, &proof, &root));
    let young =
        machine.apply(&by(&machine, "ann", Command::Cluster(ClusterCommand::ArchiveAudit { before: size }))).outcome;
    assert!(matches!(young, Outcome::Refused(Refusal::Cluster(ClusterRefusal::AuditTooYoung { .. }))));
}

#[test]
fn cursors_only_go_forward() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.register("a", "2");
    let move_to = |index, position| {
        Command::Feeds(FeedsCommand::MoveCursor { name: "hook".to_owned(), index: LogIndex(index), position })
    };
    let at = |index, position| Ok(Done::Feeds(FeedsDone::Cursor { index: LogIndex(index), position }));
    assert_eq!(as_actor(&mut machine, "s", move_to(2, 0)), at(2, 0));
    assert_eq!(as_actor(&mut machine, "s", move_to(1, 5)), at(2, 0));
    assert!(as_actor(&mut machine, "s", move_to(99, 0)).is_err(), "nothing has happened there yet");
}
