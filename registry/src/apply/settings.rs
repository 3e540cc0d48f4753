//! Sets and removes configuration and modes, and removes empty contexts.
//!
//! A removed setting leaves a row without a value: that it was looked at and was not there is part of a basis.

use std::ops::ControlFlow;

use super::{Effect, Entry, delete};
use crate::limits::PURGE_COUNT_MAX;
use crate::overlay::Overlay;
use crate::query::{self, Include};
use crate::{
    Change, Config, Context, EventKind, Key, KeyRange, Mode, Outcome, Rejection, Row, Scope, SettingRow, View,
    ViewError,
};

pub(super) fn set_config(
    view: &impl View,
    entry: Entry,
    scope: &Scope,
    config: Option<&Config>,
) -> Result<Effect, ViewError> {
    if query::mode_in_scope(view, scope)?.is_read_only() {
        return Ok(Effect::rejected(Rejection::ReadOnly { subject: scope.as_subject() }));
    }
    let old = query::config(view, scope)?;
    if config.is_none() && old.is_none() && matches!(scope, Scope::Subject(_)) {
        return Ok(Effect::rejected(Rejection::ConfigNotFound { scope: scope.clone() }));
    }
    let row = SettingRow { value: config.cloned(), modified_at: entry.index() };
    let mut effect = Effect::of(Outcome::ConfigChanged { old });
    effect.changes.push((Key::Config(scope.clone()), Some(Row::Config(row))));
    effect.events.push(EventKind::ConfigChanged { scope: scope.clone() });
    Ok(effect)
}

pub(super) fn set_mode(
    view: &impl View,
    entry: Entry,
    scope: &Scope,
    mode: Option<Mode>,
    force: bool,
    recursive: bool,
) -> Result<Effect, ViewError> {
    let old = query::mode(view, scope)?;
    let mut effect = Effect::of(Outcome::ModeChanged { old });
    match mode {
        Some(Mode::Forward) if *scope != Scope::Global && *scope != Scope::top() => {
            return Ok(Effect::rejected(Rejection::ModeNotHere { mode: Mode::Forward }));
        }
        Some(Mode::Import) if !force && old != Some(Mode::Import) => {
            if has_live_subjects(view, scope)? {
                return Ok(Effect::rejected(Rejection::SubjectsExist { scope: scope.clone() }));
            }
            effect = match purge_soft_deleted(view, entry, scope)? {
                Ok(effect) => effect,
                Err(rejection) => return Ok(Effect::rejected(rejection)),
            };
        }
        None if old.is_none() && !recursive && matches!(scope, Scope::Subject(_)) => {
            return Ok(Effect::rejected(Rejection::ModeNotFound { scope: scope.clone() }));
        }
        Some(_) | None => {}
    }
    if mode.is_none() && recursive {
        effect.changes.extend(forget_modes_below(view, entry, scope)?);
    }
    effect.changes.push(mode_row(entry, scope.clone(), mode));
    effect.outcome = Outcome::ModeChanged { old };
    effect.events.push(EventKind::ModeChanged { scope: scope.clone() });
    Ok(effect)
}

pub(super) fn delete_context(view: &impl View, entry: Entry, context: &Context) -> Result<Effect, ViewError> {
    if !query::subjects(view, Some(context), Include::All)?.is_empty() {
        return Ok(Effect::rejected(Rejection::ContextNotEmpty { context: context.clone() }));
    }
    let mut effect = Effect::of(Outcome::ContextDeleted);
    if let Some(mut row) = query::context_row(view, context)? {
        row.listed = false;
        row.modified_at = entry.index();
        effect.changes.push((Key::Context(context.clone()), Some(Row::Context(row))));
    }
    Ok(effect)
}

fn mode_row(entry: Entry, scope: Scope, mode: Option<Mode>) -> Change {
    (Key::Mode(scope), Some(Row::Mode(SettingRow { value: mode, modified_at: entry.index() })))
}

fn has_live_subjects(view: &impl View, scope: &Scope) -> Result<bool, ViewError> {
    Ok(match scope {
        Scope::Subject(subject) => query::subject_row(view, subject)?.is_some_and(|row| row.live > 0),
        Scope::Context(context) => !query::subjects(view, Some(context), Include::Live)?.is_empty(),
        Scope::Global => !query::subjects(view, None, Include::Live)?.is_empty(),
    })
}

/// An import brings its own numbers and ids: what is only soft-deleted in its way goes for good.
fn purge_soft_deleted(view: &impl View, entry: Entry, scope: &Scope) -> Result<Result<Effect, Rejection>, ViewError> {
    let subjects = match scope {
        Scope::Subject(subject) => vec![subject.clone()],
        Scope::Context(context) => query::subjects(view, Some(context), Include::DeletedOnly)?,
        Scope::Global => query::subjects(view, None, Include::DeletedOnly)?,
    };
    let mut effect = Effect::of(Outcome::ModeChanged { old: None });
    // Two subjects may hold one id: the second must see that the first one holds it no longer.
    let mut view = Overlay::new(view);
    for subject in subjects {
        let mut changes = Vec::new();
        let versions = match delete::purge(&view, entry, &subject, &mut changes)? {
            Ok(versions) if versions.is_empty() => continue,
            Ok(versions) => versions,
            Err(rejection) => return Ok(Err(rejection)),
        };
        view.add(&changes);
        effect.changes.extend(changes);
        effect.deleted += versions.len() as u64;
        if effect.deleted > u64::from(PURGE_COUNT_MAX) {
            return Ok(Err(Rejection::PurgeTooLarge { scope: scope.clone(), limit: PURGE_COUNT_MAX }));
        }
        effect.events.push(EventKind::SubjectDeleted { subject, versions, permanent: true });
    }
    Ok(Ok(effect))
}

fn forget_modes_below(view: &impl View, entry: Entry, scope: &Scope) -> Result<Vec<Change>, ViewError> {
    let range = match scope {
        Scope::Global => KeyRange::modes(),
        Scope::Context(context) => KeyRange::modes_of_subjects(context),
        Scope::Subject(_) => return Ok(Vec::new()),
    };
    let mut changes = Vec::new();
    view.scan(&range, &mut |key, row| {
        if let (Key::Mode(below), Row::Mode(SettingRow { value: Some(_), .. })) = (key, row)
            && below != *scope
        {
            let scope = below;
            changes.push(mode_row(entry, scope, None));
        }
        ControlFlow::Continue(())
    })?;
    Ok(changes)
}
