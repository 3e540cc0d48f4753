//! Keeps the history of every life, and the index of versions by state.
//!
//! Derived from what a command did to the rows of drafts and versions, whichever command it was: so no change of a state
//! can be without its history.

use crate::effect::Entry;
use crate::{
    Change, Command, Deleted, DraftId, DraftRow, HistoryRow, Key, Row, State, Subject, Version, VersionRow, View,
    ViewError, query,
};

pub(crate) fn keep(
    view: &impl View,
    entry: Entry<'_>,
    command: &Command,
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    let mut kept = Vec::new();
    let step = |subject: &Subject, life: DraftId, from: Option<State>, to: State, version: Option<Version>| {
        let row = HistoryRow {
            from,
            to,
            action: command.action().to_owned(),
            actor: entry.actor.to_owned(),
            reason: command.reason().to_owned(),
            time_ms: entry.time_ms,
            version,
        };
        (Key::History(subject.clone(), life, entry.index()), Some(Row::History(row)))
    };
    for (key, row) in changes.iter() {
        match (key, row) {
            (Key::Draft(subject, id), Some(Row::Draft(new))) => {
                let old = query::draft(view, subject, *id)?;
                let from = old.map(|old: DraftRow| old.state.state());
                kept.push(step(subject, *id, from, new.state.state(), new.version));
            }
            (Key::Version(subject, version), new) => {
                let old = query::version_row(view, subject, *version)?;
                let new = match new {
                    Some(Row::Version(new)) => Some(new),
                    Some(_) => return Err(ViewError::wrong_row(key)),
                    None => None,
                };
                let is_same_life = old.as_ref().map(|old| old.life) == new.map(|new| new.life);
                if let Some(old) = &old {
                    kept.extend(indexed(subject, *version, old).map(|key| (key, None)));
                    // A version that is gone for good takes its history along, unless its draft is still there to show it;
                    // the audit log keeps everything.
                    if !is_same_life && old.life.0 == old.created_at.0 {
                        let steps = query::history(view, subject, old.life)?;
                        let keys = steps.into_iter().map(|(index, _)| Key::History(subject.clone(), old.life, index));
                        kept.extend(keys.map(|key| (key, None)));
                    }
                }
                if let Some(new) = new {
                    let old = old.filter(|_| is_same_life);
                    kept.extend(indexed(subject, *version, new).map(|key| (key, Some(Row::Present))));
                    // What was a draft has its step already, in the draft's own change.
                    let was_draft = old.is_none() && new.life.0 != entry.index().0;
                    if !was_draft {
                        let from = old.as_ref().map(state_of);
                        kept.push(step(subject, new.life, from, state_of(new), Some(*version)));
                    }
                }
            }
            _ => {}
        }
    }
    changes.extend(kept);
    Ok(())
}

/// The state in the words of the whole life.
fn state_of(row: &VersionRow) -> State {
    match row.deleted {
        Deleted::Soft => State::Deleted,
        Deleted::No => row.state.state(),
    }
}

/// Nearly all versions are active: the index holds the others.
fn indexed(subject: &Subject, version: Version, row: &VersionRow) -> Option<Key> {
    let state = state_of(row);
    (state != State::Active).then(|| Key::InState(state, subject.clone(), version))
}
