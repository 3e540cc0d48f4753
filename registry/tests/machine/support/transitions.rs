//! Checks every entry against the table of states and transitions, written here once more from `docs/lifecycle.md`, and the
//! events of the entry against what it changed.

use std::collections::BTreeSet;

use registry::{
    Applied, CatalogCommand, Command, Deleted, DraftState, Envelope, EventKind, Key, LifeChange, LogPosition,
    MemoryView, Row, Subject, Table, Version, VersionRow, VersionState, View,
};

const LEGAL: [(&str, &str); 15] = [
    ("DRAFT", "PENDING_REVIEW"),
    ("DRAFT", "ACTIVE"),
    ("PENDING_REVIEW", "APPROVED"),
    ("PENDING_REVIEW", "CHANGES_REQUESTED"),
    ("CHANGES_REQUESTED", "PENDING_REVIEW"),
    ("PENDING_REVIEW", "REJECTED"),
    ("APPROVED", "ACTIVE"),
    ("ACTIVE", "DEPRECATED"),
    ("DEPRECATED", "ACTIVE"),
    ("DEPRECATED", "ARCHIVED"),
    ("ACTIVE", "ROLLED_BACK"),
    ("ROLLED_BACK", "ACTIVE"),
    ("ACTIVE", "QUARANTINED"),
    ("QUARANTINED", "ACTIVE"),
    ("ARCHIVED", "DELETED"),
];

pub(crate) fn check(before: &MemoryView, position: LogPosition, envelope: &Envelope, applied: &Applied) {
    let mut added = BTreeSet::new();
    let mut changed = BTreeSet::new();
    for (key, row) in &applied.changes {
        match (key, row) {
            (Key::Draft(..), Some(Row::Draft(new))) => {
                let Some(Row::Draft(old)) = before.get(key).unwrap() else {
                    assert_eq!(new.state, DraftState::Draft, "a draft begins as one");
                    continue;
                };
                let (from, to) = (old.state.state().name(), new.state.state().name());
                assert!(from == to || LEGAL.contains(&(from, to)), "{from} -> {to}: {envelope:?}");
                if from == to {
                    let is_revision = matches!(change_of_life(envelope), Some(LifeChange::Revise { .. }));
                    assert!(is_revision || new.approvals.len() == old.approvals.len() + 1, "{envelope:?}");
                }
                if new.state == DraftState::PendingReview && old.state != DraftState::PendingReview {
                    assert!(new.approvals.is_empty(), "approvals start again");
                }
                assert!(!new.approvals.contains(&new.author), "an author approved");
                if new.draft.content != old.draft.content {
                    let open = [DraftState::Draft, DraftState::ChangesRequested];
                    assert!(open.contains(&old.state), "the text changed under review");
                }
            }
            (Key::Draft(..), _) => panic!("a draft is never lost"),
            (Key::Version(subject, version), row) => {
                let old = version_in(before, key);
                let new = row.as_ref().map(|row| match row {
                    Row::Version(row) => row,
                    row => panic!("{row:?}"),
                });
                transition_of_version(envelope, subject, old.as_ref(), new);
                match (&old, new) {
                    (Some(old), Some(new)) if old.life == new.life => drop(changed.insert((subject, *version))),
                    (_, Some(_)) => drop(added.insert((subject, *version))),
                    (_, None) => {}
                }
            }
            _ => {}
        }
    }
    events_tell_of_changes(position, applied, &added, &changed);
}

fn transition_of_version(envelope: &Envelope, subject: &Subject, old: Option<&VersionRow>, new: Option<&VersionRow>) {
    let name = |row: &VersionRow| match row.deleted {
        Deleted::Soft => "DELETED",
        Deleted::No => row.state.state().name(),
    };
    match (old, new) {
        (Some(old), Some(new)) if old.life == new.life => {
            assert_eq!((old.id, old.guid, old.semver), (new.id, new.guid, new.semver), "content never changes");
            let (from, to) = (name(old), name(new));
            // Confluent's deletion works on what is in use; and a subject takes what was rolled back along.
            let confluent = match &envelope.command {
                Command::Catalog(CatalogCommand::DeleteVersion { .. }) => ["ACTIVE", "DEPRECATED"].contains(&from),
                Command::Catalog(CatalogCommand::DeleteSubject { .. }) => {
                    ["ACTIVE", "DEPRECATED", "ROLLED_BACK"].contains(&from)
                }
                _ => false,
            } && to == "DELETED";
            assert!(LEGAL.contains(&(from, to)) || confluent, "{subject}: {from} -> {to} by {envelope:?}");
        }
        (_, Some(new)) => assert_eq!((new.state, new.deleted), (VersionState::Active, Deleted::No), "{subject}"),
        (Some(old), None) => assert_eq!(old.deleted, Deleted::Soft, "{subject}: lost without a deletion"),
        (None, None) => panic!("{subject}: a version that was not there was removed"),
    }
}

/// Each version that came or changed has its events in the same entry, and there are no others.
fn events_tell_of_changes(
    position: LogPosition,
    applied: &Applied,
    added: &BTreeSet<(&Subject, Version)>,
    changed: &BTreeSet<(&Subject, Version)>,
) {
    let (mut registered, mut told) = (BTreeSet::new(), BTreeSet::new());
    for (key, row) in &applied.changes {
        let (Key::Event(index, _), Some(Row::Event(event))) = (key, row) else { continue };
        assert_eq!(*index, position.index, "an event has the index of its entry");
        assert!(EventKind::NAMES.contains(&event.kind.name()));
        match &event.kind {
            EventKind::SchemaRegistered { subject, version, .. } => {
                assert!(registered.insert((subject, *version)), "told twice");
            }
            // A draft that becomes a version is both.
            EventKind::VersionActivated { subject, version } if added.contains(&(subject, *version)) => {}
            EventKind::VersionDeleted { permanent: true, .. } | EventKind::SubjectDeleted { permanent: true, .. } => {}
            EventKind::SubjectDeleted { subject, versions, .. } => {
                told.extend(versions.iter().map(|version| (subject, *version)));
            }
            kind => {
                if let (registry::Scope::Subject(_), Some(version)) = (kind.scope(), kind.version()) {
                    let of = changed.iter().find(|(subject, found)| {
                        registry::Scope::Subject((*subject).clone()) == kind.scope() && *found == version
                    });
                    let of = of.unwrap_or_else(|| panic!("{kind:?} tells of nothing"));
                    assert!(told.insert(*of), "{kind:?} is told twice");
                }
            }
        }
    }
    assert_eq!(&registered, added, "what came is told");
    assert_eq!(&told, changed, "what changed is told");
    let policies = applied.changes.iter().filter(|(key, _)| key.table() == Table::Policy).count();
    let is_policy =
        |row: &Row| matches!(row, Row::Event(event) if matches!(event.kind, EventKind::PolicyChanged { .. }));
    let told = applied.changes.iter().filter(|(_, row)| row.as_ref().is_some_and(is_policy)).count();
    assert!(told <= policies);
}

fn change_of_life(envelope: &Envelope) -> Option<&LifeChange> {
    match &envelope.command {
        Command::Life(lifecycle) => Some(&lifecycle.change),
        _ => None,
    }
}

fn version_in(view: &MemoryView, key: &Key) -> Option<VersionRow> {
    match view.get(key).unwrap() {
        Some(Row::Version(row)) => Some(row),
        _ => None,
    }
}
