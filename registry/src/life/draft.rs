//! The life of a draft: begun, revised, submitted, reviewed, made a version.
//!
//! Races end here: two reviewers, a submission against a review, an activation against a latest version that has changed
//! (its basis is stale then, and the preparer compares again).

use std::ops::ControlFlow;

use super::{Decision, DraftContent, DraftId, DraftRow, DraftState, LifeDone, LifeRefusal, Report, Transition};
use crate::catalog::{self, CatalogDone};
use crate::effect::{Applying, Effect, Entry};
use crate::limits::{DRAFTS_COUNTED_MAX, DRAFTS_OPEN_MAX};
use crate::query;
use crate::{
    Assign, Done, EventKind, Key, KeyRange, PolicyInForce, Register, Row, Scope, SemVer, Subject, View, ViewError,
};

pub(super) fn create_draft(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    draft: &DraftContent,
) -> Applying<Effect> {
    if open_drafts(view, subject)? >= DRAFTS_OPEN_MAX {
        return Err(LifeRefusal::DraftsFull { limit: DRAFTS_OPEN_MAX }.into());
    }
    let row = DraftRow {
        state: DraftState::Draft,
        author: entry.actor.to_owned(),
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

pub(super) fn revise_draft(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    id: DraftId,
    draft: &DraftContent,
) -> Applying<Effect> {
    let row = find_draft(view, subject, id)?;
    let transition = match row.state {
        DraftState::ChangesRequested => Transition::Resubmit,
        DraftState::Draft
        | DraftState::PendingReview
        | DraftState::Approved
        | DraftState::Rejected
        | DraftState::Active => Transition::Submit,
    };
    // The text of what is reviewed, or was, does not change under the reviewers.
    transition.checked(row.state.state())?;
    Ok(kept(entry, subject, id, DraftRow { draft: draft.clone(), ..row }))
}

pub(super) fn submit_draft(
    view: &impl View,
    entry: Entry<'_>,
    subject: &Subject,
    id: DraftId,
    report: &Report,
) -> Applying<Effect> {
    let row = find_draft(view, subject, id)?;
    let state = row.state.state();
    Transition::Resubmit.checked(state).or_else(|_| Transition::Submit.checked(state))?;
    let draft = DraftContent { report: report.clone(), ..row.draft };
    let row = DraftRow { state: DraftState::PendingReview, draft, approvals: Default::default(), ..row };
    let event = EventKind::DraftSubmitted { subject: subject.clone(), draft: id, breaking: report.breaking };
    let mut effect = kept(entry, subject, id, row);
    effect.events.push(event);
    Ok(effect)
}

pub(super) fn review_draft(
    view: &impl View,
    entry: Entry<'_>,
    reason: &str,
    subject: &Subject,
    id: DraftId,
    decision: Decision,
) -> Applying<Effect> {
    let mut row = find_draft(view, subject, id)?;
    let transition = match decision {
        Decision::Approve => Transition::Approve,
        Decision::RequestChanges => Transition::RequestChanges,
        Decision::Reject => Transition::Reject,
    };
    transition.checked(row.state.state())?;
    if row.author == entry.actor {
        return Err(LifeRefusal::ReviewerIsAuthor.into());
    }
    match decision {
        Decision::Approve => {
            if !row.approvals.insert(entry.actor.to_owned()) {
                return Err(LifeRefusal::AlreadyApproved.into());
            }
            let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
            if row.approvals.len() >= policy.approvals_for(row.draft.report.breaking) as usize {
                row.state = DraftState::Approved;
            }
        }
        Decision::RequestChanges | Decision::Reject if reason.trim().is_empty() => {
            return Err(LifeRefusal::ReasonRequired.into());
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
    entry: Entry<'_>,
    subject: &Subject,
    id: DraftId,
    transition: Transition,
    report: &Report,
    semver: SemVer,
) -> Applying<Effect> {
    let row = find_draft(view, subject, id)?;
    transition.checked(row.state.state())?;
    let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
    let have = u32::try_from(row.approvals.len()).unwrap_or(u32::MAX);
    let needed = policy.approvals_for(report.breaking);
    if transition == Transition::Publish && policy.review {
        return Err(LifeRefusal::ReviewRequired.into());
    }
    // The change may have become a breaking one since it was approved, or the policy a stricter one.
    if transition == Transition::Activate && have < needed {
        return Err(LifeRefusal::ApprovalsMissing { have, needed }.into());
    }
    if !report.compatible {
        return Err(LifeRefusal::Incompatible.into());
    }
    let DraftContent { content, sent, .. } = row.draft.clone();
    let assign = Assign::Next { expected: None };
    let register = Register { subject: subject.clone(), content, sent, assign, semver };
    catalog::refuse_by_policy(view, &policy, &register)?;
    let mut effect = catalog::add_version(view, entry, &register, id)?;
    let Done::Catalog(CatalogDone::Registered { id: schema_id, version, guid, .. }) = effect.done else {
        return Ok(effect);
    };
    let draft = DraftContent { report: report.clone(), ..row.draft };
    let row = DraftRow { state: DraftState::Active, draft, version: Some(version), modified_at: entry.index(), ..row };
    effect.changes.push((Key::Draft(subject.clone(), id), Some(Row::Draft(row))));
    effect.events.push(EventKind::VersionActivated { subject: subject.clone(), version });
    effect.done = LifeDone::Activated { id, version, schema_id, guid }.into();
    Ok(effect)
}

fn kept(entry: Entry<'_>, subject: &Subject, id: DraftId, row: DraftRow) -> Effect {
    let approvals = u32::try_from(row.approvals.len()).unwrap_or(u32::MAX);
    let mut effect = Effect::of(LifeDone::Draft { id, state: row.state, approvals });
    let row = DraftRow { modified_at: entry.index(), ..row };
    effect.changes.push((Key::Draft(subject.clone(), id), Some(Row::Draft(row))));
    effect
}

fn find_draft(view: &impl View, subject: &Subject, id: DraftId) -> Applying<DraftRow> {
    query::draft(view, subject, id)?.ok_or_else(|| LifeRefusal::DraftNotFound { id }.into())
}
