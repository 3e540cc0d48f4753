//! Sets and removes configuration, modes and policies.
//!
//! A removed setting leaves a row without a value: that it was looked at and was not there is part of a basis.

use std::ops::ControlFlow;

use super::{Config, LifePolicy, Mode, SettingRow, SettingsCommand, SettingsDone, SettingsRefusal};
use crate::catalog;
use crate::effect::{Applying, Effect, Entry};
use crate::limits::PURGE_COUNT_MAX;
use crate::overlay::Overlay;
use crate::query::{self, Include};
use crate::{CatalogRefusal, Change, EventKind, Key, KeyRange, Row, Scope, View, ViewError};

pub(crate) fn apply(view: &impl View, entry: Entry<'_>, command: &SettingsCommand) -> Applying<Effect> {
    match command {
        SettingsCommand::SetConfig { scope, config } => set_config(view, entry, scope, config.as_ref()),
        SettingsCommand::SetMode { scope, mode, force, recursive } => {
            set_mode(view, entry, scope, *mode, *force, *recursive)
        }
        SettingsCommand::SetPolicy { scope, policy } => set_policy(view, entry, scope, policy.as_ref()),
    }
}

fn set_config(view: &impl View, entry: Entry<'_>, scope: &Scope, config: Option<&Config>) -> Applying<Effect> {
    if query::mode_in_scope(view, scope)?.is_read_only() {
        return Err(CatalogRefusal::ReadOnly { subject: scope.as_subject() }.into());
    }
    let old = query::config(view, scope)?;
    if config.is_none() && old.is_none() && matches!(scope, Scope::Subject(_)) {
        return Err(SettingsRefusal::ConfigNotFound { scope: scope.clone() }.into());
    }
    let row = SettingRow { value: config.cloned(), modified_at: entry.index() };
    let mut effect = Effect::of(SettingsDone::ConfigChanged { old });
    effect.changes.push((Key::Config(scope.clone()), Some(Row::Config(row))));
    effect.events.push(EventKind::ConfigChanged { scope: scope.clone() });
    Ok(effect)
}

fn set_mode(
    view: &impl View,
    entry: Entry<'_>,
    scope: &Scope,
    mode: Option<Mode>,
    force: bool,
    recursive: bool,
) -> Applying<Effect> {
    let old = query::mode(view, scope)?;
    let mut effect = Effect::of(SettingsDone::ModeChanged { old });
    match mode {
        Some(Mode::Forward) if *scope != Scope::Global && *scope != Scope::top() => {
            return Err(SettingsRefusal::ModeNotHere { mode: Mode::Forward }.into());
        }
        Some(Mode::Import) if !force && old != Some(Mode::Import) => {
            if has_live_subjects(view, scope)? {
                return Err(SettingsRefusal::SubjectsExist { scope: scope.clone() }.into());
            }
            purge_soft_deleted(view, entry, scope, &mut effect)?;
        }
        None if old.is_none() && !recursive && matches!(scope, Scope::Subject(_)) => {
            return Err(SettingsRefusal::ModeNotFound { scope: scope.clone() }.into());
        }
        Some(_) | None => {}
    }
    if mode.is_none() && recursive {
        effect.changes.extend(forget_modes_below(view, entry, scope)?);
    }
    effect.changes.push(mode_row(entry, scope.clone(), mode));
    effect.events.push(EventKind::ModeChanged { scope: scope.clone() });
    Ok(effect)
}

fn set_policy(view: &impl View, entry: Entry<'_>, scope: &Scope, policy: Option<&LifePolicy>) -> Applying<Effect> {
    let old = query::policy(view, scope)?;
    if policy.is_none() && old.is_none() {
        return Err(SettingsRefusal::PolicyNotFound.into());
    }
    if *scope != Scope::Global && policy.is_some_and(LifePolicy::has_global_fields) {
        return Err(SettingsRefusal::GlobalOnly.into());
    }
    let row = SettingRow { value: policy.cloned(), modified_at: entry.index() };
    let mut effect = Effect::of(SettingsDone::PolicyChanged { old });
    effect.changes.push((Key::Policy(scope.clone()), Some(Row::Policy(row))));
    effect.events.push(EventKind::PolicyChanged { scope: scope.clone() });
    Ok(effect)
}

fn mode_row(entry: Entry<'_>, scope: Scope, mode: Option<Mode>) -> Change {
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
fn purge_soft_deleted(view: &impl View, entry: Entry<'_>, scope: &Scope, effect: &mut Effect) -> Applying<()> {
    let subjects = match scope {
        Scope::Subject(subject) => vec![subject.clone()],
        Scope::Context(context) => query::subjects(view, Some(context), Include::DeletedOnly)?,
        Scope::Global => query::subjects(view, None, Include::DeletedOnly)?,
    };
    // Two subjects may hold one id: the second must see that the first one holds it no longer.
    let mut view = Overlay::new(view);
    let mut purged = 0;
    for subject in subjects {
        let mut changes = Vec::new();
        let versions = catalog::purge_subject(&view, entry, &subject, &mut changes)?;
        if versions.is_empty() {
            continue;
        }
        view.add(&changes);
        effect.changes.extend(changes);
        purged += versions.len();
        if purged > PURGE_COUNT_MAX as usize {
            return Err(SettingsRefusal::PurgeTooLarge { scope: scope.clone(), limit: PURGE_COUNT_MAX }.into());
        }
        effect.events.push(EventKind::SubjectDeleted { subject, versions, permanent: true });
    }
    Ok(())
}

fn forget_modes_below(view: &impl View, entry: Entry<'_>, scope: &Scope) -> Result<Vec<Change>, ViewError> {
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
