//! What a command about settings comes to.

use crate::described::described;
use crate::reply::{Reply, code};
use crate::{Config, LifePolicy, Mode, Scope};

/// What was done; `old` is what was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum SettingsDone {
    /// The configuration was set or removed.
    ConfigChanged { old: Option<Config> },
    /// The mode was set or removed.
    ModeChanged { old: Option<Mode> },
    /// The policy was set or removed.
    PolicyChanged { old: Option<LifePolicy> },
}

described!(SettingsDone {
    ConfigChanged { old } = "config_changed",
    ModeChanged { old } = "mode_changed",
    PolicyChanged { old } = "policy_changed",
});

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum SettingsRefusal {
    /// The scope has no configuration of its own.
    ConfigNotFound { scope: Scope },
    /// The scope has no mode of its own.
    ModeNotFound { scope: Scope },
    /// The mode is possible on the global scope only.
    ModeNotHere { mode: Mode },
    /// IMPORT mode needs an empty scope unless forced.
    SubjectsExist { scope: Scope },
    /// IMPORT mode would remove more soft-deleted versions at once than one entry may.
    PurgeTooLarge { scope: Scope, limit: u32 },
    /// The scope has no policy of its own.
    PolicyNotFound,
    /// The field can be set in the global scope only.
    GlobalOnly,
}

described!(SettingsRefusal {
    ConfigNotFound { scope } = "config_not_found",
    ModeNotFound { scope } = "mode_not_found",
    ModeNotHere { mode } = "mode_not_here",
    SubjectsExist { scope } = "subjects_exist",
    PurgeTooLarge { scope, limit } = "purge_too_large",
    PolicyNotFound = "policy_not_found",
    GlobalOnly = "global_only",
});

impl SettingsRefusal {
    /// See [`crate::Refusal::reply`].
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::ConfigNotFound { scope } | Self::ModeNotFound { scope } => {
                Reply::new(code::SUBJECT_NOT_FOUND, format!("Subject '{scope}' not found."))
            }
            Self::ModeNotHere { .. } => Reply::new(code::INVALID_MODE, "Forward mode only supported on global level"),
            Self::SubjectsExist { .. } => {
                Reply::new(code::NOT_PERMITTED, "Cannot import since found existing subjects")
            }
            Self::PurgeTooLarge { limit, .. } => Reply::new(
                code::NOT_PERMITTED,
                format!("More than {limit} soft-deleted versions would be removed; delete subjects permanently first"),
            ),
            Self::PolicyNotFound => Reply::new(code::POLICY_NOT_FOUND, "The scope has no policy of its own"),
            Self::GlobalOnly => {
                Reply::new(code::UNPROCESSABLE, "Retention can be set in the global scope only (:.__GLOBAL:)")
            }
        }
    }
}
