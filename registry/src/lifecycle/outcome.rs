//! What a step in a life came to, and why one was refused.

use schema::Guid;

use super::{DraftId, DraftState, LifecyclePolicy, State, Transition, VersionState};
use crate::{LogIndex, SchemaId, Version};

/// What a command of this part came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LifecycleOutcome {
    /// The draft was begun, revised, submitted or reviewed.
    Draft { id: DraftId, state: DraftState, approvals: u32 },
    /// The draft became a version.
    Activated { id: DraftId, version: Version, schema_id: SchemaId, guid: Guid },
    /// The version has this state now.
    Version { version: Version, state: VersionState },
    /// These versions were rolled back; `target` is the latest.
    RolledBack { target: Version, versions: Vec<Version> },
    /// The consumer is registered, or not any more.
    Consumer,
    /// The policy was set or removed; `old` is what was there before.
    PolicyChanged { old: Option<LifecyclePolicy> },
    /// The cursor stands there, perhaps since before.
    Cursor { index: LogIndex, position: u32 },
    /// Audit records before this position are in files only.
    AuditArchived { from: u64 },
}

/// Why a command of this part was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleRejection {
    /// The transition does not begin in this state.
    WrongState { transition: Transition, state: State },
    /// The subject has no such draft.
    DraftNotFound { id: DraftId },
    /// The consumer is not registered.
    ConsumerNotFound { id: String },
    /// The scope has no policy of its own.
    PolicyNotFound,
    /// What was asked to be at one revision is at another.
    RevisionDiffers { asked: LogIndex, found: LogIndex },
    /// The subject's policy asks for a review.
    ReviewRequired,
    /// An author cannot review.
    ReviewerIsAuthor,
    /// This reviewer has approved already.
    AlreadyApproved,
    /// Too few approvals, for instance because the change has become a breaking one since.
    ApprovalsMissing { have: u32, needed: u32 },
    /// The step needs a reason.
    ReasonRequired,
    /// The policy asks for this metadata property.
    PropertyMissing { name: String },
    /// The policy allows no more versions.
    VersionsMax { limit: u32 },
    /// The subject has as many open drafts as one may have.
    DraftsFull { limit: u32 },
    /// The draft is not compatible with what is in use.
    Incompatible,
    /// The sunset leaves less notice than the policy asks for.
    SunsetTooSoon { earliest_ms: u64 },
    /// The sunset has not come.
    SunsetNotReached { sunset_ms: u64 },
    /// The successor is not an active version above or below.
    SuccessorNotActive { version: Version },
    /// These consumers still depend on the version; at most a few are named.
    ConsumersRemain { consumers: Vec<String> },
    /// Live schemas refer to what would be rolled back.
    DependentsRemain { version: Version },
    /// No active version is above the target.
    NothingToRollBack,
    /// The content is in quarantine.
    Quarantined { version: Version },
    /// The field can be set in the global scope only.
    GlobalOnly,
    /// Records this young, or not there, are not archived.
    AuditTooYoung { position: u64 },
    /// A name or text is longer than it may be, or a range is empty.
    Invalid { what: String },
}

macro_rules! names {
    ($type:ident { $($pattern:pat => $name:literal),+ $(,)? }) => {
        impl $type {
            /// A stable name for audit records, metrics and logs.
            pub fn name(&self) -> &'static str {
                match self { $($pattern => $name),+ }
            }
        }
    };
}

names!(LifecycleOutcome {
    Self::Draft { .. } => "draft",
    Self::Activated { .. } => "activated",
    Self::Version { .. } => "version",
    Self::RolledBack { .. } => "rolled_back",
    Self::Consumer => "consumer",
    Self::PolicyChanged { .. } => "policy_changed",
    Self::Cursor { .. } => "cursor",
    Self::AuditArchived { .. } => "audit_archived",
});

names!(LifecycleRejection {
    Self::WrongState { .. } => "wrong_state",
    Self::DraftNotFound { .. } => "draft_not_found",
    Self::ConsumerNotFound { .. } => "consumer_not_found",
    Self::PolicyNotFound => "policy_not_found",
    Self::RevisionDiffers { .. } => "revision_differs",
    Self::ReviewRequired => "review_required",
    Self::ReviewerIsAuthor => "reviewer_is_author",
    Self::AlreadyApproved => "already_approved",
    Self::ApprovalsMissing { .. } => "approvals_missing",
    Self::ReasonRequired => "reason_required",
    Self::PropertyMissing { .. } => "property_missing",
    Self::VersionsMax { .. } => "versions_max",
    Self::DraftsFull { .. } => "drafts_full",
    Self::Incompatible => "incompatible",
    Self::SunsetTooSoon { .. } => "sunset_too_soon",
    Self::SunsetNotReached { .. } => "sunset_not_reached",
    Self::SuccessorNotActive { .. } => "successor_not_active",
    Self::ConsumersRemain { .. } => "consumers_remain",
    Self::DependentsRemain { .. } => "dependents_remain",
    Self::NothingToRollBack => "nothing_to_roll_back",
    Self::Quarantined { .. } => "quarantined",
    Self::GlobalOnly => "global_only",
    Self::AuditTooYoung { .. } => "audit_too_young",
    Self::Invalid { .. } => "invalid",
});
