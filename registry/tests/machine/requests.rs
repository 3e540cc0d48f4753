//! Remembered requests: one effect for each, for a day of log time, and how they are forgotten.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use registry::limits::{REQUEST_AGE_MS_MAX, REQUEST_COUNT_MAX, REQUEST_EVICTIONS_PER_ENTRY_MAX};
use registry::{
    ApplyError, CatalogDone, ClusterCommand, ClusterDone, Command, Done, Envelope, Key, KeyRange, LifePolicy, LogIndex,
    MachineRow, MemoryView, Outcome, RequestId, Row, Scope, SettingsCommand, View, ViewError, apply, level, query,
};

use crate::support::{Machine, START_MS, checker, delete_subject, envelope, register};

fn remembered(machine: &Machine, request: &str) -> bool {
    machine.view.get(&Key::Request(RequestId(request.to_owned()))).unwrap().is_some()
}

#[test]
fn a_retry_has_one_effect_however_much_came_between() {
    let mut machine = Machine::default();
    let first = envelope("once", START_MS, register("a", "1"));
    let applied = machine.apply(&first);
    for number in 0..50 {
        machine.register("a", &format!("other {number}"));
    }
    machine.accept(delete_subject("a", registry::Permanent::No));
    let before = machine.view.clone();
    // Even a retry that carries another command is one of the first: the id names the intention.
    for command in [first.command.clone(), register("b", "2")] {
        let again = machine.apply(&Envelope { command, time_ms: START_MS + 5, ..first.clone() });
        assert_eq!((again.outcome, again.effective), (applied.outcome.clone(), LogIndex(1)));
        assert_eq!(machine.view, before);
    }
}

#[test]
fn a_refusal_is_remembered_too() {
    let mut machine = Machine::default();
    let first = envelope("once", START_MS, delete_subject("a", registry::Permanent::No));
    let refused = machine.apply(&first).outcome;
    assert!(matches!(refused, Outcome::Refused(_)));
    machine.register("a", "1");
    assert_eq!(machine.apply(&first).outcome, refused);
}

#[test]
fn requests_are_forgotten_after_a_day_of_log_time() {
    let mut machine = Machine::default();
    for number in 0..6 {
        machine.apply(&envelope(&format!("old {number}"), START_MS + number, register("a", &number.to_string())));
    }
    // Exactly a day later the oldest is still there.
    machine.apply(&envelope("a day later", START_MS + REQUEST_AGE_MS_MAX, register("a", "x")));
    assert!(remembered(&machine, "old 0"));
    // Then they go, a few with each entry, oldest first.
    let later = START_MS + 2 * REQUEST_AGE_MS_MAX;
    machine.apply(&envelope("later", later, register("a", "y")));
    assert_eq!(REQUEST_EVICTIONS_PER_ENTRY_MAX, 4);
    let left: Vec<_> = (0..6).filter(|number| remembered(&machine, &format!("old {number}"))).collect();
    assert_eq!(left, [4, 5]);
    machine.apply(&envelope("later still", later, register("a", "z")));
    assert!(!remembered(&machine, "old 5"));
    assert!(remembered(&machine, "a day later") && remembered(&machine, "later"));
    checker::check(&machine.view);
    // What is forgotten is a new request.
    let again = machine.apply(&envelope("old 0", later, register("b", "b")));
    assert!(matches!(again.outcome, Outcome::Done(Done::Catalog(CatalogDone::Registered { .. }))));
    assert_eq!(again.effective.0, machine.index);
}

#[test]
fn requests_are_forgotten_when_there_are_too_many() {
    let mut machine = Machine::default();
    machine.apply(&envelope("first", START_MS, register("a", "1")));
    machine.apply(&envelope("second", START_MS, register("a", "2")));
    // As if the limit were reached: counting up to it for real takes minutes.
    let row = query::machine(&machine.view).unwrap();
    let full = MachineRow { request_count: REQUEST_COUNT_MAX, ..row };
    machine.view.write(&[(Key::Machine, Some(Row::Machine(full)))]);
    machine.apply(&envelope("third", START_MS, register("a", "3")));
    assert!(!remembered(&machine, "first") && remembered(&machine, "second") && remembered(&machine, "third"));
    assert_eq!(query::machine(&machine.view).unwrap().request_count, REQUEST_COUNT_MAX);
}

/// A state as a log-structured store holds it: what was removed is still in its way.
struct Graveyard<'a> {
    view: &'a MemoryView,
    removed: &'a BTreeSet<Vec<u8>>,
    walked_over: Cell<usize>,
}

impl View for Graveyard<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        self.view.get(key)
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        let mut last = None;
        self.view.scan(range, &mut |key, row| {
            let bytes = key.encode();
            let flow = visit(key, row);
            last = flow.is_break().then_some(bytes);
            flow
        })?;
        let (from, to) = match last {
            Some(last) if range.reverse => (last, range.end.clone()),
            Some(last) => (range.start.clone(), last),
            None => (range.start.clone(), range.end.clone()),
        };
        if from < to {
            self.walked_over.set(self.walked_over.get() + self.removed.range(from..to).count());
        }
        Ok(())
    }
}

/// Requests and events are queues: each entry adds some and forgets the oldest. Whoever looks for the oldest from the
/// beginning of the table walks over everything that was ever forgotten.
#[test]
fn no_entry_walks_over_what_was_forgotten_before() {
    const ENTRIES: u64 = 200;
    let mut machine = Machine::default();
    let keep_few = LifePolicy { event_count_max: Some(3), ..LifePolicy::default() };
    machine.accept(Command::Settings(SettingsCommand::SetPolicy { scope: Scope::Global, policy: Some(keep_few) }));
    machine.register("a", "1");
    let row = query::machine(&machine.view).unwrap();
    machine.view.write(&[(Key::Machine, Some(Row::Machine(MachineRow { request_count: REQUEST_COUNT_MAX, ..row })))]);
    let mut removed = BTreeSet::new();
    for number in 0..ENTRIES {
        // Everything that is old enough is forgotten, too.
        let envelope = envelope(&number.to_string(), START_MS + number, register("b", &number.to_string()));
        let graveyard = Graveyard { view: &machine.view, removed: &removed, walked_over: Cell::new(0) };
        let applied = apply(&graveyard, machine.next(), &envelope).unwrap();
        let walked_over = graveyard.walked_over.get();
        assert!(walked_over <= 4, "entry {number} walks over {walked_over} of {} removed rows", removed.len());
        removed.extend(applied.changes.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key.encode()));
        machine.commit(&applied);
    }
    assert!(removed.len() as u64 >= ENTRIES, "nothing was forgotten");
}

#[test]
fn time_never_goes_back() {
    let mut machine = Machine::default();
    let time = |machine: &Machine| query::machine(&machine.view).unwrap().time_ms;
    machine.apply(&envelope("1", START_MS, register("a", "1")));
    machine.apply(&envelope("2", START_MS - 60_000, register("a", "2")));
    assert_eq!(time(&machine), START_MS);
    let (_, row) = query::latest(&machine.view, &crate::support::subject("a")).unwrap().unwrap();
    assert_eq!(row.created_ms, START_MS);
    // A retry is nothing, so it does not move the time either.
    machine.apply(&envelope("2", START_MS + 60_000, register("a", "2")));
    assert_eq!(time(&machine), START_MS);
    checker::check(&machine.view);
}

#[test]
fn a_command_for_a_newer_machine_stops_the_node() {
    let mut machine = Machine::default();
    let mut newer = envelope("r", START_MS, register("a", "1"));
    newer.level = level::SUPPORTED + 1;
    let refused = machine.decide(&newer).unwrap_err();
    assert_eq!(refused, ApplyError::TooNew { index: LogIndex(1), needed: level::SUPPORTED + 1 });
    assert!(refused.to_string().contains("upgrade this node"), "{refused}");
    // One that was applied already is a retry, whatever it says now.
    machine.apply(&Envelope { level: level::BASE, ..newer.clone() });
    assert!(machine.decide(&newer).is_ok());
}

#[test]
fn a_cluster_keeps_its_first_name() {
    let mut machine = Machine::default();
    let found = |name: &str| Command::Cluster(ClusterCommand::Found { cluster_id: name.to_owned() });
    assert_eq!(
        machine.run(found("one")),
        Outcome::Done(Done::Cluster(ClusterDone::Founded { cluster_id: "one".into() }))
    );
    assert_eq!(
        machine.run(found("one")),
        Outcome::Done(Done::Cluster(ClusterDone::Founded { cluster_id: "one".into() }))
    );
    let refused = machine.refuse(found("two"));
    assert_eq!(
        refused,
        registry::Refusal::Cluster(registry::ClusterRefusal::AnotherCluster { cluster_id: "one".into() })
    );
    assert_eq!(query::machine(&machine.view).unwrap().cluster_id, "one");
}
