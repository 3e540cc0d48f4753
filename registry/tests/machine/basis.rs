//! A verdict rests on what was read. Whatever of it has changed since, the command is refused, and nothing else changes.
//!
//! Source: `docs/adr/0001-prepare-anywhere-basis.md`.

use registry::{
    Assign, BasisKey, CatalogDone, Command, Config, Done, Envelope, LogIndex, Mode, Outcome, Permanent, Scope,
    SettingsCommand, Table, Version, modified_at,
};

use crate::support::{
    Machine, START_MS, basis, checker, delete, delete_subject, envelope, reference, register, register_with, scope,
    subject,
};

fn set_config(on: &Scope, config: Option<Config>) -> Command {
    Command::Settings(SettingsCommand::SetConfig { scope: on.clone(), config })
}

fn set_mode(on: &Scope, mode: Option<Mode>) -> Command {
    Command::Settings(SettingsCommand::SetMode { scope: on.clone(), mode, force: true, recursive: false })
}

fn some_config() -> Option<Config> {
    Some(Config { normalize: Some(true), ..Config::default() })
}

/// A registration of `text` in a subject of its own, prepared now on the given key.
fn prepared(machine: &Machine, key: &BasisKey) -> Envelope {
    Envelope { basis: basis(machine.index, [key.clone()]), ..envelope("prepared", START_MS, register("new", "n")) }
}

/// What was prepared before `change` is refused after it, and accepted when it is prepared again.
fn check_stale(before: &[Command], key: &BasisKey, change: &[Command]) {
    let mut machine = Machine::default();
    for command in before {
        machine.accept(command.clone());
    }
    let draft = prepared(&machine, key);
    for command in change {
        machine.accept(command.clone());
    }
    let rows = machine.view.clone();
    let applied = machine.apply(&draft);
    let index = LogIndex(machine.index);
    assert_eq!(applied.outcome, Outcome::Stale { key: key.clone(), index }, "{key:?} was changed by {change:?}");
    for (key, _) in &applied.changes {
        assert!(matches!(key.table(), Table::Machine | Table::Audit | Table::AuditNode), "{key:?} was changed");
    }
    let kept = |view: &registry::MemoryView| -> Vec<_> {
        let is_bookkeeping =
            |key: &registry::Key| matches!(key.table(), Table::Machine | Table::Audit | Table::AuditNode);
        view.rows().filter(|(key, _)| !is_bookkeeping(key)).cloned().collect()
    };
    assert_eq!(kept(&rows), kept(&machine.view));
    checker::check(&machine.view);

    // The same request, prepared again: `Stale` was not remembered.
    let again = Envelope { basis: basis(machine.index, [key.clone()]), ..draft };
    assert!(matches!(machine.apply(&again).outcome, Outcome::Done(Done::Catalog(CatalogDone::Registered { .. }))));
}

/// What was prepared before `change` is still good after it.
fn check_fresh(before: &[Command], key: &BasisKey, change: &[Command]) {
    let mut machine = Machine::default();
    for command in before {
        machine.accept(command.clone());
    }
    let draft = prepared(&machine, key);
    for command in change {
        machine.accept(command.clone());
    }
    let outcome = machine.apply(&draft).outcome;
    assert!(
        matches!(outcome, Outcome::Done(Done::Catalog(CatalogDone::Registered { .. }))),
        "{change:?} does not concern {key:?}: {outcome:?}"
    );
}

#[test]
fn a_subject_that_changed() {
    let key = BasisKey::Subject(subject("a"));
    check_stale(&[register("a", "1")], &key, &[register("a", "2")]);
    check_stale(&[register("a", "1")], &key, &[delete("a", 1, Permanent::No)]);
    check_stale(&[register("a", "1")], &key, &[delete_subject("a", Permanent::No)]);
    check_fresh(&[register("a", "1")], &key, &[register("b", "2"), set_config(&scope("a"), some_config())]);
}

#[test]
fn a_subject_that_was_not_there() {
    let key = BasisKey::Subject(subject("a"));
    check_stale(&[], &key, &[register("a", "1")]);
    check_stale(&[register("b", "1")], &key, &[register("a", "1"), delete_subject("a", Permanent::No)]);
    check_fresh(&[], &key, &[register(":.eu:a", "1")]);
}

#[test]
fn a_subject_that_was_deleted_for_good() {
    let gone = [delete_subject("a", Permanent::No), delete_subject("a", Permanent::Yes)];
    let key = BasisKey::Subject(subject("a"));
    check_stale(&[register("a", "1")], &key, &gone);
    check_stale(&[register("a", "1"), gone[0].clone()], &key, &gone[1..]);
    // The memory of the deletion is not taken for a later change.
    check_fresh(&[register("a", "1"), gone[0].clone(), gone[1].clone()], &key, &[register("b", "1")]);
    let one_by_one = [delete("a", 1, Permanent::No), delete("a", 1, Permanent::Yes)];
    check_stale(&[register("a", "1")], &key, &one_by_one);
}

#[test]
fn a_referenced_version() {
    let key = BasisKey::Version(subject("a"), Version(1));
    let two = [register("a", "1"), register("a", "2")];
    check_stale(&two, &key, &[delete("a", 1, Permanent::No)]);
    check_stale(&two, &key, &[delete("a", 1, Permanent::No), delete("a", 1, Permanent::Yes)]);
    check_stale(&two, &key, &[delete_subject("a", Permanent::No), delete_subject("a", Permanent::Yes)]);
    // Its soft-deleted twin was buried by a new registration of the same content.
    check_stale(&[two[0].clone(), two[1].clone(), delete("a", 1, Permanent::No)], &key, &[register("a", "1")]);
    // A version that stays is not changed by the next one.
    check_fresh(&two, &key, &[register("a", "3"), delete("a", 2, Permanent::No)]);
    // One that was not there, and was then.
    check_stale(&[register("a", "0")], &BasisKey::Version(subject("a"), Version(2)), &[register("a", "2")]);
    check_stale(&[], &BasisKey::Version(subject("a"), Version(1)), &[register("a", "1")]);
}

#[test]
fn a_version_number_that_stands_for_something_else_now() {
    let again =
        [delete_subject("a", Permanent::No), delete_subject("a", Permanent::Yes), register("a", "something else")];
    check_stale(&[register("a", "1")], &BasisKey::Version(subject("a"), Version(1)), &again);
}

#[test]
fn settings_of_every_scope() {
    for on in [Scope::Global, Scope::top(), scope("a"), scope(":.eu:a")] {
        let (config, mode) = (BasisKey::Config(on.clone()), BasisKey::Mode(on.clone()));
        let set = set_config(&on, some_config());
        let remove = set_config(&on, None);
        check_stale(std::slice::from_ref(&set), &config, &[set_config(&on, Some(Config::default()))]);
        check_stale(&[], &config, std::slice::from_ref(&set));
        check_stale(std::slice::from_ref(&set), &config, std::slice::from_ref(&remove));
        check_fresh(&[set.clone(), remove], &config, &[set_mode(&on, Some(Mode::ReadWrite))]);
        let set = set_mode(&on, Some(Mode::ReadWrite));
        let remove = set_mode(&on, None);
        check_stale(&[], &mode, std::slice::from_ref(&set));
        check_stale(std::slice::from_ref(&set), &mode, std::slice::from_ref(&remove));
        check_fresh(&[set, remove], &mode, &[set_config(&on, some_config())]);
    }
}

#[test]
fn settings_that_go_with_their_subject() {
    let on = scope("a");
    let before = [register("a", "1"), set_config(&on, some_config()), set_mode(&on, Some(Mode::ReadWrite))];
    for key in [BasisKey::Config(on.clone()), BasisKey::Mode(on.clone())] {
        check_fresh(&before, &key, &[delete_subject("a", Permanent::No)]);
        check_stale(&before, &key, &[delete_subject("a", Permanent::No), delete_subject("a", Permanent::Yes)]);
    }
    // A recursive removal above takes the subject's mode, too.
    let above =
        Command::Settings(SettingsCommand::SetMode { scope: Scope::top(), mode: None, force: false, recursive: true });
    check_stale(&before, &BasisKey::Mode(on.clone()), std::slice::from_ref(&above));
    check_fresh(&before, &BasisKey::Config(on), &[above]);
}

#[test]
fn a_retry_of_a_write_that_landed_is_not_stale() {
    let mut machine = Machine::default();
    let key = BasisKey::Subject(subject("a"));
    let draft = Envelope { basis: basis(0, [key]), ..envelope("once", START_MS, register("a", "1")) };
    let first = machine.apply(&draft);
    machine.register("a", "2");
    let second = machine.apply(&draft);
    assert_eq!((second.outcome, second.effective), (first.outcome, LogIndex(1)));
    assert!(second.changes.is_empty());
}

#[test]
fn the_first_stale_key_is_told_and_all_are_looked_at() {
    let mut machine = Machine::default();
    let keys = [BasisKey::Subject(subject("a")), BasisKey::Config(Scope::Global), BasisKey::Mode(Scope::Global)];
    let draft = Envelope { basis: basis(0, keys.clone()), ..envelope("r", START_MS, register("n", "n")) };
    machine.accept(set_mode(&Scope::Global, Some(Mode::ReadWrite)));
    assert_eq!(machine.decide(&draft).unwrap().outcome, Outcome::Stale { key: keys[2].clone(), index: LogIndex(2) });
    machine.register("a", "1");
    assert_eq!(machine.decide(&draft).unwrap().outcome, Outcome::Stale { key: keys[0].clone(), index: LogIndex(3) });
}

#[test]
fn what_was_read_at_the_very_entry_of_the_change_is_fresh() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    assert_eq!(modified_at(&machine.view, &BasisKey::Subject(subject("a"))), Ok(LogIndex(1)));
    let draft = |read_index| Envelope {
        basis: basis(read_index, [BasisKey::Subject(subject("a"))]),
        ..envelope("r", START_MS, register("a", "2"))
    };
    assert!(matches!(machine.decide(&draft(0)).unwrap().outcome, Outcome::Stale { .. }));
    assert!(matches!(
        machine.decide(&draft(1)).unwrap().outcome,
        Outcome::Done(Done::Catalog(CatalogDone::Registered { .. }))
    ));
}

/// Two nodes prepare on one subject at the same index: one wins, the other prepares again and gets the next version.
#[test]
fn of_two_that_prepare_at_once_one_wins() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    let draft = |request: &str, text: &str, machine: &Machine| Envelope {
        basis: basis(machine.index, [BasisKey::Subject(subject("a"))]),
        ..envelope(request, START_MS, register("a", text))
    };
    let (left, right) = (draft("left", "2", &machine), draft("right", "3", &machine));
    assert!(matches!(
        machine.apply(&left).outcome,
        Outcome::Done(Done::Catalog(CatalogDone::Registered { version: Version(2), .. }))
    ));
    assert!(matches!(machine.apply(&right).outcome, Outcome::Stale { .. }));
    let right = draft("right", "3", &machine);
    assert!(matches!(
        machine.apply(&right).outcome,
        Outcome::Done(Done::Catalog(CatalogDone::Registered { version: Version(3), .. }))
    ));
}

/// A schema may not come in with a reference to a version that went while it was prepared.
#[test]
fn a_reference_cannot_be_deleted_under_a_registration() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    let command = register_with("b", "refers", vec![reference("a", 1)], Assign::Next { expected: None });
    let key = BasisKey::Version(subject("a"), Version(1));
    let draft = Envelope { basis: basis(machine.index, [key]), ..envelope("r", START_MS, command) };
    machine.accept(delete("a", 1, Permanent::No));
    assert!(matches!(machine.apply(&draft).outcome, Outcome::Stale { .. }));
    checker::check(&machine.view);
}
