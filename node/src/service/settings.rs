//! The settings in force for a subject, each from the nearest scope that sets it.

use crate::consensus::Snapshot;
use registry::{Config, Mode, Scope, Subject, query};
use schema::compat::{Level, Policy};
use schema::{Format, Metadata, RuleSet, Strictness};

use super::ServiceError;
use super::words::Checked;

/// The compatibility level in force where no scope sets one.
const LEVEL_DEFAULT: Level = Level::Backward;

/// The configuration with the level that holds where it sets none.
pub(super) fn with_default_level(config: Config) -> Config {
    Config { compatibility_level: config.compatibility_level.or(Some(LEVEL_DEFAULT)), ..config }
}

/// What a preparation depends on.
pub(super) struct Settings {
    pub level: Level,
    pub policy: Policy,
    pub group: Option<String>,
    pub normalize: bool,
    pub validate_fields: bool,
    validate_new_schemas: bool,
    pub default_metadata: Option<Metadata>,
    pub override_metadata: Option<Metadata>,
    pub default_rule_set: Option<RuleSet>,
    pub override_rule_set: Option<RuleSet>,
    pub mode: Mode,
}

/// Reads the settings of a subject.
pub(super) fn settings_in_force(view: &Snapshot<'_>, subject: &Subject) -> Result<Settings, ServiceError> {
    let scope = Scope::Subject(subject.clone());
    let config = query::config_in_scope(view, &scope)?;
    let Config { compatibility_level, compatibility_policy, compatibility_group, normalize, .. } = config;
    Ok(Settings {
        level: compatibility_level.unwrap_or(LEVEL_DEFAULT),
        policy: compatibility_policy.unwrap_or_default(),
        group: compatibility_group.filter(|group| !group.is_empty()),
        normalize: normalize.unwrap_or(false),
        validate_fields: config.validate_fields.unwrap_or(false),
        validate_new_schemas: config.validate_new_schemas.unwrap_or(true),
        default_metadata: config.default_metadata,
        override_metadata: config.override_metadata,
        default_rule_set: config.default_rule_set,
        override_rule_set: config.override_rule_set,
        mode: query::mode_in_scope(view, &scope)?,
    })
}

impl Settings {
    /// Is anything merged into what is registered?
    pub(super) fn merges_anything(&self) -> bool {
        self.default_metadata.is_some()
            || self.override_metadata.is_some()
            || self.default_rule_set.is_some()
            || self.override_rule_set.is_some()
    }

    /// How strictly a new schema is parsed; `validateNewSchemas` is about Avro only.
    pub(super) fn strictness(&self, format: Format) -> Strictness {
        if format == Format::Avro && !self.validate_new_schemas {
            Strictness::Stored
        } else {
            Strictness::New { validate_fields: self.validate_fields }
        }
    }

    /// A verdict with its messages, which end with the settings that it was made under.
    pub(super) fn checked_with(&self, compatible: bool, mut messages: Vec<String>) -> Checked {
        if !messages.is_empty() {
            let Self { validate_fields, level, .. } = self;
            messages.push(format!("{{validateFields: '{validate_fields}', compatibility: '{}'}}", level.name()));
        }
        Checked { compatible, messages }
    }
}
