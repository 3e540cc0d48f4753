//! Folds a history of commands and checks at every entry what must hold between entries: what is given once is never
//! given again, a refused command changes nothing, a retry has one effect, a verdict on old facts is refused.

use std::collections::{BTreeMap, BTreeSet};

use registry::limits::{REQUEST_AGE_MS_MAX, REQUEST_EVICTIONS_PER_ENTRY_MAX};
use registry::{
    Applied, Assign, BasisKey, CatalogCommand, CatalogDone, CatalogRefusal, Change, Command, Content, Context, Deleted,
    Done, Envelope, Key, LifeDone, LogIndex, LogPosition, MachineRow, MemoryView, Outcome, Permanent, Refusal,
    Register, RequestId, Row, SchemaId, Subject, Table, Version, View, query,
};
use schema::{Format, Guid};

use super::checker::Tables;
use super::transitions;

/// What the entries so far came to.
#[derive(Debug, Default)]
pub(crate) struct History {
    remembered: BTreeMap<RequestId, (Outcome, LogIndex, u64)>,
    time_ms: u64,
    /// What every id ever stood for.
    ids: BTreeMap<Context, BTreeMap<u32, (Guid, Format)>>,
    imported_contexts: BTreeSet<Context>,
    /// The version numbers that a subject gave since it last began at 1.
    versions: BTreeMap<Subject, BTreeSet<u32>>,
    imported_subjects: BTreeSet<Subject>,
    /// The entry that changed a row last.
    changed_at: BTreeMap<Key, LogIndex>,
    /// How often each outcome was seen.
    pub seen: BTreeMap<&'static str, u32>,
}

impl History {
    /// Checks an entry against the state before it and the history, and adds it.
    pub(crate) fn observe(
        &mut self,
        before: &MemoryView,
        position: LogPosition,
        envelope: &Envelope,
        applied: &Applied,
    ) {
        let machine = machine(before);
        if let Some((outcome, index, _)) = self.remembered.get(&envelope.request_id) {
            assert_eq!((&applied.outcome, &applied.effective), (outcome, index), "a retry has the same outcome");
            assert!(applied.changes.is_empty(), "a retry changes nothing");
            assert_eq!(applied.digest, machine.digest);
            *self.seen.entry("retry").or_default() += 1;
            return;
        }
        assert_eq!(applied.effective, position.index);
        let name = match &applied.outcome {
            Outcome::Refused(rejection) => rejection.name(),
            outcome => outcome.name(),
        };
        *self.seen.entry(name).or_default() += 1;

        self.time_never_goes_back(envelope, applied);
        self.stale_exactly_if_something_changed(envelope, applied);
        only_an_effect_changes_rows(&machine, applied);
        self.requests_are_remembered(position.index, envelope, applied);
        self.ids_stand_for_one_content(before, envelope, applied);
        transitions::check(before, position, envelope, applied);
        self.versions_are_given_once(before, envelope, applied);
        references_protect(before, envelope, applied);
        for (key, _) in &applied.changes {
            self.changed_at.insert(key.clone(), position.index);
        }
    }

    fn time_never_goes_back(&mut self, envelope: &Envelope, applied: &Applied) {
        self.time_ms = self.time_ms.max(envelope.time_ms);
        for (key, row) in &applied.changes {
            let time_ms = match row {
                Some(Row::Machine(row)) => row.time_ms,
                Some(Row::Event(row)) => row.time_ms,
                Some(Row::Audit(row)) => row.time_ms,
                Some(Row::Request(row)) => row.time_ms,
                Some(Row::Version(row)) if row.created_at == row.modified_at => row.created_ms,
                Some(_) | None => continue,
            };
            assert_eq!(time_ms, self.time_ms, "the time in {key:?}");
        }
    }

    fn stale_exactly_if_something_changed(&self, envelope: &Envelope, applied: &Applied) {
        let read = envelope.basis.read_index;
        let changed = |key: &Key| self.changed_at.get(key).is_some_and(|index| *index > read);
        let mut must = false;
        let mut may = false;
        for key in &envelope.basis.keys {
            let (row, parent) = match key {
                BasisKey::Subject(subject) => (Key::Subject(subject.clone()), None),
                BasisKey::Version(subject, version) => {
                    (Key::Version(subject.clone(), *version), Some(Key::Subject(subject.clone())))
                }
                BasisKey::Config(scope) => (Key::Config(scope.clone()), None),
                BasisKey::Mode(scope) => (Key::Mode(scope.clone()), None),
                BasisKey::Policy(scope) => (Key::Policy(scope.clone()), None),
                BasisKey::Draft(subject, id) => (Key::Draft(subject.clone(), *id), None),
                BasisKey::Consumer(subject, id) => (Key::Consumer(subject.clone(), id.clone()), None),
            };
            must |= changed(&row);
            // A version that is not there counts as changed when its subject was: too careful at times, never wrong.
            may |= changed(&row) || parent.as_ref().is_some_and(changed);
        }
        let is_stale = matches!(applied.outcome, Outcome::Stale { .. });
        assert!(is_stale || !must, "a verdict on old facts passed: {:?}", envelope.basis);
        assert!(may || !is_stale, "a verdict on present facts was refused: {:?}", applied.outcome);
    }

    fn requests_are_remembered(&mut self, index: LogIndex, envelope: &Envelope, applied: &Applied) {
        let is_forgotten = matches!(applied.outcome, Outcome::Stale { .. });
        let mut evicted = 0;
        for (key, row) in &applied.changes {
            let Key::Request(id) = key else { continue };
            match row {
                Some(_) => assert_eq!(id, &envelope.request_id),
                None => {
                    let (_, _, time_ms) = self.remembered.remove(id).expect("only what is remembered is forgotten");
                    assert!(time_ms + REQUEST_AGE_MS_MAX < self.time_ms, "{id} was forgotten too early");
                    evicted += 1;
                }
            }
        }
        assert!(evicted <= REQUEST_EVICTIONS_PER_ENTRY_MAX);
        if is_forgotten {
            assert_eq!(evicted, 0);
            return;
        }
        if evicted < REQUEST_EVICTIONS_PER_ENTRY_MAX {
            let is_old = |time_ms: u64| time_ms + REQUEST_AGE_MS_MAX < self.time_ms;
            assert!(self.remembered.values().all(|(_, _, time_ms)| !is_old(*time_ms)), "an old request is left");
        }
        self.remembered.insert(envelope.request_id.clone(), (applied.outcome.clone(), index, self.time_ms));
    }

    fn ids_stand_for_one_content(&mut self, before: &MemoryView, envelope: &Envelope, applied: &Applied) {
        let Some(added) = &added(before, envelope, applied) else {
            let touched = applied.changes.iter().any(|(key, _)| matches!(key, Key::Schema(..)));
            assert!(!touched, "only a registration gives an id a meaning, and nothing takes it away");
            return;
        };
        let Added { subject, content, assign, id, guid, is_new_id, .. } = added;
        let context = &subject.context;
        let ids = self.ids.entry(context.clone()).or_default();
        let last = ids.keys().next_back().copied().unwrap_or(0);
        match assign {
            Assign::Next { .. } if *is_new_id => assert_eq!(id.0, last + 1, "ids are given in order"),
            Assign::Next { .. } => {}
            Assign::Import { id: asked, .. } => {
                assert_eq!(id, asked);
                self.imported_contexts.insert(context.clone());
            }
        }
        let stands_for = (content.guid, content.format);
        assert_eq!(*guid, stands_for.0);
        let known = ids.insert(id.0, stands_for);
        assert!(known.is_none_or(|known| known == stands_for), "id {id} of {context} got another content");
        for (key, row) in &applied.changes {
            if let Key::Schema(of, found) = key {
                assert_eq!((of, found, row), (context, id, &Some(Row::Schema(stands_for.0, stands_for.1))));
            }
        }
        if !self.imported_contexts.contains(context) {
            let count = u32::try_from(ids.len()).unwrap();
            assert!(ids.keys().copied().eq(1..=count), "ids of {context} are dense");
        }
    }

    fn versions_are_given_once(&mut self, before: &MemoryView, envelope: &Envelope, applied: &Applied) {
        if let Some(Added { subject, assign, content, version, .. }) = &added(before, envelope, applied) {
            let used = self.versions.entry(subject.clone()).or_default();
            match assign {
                Assign::Next { .. } => {
                    let last = used.last().copied().unwrap_or(0);
                    assert_eq!(version.0, last + 1, "versions of {subject} are given in order");
                }
                Assign::Import { .. } => {
                    self.imported_subjects.insert(subject.clone());
                    let retired = before.get(&Key::Retired(subject.clone(), *version)).unwrap();
                    assert_eq!(retired, None, "an import got the number of a version that was deleted for good");
                    if let Some(Row::Version(row)) = before.get(&Key::Version(subject.clone(), *version)).unwrap() {
                        let is_same = (row.guid, row.format) == (content.guid, content.format);
                        assert!(is_same, "an import replaced {subject} {version}");
                    }
                }
            }
            used.insert(version.0);
            if !self.imported_subjects.contains(subject) {
                let count = u32::try_from(used.len()).unwrap();
                assert!(used.iter().copied().eq(1..=count), "versions of {subject} are dense");
            }
        }
        for (key, row) in &applied.changes {
            if let (Key::Subject(subject), Some(Row::Subject(row))) = (key, row)
                && row.live + row.soft_deleted == 0
            {
                // It does not exist any more: it begins again.
                self.versions.remove(subject);
                self.imported_subjects.remove(subject);
            }
        }
    }
}

/// A version that an entry added, by registration or from a draft.
struct Added {
    subject: Subject,
    content: Content,
    assign: Assign,
    id: SchemaId,
    version: Version,
    guid: Guid,
    is_new_id: bool,
}

fn added(before: &MemoryView, envelope: &Envelope, applied: &Applied) -> Option<Added> {
    match (&envelope.command, &applied.outcome) {
        (
            Command::Catalog(CatalogCommand::Register(register)),
            Outcome::Done(Done::Catalog(CatalogDone::Registered { id, version, guid, is_new_id })),
        ) => {
            let Register { subject, content, assign, .. } = register.clone();
            Some(Added { subject, content, assign, id: *id, version: *version, guid: *guid, is_new_id: *is_new_id })
        }
        (Command::Life(lifecycle), Outcome::Done(Done::Life(LifeDone::Activated { id, version, schema_id, guid }))) => {
            let subject = lifecycle.subject.clone();
            let content = query::draft(before, &subject, *id).unwrap().unwrap().draft.content;
            let is_new_id = applied.changes.iter().any(|(key, _)| matches!(key, Key::Schema(..)));
            let assign = Assign::Next { expected: None };
            Some(Added { subject, content, assign, id: *schema_id, version: *version, guid: *guid, is_new_id })
        }
        _ => None,
    }
}

/// Refused and stale commands leave nothing but the traces that every command leaves.
fn only_an_effect_changes_rows(before: &MachineRow, applied: &Applied) {
    let allowed = |(key, _): &Change| match (key.table(), &applied.outcome) {
        (Table::Machine | Table::Audit | Table::AuditNode, _) => true,
        (Table::Request | Table::RequestAge, Outcome::Stale { .. }) => false,
        (Table::Request | Table::RequestAge, _) => true,
        (_, Outcome::Stale { .. } | Outcome::Refused(_)) => false,
        _ => true,
    };
    for change in &applied.changes {
        assert!(allowed(change), "{:?} changed {:?}", applied.outcome, change.0);
    }
    let last = applied.changes.last();
    let Some((Key::Machine, Some(Row::Machine(after)))) = last else { panic!("no machine row: {last:?}") };
    assert_eq!(after.digest, applied.digest);
    assert_ne!(after.digest, before.digest, "every entry moves the digest");
    assert_eq!(after.audit_size, before.audit_size + 1, "one record for each command");
    assert!(after.level >= before.level, "the level never goes down");
}

/// What others refer to is not deleted, and what nobody refers to is not protected.
fn references_protect(before: &MemoryView, envelope: &Envelope, applied: &Applied) {
    let (subject, is_one, permanent) = match &envelope.command {
        Command::Catalog(CatalogCommand::DeleteVersion { subject, permanent, .. }) => (subject, true, *permanent),
        Command::Catalog(CatalogCommand::DeleteSubject { subject, permanent }) => (subject, false, *permanent),
        _ => return,
    };
    let tables = Tables::of(before);
    let is_protected = |target: Version| {
        let referring = tables.referring(&(subject.clone(), target));
        referring.into_iter().any(|(holder, deleted)| {
            // A subject that goes as a whole takes the references inside it along.
            let counts = is_one || holder != subject;
            // Deleting one version for good asks for soft-deleted referrers, too: they must stay readable.
            counts && (deleted == Deleted::No || is_one && permanent == Permanent::Yes)
        })
    };
    match &applied.outcome {
        Outcome::Done(Done::Catalog(CatalogDone::VersionDeleted { version })) => {
            assert!(!is_protected(*version), "{subject} {version}")
        }
        Outcome::Done(Done::Catalog(CatalogDone::SubjectDeleted { versions })) => {
            assert!(versions.is_sorted());
            assert!(!versions.iter().any(|version| is_protected(*version)), "{subject} {versions:?}");
        }
        Outcome::Refused(Refusal::Catalog(CatalogRefusal::Referenced { version, .. })) => {
            assert!(is_protected(*version), "nobody refers to {subject} {version}");
        }
        _ => {}
    }
}

fn machine(view: &MemoryView) -> MachineRow {
    match view.get(&Key::Machine).unwrap() {
        Some(Row::Machine(row)) => row,
        _ => MachineRow::default(),
    }
}
