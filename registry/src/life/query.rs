//! Reads of lives.

use std::ops::ControlFlow;

use crate::query::{referrers, usages, version_row};
use crate::reading::{collect, row_getter};
use crate::{
    ConsumerRow, Deleted, DraftId, DraftRow, HistoryRow, Key, KeyRange, LogIndex, Row, Subject, Version, VersionState,
    View, ViewError,
};

row_getter!(
    /// A draft.
    draft(subject: &Subject, id: DraftId) -> DraftRow, Key::Draft(subject.clone(), id), Draft
);
row_getter!(
    /// A registered consumer.
    consumer(subject: &Subject, id: &str) -> ConsumerRow, Key::Consumer(subject.clone(), id.to_owned()), Consumer
);

/// The drafts of a subject, oldest first; without a subject, all.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn drafts(view: &impl View, subject: Option<&Subject>) -> Result<Vec<(Subject, DraftId, DraftRow)>, ViewError> {
    collect(view, &KeyRange::drafts(subject), |key, row| match (key, row) {
        (Key::Draft(subject, id), Row::Draft(row)) => Some((subject, id, row)),
        _ => None,
    })
}

/// The steps of a life, oldest first, with the entries that made them.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn history(view: &impl View, subject: &Subject, life: DraftId) -> Result<Vec<(LogIndex, HistoryRow)>, ViewError> {
    collect(view, &KeyRange::history(subject, life), |key, row| match (key, row) {
        (Key::History(_, _, index), Row::History(row)) => Some((index, row)),
        _ => None,
    })
}

/// The registered consumers of a subject, by name.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn consumers(view: &impl View, subject: &Subject) -> Result<Vec<(String, ConsumerRow)>, ViewError> {
    collect(view, &KeyRange::consumers(subject), |key, row| match (key, row) {
        (Key::Consumer(_, id), Row::Consumer(row)) => Some((id, row)),
        _ => None,
    })
}

/// What a rollback to a version would do: shown first, and done in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackPlan {
    /// The active versions above the target, which would be rolled back, ascending.
    pub versions: Vec<Version>,
    /// Live schemas that refer to one of those: subject, version, and what it refers to.
    pub dependents: Vec<(Subject, Version, Version)>,
    /// Consumers registered for one of those.
    pub consumers: Vec<(String, ConsumerRow)>,
}

/// Plans a rollback. What it looks at is the subject as a whole: an unchanged revision of it means an unchanged plan, but
/// for references, which are looked at again when the plan is carried out.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn rollback_plan(view: &impl View, subject: &Subject, target: Version) -> Result<RollbackPlan, ViewError> {
    let mut affected = Vec::new();
    view.scan(&KeyRange::versions(subject).after(&Key::Version(subject.clone(), target)), &mut |key, row| {
        if let (Key::Version(_, version), Row::Version(row)) = (key, row)
            && row.deleted == Deleted::No
            && row.state == VersionState::Active
        {
            affected.push(version);
        }
        ControlFlow::Continue(())
    })?;
    let mut dependents = Vec::new();
    for version in &affected {
        for (context, id) in referrers(view, subject, *version)? {
            for (holder, held) in usages(view, &context, id)? {
                let row = version_row(view, &holder, held)?;
                if row.is_some_and(|row| row.deleted == Deleted::No && row.state.is_in_use()) {
                    dependents.push((holder, held, *version));
                }
            }
        }
    }
    let mut consumers = consumers(view, subject)?;
    consumers.retain(|(_, row)| affected.iter().any(|version| row.covers(*version)));
    Ok(RollbackPlan { versions: affected, dependents, consumers })
}
