//! The error of the service layer: a code of the table in `proto`, and a text for the client.

use proto::error_code::{self as code, ErrorCode};
use registry::reply::Reply;
use registry::{Outcome, Refusal, ViewError};
use schema::SchemaError;

/// A request that was not carried out, with what the client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// From the one table of codes.
    pub code: ErrorCode,
    /// For the client: exact, and without anything internal.
    pub message: String,
}

impl ServiceError {
    /// An error with this code and text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Something took too long; a write may have taken effect.
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self::new(code::TIMEOUT, message)
    }

    /// No leader is known: clients retry.
    pub fn no_leader() -> Self {
        Self::new(code::NO_LEADER, "Leader not known.")
    }

    /// An error of ours; the log has the details.
    pub fn internal(context: &str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "{context}");
        Self::new(code::INTERNAL, "Internal server error")
    }

    /// A schema that cannot be used.
    pub fn schema(text: &str, error: &SchemaError) -> Self {
        match error {
            SchemaError::Limit { limit: "SCHEMA_BYTES_MAX", .. } => {
                Self::new(code::SCHEMA_TOO_LARGE, "Register operation failed because schema is too large")
            }
            SchemaError::Invalid { .. } | SchemaError::Reference { .. } | SchemaError::Limit { .. } => {
                let shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
                Self::new(code::INVALID_SCHEMA, format!("Invalid schema {shown}, details: {error}"))
            }
        }
    }

    /// Rules that cannot be.
    pub fn rule_set(error: &registry::contract::InvalidRuleSet) -> Self {
        Self::new(code::INVALID_RULE_SET, error.to_string())
    }

    /// No such subject.
    pub fn subject_not_found(subject: &registry::Subject) -> Self {
        Self::new(code::SUBJECT_NOT_FOUND, format!("Subject '{subject}' not found."))
    }

    /// No such version.
    pub fn version_not_found(version: impl std::fmt::Display) -> Self {
        Self::new(code::VERSION_NOT_FOUND, format!("Version {version} not found."))
    }

    /// Is this an answer that says "it is not there"? A lagging replica may be wrong about those.
    pub fn is_negative(&self) -> bool {
        self.code.status() == 404
    }

    /// Why apply refused a command, in the words of its domain.
    pub fn refused(refusal: &Refusal) -> Self {
        let Reply { code, text } = refusal.reply();
        if code == code::INTERNAL.0 {
            return Self::internal("a command that clients cannot send was refused", &refusal.name());
        }
        Self::new(ErrorCode(code), text)
    }

    /// An outcome that does not answer the command that was sent.
    pub fn unexpected(outcome: &Outcome) -> Self {
        Self::internal("an outcome does not answer its command", &outcome.name())
    }
}

/// Longest part of a refused schema that is shown in the message.
const SHOWN_CHARACTERS_MAX: usize = 1_000;

impl From<ViewError> for ServiceError {
    fn from(error: ViewError) -> Self {
        tracing::error!(%error, "read the state");
        Self::new(code::STORE_ERROR, "Error in the backend data store")
    }
}

impl From<registry::InvalidName> for ServiceError {
    fn from(error: registry::InvalidName) -> Self {
        Self::new(code::INVALID_SUBJECT, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The machine names codes by number; each is in the published table, under the same name.
    #[test]
    fn refusals_have_codes_of_the_table() {
        let table: BTreeSet<u32> = code::ALL.iter().map(|code| code.0).collect();
        let names = include_str!("../../../registry/src/reply.rs").lines().filter_map(|line| {
            let (name, number) = line.trim().strip_prefix("pub const ")?.split_once(": u32 = ")?;
            Some((name.to_owned(), number.trim_end_matches(';').parse::<u32>().unwrap()))
        });
        let names: Vec<_> = names.collect();
        assert!(names.len() > 30, "{names:?}");
        let published = include_str!("../../../proto/src/error_code.rs");
        for (name, number) in names {
            assert!(table.contains(&number), "{name} = {number} is in no table");
            assert!(published.contains(&format!("    {name} = {number};")), "{name} is called otherwise in the table");
        }
    }
}
