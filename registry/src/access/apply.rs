//! Keeps accounts, keys, roles, bindings and policies.
//!
//! Whatever changes any of them writes the entry's index into the one row of [`Key::Access`]: a node that has applied the
//! entry knows that what it compiled before no longer holds.

use super::{
    AccessCommand, AccessDone, AccessPolicyRow, AccessRefusal, AccessRow, AccountRow, ApiKey, BUILT_IN_ROLES,
    BindingRow, Grantee, Reach, RoleRow,
};
use crate::effect::{Applying, Effect, Entry};
use crate::limits::{
    ACCESS_NAME_BYTES_MAX, ACCESS_POLICIES_MAX, ACCESS_POLICY_BYTES_MAX, ACCOUNTS_MAX, BINDINGS_MAX, KEYS_MAX,
    PRINCIPAL_BYTES_MAX, ROLE_PERMISSIONS_MAX, ROLES_MAX, SUBJECT_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::{Change, Key, KeyRange, Refusal, Row, View, ViewError, level, query};

pub(crate) fn apply(view: &impl View, entry: Entry<'_>, command: &AccessCommand) -> Applying<Effect> {
    refuse_bad_texts(command)?;
    match command {
        AccessCommand::PutAccount { name, description, owner, disabled } => {
            let old = query::account(view, name)?;
            if old.is_none() {
                refuse_full(view, &KeyRange::accounts(), "accounts", ACCOUNTS_MAX)?;
            }
            let (keys, created_ms) = old.map_or((Vec::new(), entry.time_ms), |row| (row.keys, row.created_ms));
            let (description, owner) = (description.clone(), owner.clone());
            let row =
                AccountRow { description, owner, disabled: *disabled, keys, created_ms, modified_at: entry.index() };
            Ok(changed_effect(entry, Key::Account(name.clone()), Some(Row::Account(row))))
        }
        AccessCommand::DeleteAccount { name } => {
            query::account(view, name)?.ok_or_else(|| not_found("account", name))?;
            let mut effect = changed_effect(entry, Key::Account(name.clone()), None);
            // Whoever gets the name later must not get its roles.
            if query::machine(view)?.level >= level::REQUEST_SOURCE {
                let bindings = query::bindings(view)?.into_iter();
                let own = bindings.filter(|(_, row)| row.grantee == Grantee::Account { name: name.clone() });
                effect.changes.extend(own.map(|(binding, _)| (Key::Binding(binding), None)));
            }
            Ok(effect)
        }
        AccessCommand::AddKey { account, key } => add_key(view, entry, account, key),
        AccessCommand::RevokeKey { account, id } => {
            let mut row = query::account(view, account)?.ok_or_else(|| not_found("account", account))?;
            let before = row.keys.len();
            row.keys.retain(|key| key.id != *id);
            if row.keys.len() == before {
                return Err(not_found("key", id).into());
            }
            row.modified_at = entry.index();
            Ok(changed_effect(entry, Key::Account(account.clone()), Some(Row::Account(row))))
        }
        AccessCommand::RecordUse { keys, day_ms } => record_use(view, keys, *day_ms),
        AccessCommand::PutRole { name, description, permissions } => {
            refuse_built_in(name)?;
            if query::role(view, name)?.is_none() {
                refuse_full(view, &KeyRange::roles(), "roles", ROLES_MAX)?;
            }
            let (description, permissions) = (description.clone(), permissions.clone());
            let row = RoleRow { description, permissions, modified_at: entry.index() };
            Ok(changed_effect(entry, Key::Role(name.clone()), Some(Row::Role(row))))
        }
        AccessCommand::DeleteRole { name } => {
            refuse_built_in(name)?;
            query::role(view, name)?.ok_or_else(|| not_found("role", name))?;
            if let Some((binding, _)) = query::bindings(view)?.into_iter().find(|(_, row)| row.role == *name) {
                return Err(AccessRefusal::RoleInUse { role: name.clone(), binding }.into());
            }
            Ok(changed_effect(entry, Key::Role(name.clone()), None))
        }
        AccessCommand::PutBinding { name, role, grantee, reach } => {
            if !BUILT_IN_ROLES.contains(&role.as_str()) {
                query::role(view, role)?.ok_or_else(|| not_found("role", role))?;
            }
            if query::binding(view, name)?.is_none() {
                refuse_full(view, &KeyRange::bindings(), "bindings", BINDINGS_MAX)?;
            }
            let (grantee, reach) = (grantee.clone(), reach.clone());
            let row = BindingRow { role: role.clone(), grantee, reach, modified_at: entry.index() };
            Ok(changed_effect(entry, Key::Binding(name.clone()), Some(Row::Binding(row))))
        }
        AccessCommand::DeleteBinding { name } => {
            query::binding(view, name)?.ok_or_else(|| not_found("binding", name))?;
            Ok(changed_effect(entry, Key::Binding(name.clone()), None))
        }
        AccessCommand::PutPolicy { name, description, text } => {
            if query::access_policy(view, name)?.is_none() {
                refuse_full(view, &KeyRange::access_policies(), "policies", ACCESS_POLICIES_MAX)?;
            }
            let (description, text) = (description.clone(), text.clone());
            let row = AccessPolicyRow { description, text, modified_at: entry.index() };
            Ok(changed_effect(entry, Key::AccessPolicy(name.clone()), Some(Row::AccessPolicy(row))))
        }
        AccessCommand::DeletePolicy { name } => {
            query::access_policy(view, name)?.ok_or_else(|| not_found("policy", name))?;
            Ok(changed_effect(entry, Key::AccessPolicy(name.clone()), None))
        }
    }
}

/// One row is another one, and access with it.
fn changed_effect(entry: Entry<'_>, key: Key, row: Option<Row>) -> Effect {
    Effect { changes: vec![(key, row), mark_changed(entry)], ..Effect::of(AccessDone::Changed) }
}

fn mark_changed(entry: Entry<'_>) -> Change {
    (Key::Access, Some(Row::Access(AccessRow { changed_at: entry.index() })))
}

/// What has expired makes room, so that a rotation never waits for anybody.
fn add_key(view: &impl View, entry: Entry<'_>, account: &str, key: &ApiKey) -> Applying<Effect> {
    let mut row = query::account(view, account)?.ok_or_else(|| not_found("account", account))?;
    row.keys.retain(|old| old.expires_ms.is_none_or(|expires| expires > entry.time_ms));
    if query::accounts(view)?.iter().any(|(_, row)| row.keys.iter().any(|old| old.id == key.id)) {
        return Err(AccessRefusal::KeyExists { id: key.id.clone() }.into());
    }
    if row.keys.len() >= KEYS_MAX as usize {
        return Err(AccessRefusal::Full { what: "keys of this account".to_owned(), limit: KEYS_MAX }.into());
    }
    row.keys.push(ApiKey { created_ms: entry.time_ms, used_ms: None, ..key.clone() });
    row.modified_at = entry.index();
    let done = AccessDone::KeyAdded { id: key.id.clone() };
    let changes = vec![(Key::Account(account.to_owned()), Some(Row::Account(row))), mark_changed(entry)];
    Ok(Effect { changes, ..Effect::of(done) })
}

/// Changes nobody's rights, so what nodes compiled holds.
fn record_use(view: &impl View, keys: &[(String, String)], day_ms: u64) -> Applying<Effect> {
    let mut rows = std::collections::BTreeMap::new();
    let mut count = 0;
    for (account, id) in keys {
        let row = match rows.remove(account) {
            Some(row) => Some(row),
            None => query::account(view, account)?,
        };
        let Some(mut row) = row else { continue };
        for key in row.keys.iter_mut().filter(|key| key.id == *id && key.used_ms.is_none_or(|used| used < day_ms)) {
            key.used_ms = Some(day_ms);
            count += 1;
        }
        rows.insert(account.clone(), row);
    }
    let changes = rows.into_iter().map(|(name, row)| (Key::Account(name), Some(Row::Account(row)))).collect();
    Ok(Effect { changes, ..Effect::of(AccessDone::UseRecorded { keys: count }) })
}

fn not_found(what: &str, name: &str) -> AccessRefusal {
    AccessRefusal::NotFound { what: what.to_owned(), name: name.to_owned() }
}

fn refuse_built_in(role: &str) -> Applying<()> {
    if BUILT_IN_ROLES.contains(&role) {
        return Err(AccessRefusal::BuiltIn { role: role.to_owned() }.into());
    }
    Ok(())
}

fn refuse_full(view: &impl View, range: &KeyRange, what: &str, limit: u32) -> Applying<()> {
    let mut count: u32 = 0;
    view.scan(range, &mut |_, _| {
        count += 1;
        if count < limit { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) }
    })
    .map_err(|error: ViewError| crate::effect::NotDone::from(error))?;
    if count >= limit {
        return Err(AccessRefusal::Full { what: what.to_owned(), limit }.into());
    }
    Ok(())
}

fn refuse_bad_texts(command: &AccessCommand) -> Applying<()> {
    let fault = match command {
        AccessCommand::PutAccount { name, description, owner, disabled: _ } => {
            bad_name(name).or_else(|| too_long(description, TEXT_BYTES_MAX)).or_else(|| too_long(owner, TEXT_BYTES_MAX))
        }
        AccessCommand::AddKey { account: _, key } => {
            bad_name(&key.id).or_else(|| too_long(&key.name, PRINCIPAL_BYTES_MAX))
        }
        AccessCommand::PutRole { name, description, permissions } => bad_name(name)
            .or_else(|| too_long(description, TEXT_BYTES_MAX))
            .or_else(|| permissions.iter().find_map(|permission| bad_name(permission)))
            .or_else(|| (permissions.len() > ROLE_PERMISSIONS_MAX).then_some("a role has at most 256 permissions")),
        AccessCommand::PutBinding { name, role, grantee, reach } => {
            bad_name(name).or_else(|| bad_name(role)).or_else(|| bad_grantee(grantee)).or_else(|| bad_reach(reach))
        }
        AccessCommand::PutPolicy { name, description, text } => bad_name(name)
            .or_else(|| too_long(description, TEXT_BYTES_MAX))
            .or_else(|| too_long(text, ACCESS_POLICY_BYTES_MAX)),
        AccessCommand::DeleteAccount { .. }
        | AccessCommand::RevokeKey { .. }
        | AccessCommand::RecordUse { .. }
        | AccessCommand::DeleteRole { .. }
        | AccessCommand::DeleteBinding { .. }
        | AccessCommand::DeletePolicy { .. } => None,
    };
    match fault {
        Some(what) => Err(Refusal::Invalid { what: what.to_owned() }.into()),
        None => Ok(()),
    }
}

/// Names stand in paths, audit records and the texts of policies.
fn bad_name(name: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
    let is_good = !name.is_empty() && name.len() <= ACCESS_NAME_BYTES_MAX && name.bytes().all(is_plain);
    (!is_good).then_some("a name has 1 to 128 characters: letters, digits, '-', '_', '.', '@'")
}

fn too_long(text: &str, bytes_max: usize) -> Option<&'static str> {
    (text.len() > bytes_max).then_some("a description, name, owner or policy is longer than it may be")
}

fn bad_grantee(grantee: &Grantee) -> Option<&'static str> {
    match grantee {
        Grantee::User { name } | Grantee::Group { name } => {
            let is_good = !name.is_empty() && name.len() <= PRINCIPAL_BYTES_MAX && !name.chars().any(char::is_control);
            (!is_good).then_some("the name of a user or group has 1 to 256 bytes and no control characters")
        }
        Grantee::Account { name } => bad_name(name),
        Grantee::Anyone | Grantee::Authenticated => None,
    }
}

fn bad_reach(reach: &Reach) -> Option<&'static str> {
    match reach {
        Reach::Prefix { prefix: text, .. } | Reach::Glob { pattern: text, .. } => {
            let is_good = !text.is_empty() && text.len() <= SUBJECT_BYTES_MAX && !text.chars().any(char::is_control);
            (!is_good).then_some("a prefix or pattern of subjects has 1 to 1024 bytes and no control characters")
        }
        Reach::Cluster | Reach::Context { .. } | Reach::Subject { .. } => None,
    }
}
