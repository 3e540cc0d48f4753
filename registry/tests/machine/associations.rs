//! Ties of subjects to resources: what they allow, what they forbid, and where they are found.

use registry::{
    AssociationChange, AssociationWish, AssociationsCommand, AssociationsDone, AssociationsRefusal, Command, Done,
    Lifecycle, Outcome, Permanent, Refusal, Resource, query,
};
use schema::Guid;

use crate::support::{Machine, delete, delete_subject, register, subject};

fn topic(name: &str) -> Resource {
    Resource { id: format!("id-{name}"), kind: "topic".into(), name: name.into(), namespace: "ns".into() }
}

fn wish(to: &str, lifecycle: Option<Lifecycle>, frozen: Option<bool>) -> AssociationWish {
    AssociationWish { guid: Guid([7; 16]), subject: subject(to), role: "value".into(), lifecycle, frozen }
}

fn create(name: &str, to: &str, lifecycle: Lifecycle) -> Command {
    let change = AssociationChange::Create(wish(to, Some(lifecycle), None));
    Command::Associations(AssociationsCommand::Change { resource: topic(name), changes: vec![change] })
}

fn upsert(name: &str, to: &str, lifecycle: Option<Lifecycle>, frozen: Option<bool>) -> Command {
    let change = AssociationChange::Upsert(wish(to, lifecycle, frozen));
    Command::Associations(AssociationsCommand::Change { resource: topic(name), changes: vec![change] })
}

fn remove(name: &str, cascade: bool) -> Command {
    let change = AssociationChange::Delete { role: "value".into(), cascade };
    Command::Associations(AssociationsCommand::Change { resource: topic(name), changes: vec![change] })
}

use Lifecycle::{Strong, Weak};

#[test]
fn each_wish_is_granted_or_refused() {
    let a = || subject("a");
    let strong = || create("t", "a", Strong);
    let weak = || create("t", "a", Weak);
    let cases: Vec<(Vec<Command>, Command, Option<Refusal>)> = vec![
        (vec![], strong(), None),
        (
            vec![],
            create("t", "b", Weak),
            Some(Refusal::Associations(AssociationsRefusal::NoActiveVersion { subject: subject("b") })),
        ),
        // The same again is nothing new; another one in its place is.
        (vec![strong()], strong(), None),
        (
            vec![weak()],
            strong(),
            Some(Refusal::Associations(AssociationsRefusal::AssociationExists {
                role: "value".into(),
                resource: "t".into(),
            })),
        ),
        (vec![weak()], upsert("t", "a", Some(Strong), None), None),
        // A strong tie is the only one.
        (
            vec![strong()],
            create("u", "a", Weak),
            Some(Refusal::Associations(AssociationsRefusal::StrongAssociationExists { subject: a() })),
        ),
        (vec![weak()], create("u", "a", Weak), None),
        (
            vec![weak()],
            create("u", "a", Strong),
            Some(Refusal::Associations(AssociationsRefusal::SubjectAssociated { subject: a() })),
        ),
        // A frozen one stays as it is, and goes only with its subject.
        (
            vec![upsert("t", "a", Some(Strong), Some(true))],
            upsert("t", "a", Some(Weak), None),
            Some(Refusal::Associations(AssociationsRefusal::AssociationFrozen { role: "value".into(), subject: a() })),
        ),
        (
            vec![upsert("t", "a", Some(Strong), Some(true))],
            remove("t", false),
            Some(Refusal::Associations(AssociationsRefusal::AssociationFrozen { role: "value".into(), subject: a() })),
        ),
        (vec![upsert("t", "a", Some(Strong), Some(true))], remove("t", true), None),
        (
            vec![],
            remove("t", false),
            Some(Refusal::Associations(AssociationsRefusal::AssociationNotFound { resource: "id-t".into() })),
        ),
        // What is tied is not deleted.
        (
            vec![weak()],
            delete_subject("a", Permanent::No),
            Some(Refusal::Associations(AssociationsRefusal::SubjectAssociated { subject: a() })),
        ),
        (
            vec![weak()],
            delete("a", 1, Permanent::No),
            Some(Refusal::Associations(AssociationsRefusal::NoActiveVersion { subject: a() })),
        ),
        (vec![weak(), register("a", "2")], delete("a", 1, Permanent::No), None),
        (vec![weak(), remove("t", false)], delete_subject("a", Permanent::No), None),
    ];
    for (before, command, refused) in cases {
        let mut machine = Machine::default();
        machine.register("a", "1");
        before.iter().for_each(|command| drop(machine.accept(command.clone())));
        let told = format!("{before:?} then {command:?}");
        match refused {
            Some(rejection) => assert_eq!(machine.refuse(command), rejection, "{told}"),
            None => drop(machine.accept(command)),
        }
    }
}

#[test]
fn a_cascade_takes_the_subject_of_a_strong_tie_along() {
    for (lifecycle, left) in [(Strong, 0), (Weak, 1)] {
        let mut machine = Machine::default();
        machine.register("a", "1");
        machine.accept(create("t", "a", lifecycle));
        machine.accept(remove("t", true));
        let row = query::subject_row(&machine.view, &subject("a")).unwrap().unwrap();
        assert_eq!(row.live, left, "{lifecycle:?}");
    }
}

#[test]
fn ties_are_found_by_resource_name_and_subject() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    for name in ["t", "u"] {
        machine.accept(create(name, "a", Weak));
    }
    let view = &machine.view;
    assert_eq!(query::associations_of_subject(view, &subject("a")).unwrap().len(), 2);
    assert_eq!(query::associations_of_resource(view, "id-t").unwrap().len(), 1);
    for (name, namespace, count) in [
        (Some("t"), None, 1),
        (Some("t"), Some("ns"), 1),
        (Some("t"), Some("other"), 0),
        (None, Some("ns"), 2),
        (None, None, 2),
        (Some("n"), None, 0),
    ] {
        let found = query::associations_named(view, name, namespace).unwrap();
        assert_eq!(found.len(), count, "{name:?} {namespace:?}");
    }
}

/// All changes of a command take effect, or none.
#[test]
fn a_command_is_done_as_a_whole() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    let good = AssociationChange::Create(wish("a", Some(Weak), None));
    let bad = AssociationChange::Create(AssociationWish { role: "key".into(), ..wish("nowhere", None, None) });
    machine
        .refuse(Command::Associations(AssociationsCommand::Change { resource: topic("t"), changes: vec![good, bad] }));
    assert!(query::associations_of_resource(&machine.view, "id-t").unwrap().is_empty());
    let Outcome::Done(Done::Associations(AssociationsDone::Changed { associations })) =
        machine.accept(create("t", "a", Weak))
    else {
        panic!()
    };
    assert_eq!(associations.len(), 1);
}
