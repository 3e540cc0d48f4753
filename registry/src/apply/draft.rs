//! The life of a draft: begun, revised, submitted, reviewed, made a version.
//!
//! Races end here: two reviewers, a submission against a review, an activation against a latest version that has changed
//! (its basis is stale then, and the preparer compares again).

use std::ops::ControlFlow;

use super::{Effect, Entry, register};
use crate::command::{Assign, Register};
use crate::lifecycle::DraftContent;
use crate::limits::{DRAFTS_COUNTED_MAX, DRAFTS_OPEN_MAX};
use crate::query;
use crate::{
    Decision, DraftId, DraftRow, DraftState, EventKind, Key, KeyRange, LifecycleOutcome, LifecycleRejection, Outcome,
    PolicyInForce, Report, Row, Scope, SemVer, Subject, Transition, View, ViewError,
};

pub(super) fn create(
    view: &impl View,
    entry: Entry,
    actor: &str,
    subject: &Subject,
    draft: &DraftContent,
) -> Result<Effect, ViewError> {
    if open_drafts(view, subject)? >= DRAFTS_OPEN_MAX {
        return Ok(Effect::refused(LifecycleRejection::DraftsFull { limit: DRAFTS_OPEN_MAX }));
    }
    let row = DraftRow {
        state: DraftState::Draft,
        author: actor.to_owned(),
        draft: draft.clone(),
        approvals: Default::default(),
        version: None,
        created_ms: entry.time_ms,
        modified_at: entry.index(),
    };
    Ok(kept(entry, subject, DraftId(entry.index().0), row))
}

/// How many of the newest drafts of a subject are open. Those before were opened long ago; a subject may have any number
/// of closed ones, and counting must stay cheap.
fn open_drafts(view: &impl View, subject: &Subject) -> Result<u32, ViewError> {
    let (mut open, mut counted) = (0, 0);
    view.scan(&KeyRange::drafts(Some(subject)).reversed(), &mut |_, row| {
        counted += 1;
        if matches!(&row, Row::Draft(row) if row.state.is_open()) {
            open += 1;
        }
        if counted < DRAFTS_COUNTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(open)
}

pub(super) fn revise(
    view: &impl View,
    entry: Entry,
    subject: &Subject,
    id: DraftId,
    draft: &DraftContent,
) -> Result<Effect, ViewError> {
    let Some(row) = query::draft(view, subject, id)? else { return Ok(not_found(id)) };
    let transition = match row.state {
        DraftState::ChangesRequested => Transition::Resubmit,
        DraftState::Draft
        | DraftState::PendingReview
        | DraftState::Approved
        | DraftState::Rejected
        | DraftState::Active => Transition::Submit,
    };
    // The text of what is reviewed, or was, does not change under the reviewers.
    if let Err(rejection) = transition.checked(row.state.state()) {
        return Ok(Effect::refused(rejection));
    }
    Ok(kept(entry, subject, id, DraftRow { draft: draft.clone(), ..row }))
}

pub(super) fn submit(
    view: &impl View,
    entry: Entry,
    subject: &Subject,
    id: DraftId,
    report: &Report,
) -> Result<Effect, ViewError> {
    let Some(row) = query::draft(view, subject, id)? else { return Ok(not_found(id)) };
    let state = row.state.state();
    if let Err(rejection) = Transition::Resubmit.checked(state).or_else(|_| Transition::Submit.checked(state)) {
        return Ok(Effect::refused(rejection));
    }
    let draft = DraftContent { report: report.clone(), ..row.draft };
    let row = DraftRow { state: DraftState::PendingReview, draft, approvals: Default::default(), ..row };
    let event = EventKind::DraftSubmitted { subject: subject.clone(), draft: id, breaking: report.breaking };
    let mut effect = kept(entry, subject, id, row);
    effect.events.push(event);
    Ok(effect)
}

pub(super) fn review(
    view: &impl View,
    entry: Entry,
    actor: &str,
    reason: &str,
    subject: &Subject,
    id: DraftId,
    decision: Decision,
) -> Result<Effect, ViewError> {
    let Some(mut row) = query::draft(view, subject, id)? else { return Ok(not_found(id)) };
    let transition = match decision {
        Decision::Approve => Transition::Approve,
        Decision::RequestChanges => Transition::RequestChanges,
        Decision::Reject => Transition::Reject,
    };
    if let Err(rejection) = transition.checked(row.state.state()) {
        return Ok(Effect::refused(rejection));
    }
    if row.author == actor {
        return Ok(Effect::refused(LifecycleRejection::ReviewerIsAuthor));
    }
    match decision {
        Decision::Approve => {
            if !row.approvals.insert(actor.to_owned()) {
                return Ok(Effect::refused(LifecycleRejection::AlreadyApproved));
            }
            let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
            if row.approvals.len() >= policy.approvals_for(row.draft.report.breaking) as usize {
                row.state = DraftState::Approved;
            }
        }
        Decision::RequestChanges | Decision::Reject if reason.trim().is_empty() => {
            return Ok(Effect::refused(LifecycleRejection::ReasonRequired));
        }
        Decision::RequestChanges => row.state = DraftState::ChangesRequested,
        Decision::Reject => row.state = DraftState::Rejected,
    }
    let event = EventKind::DraftReviewed { subject: subject.clone(), draft: id, decision, state: row.state };
    let mut effect = kept(entry, subject, id, row);
    effect.events.push(event);
    Ok(effect)
}

/// Publishes a draft where the policy needs no review, or activates an approved one: it becomes the next version.
pub(super) fn become_version(
    view: &impl View,
    entry: Entry,
    subject: &Subject,
    id: DraftId,
    transition: Transition,
    report: &Report,
    semver: SemVer,
) -> Result<Effect, ViewError> {
    let Some(row) = query::draft(view, subject, id)? else { return Ok(not_found(id)) };
    if let Err(rejection) = transition.checked(row.state.state()) {
        return Ok(Effect::refused(rejection));
    }
    let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
    let have = u32::try_from(row.approvals.len()).unwrap_or(u32::MAX);
    let needed = policy.approvals_for(report.breaking);
    let refused = if transition == Transition::Publish && policy.review {
        Some(LifecycleRejection::ReviewRequired)
    } else if transition == Transition::Activate && have < needed {
        // The change may have become a breaking one since it was approved, or the policy a stricter one.
        Some(LifecycleRejection::ApprovalsMissing { have, needed })
    } else {
        (!report.compatible).then_some(LifecycleRejection::Incompatible)
    };
    if let Some(rejection) = refused {
        return Ok(Effect::refused(rejection));
    }
    let DraftContent { content, sent, .. } = row.draft.clone();
    let assign = Assign::Next { expected: None };
    let register = Register { subject: subject.clone(), content, sent, assign, semver };
    if let Some(rejection) = register::refused_by_policy(view, &policy, &register)? {
        return Ok(Effect::refused(rejection));
    }
    let mut effect = register::add_version(view, entry, &register, id)?;
    let Outcome::Registered { id: schema_id, version, guid, .. } = effect.outcome else { return Ok(effect) };
    let draft = DraftContent { report: report.clone(), ..row.draft };
    let row = DraftRow { state: DraftState::Active, draft, version: Some(version), modified_at: entry.index(), ..row };
    effect.changes.push((Key::Draft(subject.clone(), id), Some(Row::Draft(row))));
    effect.events.push(EventKind::VersionActivated { subject: subject.clone(), version });
    effect.outcome = Outcome::Lifecycle(LifecycleOutcome::Activated { id, version, schema_id, guid });
    Ok(effect)
}

fn kept(entry: Entry, subject: &Subject, id: DraftId, row: DraftRow) -> Effect {
    let approvals = u32::try_from(row.approvals.len()).unwrap_or(u32::MAX);
    let mut effect = Effect::done(LifecycleOutcome::Draft { id, state: row.state, approvals });
    let row = DraftRow { modified_at: entry.index(), ..row };
    effect.changes.push((Key::Draft(subject.clone(), id), Some(Row::Draft(row))));
    effect
}

fn not_found(id: DraftId) -> Effect {
    Effect::refused(LifecycleRejection::DraftNotFound { id })
}
