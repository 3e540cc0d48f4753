//! Every refusal: the smallest history that leads to it, and the exact answer.

use registry::limits::{
    PURGE_COUNT_MAX, SCHEMA_ID_IMPORT_MAX, SCHEMA_ID_MAX, VERSION_COUNT_MAX, VERSION_NUMBER_IMPORT_MAX,
};
use registry::{
    Assign, CatalogCommand, CatalogRefusal, Command, Deleted, Key, Mode, Refusal, Row, SchemaId, Scope,
    SettingsCommand, SettingsRefusal, State, Subject, Version, View,
};

use crate::support::{
    Machine, context, delete, delete_subject, import, reference, register, register_with, scope, subject,
};

use registry::Permanent::{No, Yes};

fn check(history: &[Command], command: &Command, expected: &Refusal) {
    let mut machine = Machine::default();
    for earlier in history {
        machine.accept(earlier.clone());
    }
    assert_eq!(machine.refuse(command.clone()), *expected, "{command:?} after {history:?}");
}

fn mode(on: &Scope, mode: Option<Mode>, force: bool) -> Command {
    Command::Settings(SettingsCommand::SetMode { scope: on.clone(), mode, force, recursive: false })
}

fn config(on: &Scope, is_set: bool) -> Command {
    Command::Settings(SettingsCommand::SetConfig { scope: on.clone(), config: is_set.then(Default::default) })
}

fn refer(from: &str, to: &str) -> Command {
    register_with(from, "refers", vec![reference(to, 1)], Assign::Next { expected: None })
}

fn a() -> Subject {
    subject("a")
}

#[test]
fn what_is_not_there_is_not_deleted() {
    let none = Refusal::Catalog(CatalogRefusal::SubjectNotFound { subject: a() });
    let gone = [register("a", "1"), delete_subject("a", No), delete_subject("a", Yes)];
    for permanent in [No, Yes] {
        check(&[], &delete_subject("a", permanent), &none);
        check(&[], &delete("a", 1, permanent), &none);
        check(&gone, &delete_subject("a", permanent), &none);
        check(&gone, &delete("a", 1, permanent), &none);
        let none = Refusal::Catalog(CatalogRefusal::VersionNotFound { subject: a(), version: Version(2) });
        check(&[register("a", "1")], &delete("a", 2, permanent), &none);
    }
}

#[test]
fn deletion_is_soft_first_and_permanent_then() {
    let one = [register("a", "1")];
    check(&one, &delete_subject("a", Yes), &Refusal::Catalog(CatalogRefusal::SubjectNotSoftDeleted { subject: a() }));
    let version = Version(1);
    check(
        &one,
        &delete("a", 1, Yes),
        &Refusal::Catalog(CatalogRefusal::VersionNotSoftDeleted { subject: a(), version }),
    );
    let soft = [register("a", "1"), delete("a", 1, No)];
    check(&soft, &delete("a", 1, No), &Refusal::Catalog(CatalogRefusal::VersionSoftDeleted { subject: a(), version }));
    check(&soft, &delete_subject("a", No), &Refusal::Catalog(CatalogRefusal::SubjectSoftDeleted { subject: a() }));
    // With one version live the subject is.
    let half = [register("a", "1"), register("a", "2"), delete("a", 1, No)];
    check(&half, &delete_subject("a", Yes), &Refusal::Catalog(CatalogRefusal::SubjectNotSoftDeleted { subject: a() }));
}

#[test]
fn what_is_referred_to_stays() {
    let referenced = Refusal::Catalog(CatalogRefusal::Referenced { subject: a(), version: Version(1) });
    let live = [register("a", "1"), refer("b", "a")];
    check(&live, &delete("a", 1, No), &referenced);
    check(&live, &delete_subject("a", No), &referenced);
    // A referrer that is deleted softly does not keep a version from being hidden, but from going for good. A whole subject
    // it does not keep, as at Confluent: whoever deletes in this order means it.
    let hidden = [register("a", "1"), refer("b", "a"), delete("b", 1, No), delete("a", 1, No)];
    check(&hidden, &delete("a", 1, Yes), &referenced);
    for rest in [vec![delete("b", 1, Yes), delete("a", 1, Yes)], vec![delete_subject("a", Yes), delete("b", 1, Yes)]] {
        let mut machine = Machine::default();
        for command in hidden.iter().cloned().chain(rest) {
            machine.accept(command);
        }
    }
    // From another context, by its full name.
    check(&[register("a", "1"), refer(":.eu:b", ":.:a")], &delete("a", 1, No), &referenced);
    // In the same subject: the version stays, the subject may go.
    let inside = [register("a", "1"), refer("a", "a")];
    check(&inside, &delete("a", 1, No), &referenced);
    let mut machine = Machine::default();
    for command in inside.into_iter().chain([delete_subject("a", No), delete_subject("a", Yes)]) {
        machine.accept(command);
    }
}

#[test]
fn modes_forbid_writes() {
    let scopes = [Scope::Global, Scope::top(), scope("a")];
    for on in &scopes {
        for forbidding in [Mode::ReadOnly, Mode::ReadOnlyOverride] {
            let history = [register("a", "1"), mode(on, Some(forbidding), false)];
            let refused = Refusal::Catalog(CatalogRefusal::ReadOnly { subject: a() });
            check(&history, &register("a", "2"), &refused);
            check(&history, &import("a", "2", 7, None), &refused);
            for permanent in [No, Yes] {
                check(&history, &delete("a", 1, permanent), &refused);
                check(&history, &delete_subject("a", permanent), &refused);
            }
            check(&history, &config(&scope("a"), true), &refused);
            check(&history, &config(&scope("a"), false), &refused);
        }
        let history = [mode(on, Some(Mode::Import), false)];
        check(&history, &register("a", "1"), &Refusal::Catalog(CatalogRefusal::NotReadWrite { subject: a() }));
    }
    check(&[], &import("a", "1", 7, None), &Refusal::Catalog(CatalogRefusal::NotImport { subject: a() }));
    // The nearest mode counts, except that READONLY_OVERRIDE above wins.
    let mut machine = Machine::default();
    machine.accept(mode(&Scope::Global, Some(Mode::ReadOnly), false));
    machine.accept(mode(&scope("a"), Some(Mode::ReadWrite), false));
    machine.register("a", "1");
    machine.accept(mode(&Scope::Global, Some(Mode::ReadOnlyOverride), false));
    assert_eq!(machine.refuse(register("a", "2")), Refusal::Catalog(CatalogRefusal::ReadOnly { subject: a() }));
    // The mode of the default context is no other context's.
    machine.accept(mode(&Scope::Global, None, false));
    machine.accept(mode(&Scope::top(), Some(Mode::ReadOnly), false));
    machine.register(":.eu:a", "1");
    machine.accept(mode(&scope("a"), None, false));
    assert_eq!(machine.refuse(register("a", "2")), Refusal::Catalog(CatalogRefusal::ReadOnly { subject: a() }));
}

#[test]
fn a_named_version_is_the_next_one() {
    let asks = |number| register_with("a", "new", Vec::new(), Assign::Next { expected: Some(Version(number)) });
    let refused = |asked, next| {
        Refusal::Catalog(CatalogRefusal::VersionNotNext { subject: a(), asked: Version(asked), next: Version(next) })
    };
    check(&[], &asks(2), &refused(2, 1));
    check(&[register("a", "1")], &asks(1), &refused(1, 2));
    check(&[register("a", "1")], &asks(3), &refused(3, 2));
    // Versions that are deleted still count, so that their numbers are not given again.
    check(&[register("a", "1"), delete("a", 1, No)], &asks(1), &refused(1, 2));
    let second_gone = [register("a", "1"), register("a", "2"), delete("a", 2, No), delete("a", 2, Yes)];
    check(&second_gone, &asks(2), &refused(2, 3));
    let mut machine = Machine::default();
    assert_eq!(machine.registered(asks(1)), (1, 1));
}

#[test]
fn an_id_stands_for_one_content() {
    let importing = mode(&scope("a"), Some(Mode::Import), true);
    let taken = |id| Refusal::Catalog(CatalogRefusal::IdTaken { id: SchemaId(id), context: context(".") });
    // The id has another content, or the content has another id.
    check(&[register("a", "1"), importing.clone()], &import("a", "other", 1, None), &taken(1));
    check(&[register("a", "1"), importing.clone()], &import("a", "1", 2, None), &taken(2));
    // An id that was deleted for good stands for what it stood for: it never gets another content.
    let gone = [register("a", "1"), delete_subject("a", No), delete_subject("a", Yes), importing];
    check(&gone, &import("a", "other", 1, None), &taken(1));
}

/// A number that is taken stays what it is: the import gets the next one, live or hidden as the other is.
#[test]
fn an_import_does_not_replace_a_version() {
    let importing = mode(&scope("a"), Some(Mode::Import), true);
    for hidden in [None, Some(delete("a", 1, No))] {
        let mut machine = Machine::default();
        for command in [register("a", "1")].into_iter().chain(hidden).chain([importing.clone()]) {
            machine.accept(command);
        }
        assert_eq!(machine.registered(import("a", "other", 7, Some(1))), (7, 2));
    }
}

#[test]
fn an_import_names_numbers_that_can_be_one() {
    let importing = [mode(&scope("a"), Some(Mode::Import), true)];
    for (id, version) in [(1, 0), (1, VERSION_NUMBER_IMPORT_MAX + 1), (1, u32::MAX)] {
        let refused = Refusal::Catalog(CatalogRefusal::VersionOutOfRange {
            version: Version(version),
            max: VERSION_NUMBER_IMPORT_MAX,
        });
        check(&importing, &import("a", "1", id, Some(version)), &refused);
    }
    for id in [0, SCHEMA_ID_IMPORT_MAX + 1, u32::MAX] {
        let refused = Refusal::Catalog(CatalogRefusal::IdOutOfRange { id: SchemaId(id), max: SCHEMA_ID_IMPORT_MAX });
        check(&importing, &import("a", "1", id, None), &refused);
    }
}

/// Gives subject `a` as many versions of its first content as if they had been registered, which would take too long.
fn fill(machine: &mut Machine, count: u32) {
    let get = |key: &Key| machine.view.get(key).unwrap().unwrap();
    let Row::Version(first) = get(&Key::Version(a(), Version(1))) else { panic!("no version") };
    let Row::Subject(mut row) = get(&Key::Subject(a())) else { panic!("no subject") };
    let Row::Machine(mut totals) = get(&Key::Machine) else { panic!("no machine row") };
    let mut changes = Vec::new();
    for version in (2..=count).map(Version) {
        changes.push((Key::Version(a(), version), Some(Row::Version(first.clone()))));
        changes.push((Key::Usage(context("."), first.id, a(), version), Some(Row::Present)));
        if first.deleted == Deleted::Soft {
            changes.push((Key::InState(State::Deleted, a(), version), Some(Row::Present)));
        }
    }
    let count_of = if first.deleted == Deleted::No { &mut row.live } else { &mut row.soft_deleted };
    *count_of = count;
    row.next_version = count + 1;
    totals.registered_total += u64::from(count) - 1;
    changes.push((Key::Subject(a()), Some(Row::Subject(row))));
    changes.push((Key::Machine, Some(Row::Machine(totals))));
    machine.view.write(&changes);
}

#[test]
fn import_mode_removes_a_bounded_number_at_once() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.accept(delete_subject("a", No));
    fill(&mut machine, PURGE_COUNT_MAX + 1);
    let command = mode(&Scope::top(), Some(Mode::Import), false);
    assert_eq!(
        machine.refuse(command),
        Refusal::Settings(SettingsRefusal::PurgeTooLarge { scope: Scope::top(), limit: PURGE_COUNT_MAX })
    );
}

#[test]
fn import_mode_needs_an_empty_scope() {
    for on in [Scope::Global, Scope::top(), scope("a")] {
        let refused = Refusal::Settings(SettingsRefusal::SubjectsExist { scope: on.clone() });
        check(&[register("a", "1")], &mode(&on, Some(Mode::Import), false), &refused);
        let mut machine = Machine::default();
        machine.register("a", "1");
        machine.accept(mode(&on, Some(Mode::Import), true));
        // It is on already, so there is nothing to ask again.
        machine.accept(mode(&on, Some(Mode::Import), false));
        // Soft-deleted versions do not count.
        let mut machine = Machine::default();
        machine.register("a", "1");
        machine.accept(delete("a", 1, No));
        machine.accept(mode(&on, Some(Mode::Import), false));
    }
    let mut machine = Machine::default();
    machine.register(":.eu:a", "1");
    machine.accept(mode(&Scope::top(), Some(Mode::Import), false));
}

#[test]
fn settings_that_are_not_there() {
    let on = scope("a");
    check(&[], &config(&on, false), &Refusal::Settings(SettingsRefusal::ConfigNotFound { scope: on.clone() }));
    check(
        &[config(&on, true), config(&on, false)],
        &config(&on, false),
        &Refusal::Settings(SettingsRefusal::ConfigNotFound { scope: on.clone() }),
    );
    check(&[], &mode(&on, None, false), &Refusal::Settings(SettingsRefusal::ModeNotFound { scope: on.clone() }));
    let set = mode(&on, Some(Mode::ReadWrite), false);
    let remove = mode(&on, None, false);
    check(&[set, remove.clone()], &remove, &Refusal::Settings(SettingsRefusal::ModeNotFound { scope: on.clone() }));
    check(
        &[],
        &mode(&on, Some(Mode::Forward), true),
        &Refusal::Settings(SettingsRefusal::ModeNotHere { mode: Mode::Forward }),
    );
    // Above the subjects a removal is always a success.
    let mut machine = Machine::default();
    for on in [Scope::Global, Scope::top()] {
        machine.accept(config(&on, false));
        machine.accept(mode(&on, None, false));
    }
}

#[test]
fn a_context_with_subjects_is_not_deleted() {
    let command = Command::Catalog(CatalogCommand::DeleteContext { context: context("eu") });
    let refused = Refusal::Catalog(CatalogRefusal::ContextNotEmpty { context: context("eu") });
    check(&[register(":.eu:a", "1")], &command, &refused);
    check(&[register(":.eu:a", "1"), delete_subject(":.eu:a", No)], &command, &refused);
    let mut machine = Machine::default();
    machine.register(":.eu:a", "1");
    machine.accept(delete_subject(":.eu:a", No));
    machine.accept(delete_subject(":.eu:a", Yes));
    machine.accept(command.clone());
    machine.accept(command);
}

#[test]
fn a_subject_that_is_full() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    fill(&mut machine, VERSION_COUNT_MAX);
    let full = Refusal::Catalog(CatalogRefusal::SubjectFull { subject: a(), limit: VERSION_COUNT_MAX });
    assert_eq!(machine.refuse(register("a", "too many")), full);
    machine.accept(mode(&scope("a"), Some(Mode::Import), true));
    assert_eq!(machine.refuse(import("a", "too many", 7, Some(3))), full);
}

#[test]
fn a_context_without_ids() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    // As if all ids were given.
    let key = Key::Context(context("."));
    let Some(Row::Context(mut row)) = machine.view.get(&key).unwrap() else { panic!("no context") };
    row.next_id = SCHEMA_ID_MAX + 1;
    machine.view.write(&[(key, Some(Row::Context(row)))]);
    assert_eq!(
        machine.refuse(register("a", "2")),
        Refusal::Catalog(CatalogRefusal::IdsExhausted { context: context(".") })
    );
    // What has an id needs none.
    machine.register("b", "1");
    machine.register(":.eu:a", "2");
}
