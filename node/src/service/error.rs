//! The error of the service layer: a code of the table in `proto`, and a text for the client.

use proto::error_code::{self as code, ErrorCode};
use registry::{Outcome, Rejection, ViewError};
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

    /// Why apply refused a command, as Confluent says it.
    pub fn rejected(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::SubjectNotFound { subject } => Self::subject_not_found(subject),
            Rejection::VersionNotFound { version, .. } => Self::version_not_found(version),
            Rejection::SubjectSoftDeleted { subject } => Self::new(
                code::SUBJECT_SOFT_DELETED,
                format!("Subject '{subject}' was soft deleted.Set permanent=true to delete permanently"),
            ),
            Rejection::SubjectNotSoftDeleted { subject } => Self::new(
                code::SUBJECT_NOT_SOFT_DELETED,
                format!("Subject '{subject}' was not deleted first before being permanently deleted"),
            ),
            Rejection::VersionSoftDeleted { subject, version } => Self::new(
                code::VERSION_SOFT_DELETED,
                format!(
                    "Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently"
                ),
            ),
            Rejection::VersionNotSoftDeleted { subject, version } => Self::new(
                code::VERSION_NOT_SOFT_DELETED,
                format!("Subject '{subject}' Version {version} was not deleted first before being permanently deleted"),
            ),
            Rejection::Referenced { subject, version } => Self::new(
                code::REFERENCE_EXISTS,
                format!(
                    "One or more references exist to the schema {{magic=1,keytype=SCHEMA,subject={subject},version={version}}}."
                ),
            ),
            Rejection::ReadOnly { subject } => not_permitted(subject, "is in read-only mode"),
            Rejection::NotReadWrite { subject } => not_permitted(subject, "is not in read-write mode"),
            Rejection::NotImport { subject } => not_permitted(subject, "is not in import mode"),
            Rejection::VersionNotNext { next, .. } => Self::new(
                code::INVALID_SCHEMA,
                format!("Version is not one more than previous version: the next version is {next}"),
            ),
            Rejection::VersionOutOfRange { version, max } => Self::new(
                code::INVALID_SCHEMA,
                format!("Invalid schema, details: an import may name versions 1 to {max}, not {version}"),
            ),
            Rejection::IdOutOfRange { id, max } => Self::new(
                code::INVALID_SCHEMA,
                format!("Invalid schema, details: an import may name ids 1 to {max}, not {id}"),
            ),
            Rejection::PurgeTooLarge { limit, .. } => Self::new(
                code::NOT_PERMITTED,
                format!("More than {limit} soft-deleted versions would be removed; delete subjects permanently first"),
            ),
            Rejection::IdTaken { id, context } => Self::new(
                code::NOT_PERMITTED,
                format!("Overwrite new schema with id {id} in context {context} is not permitted."),
            ),
            Rejection::SubjectFull { subject, limit } => Self::new(
                code::NOT_PERMITTED,
                format!(
                    "Subject '{subject}' has {limit} versions, which is the limit; delete some or use another subject"
                ),
            ),
            Rejection::IdsExhausted { context } => {
                Self::new(code::NOT_PERMITTED, format!("All ids of context {context} are used up"))
            }
            Rejection::SubjectsExist { .. } => {
                Self::new(code::NOT_PERMITTED, "Cannot import since found existing subjects")
            }
            Rejection::ConfigNotFound { scope } => {
                Self::new(code::SUBJECT_NOT_FOUND, format!("Subject '{scope}' not found."))
            }
            Rejection::ModeNotFound { scope } => {
                Self::new(code::SUBJECT_NOT_FOUND, format!("Subject '{scope}' not found."))
            }
            Rejection::ModeNotHere { .. } => {
                Self::new(code::INVALID_MODE, "Forward mode only supported on global level")
            }
            Rejection::ContextNotEmpty { context } => {
                Self::new(code::CONTEXT_NOT_EMPTY, format!("The specified context '{context}' is not empty."))
            }
            Rejection::TooManyAssociations { limit } => {
                Self::new(code::TOO_MANY_ASSOCIATIONS, format!("A maximum of {limit} associations already exist"))
            }
            Rejection::AssociationExists { role, resource } => Self::new(
                code::ASSOCIATION_EXISTS,
                format!("An association of type '{role}' already exists for resource '{resource}'"),
            ),
            Rejection::SubjectAssociated { subject } => {
                Self::new(code::SUBJECT_ASSOCIATED, format!("An association already exists for subject '{subject}'"))
            }
            Rejection::StrongAssociationExists { subject } => Self::new(
                code::STRONG_ASSOCIATION_EXISTS,
                format!("A strong association already exists for subject '{subject}'"),
            ),
            Rejection::NoActiveVersion { subject } => Self::new(
                code::NO_ACTIVE_VERSION,
                format!("No active (non-deleted) version exists for subject '{subject}'"),
            ),
            Rejection::AssociationFrozen { role, subject } => Self::new(
                code::ASSOCIATION_FROZEN,
                format!("The association of type  '{role}' is frozen for subject '{subject}'"),
            ),
            Rejection::AssociationNotFound { resource } => {
                Self::new(code::ASSOCIATION_NOT_FOUND, format!("Association for '{resource}' not found."))
            }
            Rejection::Lifecycle(rejection) => super::refusals::of(rejection),
            Rejection::DigestDiffers { .. } | Rejection::AnotherCluster { .. } => {
                Self::internal("a command that clients cannot send was refused", &rejection.name())
            }
        }
    }

    /// An outcome that does not answer the command that was sent.
    pub fn unexpected(outcome: &Outcome) -> Self {
        Self::internal("an outcome does not answer its command", &outcome.name())
    }
}

/// Longest part of a refused schema that is shown in the message.
const SHOWN_CHARACTERS_MAX: usize = 1_000;

fn not_permitted(subject: &registry::Subject, why: &str) -> ServiceError {
    let message = format!("Subject {} in context {} {why}", subject.name, subject.context);
    ServiceError::new(code::NOT_PERMITTED, message)
}

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
