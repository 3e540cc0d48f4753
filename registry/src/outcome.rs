//! What a command came to. Every replica agrees on it, and a retry of the same request gets the same.

use schema::Guid;

use crate::{
    AssociationRow, BasisKey, Config, Context, LifecycleOutcome, LifecycleRejection, LogIndex, Mode, SchemaId, Scope,
    Subject, Version,
};

/// The answer of apply to one command.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A version was added. `is_new_id` tells whether the content got its id now.
    Registered { id: SchemaId, version: Version, guid: Guid, is_new_id: bool },
    /// One version was deleted.
    VersionDeleted { version: Version },
    /// These versions were deleted, in ascending order.
    SubjectDeleted { versions: Vec<Version> },
    /// The configuration was set or removed; `old` is what was there before.
    ConfigChanged { old: Option<Config> },
    /// The mode was set or removed; `old` is what was there before.
    ModeChanged { old: Option<Mode> },
    /// The context record was removed.
    ContextDeleted,
    /// The associations of the resource as they are now.
    AssociationsChanged { associations: Vec<AssociationRow> },
    /// The digests were equal, or this replica has forgotten its digest at that index.
    DigestChecked,
    /// The cluster has its identity (perhaps since before).
    Founded { cluster_id: String },
    /// Refused; nothing was changed.
    Rejected(Rejection),
    /// What the verdict rested on has changed since; nothing was changed. Prepare again at `index` or later. Never
    /// remembered under the request id: the retry after a new preparation must not be answered with it.
    Stale { key: BasisKey, index: LogIndex },
    /// A log entry without a command (a leader's blank entry, a membership change).
    Nothing,
    /// What a command about lives, policies, cursors or the audit came to.
    Lifecycle(LifecycleOutcome),
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
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
    /// IMPORT mode needs an empty scope unless forced.
    SubjectsExist { scope: Scope },
    /// IMPORT mode would remove more soft-deleted versions at once than one entry may.
    PurgeTooLarge { scope: Scope, limit: u32 },
    /// The scope has no configuration of its own.
    ConfigNotFound { scope: Scope },
    /// The scope has no mode of its own.
    ModeNotFound { scope: Scope },
    /// The mode is possible on the global scope only.
    ModeNotHere { mode: Mode },
    /// The context still has subjects.
    ContextNotEmpty { context: Context },
    /// This replica's state differs from the leader's at that index. The node fences itself.
    DigestDiffers { index: LogIndex },
    /// The subject may not be tied to more resources.
    TooManyAssociations { limit: u32 },
    /// The resource has another association in this role.
    AssociationExists { role: String, resource: String },
    /// The subject is tied to a resource.
    SubjectAssociated { subject: Subject },
    /// The subject is tied to another resource strongly.
    StrongAssociationExists { subject: Subject },
    /// A subject that is tied, or to be tied, to a resource needs a version that is not deleted.
    NoActiveVersion { subject: Subject },
    /// A frozen association is not changed.
    AssociationFrozen { role: String, subject: Subject },
    /// The resource has no such association.
    AssociationNotFound { resource: String },
    /// The cluster has another identity already.
    AnotherCluster { cluster_id: String },
    /// A rule of the life of schemas.
    Lifecycle(LifecycleRejection),
}

macro_rules! variant_names {
    ($type:ident { $($pattern:pat => $name:expr),+ $(,)? }) => {
        impl $type {
            /// A stable name for audit records, metrics and logs.
            pub fn name(&self) -> &'static str {
                match self { $($pattern => $name),+ }
            }
        }
    };
}

variant_names!(Outcome {
    Self::Registered { .. } => "registered",
    Self::VersionDeleted { .. } => "version_deleted",
    Self::SubjectDeleted { .. } => "subject_deleted",
    Self::ConfigChanged { .. } => "config_changed",
    Self::ModeChanged { .. } => "mode_changed",
    Self::ContextDeleted => "context_deleted",
    Self::AssociationsChanged { .. } => "associations_changed",
    Self::DigestChecked => "digest_checked",
    Self::Founded { .. } => "founded",
    Self::Rejected(_) => "rejected",
    Self::Stale { .. } => "stale",
    Self::Nothing => "nothing",
    Self::Lifecycle(outcome) => outcome.name(),
});

variant_names!(Rejection {
    Self::SubjectNotFound { .. } => "subject_not_found",
    Self::VersionNotFound { .. } => "version_not_found",
    Self::SubjectSoftDeleted { .. } => "subject_soft_deleted",
    Self::SubjectNotSoftDeleted { .. } => "subject_not_soft_deleted",
    Self::VersionSoftDeleted { .. } => "version_soft_deleted",
    Self::VersionNotSoftDeleted { .. } => "version_not_soft_deleted",
    Self::Referenced { .. } => "referenced",
    Self::ReadOnly { .. } => "read_only",
    Self::NotReadWrite { .. } => "not_read_write",
    Self::NotImport { .. } => "not_import",
    Self::VersionNotNext { .. } => "version_not_next",
    Self::VersionOutOfRange { .. } => "version_out_of_range",
    Self::IdOutOfRange { .. } => "id_out_of_range",
    Self::IdTaken { .. } => "id_taken",
    Self::SubjectFull { .. } => "subject_full",
    Self::IdsExhausted { .. } => "ids_exhausted",
    Self::SubjectsExist { .. } => "subjects_exist",
    Self::PurgeTooLarge { .. } => "purge_too_large",
    Self::ConfigNotFound { .. } => "config_not_found",
    Self::ModeNotFound { .. } => "mode_not_found",
    Self::ModeNotHere { .. } => "mode_not_here",
    Self::ContextNotEmpty { .. } => "context_not_empty",
    Self::DigestDiffers { .. } => "digest_differs",
    Self::TooManyAssociations { .. } => "too_many_associations",
    Self::AssociationExists { .. } => "association_exists",
    Self::SubjectAssociated { .. } => "subject_associated",
    Self::StrongAssociationExists { .. } => "strong_association_exists",
    Self::NoActiveVersion { .. } => "no_active_version",
    Self::AssociationFrozen { .. } => "association_frozen",
    Self::AssociationNotFound { .. } => "association_not_found",
    Self::AnotherCluster { .. } => "another_cluster",
    Self::Lifecycle(rejection) => rejection.name(),
});

impl Outcome {
    /// The outcome in one short line for the audit record.
    pub fn summary(&self) -> String {
        match self {
            Self::Registered { id, version, .. } => format!("ok id={id} version={version}"),
            Self::Rejected(rejection) => format!("rejected {}", rejection.name()),
            Self::Stale { .. } => "stale".to_owned(),
            Self::Lifecycle(LifecycleOutcome::Draft { id, state, .. }) => {
                format!("ok draft={id} {}", state.state().name())
            }
            Self::Lifecycle(LifecycleOutcome::Activated { id, version, schema_id, .. }) => {
                format!("ok draft={id} id={schema_id} version={version}")
            }
            Self::Lifecycle(LifecycleOutcome::Version { version, state }) => {
                format!("ok version={version} {}", state.state().name())
            }
            Self::Lifecycle(LifecycleOutcome::RolledBack { target, versions }) => {
                format!("ok target={target} rolled_back={}", versions.len())
            }
            Self::Lifecycle(_) => "ok".to_owned(),
            Self::VersionDeleted { .. }
            | Self::SubjectDeleted { .. }
            | Self::ConfigChanged { .. }
            | Self::ModeChanged { .. }
            | Self::ContextDeleted
            | Self::AssociationsChanged { .. }
            | Self::DigestChecked
            | Self::Founded { .. }
            | Self::Nothing => "ok".to_owned(),
        }
    }
}
