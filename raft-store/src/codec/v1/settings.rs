//! Settings.

use registry::{Config, LifePolicy, LogIndex, Mode, SettingRow, SettingsCommand, SettingsDone, SettingsRefusal};

use serde::{Deserialize, Serialize};

use super::common::{LevelV1, MetadataV1, PolicyV1, RuleSetV1, ScopeV1};
use crate::codec::CodecError;
use crate::codec::layout::{Frozen, Tail, frozen_enum, frozen_struct};

frozen_enum! {
    ModeV1 for Mode {
        ReadWrite {},
        ReadOnly {},
        ReadOnlyOverride {},
        Import {},
        Forward {},
    }
    SettingsCommandV1 for SettingsCommand {
        SetConfig { scope scope: ScopeV1, config config: Option<ConfigV1> },
        SetMode { scope scope: ScopeV1, mode mode: Option<ModeV1>, force force: bool, recursive recursive: bool },
        SetPolicy { scope scope: ScopeV1, policy policy: Option<LifePolicyV1> },
    }
    SettingsDoneV1 for SettingsDone {
        ConfigChanged { old old: Option<ConfigV1> },
        ModeChanged { old old: Option<ModeV1> },
        PolicyChanged { old old: Option<LifePolicyV1> },
    }
    SettingsRefusalV1 for SettingsRefusal {
        ConfigNotFound { scope scope: ScopeV1 },
        ModeNotFound { scope scope: ScopeV1 },
        ModeNotHere { mode mode: ModeV1 },
        SubjectsExist { scope scope: ScopeV1 },
        PurgeTooLarge { scope scope: ScopeV1, limit limit: u32 },
        PolicyNotFound {},
        GlobalOnly {},
    }
}

frozen_struct! {
    ConfigV1 for Config {
        alias: Option<String>,
        alias_for_deks: Option<String>,
        normalize: Option<bool>,
        validate_fields: Option<bool>,
        validate_new_schemas: Option<bool>,
        validate_rules: Option<bool>,
        compatibility_level: Option<LevelV1>,
        compatibility_policy: Option<PolicyV1>,
        compatibility_group: Option<String>,
        default_metadata: Option<MetadataV1>,
        override_metadata: Option<MetadataV1>,
        default_rule_set: Option<RuleSetV1>,
        override_rule_set: Option<RuleSetV1>,
    }
    LifePolicyV1 for LifePolicy {
        review: Option<bool>,
        approvals: Option<u32>,
        approvals_breaking: Option<u32>,
        deprecation_notice_ms: Option<u64>,
        required_properties: Option<Vec<String>>,
        versions_max: Option<u32>,
        event_count_max: Option<u64>,
        event_age_ms_max: Option<u64>,
        audit_retention_ms: Option<u64>,
    }
}

/// A setting of a scope: the same for every kind of setting.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::codec) struct SettingRowV1<F> {
    value: Option<F>,
    modified_at: u64,
    later: Tail,
}

impl<D, F: Frozen<D>> Frozen<SettingRow<D>> for SettingRowV1<F> {
    fn freeze(domain: &SettingRow<D>, needs: &mut u8) -> Self {
        let SettingRow { value, modified_at } = domain;
        Self { value: Frozen::freeze(value, needs), modified_at: modified_at.0, later: Tail::default() }
    }

    fn thaw(self, level: u8) -> Result<SettingRow<D>, CodecError> {
        self.later.end("SettingRow")?;
        Ok(SettingRow { value: Frozen::thaw(self.value, level)?, modified_at: LogIndex(self.modified_at) })
    }
}
