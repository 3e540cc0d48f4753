//! What happened, for those who watch. Emitted by apply, stored with the log index as id.

use crate::feed::{Feed, Sink};
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

/// Declares the kinds of events: each with its name and its fields, once. The digest takes the fields in this order.
macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:literal = $kind:ident { $($field:ident: $type:ty),+ }),+ $(,)?) => {
        /// The kinds of events.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs, reason = "fields are named after their types")]
        pub enum EventKind {
            $($(#[$doc])* $kind { $($field: $type),+ }),+
        }

        impl EventKind {
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The name under which the event is delivered.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind { .. } => $name),+ }
            }
        }

        impl Feed for EventKind {
            fn feed(&self, sink: &mut Sink) {
                sink.bytes(self.name().as_bytes());
                match self { $(Self::$kind { $($field),+ } => { $($field.feed(sink);)+ }),+ }
            }
        }
    };
}

event_kinds! {
    /// A version was added and is active.
    "schema.registered" = SchemaRegistered { subject: Subject, version: Version, id: SchemaId },
    /// A step of its life made a version active: a draft that became one, or one that came back.
    "version.activated" = VersionActivated { subject: Subject, version: Version },
    /// The end of a version was announced.
    "version.deprecated" = VersionDeprecated { subject: Subject, version: Version, sunset_ms: u64, successor: Option<Version> },
    /// A version was ended.
    "version.archived" = VersionArchived { subject: Subject, version: Version, forced: bool },
    /// A version was rolled back to an older one, which is the latest now.
    "version.rolled_back" = VersionRolledBack { subject: Subject, version: Version, target: Version },
    /// A version was taken out of use.
    "version.quarantined" = VersionQuarantined { subject: Subject, version: Version },
    /// A quarantined version is back.
    "version.released" = VersionReleased { subject: Subject, version: Version },
    /// A version was deleted.
    "version.deleted" = VersionDeleted { subject: Subject, version: Version, permanent: bool },
    /// A draft waits for review.
    "draft.submitted" = DraftSubmitted { subject: Subject, draft: DraftId, breaking: bool },
    /// A reviewer decided.
    "draft.reviewed" = DraftReviewed { subject: Subject, draft: DraftId, decision: Decision, state: DraftState },
    /// All versions of a subject were deleted.
    "subject.deleted" = SubjectDeleted { subject: Subject, versions: Vec<Version>, permanent: bool },
    /// A configuration was set or removed.
    "config.changed" = ConfigChanged { scope: Scope },
    /// A mode was set or removed.
    "mode.changed" = ModeChanged { scope: Scope },
    /// A policy was set or removed.
    "policy.changed" = PolicyChanged { scope: Scope },
}

impl EventKind {
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
