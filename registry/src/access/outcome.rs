//! What a command about access comes to.

use crate::described::described;
use crate::reply::{Reply, code};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum AccessDone {
    /// What is kept says now what was asked for.
    Changed,
    /// The key is good from now on.
    KeyAdded { id: String },
    /// So many keys have a new day.
    UseRecorded { keys: u32 },
}

described!(AccessDone {
    Changed = "access_changed",
    KeyAdded { id } = "key_added",
    UseRecorded { keys } = "key_use_recorded",
});

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum AccessRefusal {
    /// There is no such account, key, role, binding or policy.
    NotFound { what: String, name: String },
    /// There is a key with this id.
    KeyExists { id: String },
    /// There are as many as there may be.
    Full { what: String, limit: u32 },
    /// The role is one that every cluster has.
    BuiltIn { role: String },
    /// Somebody has the role.
    RoleInUse { role: String, binding: String },
}

described!(AccessRefusal {
    NotFound { what, name } = "access_not_found",
    KeyExists { id } = "key_exists",
    Full { what, limit } = "access_full",
    BuiltIn { role } = "built_in_role",
    RoleInUse { role, binding } = "role_in_use",
});

impl AccessRefusal {
    /// See [`crate::Refusal::reply`].
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::NotFound { what, name } => Reply::new(code::ACCESS_NOT_FOUND, format!("There is no {what} '{name}'")),
            Self::KeyExists { id } => Reply::new(code::ACCESS_CONFLICT, format!("There is a key '{id}' already")),
            Self::Full { what, limit } => {
                Reply::new(code::LIMIT_REACHED, format!("There are {limit} {what} already, and more there may not be"))
            }
            Self::BuiltIn { role } => Reply::new(
                code::ACCESS_CONFLICT,
                format!("Every cluster has the role '{role}', and nobody changes it; make one of another name"),
            ),
            Self::RoleInUse { role, binding } => Reply::new(
                code::ACCESS_CONFLICT,
                format!("The binding '{binding}' gives the role '{role}'; remove it first"),
            ),
        }
    }
}
