//! Reads of access.

use super::{AccessPolicyRow, AccessRow, AccountRow, BindingRow, RoleRow};
use crate::reading::{collect, row_getter};
use crate::{Key, KeyRange, LogIndex, Row, View, ViewError};

row_getter! {
    /// An account.
    account(name: &str) -> AccountRow, Key::Account(name.to_owned()), Account
}

row_getter! {
    /// A role that somebody made.
    role(name: &str) -> RoleRow, Key::Role(name.to_owned()), Role
}

row_getter! {
    /// A binding.
    binding(name: &str) -> BindingRow, Key::Binding(name.to_owned()), Binding
}

row_getter! {
    /// A policy.
    access_policy(name: &str) -> AccessPolicyRow, Key::AccessPolicy(name.to_owned()), AccessPolicy
}

row_getter! {
    /// When access was changed last.
    access() -> AccessRow, Key::Access, Access
}

/// The entry that changed access last; 0 if none ever did.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn access_changed_at(view: &impl View) -> Result<LogIndex, ViewError> {
    Ok(access(view)?.map_or(LogIndex(0), |row| row.changed_at))
}

/// All accounts with their names, in order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn accounts(view: &impl View) -> Result<Vec<(String, AccountRow)>, ViewError> {
    collect(view, &KeyRange::accounts(), |key, row| match (key, row) {
        (Key::Account(name), Row::Account(row)) => Some((name, row)),
        _ => None,
    })
}

/// All roles that somebody made, with their names, in order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn roles(view: &impl View) -> Result<Vec<(String, RoleRow)>, ViewError> {
    collect(view, &KeyRange::roles(), |key, row| match (key, row) {
        (Key::Role(name), Row::Role(row)) => Some((name, row)),
        _ => None,
    })
}

/// All bindings with their names, in order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn bindings(view: &impl View) -> Result<Vec<(String, BindingRow)>, ViewError> {
    collect(view, &KeyRange::bindings(), |key, row| match (key, row) {
        (Key::Binding(name), Row::Binding(row)) => Some((name, row)),
        _ => None,
    })
}

/// All policies with their names, in order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn access_policies(view: &impl View) -> Result<Vec<(String, AccessPolicyRow)>, ViewError> {
    collect(view, &KeyRange::access_policies(), |key, row| match (key, row) {
        (Key::AccessPolicy(name), Row::AccessPolicy(row)) => Some((name, row)),
        _ => None,
    })
}
