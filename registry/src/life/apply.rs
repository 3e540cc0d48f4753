//! Changes lives: what holds for every change, then each one's rules.

use super::{ConsumerRow, LifeChange, LifeCommand, LifeDone, LifeRefusal, Transition, draft, version};
use crate::catalog::find;
use crate::effect::{Applying, Effect, Entry};
use crate::limits::{CONSUMERS_MAX, TEXT_BYTES_MAX};
use crate::query::{self, Include};
use crate::{Key, Refusal, Row, Subject, View};

pub(crate) fn apply(view: &impl View, entry: Entry<'_>, command: &LifeCommand) -> Applying<Effect> {
    let LifeCommand { subject, reason, change } = command;
    if reason.len() > TEXT_BYTES_MAX {
        return Err(invalid("the reason is too long").into());
    }
    // What is dangerous is taken out of use in any mode.
    if !matches!(change, LifeChange::Quarantine { .. }) {
        find::refuse_read_only(view, subject)?;
    }
    match change {
        LifeChange::Create { draft } => draft::create_draft(view, entry, subject, draft),
        LifeChange::Revise { id, draft } => draft::revise_draft(view, entry, subject, *id, draft),
        LifeChange::Submit { id, report } => draft::submit_draft(view, entry, subject, *id, report),
        LifeChange::Publish { id, report, semver } => {
            draft::become_version(view, entry, subject, *id, Transition::Publish, report, *semver)
        }
        LifeChange::Review { id, decision } => draft::review_draft(view, entry, reason, subject, *id, *decision),
        LifeChange::Activate { id, report, semver } => {
            draft::become_version(view, entry, subject, *id, Transition::Activate, report, *semver)
        }
        LifeChange::Deprecate { version, sunset_ms, successor } => {
            version::deprecate_version(view, entry, subject, *version, *sunset_ms, *successor)
        }
        LifeChange::Reinstate { version } => {
            version::pass_transition(view, entry, subject, *version, Transition::Reinstate)
        }
        LifeChange::Archive { version, force } => {
            version::archive_version(view, entry, reason, subject, *version, *force)
        }
        LifeChange::RollBack { target, force } => version::roll_back(view, entry, reason, subject, *target, *force),
        LifeChange::Reactivate { version } => {
            version::pass_transition(view, entry, subject, *version, Transition::Reactivate)
        }
        LifeChange::Quarantine { version } => version::quarantine_version(view, entry, reason, subject, *version),
        LifeChange::Release { version } => {
            version::pass_transition(view, entry, subject, *version, Transition::Release)
        }
        LifeChange::PutConsumer { id, from, to, owner, contact } => {
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
        LifeChange::RemoveConsumer { id } => remove_consumer(view, subject, id),
    }
}

fn put_consumer(view: &impl View, subject: &Subject, id: &str, row: ConsumerRow) -> Applying<Effect> {
    let texts = [id, row.owner.as_str(), row.contact.as_str()];
    if id.is_empty() || texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(invalid("a consumer has an id, and texts of bounded length").into());
    }
    if row.to.is_some_and(|to| to < row.from) || row.from.0 == 0 {
        return Err(invalid("the range of versions is empty").into());
    }
    find::find_subject(view, subject, Include::Live)?;
    let old = query::consumer(view, subject, id)?;
    if old.is_none() && query::consumers(view, subject)?.len() >= CONSUMERS_MAX as usize {
        return Err(invalid("the subject has as many consumers as one may have").into());
    }
    let row = ConsumerRow { created_ms: old.map_or(row.created_ms, |old| old.created_ms), ..row };
    let mut effect = Effect::of(LifeDone::Consumer);
    effect.changes.push((Key::Consumer(subject.clone(), id.to_owned()), Some(Row::Consumer(row))));
    Ok(effect)
}

fn remove_consumer(view: &impl View, subject: &Subject, id: &str) -> Applying<Effect> {
    if query::consumer(view, subject, id)?.is_none() {
        return Err(LifeRefusal::ConsumerNotFound { id: id.to_owned() }.into());
    }
    let mut effect = Effect::of(LifeDone::Consumer);
    effect.changes.push((Key::Consumer(subject.clone(), id.to_owned()), None));
    Ok(effect)
}

fn invalid(what: &str) -> Refusal {
    Refusal::Invalid { what: what.to_owned() }
}
