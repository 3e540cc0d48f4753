//! What happened, for those who watch. Emitted by apply, stored with the log index as id.

use crate::{Decision, DraftId, DraftState, SchemaId, Scope, Subject, Version};

/// One thing that happened. Its id is the log index and the position within that entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Milliseconds since the Unix epoch, from the envelope.
    pub time_ms: u64,
    /// Who did it.
    pub actor: String,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A version was added and is active.
    SchemaRegistered { subject: Subject, version: Version, id: SchemaId },
    /// A version was deleted.
    VersionDeleted { subject: Subject, version: Version, permanent: bool },
    /// All versions of a subject were deleted.
    SubjectDeleted { subject: Subject, versions: Vec<Version>, permanent: bool },
    /// A configuration was set or removed.
    ConfigChanged { scope: Scope },
    /// A mode was set or removed.
    ModeChanged { scope: Scope },
    /// A step of its life made a version active: a draft that became one, or one that came back.
    VersionActivated { subject: Subject, version: Version },
    /// The end of a version was announced.
    VersionDeprecated { subject: Subject, version: Version, sunset_ms: u64, successor: Option<Version> },
    /// A version was ended.
    VersionArchived { subject: Subject, version: Version, forced: bool },
    /// A version was rolled back to an older one, which is the latest now.
    VersionRolledBack { subject: Subject, version: Version, target: Version },
    /// A version was taken out of use.
    VersionQuarantined { subject: Subject, version: Version },
    /// A quarantined version is back.
    VersionReleased { subject: Subject, version: Version },
    /// A draft waits for review.
    DraftSubmitted { subject: Subject, draft: DraftId, breaking: bool },
    /// A reviewer decided.
    DraftReviewed { subject: Subject, draft: DraftId, decision: Decision, state: DraftState },
    /// A policy was set or removed.
    PolicyChanged { scope: Scope },
}

impl EventKind {
    /// The name under which the event is delivered.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SchemaRegistered { .. } => "schema.registered",
            Self::VersionDeleted { .. } => "version.deleted",
            Self::SubjectDeleted { .. } => "subject.deleted",
            Self::ConfigChanged { .. } => "config.changed",
            Self::ModeChanged { .. } => "mode.changed",
            Self::VersionActivated { .. } => "version.activated",
            Self::VersionDeprecated { .. } => "version.deprecated",
            Self::VersionArchived { .. } => "version.archived",
            Self::VersionRolledBack { .. } => "version.rolled_back",
            Self::VersionQuarantined { .. } => "version.quarantined",
            Self::VersionReleased { .. } => "version.released",
            Self::DraftSubmitted { .. } => "draft.submitted",
            Self::DraftReviewed { .. } => "draft.reviewed",
            Self::PolicyChanged { .. } => "policy.changed",
        }
    }

    /// The names of all kinds.
    pub const NAMES: [&'static str; 14] = [
        "schema.registered",
        "version.activated",
        "version.deprecated",
        "version.archived",
        "version.rolled_back",
        "version.quarantined",
        "version.released",
        "version.deleted",
        "draft.submitted",
        "draft.reviewed",
        "subject.deleted",
        "config.changed",
        "mode.changed",
        "policy.changed",
    ];

    /// The subject, scope or context that it is about.
    pub fn scope(&self) -> Scope {
        match self {
            Self::SchemaRegistered { subject, .. }
            | Self::VersionDeleted { subject, .. }
            | Self::SubjectDeleted { subject, .. }
            | Self::VersionActivated { subject, .. }
            | Self::VersionDeprecated { subject, .. }
            | Self::VersionArchived { subject, .. }
            | Self::VersionRolledBack { subject, .. }
            | Self::VersionQuarantined { subject, .. }
            | Self::VersionReleased { subject, .. }
            | Self::DraftSubmitted { subject, .. }
            | Self::DraftReviewed { subject, .. } => Scope::Subject(subject.clone()),
            Self::ConfigChanged { scope } | Self::ModeChanged { scope } | Self::PolicyChanged { scope } => {
                scope.clone()
            }
        }
    }

    /// The version that it is about, if it is one.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::SchemaRegistered { version, .. }
            | Self::VersionDeleted { version, .. }
            | Self::VersionActivated { version, .. }
            | Self::VersionDeprecated { version, .. }
            | Self::VersionArchived { version, .. }
            | Self::VersionRolledBack { version, .. }
            | Self::VersionQuarantined { version, .. }
            | Self::VersionReleased { version, .. } => Some(*version),
            Self::SubjectDeleted { .. }
            | Self::DraftSubmitted { .. }
            | Self::DraftReviewed { .. }
            | Self::ConfigChanged { .. }
            | Self::ModeChanged { .. }
            | Self::PolicyChanged { .. } => None,
        }
    }
}
