//! What a command about the catalogue comes to.

use schema::Guid;

use crate::described::described;
use crate::reply::{Reply, code};
use crate::{Context, SchemaId, Subject, Version};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum CatalogDone {
    /// A version was added. `is_new_id` tells whether the content got its id now.
    Registered { id: SchemaId, version: Version, guid: Guid, is_new_id: bool },
    /// One version was deleted.
    VersionDeleted { version: Version },
    /// These versions were deleted, in ascending order.
    SubjectDeleted { versions: Vec<Version> },
    /// The context record was removed.
    ContextDeleted,
}

described!(CatalogDone {
    Registered { id, version, guid, is_new_id } = "registered",
    VersionDeleted { version } = "version_deleted",
    SubjectDeleted { versions } = "subject_deleted",
    ContextDeleted = "context_deleted",
});

impl CatalogDone {
    /// See [`crate::Outcome::summary`].
    pub(crate) fn facts(&self) -> String {
        match self {
            Self::Registered { id, version, .. } => format!("id={id} version={version}"),
            Self::VersionDeleted { .. } | Self::SubjectDeleted { .. } | Self::ContextDeleted => String::new(),
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum CatalogRefusal {
    /// The subject does not exist, or all of its versions are deleted.
    SubjectNotFound { subject: Subject },
    /// The version does not exist.
    VersionNotFound { subject: Subject, version: Version },
    /// The subject is soft-deleted already.
    SubjectSoftDeleted { subject: Subject },
    /// Permanent deletion needs a soft deletion first.
    SubjectNotSoftDeleted { subject: Subject },
    /// The version is soft-deleted already.
    VersionSoftDeleted { subject: Subject, version: Version },
    /// Permanent deletion needs a soft deletion first.
    VersionNotSoftDeleted { subject: Subject, version: Version },
    /// Another schema refers to this version.
    Referenced { subject: Subject, version: Version },
    /// The mode in scope forbids writes.
    ReadOnly { subject: Subject },
    /// A registration without an id needs READWRITE mode.
    NotReadWrite { subject: Subject },
    /// A registration with an id needs IMPORT mode.
    NotImport { subject: Subject },
    /// The version that was asked for is not the next one.
    VersionNotNext { subject: Subject, asked: Version, next: Version },
    /// An import names a version that is not one, or so high that the subject could not grow.
    VersionOutOfRange { version: Version, max: u32 },
    /// An import names an id that is not one, or so high that the context would run out of ids.
    IdOutOfRange { id: SchemaId, max: u32 },
    /// The imported id stands for another schema already.
    IdTaken { id: SchemaId, context: Context },
    /// The subject has as many versions as one may have.
    SubjectFull { subject: Subject, limit: u32 },
    /// The context has used up all ids.
    IdsExhausted { context: Context },
    /// The context still has subjects.
    ContextNotEmpty { context: Context },
}

described!(CatalogRefusal {
    SubjectNotFound { subject } = "subject_not_found",
    VersionNotFound { subject, version } = "version_not_found",
    SubjectSoftDeleted { subject } = "subject_soft_deleted",
    SubjectNotSoftDeleted { subject } = "subject_not_soft_deleted",
    VersionSoftDeleted { subject, version } = "version_soft_deleted",
    VersionNotSoftDeleted { subject, version } = "version_not_soft_deleted",
    Referenced { subject, version } = "referenced",
    ReadOnly { subject } = "read_only",
    NotReadWrite { subject } = "not_read_write",
    NotImport { subject } = "not_import",
    VersionNotNext { subject, asked, next } = "version_not_next",
    VersionOutOfRange { version, max } = "version_out_of_range",
    IdOutOfRange { id, max } = "id_out_of_range",
    IdTaken { id, context } = "id_taken",
    SubjectFull { subject, limit } = "subject_full",
    IdsExhausted { context } = "ids_exhausted",
    ContextNotEmpty { context } = "context_not_empty",
});

impl CatalogRefusal {
    /// See [`crate::Refusal::reply`]. The texts are Confluent's where Confluent has one, typing errors included.
    pub(crate) fn reply(&self) -> Reply {
        let not_permitted = |subject: &Subject, why: &str| {
            Reply::new(code::NOT_PERMITTED, format!("Subject {} in context {} {why}", subject.name, subject.context))
        };
        match self {
            Self::SubjectNotFound { subject } => {
                Reply::new(code::SUBJECT_NOT_FOUND, format!("Subject '{subject}' not found."))
            }
            Self::VersionNotFound { version, .. } => {
                Reply::new(code::VERSION_NOT_FOUND, format!("Version {version} not found."))
            }
            Self::SubjectSoftDeleted { subject } => Reply::new(
                code::SUBJECT_SOFT_DELETED,
                format!("Subject '{subject}' was soft deleted.Set permanent=true to delete permanently"),
            ),
            Self::SubjectNotSoftDeleted { subject } => Reply::new(
                code::SUBJECT_NOT_SOFT_DELETED,
                format!("Subject '{subject}' was not deleted first before being permanently deleted"),
            ),
            Self::VersionSoftDeleted { subject, version } => Reply::new(
                code::VERSION_SOFT_DELETED,
                format!(
                    "Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently"
                ),
            ),
            Self::VersionNotSoftDeleted { subject, version } => Reply::new(
                code::VERSION_NOT_SOFT_DELETED,
                format!("Subject '{subject}' Version {version} was not deleted first before being permanently deleted"),
            ),
            Self::Referenced { subject, version } => Reply::new(
                code::REFERENCE_EXISTS,
                format!(
                    "One or more references exist to the schema {{magic=1,keytype=SCHEMA,subject={subject},version={version}}}."
                ),
            ),
            Self::ReadOnly { subject } => not_permitted(subject, "is in read-only mode"),
            Self::NotReadWrite { subject } => not_permitted(subject, "is not in read-write mode"),
            Self::NotImport { subject } => not_permitted(subject, "is not in import mode"),
            Self::VersionNotNext { next, .. } => Reply::new(
                code::INVALID_SCHEMA,
                format!("Version is not one more than previous version: the next version is {next}"),
            ),
            Self::VersionOutOfRange { version, max } => Reply::new(
                code::INVALID_SCHEMA,
                format!("Invalid schema, details: an import may name versions 1 to {max}, not {version}"),
            ),
            Self::IdOutOfRange { id, max } => Reply::new(
                code::INVALID_SCHEMA,
                format!("Invalid schema, details: an import may name ids 1 to {max}, not {id}"),
            ),
            Self::IdTaken { id, context } => Reply::new(
                code::NOT_PERMITTED,
                format!("Overwrite new schema with id {id} in context {context} is not permitted."),
            ),
            Self::SubjectFull { subject, limit } => Reply::new(
                code::NOT_PERMITTED,
                format!(
                    "Subject '{subject}' has {limit} versions, which is the limit; delete some or use another subject"
                ),
            ),
            Self::IdsExhausted { context } => {
                Reply::new(code::NOT_PERMITTED, format!("All ids of context {context} are used up"))
            }
            Self::ContextNotEmpty { context } => {
                Reply::new(code::CONTEXT_NOT_EMPTY, format!("The specified context '{context}' is not empty."))
            }
        }
    }
}
