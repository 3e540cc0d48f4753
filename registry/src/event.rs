//! What happened, for those who watch. Emitted by apply, stored with the log index as id.

use crate::{SchemaId, Scope, Subject, Version};

/// One thing that happened. Its id is the log index and the position within that entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Milliseconds since the Unix epoch, from the envelope.
    pub time_ms: u64,
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
        }
    }
}
