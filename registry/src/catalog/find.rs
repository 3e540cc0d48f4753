//! Finds what a command names, or refuses it.

use crate::effect::{Applying, Entry};
use crate::query::{self, Include};
use crate::{CatalogRefusal, Change, Key, Row, Scope, Subject, SubjectRow, Version, VersionRow, View};

/// Refuses a change of a subject whose mode forbids it.
pub(crate) fn refuse_read_only(view: &impl View, subject: &Subject) -> Applying<()> {
    if query::mode_in_scope(view, &Scope::Subject(subject.clone()))?.is_read_only() {
        return Err(CatalogRefusal::ReadOnly { subject: subject.clone() }.into());
    }
    Ok(())
}

/// The row of a subject that has a version of the kind that counts.
pub(crate) fn find_subject(view: &impl View, subject: &Subject, include: Include) -> Applying<SubjectRow> {
    let is_there = |row: &SubjectRow| match include {
        Include::Live => row.live > 0,
        Include::All => row.live + row.soft_deleted > 0,
        Include::DeletedOnly => row.soft_deleted > 0,
    };
    let row = query::subject_row(view, subject)?.filter(is_there);
    row.ok_or_else(|| CatalogRefusal::SubjectNotFound { subject: subject.clone() }.into())
}

/// The row of a version that counts, with its subject's.
pub(crate) fn find_version(
    view: &impl View,
    of: &Subject,
    version: Version,
    include: Include,
) -> Applying<(SubjectRow, VersionRow)> {
    let subject_row = find_subject(view, of, include)?;
    let row = query::version_row(view, of, version)?.filter(|row| include.admits(row.deleted));
    let row = row.ok_or_else(|| CatalogRefusal::VersionNotFound { subject: of.clone(), version })?;
    Ok((subject_row, row))
}

/// The row of a subject with this entry as its revision. It tells of every change of the subject's versions, too: a
/// verdict on what is latest rests on it.
pub(crate) fn touched_subject(entry: Entry<'_>, subject: &Subject, row: SubjectRow) -> Change {
    (Key::Subject(subject.clone()), Some(Row::Subject(SubjectRow { modified_at: entry.index(), ..row })))
}
