//! The policy that holds for a scope.

use std::collections::BTreeSet;

use crate::limits::{
    APPROVALS_BREAKING_MIN, AUDIT_RETENTION_MS_DEFAULT, DEPRECATION_NOTICE_MS_DEFAULT, EVENT_AGE_MS_DEFAULT,
    EVENT_COUNT_DEFAULT, VERSION_COUNT_MAX,
};
use crate::{Key, LifePolicy, Row, Scope, View, ViewError};

/// The policy that holds for a subject, with every field decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInForce {
    /// Must a schema be reviewed before it becomes active?
    pub review: bool,
    /// Reviewers who must approve, the author excluded; at least one.
    pub approvals: u32,
    /// The same for a breaking change; at least two.
    pub approvals_breaking: u32,
    /// Shortest time from deprecation to sunset, in milliseconds.
    pub deprecation_notice_ms: u64,
    /// Metadata properties that a schema must have.
    pub required_properties: BTreeSet<String>,
    /// Versions that a subject may hold.
    pub versions_max: u32,
    /// Events that are retained.
    pub event_count_max: u64,
    /// How long an event is retained, in milliseconds.
    pub event_age_ms_max: u64,
    /// How long an audit record stays before it may be archived, in milliseconds.
    pub audit_retention_ms: u64,
}

impl PolicyInForce {
    /// The policy of a scope and the scopes above it.
    ///
    /// # Errors
    /// [`ViewError`] if the store cannot answer.
    pub fn of(view: &impl View, scope: &Scope) -> Result<Self, ViewError> {
        let mut policies = Vec::new();
        for scope in scope.chain() {
            let key = Key::Policy(scope);
            match view.get(&key)? {
                None => {}
                Some(Row::Policy(row)) => policies.extend(row.value),
                Some(_) => return Err(ViewError::wrong_row(&key)),
            }
        }
        Ok(Self::over(&policies))
    }

    fn over(policies: &[LifePolicy]) -> Self {
        fn nearest<T>(policies: &[LifePolicy], field: impl Fn(&LifePolicy) -> Option<T>) -> Option<T> {
            policies.iter().find_map(field)
        }
        let approvals = nearest(policies, |policy| policy.approvals).unwrap_or(1).max(1);
        Self {
            review: nearest(policies, |policy| policy.review).unwrap_or(false),
            approvals,
            approvals_breaking: nearest(policies, |policy| policy.approvals_breaking)
                .unwrap_or(APPROVALS_BREAKING_MIN)
                .max(APPROVALS_BREAKING_MIN)
                .max(approvals),
            deprecation_notice_ms: nearest(policies, |policy| policy.deprecation_notice_ms)
                .unwrap_or(DEPRECATION_NOTICE_MS_DEFAULT),
            required_properties: nearest(policies, |policy| policy.required_properties.clone()).unwrap_or_default(),
            versions_max: nearest(policies, |policy| policy.versions_max).unwrap_or(VERSION_COUNT_MAX),
            event_count_max: nearest(policies, |policy| policy.event_count_max).unwrap_or(EVENT_COUNT_DEFAULT),
            event_age_ms_max: nearest(policies, |policy| policy.event_age_ms_max).unwrap_or(EVENT_AGE_MS_DEFAULT),
            audit_retention_ms: nearest(policies, |policy| policy.audit_retention_ms)
                .unwrap_or(AUDIT_RETENTION_MS_DEFAULT),
        }
    }

    /// Reviewers that a draft needs.
    pub fn approvals_for(&self, breaking: bool) -> u32 {
        if breaking { self.approvals_breaking } else { self.approvals }
    }
}
