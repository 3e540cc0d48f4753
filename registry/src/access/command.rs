//! What may be asked about access.

use std::collections::BTreeSet;

use super::{ApiKey, Grantee, Reach};

/// A change of who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum AccessCommand {
    /// Make or change an account; its keys stay.
    PutAccount { name: String, description: String, owner: String, disabled: bool },
    /// Remove an account with its keys. Bindings to it stay, and hold again for an account of that name.
    DeleteAccount { name: String },
    /// Give an account a key.
    AddKey { account: String, key: ApiKey },
    /// Take a key away: from this entry on no node accepts it.
    RevokeKey { account: String, id: String },
    /// Remember on which day keys (by account and id) were used; those that are gone by now are passed over.
    RecordUse { keys: Vec<(String, String)>, day_ms: u64 },
    /// Make or change a role.
    PutRole { name: String, description: String, permissions: BTreeSet<String> },
    /// Remove a role that nobody has.
    DeleteRole { name: String },
    /// Give a role to somebody.
    PutBinding { name: String, role: String, grantee: Grantee, reach: Reach },
    /// Take it away.
    DeleteBinding { name: String },
    /// Make or change a policy.
    PutPolicy { name: String, description: String, text: String },
    /// Remove a policy.
    DeletePolicy { name: String },
}

impl AccessCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::PutAccount { .. } => "access.account_put",
            Self::DeleteAccount { .. } => "access.account_delete",
            Self::AddKey { .. } => "access.key_add",
            Self::RevokeKey { .. } => "access.key_revoke",
            Self::RecordUse { .. } => "access.key_use",
            Self::PutRole { .. } => "access.role_put",
            Self::DeleteRole { .. } => "access.role_delete",
            Self::PutBinding { .. } => "access.binding_put",
            Self::DeleteBinding { .. } => "access.binding_delete",
            Self::PutPolicy { .. } => "access.policy_put",
            Self::DeletePolicy { .. } => "access.policy_delete",
        }
    }

    /// See [`crate::Command::resource`]. Of a key it is the public part.
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::PutAccount { name, .. } | Self::DeleteAccount { name } => format!("account/{name}"),
            Self::AddKey { account, key } => format!("account/{account}/key/{}", key.id),
            Self::RevokeKey { account, id } => format!("account/{account}/key/{id}"),
            Self::RecordUse { keys, .. } => format!("keys/{}", keys.len()),
            Self::PutRole { name, .. } | Self::DeleteRole { name } => format!("role/{name}"),
            Self::PutBinding { name, .. } | Self::DeleteBinding { name } => format!("binding/{name}"),
            Self::PutPolicy { name, .. } | Self::DeletePolicy { name } => format!("access-policy/{name}"),
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::PutAccount { name, description, owner, disabled: _ } => name.len() + description.len() + owner.len(),
            Self::AddKey { account, key } => {
                let ApiKey { id, name, salt, hash, created_ms: _, expires_ms: _, used_ms: _ } = key;
                account.len() + id.len() + name.len() + salt.len() + hash.len()
            }
            Self::RevokeKey { account, id } => account.len() + id.len(),
            Self::RecordUse { keys, day_ms: _ } => keys.iter().map(|(account, id)| account.len() + id.len()).sum(),
            Self::PutRole { name, description, permissions } => {
                name.len() + description.len() + permissions.iter().map(String::len).sum::<usize>()
            }
            Self::PutBinding { name, role, grantee, reach } => {
                name.len() + role.len() + grantee.weight() + reach.weight()
            }
            Self::PutPolicy { name, description, text } => name.len() + description.len() + text.len(),
            Self::DeleteAccount { name }
            | Self::DeleteRole { name }
            | Self::DeleteBinding { name }
            | Self::DeletePolicy { name } => name.len(),
        }
    }
}

impl Grantee {
    fn weight(&self) -> usize {
        match self {
            Self::User { name } | Self::Group { name } | Self::Account { name } => name.len(),
            Self::Anyone | Self::Authenticated => 0,
        }
    }
}

impl Reach {
    fn weight(&self) -> usize {
        match self {
            Self::Cluster => 0,
            Self::Context { context } => context.as_str().len(),
            Self::Subject { subject } => subject.context.as_str().len() + subject.name.len(),
            Self::Prefix { context, prefix: text } | Self::Glob { context, pattern: text } => {
                context.as_str().len() + text.len()
            }
        }
    }
}
