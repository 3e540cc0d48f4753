//! Policies: what a scope asks of the life of its schemas. Each field is inherited from the nearest scope that sets it.

use std::collections::BTreeSet;

/// What one scope sets. `None` means "not set here".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LifePolicy {
    /// Must a schema be reviewed before it becomes active?
    pub review: Option<bool>,
    /// Reviewers who must approve, the author excluded.
    pub approvals: Option<u32>,
    /// The same for a breaking change; never below two.
    pub approvals_breaking: Option<u32>,
    /// Shortest time from deprecation to sunset, in milliseconds.
    pub deprecation_notice_ms: Option<u64>,
    /// Metadata properties that a schema must have (`owner`, `description`, …).
    pub required_properties: Option<BTreeSet<String>>,
    /// Most versions of a subject.
    pub versions_max: Option<u32>,
    /// Events kept, at most. Of the global scope only, as the next two.
    pub event_count_max: Option<u64>,
    /// How long events are kept, in milliseconds.
    pub event_age_ms_max: Option<u64>,
    /// How long audit records stay in the state before they may be archived to files, in milliseconds.
    pub audit_retention_ms: Option<u64>,
}

impl LifePolicy {
    /// Bytes of everything in it whose length a client decides.
    pub(crate) fn weight(&self) -> usize {
        self.required_properties.iter().flatten().map(String::len).sum()
    }

    /// Does it set something that only the global scope can?
    pub fn has_global_fields(&self) -> bool {
        self.event_count_max.is_some() || self.event_age_ms_max.is_some() || self.audit_retention_ms.is_some()
    }
}
