//! The life of a version after it became active, and who depends on it. No transition loses anything: a version changes
//! its state, never its content.

use super::{Effect, Entry, draft};
use crate::limits::{CONSUMERS_MAX, TEXT_BYTES_MAX};
use crate::query;
use crate::{
    ConsumerRow, Deleted, Deprecation, EventKind, Key, LifeStep, LifecycleOutcome, LifecycleRejection, LogIndex,
    PolicyInForce, Rejection, Row, Scope, Step, Subject, SubjectRow, Transition, Version, VersionRow, VersionState,
    View, ViewError,
};

/// Consumers that a refusal names, at most.
const NAMED_MAX: usize = 20;

pub(super) fn step(view: &impl View, entry: Entry, actor: &str, lifecycle: &LifeStep) -> Result<Effect, ViewError> {
    let LifeStep { subject, reason, step } = lifecycle;
    if reason.len() > TEXT_BYTES_MAX {
        return Ok(invalid("the reason is too long"));
    }
    let mode = query::mode_in_scope(view, &Scope::Subject(subject.clone()))?;
    // What is dangerous is taken out of use in any mode.
    if mode.is_read_only() && !matches!(step, Step::Quarantine { .. }) {
        return Ok(Effect::rejected(Rejection::ReadOnly { subject: subject.clone() }));
    }
    match step {
        Step::Create { draft } => draft::create(view, entry, actor, subject, draft),
        Step::Revise { id, draft } => draft::revise(view, entry, subject, *id, draft),
        Step::Submit { id, report } => draft::submit(view, entry, subject, *id, report),
        Step::Publish { id, report, semver } => {
            draft::become_version(view, entry, subject, *id, Transition::Publish, report, *semver)
        }
        Step::Review { id, decision } => draft::review(view, entry, actor, reason, subject, *id, *decision),
        Step::Activate { id, report, semver } => {
            draft::become_version(view, entry, subject, *id, Transition::Activate, report, *semver)
        }
        Step::Deprecate { version, sunset_ms, successor } => {
            deprecate(view, entry, subject, *version, *sunset_ms, *successor)
        }
        Step::Reinstate { version } => {
            let event = EventKind::VersionActivated { subject: subject.clone(), version: *version };
            simple(view, entry, subject, *version, Transition::Reinstate, VersionState::Active, event)
        }
        Step::Archive { version, force } => archive(view, entry, reason, subject, *version, *force),
        Step::RollBack { target, force } => roll_back(view, entry, reason, subject, *target, *force),
        Step::Reactivate { version } => {
            let event = EventKind::VersionActivated { subject: subject.clone(), version: *version };
            simple(view, entry, subject, *version, Transition::Reactivate, VersionState::Active, event)
        }
        Step::Quarantine { version } if reason.trim().is_empty() => {
            let found = find(view, subject, *version)?;
            Ok(found.map_or_else(Effect::rejected, |_| Effect::refused(LifecycleRejection::ReasonRequired)))
        }
        Step::Quarantine { version } => {
            let event = EventKind::VersionQuarantined { subject: subject.clone(), version: *version };
            simple(view, entry, subject, *version, Transition::Quarantine, VersionState::Quarantined, event)
        }
        Step::Release { version } => {
            let event = EventKind::VersionReleased { subject: subject.clone(), version: *version };
            simple(view, entry, subject, *version, Transition::Release, VersionState::Active, event)
        }
        Step::PutConsumer { id, from, to, owner, contact } => {
            let row = ConsumerRow {
                from: *from,
                to: *to,
                owner: owner.clone(),
                contact: contact.clone(),
                created_ms: entry.time_ms,
                modified_at: entry.index(),
            };
            put_consumer(view, subject, id, row)
        }
        Step::RemoveConsumer { id } => {
            if query::consumer(view, subject, id)?.is_none() {
                return Ok(Effect::refused(LifecycleRejection::ConsumerNotFound { id: id.clone() }));
            }
            let mut effect = Effect::done(LifecycleOutcome::Consumer);
            effect.changes.push((Key::Consumer(subject.clone(), id.clone()), None));
            Ok(effect)
        }
    }
}

/// A transition of one version that asks for nothing but the right state.
fn simple(
    view: &impl View,
    entry: Entry,
    subject: &Subject,
    version: Version,
    transition: Transition,
    state: VersionState,
    event: EventKind,
) -> Result<Effect, ViewError> {
    let (subject_row, row) = match find_in(view, subject, version, transition)? {
        Ok(found) => found,
        Err(rejection) => return Ok(Effect::rejected(rejection)),
    };
    let row = VersionRow { state, deprecation: None, ..row };
    Ok(moved(entry, subject, subject_row, version, row, event))
}

fn deprecate(
    view: &impl View,
    entry: Entry,
    subject: &Subject,
    version: Version,
    sunset_ms: Option<u64>,
    successor: Option<Version>,
) -> Result<Effect, ViewError> {
    let (subject_row, row) = match find_in(view, subject, version, Transition::Deprecate)? {
        Ok(found) => found,
        Err(rejection) => return Ok(Effect::rejected(rejection)),
    };
    let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
    let earliest_ms = entry.time_ms.saturating_add(policy.deprecation_notice_ms);
    let sunset_ms = sunset_ms.unwrap_or(earliest_ms);
    if sunset_ms < earliest_ms {
        return Ok(Effect::refused(LifecycleRejection::SunsetTooSoon { earliest_ms }));
    }
    if let Some(successor) = successor {
        let found = query::version_row(view, subject, successor)?;
        let is_active = found.is_some_and(|row| row.deleted == Deleted::No && row.state == VersionState::Active);
        if !is_active || successor == version {
            return Ok(Effect::refused(LifecycleRejection::SuccessorNotActive { version: successor }));
        }
    }
    let deprecation = Some(Deprecation { since_ms: entry.time_ms, sunset_ms, successor });
    let row = VersionRow { state: VersionState::Deprecated, deprecation, ..row };
    let event = EventKind::VersionDeprecated { subject: subject.clone(), version, sunset_ms, successor };
    Ok(moved(entry, subject, subject_row, version, row, event))
}

fn archive(
    view: &impl View,
    entry: Entry,
    reason: &str,
    subject: &Subject,
    version: Version,
    force: bool,
) -> Result<Effect, ViewError> {
    let (subject_row, row) = match find_in(view, subject, version, Transition::Archive)? {
        Ok(found) => found,
        Err(rejection) => return Ok(Effect::rejected(rejection)),
    };
    if force && reason.trim().is_empty() {
        return Ok(Effect::refused(LifecycleRejection::ReasonRequired));
    }
    if !force {
        let sunset_ms = row.deprecation.as_ref().map_or(0, |deprecation| deprecation.sunset_ms);
        if entry.time_ms < sunset_ms {
            return Ok(Effect::refused(LifecycleRejection::SunsetNotReached { sunset_ms }));
        }
        let consumers = query::consumers(view, subject)?.into_iter().filter(|(_, row)| row.covers(version));
        let consumers: Vec<_> = consumers.map(|(id, _)| id).take(NAMED_MAX).collect();
        if !consumers.is_empty() {
            return Ok(Effect::refused(LifecycleRejection::ConsumersRemain { consumers }));
        }
    }
    let row = VersionRow { state: VersionState::Archived, ..row };
    let event = EventKind::VersionArchived { subject: subject.clone(), version, forced: force };
    Ok(moved(entry, subject, subject_row, version, row, event))
}

/// Every active version above the target is rolled back, in one entry.
fn roll_back(
    view: &impl View,
    entry: Entry,
    reason: &str,
    subject: &Subject,
    target: Version,
    force: bool,
) -> Result<Effect, ViewError> {
    let (subject_row, target_row) = match find(view, subject, target)? {
        Ok(found) => found,
        Err(rejection) => return Ok(Effect::rejected(rejection)),
    };
    if target_row.state != VersionState::Active {
        let rejection =
            LifecycleRejection::WrongState { transition: Transition::RollBack, state: target_row.state.state() };
        return Ok(Effect::refused(rejection));
    }
    if reason.trim().is_empty() {
        return Ok(Effect::refused(LifecycleRejection::ReasonRequired));
    }
    let plan = query::rollback_plan(view, subject, target)?;
    if plan.versions.is_empty() {
        return Ok(Effect::refused(LifecycleRejection::NothingToRollBack));
    }
    if let Some((_, _, version)) = plan.dependents.first()
        && !force
    {
        return Ok(Effect::refused(LifecycleRejection::DependentsRemain { version: *version }));
    }
    let mut effect = Effect::done(LifecycleOutcome::RolledBack { target, versions: plan.versions.clone() });
    for version in plan.versions {
        let key = Key::Version(subject.clone(), version);
        let Some(row) = query::version_row(view, subject, version)? else { return Err(ViewError::wrong_row(&key)) };
        let row = VersionRow { state: VersionState::RolledBack, modified_at: entry.index(), ..row };
        effect.changes.push((key, Some(Row::Version(row))));
        effect.events.push(EventKind::VersionRolledBack { subject: subject.clone(), version, target });
    }
    effect.changes.push(touched(subject, subject_row, entry.index()));
    Ok(effect)
}

fn put_consumer(view: &impl View, subject: &Subject, id: &str, row: ConsumerRow) -> Result<Effect, ViewError> {
    let texts = [id, row.owner.as_str(), row.contact.as_str()];
    if id.is_empty() || texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        return Ok(invalid("a consumer has an id, and texts of bounded length"));
    }
    if row.to.is_some_and(|to| to < row.from) || row.from.0 == 0 {
        return Ok(invalid("the range of versions is empty"));
    }
    if query::subject_row(view, subject)?.is_none_or(|row| row.live == 0) {
        return Ok(Effect::rejected(Rejection::SubjectNotFound { subject: subject.clone() }));
    }
    let old = query::consumer(view, subject, id)?;
    if old.is_none() && query::consumers(view, subject)?.len() >= CONSUMERS_MAX as usize {
        return Ok(invalid("the subject has as many consumers as one may have"));
    }
    let row = ConsumerRow { created_ms: old.map_or(row.created_ms, |old| old.created_ms), ..row };
    let mut effect = Effect::done(LifecycleOutcome::Consumer);
    effect.changes.push((Key::Consumer(subject.clone(), id.to_owned()), Some(Row::Consumer(row))));
    Ok(effect)
}

/// The row of a live version with its subject's.
fn find(
    view: &impl View,
    subject: &Subject,
    version: Version,
) -> Result<Result<(SubjectRow, VersionRow), Rejection>, ViewError> {
    let Some(subject_row) = query::subject_row(view, subject)?.filter(|row| row.live > 0) else {
        return Ok(Err(Rejection::SubjectNotFound { subject: subject.clone() }));
    };
    Ok(match query::version_row(view, subject, version)? {
        Some(row) if row.deleted == Deleted::No => Ok((subject_row, row)),
        Some(_) | None => Err(Rejection::VersionNotFound { subject: subject.clone(), version }),
    })
}

/// As [`find`], in the state in which a transition begins.
fn find_in(
    view: &impl View,
    subject: &Subject,
    version: Version,
    transition: Transition,
) -> Result<Result<(SubjectRow, VersionRow), Rejection>, ViewError> {
    let found = find(view, subject, version)?;
    Ok(found.and_then(|(subject_row, row)| match transition.checked(row.state.state()) {
        Ok(_) => Ok((subject_row, row)),
        Err(rejection) => Err(Rejection::Lifecycle(rejection)),
    }))
}

fn moved(
    entry: Entry,
    subject: &Subject,
    subject_row: SubjectRow,
    version: Version,
    row: VersionRow,
    event: EventKind,
) -> Effect {
    let state = row.state;
    let row = VersionRow { modified_at: entry.index(), ..row };
    let mut effect = Effect::done(LifecycleOutcome::Version { version, state });
    effect.changes.push((Key::Version(subject.clone(), version), Some(Row::Version(row))));
    // The subject's own revision tells of every change of its versions: a verdict on what is latest rests on it.
    effect.changes.push(touched(subject, subject_row, entry.index()));
    effect.events.push(event);
    effect
}

fn touched(subject: &Subject, row: SubjectRow, index: LogIndex) -> crate::Change {
    (Key::Subject(subject.clone()), Some(Row::Subject(SubjectRow { modified_at: index, ..row })))
}

fn invalid(what: &str) -> Effect {
    Effect::refused(LifecycleRejection::Invalid { what: what.to_owned() })
}
