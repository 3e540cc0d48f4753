//! Sets and removes configuration and modes, and removes empty contexts.
//!
//! A removed setting leaves a row without a value: that it was looked at and was not there is part of a basis.

use std::ops::ControlFlow;

use super::{Effect, Entry};
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
    let mut changes = Vec::new();
    match mode {
        Some(Mode::Forward) if matches!(scope, Scope::Subject(_)) => {
            return Ok(Effect::rejected(Rejection::ModeNotHere { mode: Mode::Forward }));
        }
        Some(Mode::Import) if !force && old != Some(Mode::Import) && has_live_subjects(view, scope)? => {
            return Ok(Effect::rejected(Rejection::SubjectsExist { scope: scope.clone() }));
        }
        None if old.is_none() && !recursive && matches!(scope, Scope::Subject(_)) => {
            return Ok(Effect::rejected(Rejection::ModeNotFound { scope: scope.clone() }));
        }
        Some(_) | None => {}
    }
    if mode.is_none() && recursive {
        changes.extend(forget_modes_below(view, entry, scope)?);
    }
    changes.push(mode_row(entry, scope.clone(), mode));
    let mut effect = Effect::of(Outcome::ModeChanged { old });
    effect.changes = changes;
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

fn forget_modes_below(view: &impl View, entry: Entry, scope: &Scope) -> Result<Vec<Change>, ViewError> {
    let Scope::Context(context) = scope else { return Ok(Vec::new()) };
    let mut changes = Vec::new();
    view.scan(&KeyRange::modes_of_subjects(context), &mut |key, row| {
        if let (Key::Mode(scope), Row::Mode(SettingRow { value: Some(_), .. })) = (key, row) {
            changes.push(mode_row(entry, scope, None));
        }
        ControlFlow::Continue(())
    })?;
    Ok(changes)
}
