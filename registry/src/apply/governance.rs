//! Policies, cursors of readers, and the archiving of audit records.

use super::{Effect, Entry};
use crate::limits::{AUDIT_ARCHIVED_PER_ENTRY_MAX, TEXT_BYTES_MAX};
use crate::query;
use crate::{
    CursorRow, EventKind, Key, LifecycleOutcome, LifecyclePolicy, LifecycleRejection, LogIndex, MachineRow,
    PolicyInForce, Row, Scope, SettingRow, View, ViewError,
};

pub(super) fn set_policy(
    view: &impl View,
    entry: Entry,
    scope: &Scope,
    policy: Option<&LifecyclePolicy>,
) -> Result<Effect, ViewError> {
    let old = query::policy(view, scope)?;
    if policy.is_none() && old.is_none() {
        return Ok(Effect::refused(LifecycleRejection::PolicyNotFound));
    }
    if *scope != Scope::Global && policy.is_some_and(LifecyclePolicy::has_global_fields) {
        return Ok(Effect::refused(LifecycleRejection::GlobalOnly));
    }
    let row = SettingRow { value: policy.cloned(), modified_at: entry.index() };
    let mut effect = Effect::done(LifecycleOutcome::PolicyChanged { old });
    effect.changes.push((Key::Policy(scope.clone()), Some(Row::Policy(row))));
    effect.events.push(EventKind::PolicyChanged { scope: scope.clone() });
    Ok(effect)
}

/// A cursor only goes forward: a reader that was replaced and wakes up late cannot make its successor repeat.
pub(super) fn move_cursor(
    view: &impl View,
    entry: Entry,
    name: &str,
    index: LogIndex,
    position: u32,
) -> Result<Effect, ViewError> {
    if name.is_empty() || name.len() > TEXT_BYTES_MAX || index >= entry.index() {
        let what = "a cursor has a name and stands on an event that happened".to_owned();
        return Ok(Effect::refused(LifecycleRejection::Invalid { what }));
    }
    if let Some(row) = query::cursor(view, name)?
        && (row.index, row.position) >= (index, position)
    {
        return Ok(Effect::done(LifecycleOutcome::Cursor { index: row.index, position: row.position }));
    }
    let row = CursorRow { index, position, time_ms: entry.time_ms, modified_at: entry.index() };
    let mut effect = Effect::done(LifecycleOutcome::Cursor { index, position });
    effect.changes.push((Key::Cursor(name.to_owned()), Some(Row::Cursor(row))));
    Ok(effect)
}

/// Takes records out of the state that the policy no longer keeps there. Their hashes stay in the tree, so everything can
/// still be proven with the archived files.
pub(super) fn archive_audit(
    view: &impl View,
    entry: Entry,
    machine: &mut MachineRow,
    before: u64,
) -> Result<Effect, ViewError> {
    let policy = PolicyInForce::of(view, &Scope::Global)?;
    let before = before.min(machine.audit_from + AUDIT_ARCHIVED_PER_ENTRY_MAX);
    let mut changes = Vec::new();
    for position in machine.audit_from..before {
        let key = Key::Audit(position);
        let is_old = match view.get(&key)? {
            Some(Row::Audit(row)) => row.time_ms.saturating_add(policy.audit_retention_ms) < entry.time_ms,
            Some(_) => return Err(ViewError::wrong_row(&key)),
            None => false,
        };
        if !is_old {
            return Ok(Effect::refused(LifecycleRejection::AuditTooYoung { position }));
        }
        changes.push((key, None));
    }
    machine.audit_from = machine.audit_from.max(before);
    let mut effect = Effect::done(LifecycleOutcome::AuditArchived { from: machine.audit_from });
    effect.changes = changes;
    Ok(effect)
}
