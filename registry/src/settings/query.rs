//! Reads of settings.

use crate::reading::collect;
use crate::{Config, Key, KeyRange, LifePolicy, Mode, Row, Scope, SettingRow, Subject, View, ViewError};

/// The configuration set on exactly this scope.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn config(view: &impl View, scope: &Scope) -> Result<Option<Config>, ViewError> {
    let key = Key::Config(scope.clone());
    match view.get(&key)? {
        None => Ok(None),
        Some(Row::Config(row)) => Ok(row.value),
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The names under which subjects are known besides their own: (alias, subject), in key order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn aliases(view: &impl View) -> Result<Vec<(Subject, Subject)>, ViewError> {
    collect(view, &KeyRange::configs_of_subjects(), |key, row| match (key, row) {
        (Key::Config(Scope::Subject(alias)), Row::Config(SettingRow { value: Some(config), .. })) => {
            let target = config.alias.filter(|target| !target.is_empty())?;
            let target = Subject::parse_in(&alias.context, &target).ok()?;
            Some((alias, target))
        }
        _ => None,
    })
}

/// The mode set on exactly this scope.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn mode(view: &impl View, scope: &Scope) -> Result<Option<Mode>, ViewError> {
    let key = Key::Mode(scope.clone());
    match view.get(&key)? {
        None => Ok(None),
        Some(Row::Mode(row)) => Ok(row.value),
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The policy set on exactly this scope.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn policy(view: &impl View, scope: &Scope) -> Result<Option<LifePolicy>, ViewError> {
    let key = Key::Policy(scope.clone());
    match view.get(&key)? {
        None => Ok(None),
        Some(Row::Policy(row)) => Ok(row.value),
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The configuration in force for a scope: each field from the nearest scope that sets it.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn config_in_scope(view: &impl View, scope: &Scope) -> Result<Config, ViewError> {
    let mut merged = config(view, scope)?.unwrap_or_default();
    for scope in scope.chain().into_iter().skip(1) {
        if let Some(config) = config(view, &scope)? {
            merged = merged.over(config);
        }
    }
    Ok(merged)
}

/// The mode in force for a scope: READONLY_OVERRIDE above wins, that of the default context is above every context; else
/// the nearest one that is set; else READWRITE.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn mode_in_scope(view: &impl View, scope: &Scope) -> Result<Mode, ViewError> {
    let mut nearest = None;
    for scope in scope.chain() {
        match mode(view, &scope)? {
            Some(Mode::ReadOnlyOverride) => return Ok(Mode::ReadOnlyOverride),
            found => nearest = nearest.or(found),
        }
    }
    if mode(view, &Scope::top())? == Some(Mode::ReadOnlyOverride) {
        return Ok(Mode::ReadOnlyOverride);
    }
    Ok(nearest.unwrap_or(Mode::ReadWrite))
}
