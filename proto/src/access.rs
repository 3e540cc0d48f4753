//! JSON bodies of the API of access: accounts, keys, roles, bindings, policies, and what they come to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is said of an account when it is made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Who answers for it.
    #[serde(default)]
    pub owner: String,
    /// May none of its keys be used?
    #[serde(default)]
    pub disabled: bool,
}

/// An account with its keys; never with a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct AccountBody {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// May none of its keys be used?
    pub disabled: bool,
    /// Its keys, oldest first.
    pub keys: Vec<KeyBody>,
    /// When it was made: milliseconds since 1970.
    pub created_ms: u64,
    /// The log index that changed it last; for `If-Match`.
    pub revision: u64,
}

/// What a new key is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What it is for.
    #[serde(default)]
    pub name: String,
    /// When it ends, in milliseconds since the epoch; none is never.
    #[serde(default)]
    pub expires_ms: Option<u64>,
}

/// A key of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct KeyBody {
    /// Its public part: the user name of HTTP Basic.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_ms: u64,
    /// When it ends; none is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// The day on which it was seen last, as milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_ms: Option<u64>,
}

/// A new key: the only answer that ever has its secret.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct NewKeyBody {
    /// The user name of HTTP Basic.
    pub id: String,
    /// The password of HTTP Basic.
    pub secret: String,
    /// Both in one, for `Authorization: Bearer`.
    pub token: String,
}

/// What is said of a role when it is made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRequest {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What it allows, as `x-permission` of this description names it.
    pub permissions: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RoleBody {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `*` is everything.
    pub permissions: Vec<String>,
    /// Allowed for subjects whose metadata says that they belong to whoever asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_own: Vec<String>,
    /// Does it come with the program? Then it cannot be changed.
    pub built_in: bool,
    /// The log index that changed it last; 0 if it is built in.
    pub revision: u64,
}

/// Who gets which role where. Exactly one of `user`, `group`, `account`, `anyone` and `authenticated`; at most one of
/// `subject`, `prefix` and `pattern`. Without any of those and without a context it holds everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BindingBody {
    /// The name of the binding; in a request it is that of the path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The role.
    pub role: String,
    /// A person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A group of an identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// An account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whoever asks, also without saying who.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anyone: bool,
    /// Whoever says who asks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub authenticated: bool,
    /// The context; that of all subjects without one is `.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// One subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How the names of subjects begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What the names of subjects match; a star stands for any characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The entry that changed it last.
    pub revision: u64,
}

/// What is said of a policy when it is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessPolicyRequest {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its text, in Cedar.
    pub text: String,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct AccessPolicyBody {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The policy, in Cedar's language.
    pub text: String,
    /// The log index that changed it last; for `If-Match`.
    pub revision: u64,
}

/// Who asks, as the registry sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PrincipalBody {
    /// The one name that audit records have.
    pub principal: String,
    /// `anonymous`, `user`, `service-account`.
    pub kind: String,
    /// The name among those of its kind.
    pub name: String,
    /// The groups it is in.
    pub groups: Vec<String>,
    /// How it showed who it is.
    pub authentication: String,
}

/// A question about somebody's rights.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExplainRequest {
    /// A person; or an account; or neither, which is nobody in particular.
    pub user: Option<String>,
    /// An account.
    pub account: Option<String>,
    /// The groups that the person is in.
    pub groups: Vec<String>,
    /// The permission, as `x-permission` of this description names it.
    pub permission: String,
    /// A subject.
    pub subject: Option<String>,
    /// A context. Without subject and context the cluster is meant.
    pub context: Option<String>,
}

/// What is decided, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct DecisionBody {
    /// May it be done?
    pub allowed: bool,
    /// The bindings and policies that decided. None where nothing allows it.
    pub policies: Vec<String>,
}
