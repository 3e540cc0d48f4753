//! Ids and versions through the life of subjects: what is given, what comes back, what never does.

use registry::query::{self, Include};
use registry::{
    Assign, CatalogCommand, CatalogDone, Command, Config, Deleted, Done, EventKind, Key, Mode, Outcome, Row, SchemaId,
    Scope, SettingsCommand, Table, Version,
};

use crate::support::{
    Machine, content, context, delete, delete_subject, import, reference, register, register_with, scope, subject,
};

use registry::Permanent::{No, Yes};

fn import_mode(machine: &mut Machine, on: &Scope) {
    machine.accept(Command::Settings(SettingsCommand::SetMode {
        scope: on.clone(),
        mode: Some(Mode::Import),
        force: true,
        recursive: false,
    }));
}

fn stands_for(machine: &Machine, id: u32) -> Option<String> {
    let found = query::schema_by_id(&machine.view, &context("."), SchemaId(id)).unwrap();
    found.map(|(_, _, row)| row.text)
}

#[test]
fn ids_are_dense_in_each_context_and_shared_by_equal_content() {
    let mut machine = Machine::default();
    assert_eq!(machine.register("a", "1"), (1, 1));
    assert_eq!(machine.register("a", "2"), (2, 2));
    assert_eq!(machine.register("b", "1"), (1, 1));
    assert_eq!(machine.register("b", "3"), (3, 2));
    // Another context counts for itself.
    assert_eq!(machine.register(":.eu:a", "3"), (1, 1));
    assert_eq!(machine.register(":.eu:a", "1"), (2, 2));
    let content = content("1", Vec::new());
    let ids = query::ids_by_guid(&machine.view, content.guid, content.format).unwrap();
    assert_eq!(ids, [(context("."), SchemaId(1)), (context("eu"), SchemaId(2))]);
    assert_eq!(query::contexts(&machine.view).unwrap(), [context("."), context("eu")]);
}

#[test]
fn a_refusal_uses_up_no_id() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    let asked = Assign::Next { expected: Some(Version(9)) };
    machine.refuse(register_with("a", "2", Vec::new(), asked));
    assert_eq!(machine.register("a", "3"), (2, 2));
}

#[test]
fn a_subject_that_was_deleted_for_good_begins_again_and_its_ids_do_not() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.register("a", "2");
    machine.accept(delete_subject("a", No));
    assert_eq!(stands_for(&machine, 1).as_deref(), Some("1"), "a hidden id still resolves");
    machine.accept(delete_subject("a", Yes));
    assert_eq!((stands_for(&machine, 1), stands_for(&machine, 2)), (None, None));
    assert_eq!(machine.register("a", "2"), (3, 1), "the same content has a new id");
    assert_eq!(stands_for(&machine, 3).as_deref(), Some("2"));
    assert_eq!(stands_for(&machine, 2), None);
}

#[test]
fn a_subject_whose_versions_went_one_by_one_begins_again_with_the_last() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.register("a", "2");
    machine.accept(delete("a", 2, No));
    machine.accept(delete("a", 2, Yes));
    assert_eq!(machine.register("a", "3"), (3, 3), "version 2 is not given again while the subject exists");
    for version in [1, 3] {
        machine.accept(delete("a", version, No));
        machine.accept(delete("a", version, Yes));
    }
    assert_eq!(machine.register("a", "4"), (4, 1));
}

#[test]
fn a_soft_deleted_subject_goes_on_where_it_was() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine
        .accept(Command::Settings(SettingsCommand::SetConfig { scope: scope("a"), config: Some(Config::default()) }));
    machine.accept(delete_subject("a", No));
    assert_eq!(query::config(&machine.view, &scope("a")).unwrap(), Some(Config::default()), "its settings stay");
    // The same content buries its deleted twin and takes a new number.
    assert_eq!(machine.register("a", "1"), (1, 2));
    let versions: Vec<_> = query::versions(&machine.view, &subject("a")).unwrap();
    let marks: Vec<_> = versions.iter().map(|(version, row)| (version.0, row.deleted)).collect();
    assert_eq!(marks, [(2, Deleted::No)]);
    // Other content leaves what is hidden where it is.
    machine.accept(delete_subject("a", No));
    assert_eq!(machine.register("a", "2"), (2, 3));
    assert_eq!(query::versions(&machine.view, &subject("a")).unwrap().len(), 2);
}

/// A twin that something refers to is not buried, also when the referrer itself is hidden: its reference must not dangle.
#[test]
fn a_soft_deleted_twin_that_is_referred_to_stays() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.accept(register_with("b", "refers", vec![reference("a", 1)], Assign::Next { expected: None }));
    machine.accept(delete("b", 1, No));
    machine.accept(delete("a", 1, No));
    assert_eq!(machine.register("a", "1"), (1, 2));
    let versions: Vec<_> = query::versions(&machine.view, &subject("a")).unwrap();
    assert_eq!(versions.iter().map(|(version, _)| version.0).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn an_import_takes_ids_and_versions_as_told() {
    let mut machine = Machine::default();
    import_mode(&mut machine, &Scope::Global);
    assert_eq!(machine.registered(import("a", "five", 50, Some(5))), (50, 5));
    assert_eq!(machine.registered(import("a", "two", 20, Some(2))), (20, 2), "gaps, in any order");
    assert_eq!(machine.registered(import("a", "next", 51, None)), (51, 6));
    assert_eq!(machine.registered(import("b", "two", 20, None)), (20, 1), "known content under its id");
    machine.accept(Command::Settings(SettingsCommand::SetMode {
        scope: Scope::Global,
        mode: None,
        force: false,
        recursive: false,
    }));
    assert_eq!(machine.register("a", "new"), (52, 7), "after all that was imported");
}

#[test]
fn an_import_can_be_repeated() {
    let mut machine = Machine::default();
    import_mode(&mut machine, &Scope::Global);
    machine.accept(import("a", "1", 7, Some(3)));
    let before = query::versions(&machine.view, &subject("a")).unwrap();
    // A migration that is run again names the same versions.
    let again = machine.accept(import("a", "1", 7, Some(3)));
    let guid = content("1", Vec::new()).guid;
    assert_eq!(
        again,
        Outcome::Done(Done::Catalog(CatalogDone::Registered {
            id: SchemaId(7),
            version: Version(3),
            guid,
            is_new_id: false
        }))
    );
    assert_eq!(query::versions(&machine.view, &subject("a")).unwrap(), before);
    assert_eq!(query::machine(&machine.view).unwrap().registered_total, 1);
    // A hidden version comes back under its number.
    machine.accept(delete("a", 3, No));
    assert_eq!(machine.registered(import("a", "1", 7, Some(3))), (7, 3));
    let (version, row) = query::latest(&machine.view, &subject("a")).unwrap().unwrap();
    assert_eq!((version, row.deleted), (Version(3), Deleted::No));
    assert_eq!(query::subject_row(&machine.view, &subject("a")).unwrap().unwrap().soft_deleted, 0);
}

#[test]
fn an_import_may_bring_back_an_id_with_what_it_stood_for() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.accept(delete_subject("a", No));
    machine.accept(delete_subject("a", Yes));
    import_mode(&mut machine, &Scope::Global);
    assert_eq!(machine.registered(import("a", "1", 1, Some(4))), (1, 4));
    assert_eq!(stands_for(&machine, 1).as_deref(), Some("1"));
}

/// Imports may come in any order and leave gaps, but a number that was deleted for good is no gap.
#[test]
fn an_import_does_not_get_the_number_of_a_version_that_was_deleted_for_good() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.register("a", "2");
    machine.accept(delete("a", 1, No));
    machine.accept(delete("a", 1, Yes));
    import_mode(&mut machine, &scope("a"));
    assert_eq!(machine.registered(import("a", "other", 9, Some(1))), (9, 3));
    assert_eq!(machine.registered(import("a", "high", 10, Some(7))), (10, 7));
    assert_eq!(machine.registered(import("a", "gap", 11, Some(5))), (11, 5));
    assert_eq!(machine.registered(import("a", "1", 1, Some(1))), (1, 8));
}

/// A twin that a registration buries leaves its number used, too.
#[test]
fn the_number_of_a_buried_twin_is_not_given_again() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.accept(delete("a", 1, No));
    assert_eq!(machine.register("a", "1"), (1, 2));
    import_mode(&mut machine, &scope("a"));
    assert_eq!(machine.registered(import("a", "other", 9, Some(1))), (9, 3));
}

#[test]
fn an_import_of_a_high_version_leaves_room() {
    let mut machine = Machine::default();
    import_mode(&mut machine, &scope("a"));
    assert_eq!(machine.registered(import("a", "1", 1, Some(20_000))), (1, 20_000));
    let highest = registry::limits::VERSION_NUMBER_IMPORT_MAX;
    assert_eq!(machine.registered(import("a", "2", 2, Some(highest))), (2, highest));
    machine.accept(Command::Settings(SettingsCommand::SetMode {
        scope: scope("a"),
        mode: None,
        force: false,
        recursive: false,
    }));
    assert_eq!(machine.register("a", "3"), (3, highest + 1));
}

/// What is only soft-deleted goes for good when an import begins, with its numbers, and its ids stay what they were.
#[test]
fn entering_import_removes_what_is_soft_deleted() {
    for on in [Scope::Global, Scope::top(), scope("a")] {
        let mut machine = Machine::default();
        machine.register("a", "1");
        machine.register(":.eu:a", "1");
        machine.accept(delete_subject("a", No));
        machine.accept(delete_subject(":.eu:a", No));
        machine.accept(Command::Settings(SettingsCommand::SetMode {
            scope: on.clone(),
            mode: Some(Mode::Import),
            force: false,
            recursive: false,
        }));
        assert!(query::versions(&machine.view, &subject("a")).unwrap().is_empty(), "{on}");
        let eu = query::versions(&machine.view, &subject(":.eu:a")).unwrap().len();
        assert_eq!(eu, usize::from(on != Scope::Global), "{on}");
        assert_eq!(machine.registered(import("a", "other", 5, Some(1))), (5, 1));
    }
    // By force nothing is removed.
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.accept(delete_subject("a", No));
    let on = scope("a");
    machine.accept(Command::Settings(SettingsCommand::SetMode {
        scope: on,
        mode: Some(Mode::Import),
        force: true,
        recursive: false,
    }));
    assert_eq!(query::versions(&machine.view, &subject("a")).unwrap().len(), 1);
}

#[test]
fn a_deleted_context_does_not_give_its_ids_again() {
    let mut machine = Machine::default();
    machine.register(":.eu:a", "1");
    machine.accept(delete_subject(":.eu:a", No));
    machine.accept(delete_subject(":.eu:a", Yes));
    machine.accept(Command::Catalog(CatalogCommand::DeleteContext { context: context("eu") }));
    assert_eq!(query::contexts(&machine.view).unwrap(), [context(".")]);
    assert_eq!(machine.register(":.eu:a", "2"), (2, 1));
    assert_eq!(query::contexts(&machine.view).unwrap(), [context("."), context("eu")]);
}

#[test]
fn content_goes_with_the_last_id_in_any_context() {
    let mut machine = Machine::default();
    for name in ["a", "b", ":.eu:a"] {
        machine.register(name, "1");
    }
    let content = content("1", Vec::new());
    let count = |machine: &Machine| {
        query::content_row(&machine.view, content.guid, content.format).unwrap().map(|row| row.context_count)
    };
    let forget = |machine: &mut Machine, name: &str| {
        machine.accept(delete_subject(name, No));
        machine.accept(delete_subject(name, Yes));
    };
    assert_eq!(count(&machine), Some(2));
    forget(&mut machine, "a");
    assert_eq!(count(&machine), Some(2), "b holds the id");
    forget(&mut machine, "b");
    assert_eq!(count(&machine), Some(1));
    forget(&mut machine, ":.eu:a");
    assert_eq!(count(&machine), None);
}

#[test]
fn the_text_as_sent_is_kept_with_its_version() {
    let mut machine = Machine::default();
    let Command::Catalog(CatalogCommand::Register(mut register)) = register("a", "1") else { unreachable!() };
    register.sent = Some(" 1 ".to_owned());
    machine.accept(Command::Catalog(CatalogCommand::Register(register)));
    assert_eq!(query::sent(&machine.view, &subject("a"), Version(1)).unwrap().as_deref(), Some(" 1 "));
    machine.accept(delete("a", 1, No));
    assert!(query::sent(&machine.view, &subject("a"), Version(1)).unwrap().is_some());
    machine.accept(delete("a", 1, Yes));
    assert_eq!(query::sent(&machine.view, &subject("a"), Version(1)).unwrap(), None);
}

#[test]
fn listings_include_what_they_say() {
    let mut machine = Machine::default();
    machine.register("half", "1");
    machine.register("half", "2");
    machine.accept(delete("half", 1, No));
    machine.register("hidden", "1");
    machine.accept(delete_subject("hidden", No));
    machine.register("gone", "1");
    machine.accept(delete_subject("gone", No));
    machine.accept(delete_subject("gone", Yes));
    machine.register(":.eu:live", "1");
    let names = |context, include| {
        let found = query::subjects(&machine.view, context, include).unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let default = context(".");
    assert_eq!(names(None, Include::Live), ["half", ":.eu:live"]);
    assert_eq!(names(Some(&default), Include::Live), ["half"]);
    assert_eq!(names(None, Include::All), ["half", "hidden", ":.eu:live"]);
    assert_eq!(names(None, Include::DeletedOnly), ["hidden"]);
}

#[test]
fn events_tell_what_happened() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.refuse(delete("a", 2, No));
    machine.accept(delete("a", 1, No));
    machine.accept(delete_subject("a", Yes));
    machine.accept(Command::Settings(SettingsCommand::SetConfig { scope: Scope::Global, config: None }));
    machine.accept(Command::Settings(SettingsCommand::SetMode {
        scope: scope("a"),
        mode: Some(Mode::ReadOnly),
        force: false,
        recursive: false,
    }));
    let events: Vec<_> = machine
        .view
        .rows()
        .filter(|(key, _)| key.table() == Table::Event)
        .map(|(key, row)| match (key, row) {
            (Key::Event(index, 0), Row::Event(event)) => (index.0, event.kind.clone()),
            found => panic!("{found:?}"),
        })
        .collect();
    let (subject, version) = (subject("a"), Version(1));
    assert_eq!(
        events,
        [
            (1, EventKind::SchemaRegistered { subject: subject.clone(), version, id: SchemaId(1) }),
            (3, EventKind::VersionDeleted { subject: subject.clone(), version, permanent: false }),
            (4, EventKind::SubjectDeleted { subject, versions: vec![version], permanent: true }),
            (5, EventKind::ConfigChanged { scope: Scope::Global }),
            (6, EventKind::ModeChanged { scope: scope("a") }),
        ]
    );
}

/// A name is read through `Context::parse` again when it comes back from the log: what was accepted must be accepted then.
#[test]
fn a_context_of_greatest_length_reads_back() {
    use registry::limits::SUBJECT_BYTES_MAX;
    let longest = "x".repeat(SUBJECT_BYTES_MAX - 1);
    let parsed = context(&longest);
    assert_eq!(registry::Context::parse(parsed.as_str()), Ok(parsed));
    assert!(registry::Context::parse(&format!("{longest}x")).is_err());
}
