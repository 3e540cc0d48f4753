//! Settings that are part of the replicated state: configuration and mode of a scope.

use schema::compat::{Level, Policy};
use schema::{Metadata, RuleSet};

use crate::weight::{metadata_bytes, rule_set_bytes};

/// The thirteen fields of Confluent's configuration. `None` means "not set in this scope".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The subject that this one stands for.
    pub alias: Option<String>,
    /// The subject whose data keys this one uses.
    pub alias_for_deks: Option<String>,
    /// Are schemas normalised when they are registered or looked up?
    pub normalize: Option<bool>,
    /// Must field names and types be ones that the format's own tools take?
    pub validate_fields: Option<bool>,
    /// Are new Avro schemas checked more strictly than stored ones?
    pub validate_new_schemas: Option<bool>,
    /// Are rules checked when a schema is registered?
    pub validate_rules: Option<bool>,
    /// How much a new version may change.
    pub compatibility_level: Option<Level>,
    /// How strictly JSON Schemas are compared: `STRICT` or `LENIENT`.
    pub compatibility_policy: Option<Policy>,
    /// The metadata property by whose value versions are compared with each other only.
    pub compatibility_group: Option<String>,
    /// Metadata that a schema gets where it has none of its own.
    pub default_metadata: Option<Metadata>,
    /// Metadata that a schema gets in place of its own.
    pub override_metadata: Option<Metadata>,
    /// Rules that a schema gets where it has none of its own.
    pub default_rule_set: Option<RuleSet>,
    /// Rules that a schema gets in place of its own.
    pub override_rule_set: Option<RuleSet>,
}

impl Config {
    /// Bytes of everything in it whose length a client decides.
    pub(crate) fn weight(&self) -> usize {
        let metadata = [&self.default_metadata, &self.override_metadata];
        let rule_sets = [&self.default_rule_set, &self.override_rule_set];
        let texts = [&self.alias, &self.alias_for_deks, &self.compatibility_group];
        metadata.into_iter().flatten().map(metadata_bytes).sum::<usize>()
            + rule_sets.into_iter().flatten().map(rule_set_bytes).sum::<usize>()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// The fields that are set here, and those of `below` where they are not. An alias is a subject's own, it is not
    /// inherited.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            alias: self.alias,
            alias_for_deks: self.alias_for_deks,
            normalize: self.normalize.or(below.normalize),
            validate_fields: self.validate_fields.or(below.validate_fields),
            validate_new_schemas: self.validate_new_schemas.or(below.validate_new_schemas),
            validate_rules: self.validate_rules.or(below.validate_rules),
            compatibility_level: self.compatibility_level.or(below.compatibility_level),
            compatibility_policy: self.compatibility_policy.or(below.compatibility_policy),
            compatibility_group: self.compatibility_group.or(below.compatibility_group),
            default_metadata: self.default_metadata.or(below.default_metadata),
            override_metadata: self.override_metadata.or(below.override_metadata),
            default_rule_set: self.default_rule_set.or(below.default_rule_set),
            override_rule_set: self.override_rule_set.or(below.override_rule_set),
        }
    }
}

/// A change of a configuration: what is absent stays, what is `Some(None)` goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigPatch {
    /// The subject that this one stands for.
    pub alias: Option<Option<String>>,
    /// The subject whose data keys this one uses.
    pub alias_for_deks: Option<Option<String>>,
    /// Are schemas normalised when they are registered or looked up?
    pub normalize: Option<Option<bool>>,
    /// Must field names and types be ones that the format's own tools take?
    pub validate_fields: Option<Option<bool>>,
    /// Are new Avro schemas checked more strictly than stored ones?
    pub validate_new_schemas: Option<Option<bool>>,
    /// Are rules checked when a schema is registered?
    pub validate_rules: Option<Option<bool>>,
    /// How much a new version may change.
    pub compatibility_level: Option<Option<Level>>,
    /// How strictly JSON Schemas are compared: `STRICT` or `LENIENT`.
    pub compatibility_policy: Option<Option<Policy>>,
    /// The metadata property by whose value versions are compared with each other only.
    pub compatibility_group: Option<Option<String>>,
    /// Metadata that a schema gets where it has none of its own.
    pub default_metadata: Option<Option<Metadata>>,
    /// Metadata that a schema gets in place of its own.
    pub override_metadata: Option<Option<Metadata>>,
    /// Rules that a schema gets where it has none of its own.
    pub default_rule_set: Option<Option<RuleSet>>,
    /// Rules that a schema gets in place of its own.
    pub override_rule_set: Option<Option<RuleSet>>,
}

impl ConfigPatch {
    /// The configuration with the change in it.
    #[must_use]
    pub fn apply(&self, to: Config) -> Config {
        let patch = self.clone();
        Config {
            alias: patch.alias.unwrap_or(to.alias),
            alias_for_deks: patch.alias_for_deks.unwrap_or(to.alias_for_deks),
            normalize: patch.normalize.unwrap_or(to.normalize),
            validate_fields: patch.validate_fields.unwrap_or(to.validate_fields),
            validate_new_schemas: patch.validate_new_schemas.unwrap_or(to.validate_new_schemas),
            validate_rules: patch.validate_rules.unwrap_or(to.validate_rules),
            compatibility_level: patch.compatibility_level.unwrap_or(to.compatibility_level),
            compatibility_policy: patch.compatibility_policy.unwrap_or(to.compatibility_policy),
            compatibility_group: patch.compatibility_group.unwrap_or(to.compatibility_group),
            default_metadata: patch.default_metadata.unwrap_or(to.default_metadata),
            override_metadata: patch.override_metadata.unwrap_or(to.override_metadata),
            default_rule_set: patch.default_rule_set.unwrap_or(to.default_rule_set),
            override_rule_set: patch.override_rule_set.unwrap_or(to.override_rule_set),
        }
    }
}

/// What may be done to the subjects of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Reads and writes; the default.
    ReadWrite,
    /// Reads only.
    ReadOnly,
    /// Reads only, for every subject below, whatever its own mode.
    ReadOnlyOverride,
    /// Registrations name their id and version; nothing is checked.
    Import,
    /// As import, set on the global scope only.
    Forward,
}

impl Mode {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
            Self::ReadOnlyOverride => "READONLY_OVERRIDE",
            Self::Import => "IMPORT",
            Self::Forward => "FORWARD",
        }
    }

    /// The mode with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadWrite, Self::ReadOnly, Self::ReadOnlyOverride, Self::Import, Self::Forward]
            .into_iter()
            .find(|mode| mode.name().eq_ignore_ascii_case(name))
    }

    /// Are writes of any kind refused?
    pub fn is_read_only(self) -> bool {
        match self {
            Self::ReadOnly | Self::ReadOnlyOverride => true,
            Self::ReadWrite | Self::Import | Self::Forward => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_keeps_what_it_leaves_out_and_clears_what_it_says_is_nothing() {
        let old = Config { alias: Some("a".to_owned()), normalize: Some(true), ..Config::default() };
        assert_eq!(ConfigPatch::default().apply(old.clone()), old);
        let patch =
            ConfigPatch { alias: Some(None), compatibility_level: Some(Some(Level::Full)), ..ConfigPatch::default() };
        let wanted = Config { alias: None, compatibility_level: Some(Level::Full), ..old };
        assert_eq!(patch.apply(wanted.clone()), wanted, "the same patch twice is the same as once");
    }
}
