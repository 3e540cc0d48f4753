//! What may be asked of settings.

use crate::{BasisKey, Config, LifePolicy, Mode, Scope};

/// Sets (`Some`, the whole merged value) or removes (`None`) a setting of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum SettingsCommand {
    /// The configuration.
    SetConfig { scope: Scope, config: Option<Config> },
    /// The mode. `force` allows IMPORT over existing subjects; `recursive` removes the modes of all subjects in a context,
    /// too.
    SetMode { scope: Scope, mode: Option<Mode>, force: bool, recursive: bool },
    /// The policy.
    SetPolicy { scope: Scope, policy: Option<LifePolicy> },
}

impl SettingsCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::SetConfig { config: Some(_), .. } => "config.set",
            Self::SetConfig { config: None, .. } => "config.delete",
            Self::SetMode { mode: Some(_), .. } => "mode.set",
            Self::SetMode { mode: None, .. } => "mode.delete",
            Self::SetPolicy { policy: Some(_), .. } => "policy.set",
            Self::SetPolicy { policy: None, .. } => "policy.delete",
        }
    }

    /// See [`crate::Command::resource`].
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::SetConfig { scope, .. } => format!("config/{scope}"),
            Self::SetMode { scope, .. } => format!("mode/{scope}"),
            Self::SetPolicy { scope, .. } => format!("policy/{scope}"),
        }
    }

    /// See [`crate::Command::revised`].
    pub(crate) fn revised(&self) -> BasisKey {
        match self {
            Self::SetConfig { scope, .. } => BasisKey::Config(scope.clone()),
            Self::SetMode { scope, .. } => BasisKey::Mode(scope.clone()),
            Self::SetPolicy { scope, .. } => BasisKey::Policy(scope.clone()),
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::SetConfig { config, .. } => config.as_ref().map_or(0, Config::weight),
            Self::SetPolicy { policy, .. } => policy.as_ref().map_or(0, LifePolicy::weight),
            Self::SetMode { .. } => 0,
        }
    }
}
