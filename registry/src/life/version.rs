//! The life of a version after it became active. No transition loses anything: a version changes its state, never its
//! content.

use super::{Deprecation, LifeDone, LifeRefusal, Transition, VersionState};
use crate::catalog::find::{self, touched_subject};
use crate::effect::{Applying, Effect, Entry};
use crate::query::{self, Include};
use crate::{
    Deleted, EventKind, Key, PolicyInForce, Row, Scope, Subject, SubjectRow, Version, VersionRow, View, ViewError,
};

/// Consumers that a refusal names, at most.
const NAMED_MAX: usize = 20;

/// A transition of one version that asks for nothing but the right state, and whose event says nothing more.
pub(super) fn pass_transition(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    version: Version,
    transition: Transition,
) -> Applying<Effect> {
    let (subject_row, row) = find_in(view, subject, version, transition)?;
    let (state, event) = transition
        .of_version(subject, version)
        .ok_or_else(|| ViewError(format!("{} is no transition that a version just passes", transition.name())))?;
    let row = VersionRow { state, deprecation: None, ..row };
    Ok(moved(entry, subject, subject_row, version, row, event))
}

pub(super) fn quarantine_version(
    view: &impl View,
    entry: Entry<'_>,
    reason: &str,
    subject: &Subject,
    version: Version,
) -> Applying<Effect> {
    find::find_version(view, subject, version, Include::Live)?;
    refuse_without_reason(reason)?;
    pass_transition(view, entry, subject, version, Transition::Quarantine)
}

pub(super) fn deprecate_version(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    version: Version,
    sunset_ms: Option<u64>,
    successor: Option<Version>,
) -> Applying<Effect> {
    let (subject_row, row) = find_in(view, subject, version, Transition::Deprecate)?;
    let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
    let earliest_ms = entry.time_ms.saturating_add(policy.deprecation_notice_ms);
    let sunset_ms = sunset_ms.unwrap_or(earliest_ms);
    if sunset_ms < earliest_ms {
        return Err(LifeRefusal::SunsetTooSoon { earliest_ms }.into());
    }
    if let Some(successor) = successor {
        let found = query::version_row(view, subject, successor)?;
        let is_active = found.is_some_and(|row| row.deleted == Deleted::No && row.state == VersionState::Active);
        if !is_active || successor == version {
            return Err(LifeRefusal::SuccessorNotActive { version: successor }.into());
        }
    }
    let deprecation = Some(Deprecation { since_ms: entry.time_ms, sunset_ms, successor });
    let row = VersionRow { state: VersionState::Deprecated, deprecation, ..row };
    let event = EventKind::VersionDeprecated { subject: subject.clone(), version, sunset_ms, successor };
    Ok(moved(entry, subject, subject_row, version, row, event))
}

pub(super) fn archive_version(
    view: &impl View,
    entry: Entry<'_>,
    reason: &str,
    subject: &Subject,
    version: Version,
    force: bool,
) -> Applying<Effect> {
    let (subject_row, row) = find_in(view, subject, version, Transition::Archive)?;
    if force {
        refuse_without_reason(reason)?;
    } else {
        let sunset_ms = row.deprecation.as_ref().map_or(0, |deprecation| deprecation.sunset_ms);
        if entry.time_ms < sunset_ms {
            return Err(LifeRefusal::SunsetNotReached { sunset_ms }.into());
        }
        let consumers = query::consumers(view, subject)?.into_iter().filter(|(_, row)| row.covers(version));
        let consumers: Vec<_> = consumers.map(|(id, _)| id).take(NAMED_MAX).collect();
        if !consumers.is_empty() {
            return Err(LifeRefusal::ConsumersRemain { consumers }.into());
        }
    }
    let row = VersionRow { state: VersionState::Archived, ..row };
    let event = EventKind::VersionArchived { subject: subject.clone(), version, forced: force };
    Ok(moved(entry, subject, subject_row, version, row, event))
}

/// Every active version above the target is rolled back, in one entry.
pub(super) fn roll_back(
    view: &impl View,
    entry: Entry<'_>,
    reason: &str,
    subject: &Subject,
    target: Version,
    force: bool,
) -> Applying<Effect> {
    let (subject_row, target_row) = find::find_version(view, subject, target, Include::Live)?;
    if target_row.state != VersionState::Active {
        let state = target_row.state.state();
        return Err(LifeRefusal::WrongState { transition: Transition::RollBack, state }.into());
    }
    refuse_without_reason(reason)?;
    let plan = query::rollback_plan(view, subject, target)?;
    if plan.versions.is_empty() {
        return Err(LifeRefusal::NothingToRollBack.into());
    }
    if let Some((_, _, version)) = plan.dependents.first()
        && !force
    {
        return Err(LifeRefusal::DependentsRemain { version: *version }.into());
    }
    let mut effect = Effect::of(LifeDone::RolledBack { target, versions: plan.versions.clone() });
    for version in plan.versions {
        let key = Key::Version(subject.clone(), version);
        let row = query::version_row(view, subject, version)?.ok_or_else(|| ViewError::wrong_row(&key))?;
        let row = VersionRow { state: VersionState::RolledBack, modified_at: entry.index(), ..row };
        effect.changes.push((key, Some(Row::Version(row))));
        effect.events.push(EventKind::VersionRolledBack { subject: subject.clone(), version, target });
    }
    effect.changes.push(touched_subject(entry, subject, subject_row));
    Ok(effect)
}

fn refuse_without_reason(reason: &str) -> Applying<()> {
    if reason.trim().is_empty() { Err(LifeRefusal::ReasonRequired.into()) } else { Ok(()) }
}

/// The row of a live version with its subject's, in the state in which a transition begins.
fn find_in(
    view: &impl View,
    subject: &Subject,
    version: Version,
    transition: Transition,
) -> Applying<(SubjectRow, VersionRow)> {
    let (subject_row, row) = find::find_version(view, subject, version, Include::Live)?;
    transition.checked(row.state.state())?;
    Ok((subject_row, row))
}

fn moved(
    entry: Entry<'_>,
    subject: &Subject,
    subject_row: SubjectRow,
    version: Version,
    row: VersionRow,
    event: EventKind,
) -> Effect {
    let state = row.state;
    let row = VersionRow { modified_at: entry.index(), ..row };
    let mut effect = Effect::of(LifeDone::Version { version, state });
    effect.changes.push((Key::Version(subject.clone(), version), Some(Row::Version(row))));
    effect.changes.push(touched_subject(entry, subject, subject_row));
    effect.events.push(event);
    effect
}
