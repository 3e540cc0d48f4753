//! Deletes versions and subjects: softly (hidden, the id still resolves) and then permanently (gone, the id with the last
//! holder). What other schemas refer to stays.
//!
//! Everything is decided here, against the current state, so these commands need no basis.

use schema::Reference;

use super::find::{self, touched_subject};
use super::{CatalogDone, CatalogRefusal};
use crate::associations::deletion::refuse_deletion;
use crate::effect::{Applying, Effect, Entry};
use crate::query::{self, Include};
use crate::{
    AssociationsRefusal, Change, Deleted, EventKind, Key, LifeRefusal, Row, Scope, SettingRow, Subject, SubjectRow,
    Transition, Version, VersionRow, VersionState, View, ViewError,
};

pub(super) fn soft_delete_version(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    version: Version,
) -> Applying<Effect> {
    find::refuse_read_only(view, subject)?;
    let (row, version_row) = find::find_version(view, subject, version, Include::All)?;
    if version_row.deleted == Deleted::Soft {
        return Err(CatalogRefusal::VersionSoftDeleted { subject: subject.clone(), version }.into());
    }
    if let VersionState::RolledBack | VersionState::Quarantined = version_row.state {
        return Err(not_deletable(version_row.state).into());
    }
    if query::is_referenced(view, subject, version, None)? {
        return Err(CatalogRefusal::Referenced { subject: subject.clone(), version }.into());
    }
    if row.live == 1 && !query::associations_of_subject(view, subject)?.is_empty() {
        return Err(AssociationsRefusal::NoActiveVersion { subject: subject.clone() }.into());
    }
    let row = SubjectRow { live: row.live - 1, soft_deleted: row.soft_deleted + 1, ..row };
    let changes = vec![hide_version(entry, subject, version, version_row), touched_subject(entry, subject, row)];
    let event = EventKind::VersionDeleted { subject: subject.clone(), version, permanent: false };
    Ok(Effect { done: CatalogDone::VersionDeleted { version }.into(), changes, events: vec![event] })
}

pub(super) fn permanently_delete_version(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    version: Version,
) -> Applying<Effect> {
    find::refuse_read_only(view, subject)?;
    let (row, version_row) = find::find_version(view, subject, version, Include::All)?;
    if version_row.deleted == Deleted::No {
        return Err(CatalogRefusal::VersionNotSoftDeleted { subject: subject.clone(), version }.into());
    }
    // What soft-deleted schemas refer to is needed to read them. (Of a whole subject Confluent asks only for live ones.)
    if query::is_referenced_at_all(view, subject, version, None)? {
        return Err(CatalogRefusal::Referenced { subject: subject.clone(), version }.into());
    }
    let mut changes = Vec::new();
    remove_versions(view, subject, &[(version, version_row)], &mut changes)?;
    let row = SubjectRow { soft_deleted: row.soft_deleted - 1, ..row };
    close_if_empty(view, entry, subject, row, &mut changes)?;
    let event = EventKind::VersionDeleted { subject: subject.clone(), version, permanent: true };
    Ok(Effect { done: CatalogDone::VersionDeleted { version }.into(), changes, events: vec![event] })
}

pub(crate) fn soft_delete_subject(view: &impl View, entry: Entry<'_>, subject: &Subject) -> Applying<Effect> {
    find::refuse_read_only(view, subject)?;
    let row = find::find_subject(view, subject, Include::All)?;
    let live: Vec<_> =
        query::versions(view, subject)?.into_iter().filter(|(_, row)| row.deleted == Deleted::No).collect();
    if live.is_empty() {
        return Err(CatalogRefusal::SubjectSoftDeleted { subject: subject.clone() }.into());
    }
    refuse_deletion(view, subject)?;
    // What was rolled back goes with its subject; what is in quarantine has to be looked at first.
    if live.iter().any(|(_, row)| row.state == VersionState::Quarantined) {
        return Err(not_deletable(VersionState::Quarantined).into());
    }
    for (version, _) in &live {
        if query::is_referenced(view, subject, *version, Some(subject))? {
            return Err(CatalogRefusal::Referenced { subject: subject.clone(), version: *version }.into());
        }
    }
    let versions: Vec<_> = live.iter().map(|(version, _)| *version).collect();
    let mut changes: Vec<_> =
        live.into_iter().map(|(version, version_row)| hide_version(entry, subject, version, version_row)).collect();
    let row = SubjectRow { live: 0, soft_deleted: row.soft_deleted + row.live, ..row };
    // Its settings stay, as Confluent's do: they go with the last version.
    changes.push(touched_subject(entry, subject, row));
    let event = EventKind::SubjectDeleted { subject: subject.clone(), versions: versions.clone(), permanent: false };
    Ok(Effect { done: CatalogDone::SubjectDeleted { versions }.into(), changes, events: vec![event] })
}

pub(super) fn permanently_delete_subject(view: &impl View, entry: Entry<'_>, subject: &Subject) -> Applying<Effect> {
    find::refuse_read_only(view, subject)?;
    if find::find_subject(view, subject, Include::All)?.live > 0 {
        return Err(CatalogRefusal::SubjectNotSoftDeleted { subject: subject.clone() }.into());
    }
    let mut changes = Vec::new();
    let versions = purge_subject(view, entry, subject, &mut changes)?;
    let event = EventKind::SubjectDeleted { subject: subject.clone(), versions: versions.clone(), permanent: true };
    Ok(Effect { done: CatalogDone::SubjectDeleted { versions }.into(), changes, events: vec![event] })
}

fn not_deletable(state: VersionState) -> LifeRefusal {
    LifeRefusal::WrongState { transition: Transition::Delete, state: state.state() }
}

fn hide_version(entry: Entry<'_>, subject: &Subject, version: Version, row: VersionRow) -> Change {
    let row = VersionRow { deleted: Deleted::Soft, modified_at: entry.index(), ..row };
    (Key::Version(subject.clone(), version), Some(Row::Version(row)))
}

/// Removes versions for good, and with the last version that holds an id everything that belongs to the id. What the id
/// stood for is remembered (its `Key::Schema` row stays), so that no import can give the id to other content.
fn remove_versions(
    view: &impl View,
    subject: &Subject,
    versions: &[(Version, VersionRow)],
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    let context = &subject.context;
    for (version, row) in versions {
        changes.push((Key::Version(subject.clone(), *version), None));
        changes.push((Key::Sent(subject.clone(), *version), None));
        changes.push((Key::Usage(context.clone(), row.id, subject.clone(), *version), None));
        changes.push((Key::Retired(subject.clone(), *version), Some(Row::Present)));
    }
    let mut ids: Vec<_> = versions.iter().map(|(_, row)| (row.id, row.guid, row.format)).collect();
    ids.sort_unstable();
    ids.dedup();
    for (id, guid, format) in ids {
        let is_held_elsewhere = query::usages(view, context, id)?
            .into_iter()
            .any(|(holder, version)| holder != *subject || !versions.iter().any(|(removed, _)| *removed == version));
        if is_held_elsewhere {
            continue;
        }
        let key = Key::Content(guid, format);
        let Some(mut content) = query::content_row(view, guid, format)? else {
            return Err(ViewError::wrong_row(&key));
        };
        changes.push((Key::IdOf(guid, format, context.clone()), None));
        let references: Vec<Reference> = content.references.clone();
        for (target, version) in query::reference_targets(context, &references) {
            changes.push((Key::Referrer(target, version, context.clone(), id), None));
        }
        content.context_count -= 1;
        if content.context_count == 0 {
            changes.push((Key::Terms(content.since), None));
        }
        let row = (content.context_count > 0).then_some(Row::Content(content));
        changes.push((key, row));
    }
    Ok(())
}

/// A subject without any version does not exist: it begins again at version 1, and its settings are gone. Its row stays
/// as a tombstone, so that a verdict prepared before the deletion is seen to be stale.
fn close_if_empty(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    row: SubjectRow,
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    if row.live + row.soft_deleted > 0 {
        changes.push(touched_subject(entry, subject, row));
        return Ok(());
    }
    changes.push(touched_subject(entry, subject, SubjectRow { next_version: 1, ..row }));
    // The numbers are free again, those that this very entry retired included.
    changes.retain(|(key, _)| !matches!(key, Key::Retired(retired, _) if retired == subject));
    for version in query::retired(view, subject)? {
        changes.push((Key::Retired(subject.clone(), version), None));
    }
    changes.extend(forget_settings(view, entry, subject)?);
    Ok(())
}

/// Removes everything of a subject that has soft-deleted versions only: what entering IMPORT mode does to each.
///
/// A version that a live schema refers to stops it; soft-deleted ones go along.
pub(crate) fn purge_subject(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    changes: &mut Vec<Change>,
) -> Applying<Vec<Version>> {
    let all = query::versions(view, subject)?;
    for (version, _) in &all {
        if query::is_referenced(view, subject, *version, Some(subject))? {
            return Err(CatalogRefusal::Referenced { subject: subject.clone(), version: *version }.into());
        }
    }
    remove_versions(view, subject, &all, changes)?;
    let row = query::subject_row(view, subject)?.unwrap_or(SubjectRow {
        next_version: 1,
        live: 0,
        soft_deleted: 0,
        modified_at: entry.index(),
    });
    close_if_empty(view, entry, subject, SubjectRow { live: 0, soft_deleted: 0, ..row }, changes)?;
    Ok(all.into_iter().map(|(version, _)| version).collect())
}

fn forget_settings(view: &impl View, entry: Entry<'_>, subject: &Subject) -> Result<Vec<Change>, ViewError> {
    let scope = Scope::Subject(subject.clone());
    let mut changes = Vec::new();
    if query::config(view, &scope)?.is_some() {
        let row = SettingRow { value: None, modified_at: entry.index() };
        changes.push((Key::Config(scope.clone()), Some(Row::Config(row))));
    }
    if query::mode(view, &scope)?.is_some() {
        let row = SettingRow { value: None, modified_at: entry.index() };
        changes.push((Key::Mode(scope.clone()), Some(Row::Mode(row))));
    }
    if query::policy(view, &scope)?.is_some() {
        let row = SettingRow { value: None, modified_at: entry.index() };
        changes.push((Key::Policy(scope), Some(Row::Policy(row))));
    }
    Ok(changes)
}
