//! A version registered again with other tags, metadata or rules.

use std::collections::BTreeSet;

use proto::error_code as code;
use registry::{Include, Subject, contract};
use schema::tags::{self, Tagged};
use schema::{Format, Metadata, RuleSet};

use super::words::Registered;
use super::{Caller, NewSchema, RegisterOptions, Service, ServiceError, VersionSpec};

/// What is to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionChange {
    /// Tags to add, each with the place that gets it.
    pub tags_to_add: Vec<Tagged>,
    /// Tags to take away.
    pub tags_to_remove: Vec<Tagged>,
    /// Replaces what the version has; `None` keeps it.
    pub metadata: Option<Metadata>,
    /// What becomes of the rules.
    pub rules: RuleChange,
}

/// What is to become of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange {
    /// They are replaced by these; `None` keeps them.
    Replace(Option<RuleSet>),
    /// They are edited: some added or replaced, some, by name, taken away.
    Edit {
        /// Rules to add, or to put in place of those with the same names.
        merge: Option<RuleSet>,
        /// Names of rules to take away.
        remove: BTreeSet<String>,
    },
}

impl Service {
    /// Registers a version again with a change.
    ///
    /// # Errors
    /// Those of a read of the version and of a registration; [`code::INVALID_SCHEMA`] for tags that lead nowhere.
    pub async fn change_version(
        &self,
        caller: &Caller,
        subject: &Subject,
        spec: VersionSpec,
        include: Include,
        change: &VersionChange,
        options: RegisterOptions,
    ) -> Result<Registered, ServiceError> {
        let found = self.show_version(caller, subject, spec, include).await?.found;
        let content = self.opened_content(&found.content);
        let rule_set = match &change.rules {
            RuleChange::Replace(given) => given.clone(),
            RuleChange::Edit { merge, remove } => {
                let kept = content.rule_set.as_ref().and_then(|rules| contract::without_rules(rules, remove));
                contract::merge_rule_sets(kept.as_ref(), merge.as_ref())
            }
        };
        let new = NewSchema {
            format: found.format,
            text: tagged_text(found.format, &content.text, &change.tags_to_add, &change.tags_to_remove)?,
            references: content.references.clone(),
            metadata: change.metadata.clone().or(content.metadata),
            rule_set,
        };
        self.register_schema(caller, subject, &new, options).await
    }
}

/// A schema's text with tags added and removed.
///
/// # Errors
/// [`code::INVALID_SCHEMA`] for a path that leads nowhere, or for Protobuf.
pub fn tagged_text(format: Format, text: &str, add: &[Tagged], remove: &[Tagged]) -> Result<String, ServiceError> {
    tags::edit(format, text, add, remove)
        .map_err(|error| ServiceError::new(code::INVALID_SCHEMA, format!("Invalid schema, details: {error}")))
}
