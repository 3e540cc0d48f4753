//! Rows of access.

use std::collections::BTreeSet;

use crate::described::described;
use crate::{Context, LogIndex, Subject};

/// Roles that every cluster has, and that nobody changes.
pub const BUILT_IN_ROLES: [&str; 5] = ["admin", "auditor", "consumer", "publisher", "reviewer"];

/// When access was changed last: what nodes compare to know whether what they compiled still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRow {
    /// The entry that changed it.
    pub changed_at: LogIndex,
}

/// The account of a program, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// What it is for.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// May none of its keys be used?
    pub disabled: bool,
    /// Its keys, at most [`crate::limits::KEYS_MAX`]; those that were revoked are gone.
    pub keys: Vec<ApiKey>,
    /// When it was made.
    pub created_ms: u64,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}

/// A key of an account. The secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part; no two keys share one.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// Goes into the hash before the secret.
    pub salt: [u8; 16],
    /// `blake3(salt ‖ secret)`: a secret is 256 random bits, which no number of guesses finds.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_ms: u64,
    /// When it ends; none is never.
    pub expires_ms: Option<u64>,
    /// The day on which it was seen last, as milliseconds since the epoch.
    pub used_ms: Option<u64>,
}

/// A role, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// What it is for.
    pub description: String,
    /// What it allows, by the names of the table of operations.
    pub permissions: BTreeSet<String>,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}

/// Somebody has a role somewhere. Under its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRow {
    /// The role.
    pub role: String,
    /// Who has it.
    pub grantee: Grantee,
    /// Where.
    pub reach: Reach,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}

/// Who has a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum Grantee {
    /// A person.
    User { name: String },
    /// Everybody in a group of an identity provider.
    Group { name: String },
    /// A program.
    Account { name: String },
    /// Whoever asks, also without saying who.
    Anyone,
    /// Whoever says who asks.
    Authenticated,
}

/// Where a role holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum Reach {
    /// Everywhere, and for what is not in any context.
    Cluster,
    /// In a context.
    Context { context: Context },
    /// For one subject.
    Subject { subject: Subject },
    /// For the subjects of a context whose names begin so.
    Prefix { context: Context, prefix: String },
    /// For the subjects of a context whose names match; a star stands for any characters.
    Glob { context: Context, pattern: String },
}

/// A policy above roles, under its name: a text in Cedar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPolicyRow {
    /// What it is for.
    pub description: String,
    /// The text.
    pub text: String,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}

described!(Grantee {
    User { name } = "user",
    Group { name } = "group",
    Account { name } = "account",
    Anyone = "anyone",
    Authenticated = "authenticated",
});

described!(Reach {
    Cluster = "cluster",
    Context { context } = "context",
    Subject { subject } = "subject",
    Prefix { context, prefix } = "prefix",
    Glob { context, pattern } = "glob",
});
