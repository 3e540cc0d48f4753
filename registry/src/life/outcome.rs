//! What a change in a life comes to.

use schema::Guid;

use super::{DraftId, DraftState, State, Transition, VersionState};
use crate::described::described;
use crate::reply::{Reply, code};
use crate::{SchemaId, Version};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum LifeDone {
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
}

described!(LifeDone {
    Draft { id, state, approvals } = "draft",
    Activated { id, version, schema_id, guid } = "activated",
    Version { version, state } = "version",
    RolledBack { target, versions } = "rolled_back",
    Consumer = "consumer",
});

impl LifeDone {
    /// See [`crate::Outcome::summary`].
    pub(crate) fn facts(&self) -> String {
        match self {
            Self::Draft { id, state, .. } => format!("draft={id} {}", state.state().name()),
            Self::Activated { id, version, schema_id, .. } => format!("draft={id} id={schema_id} version={version}"),
            Self::Version { version, state } => format!("version={version} {}", state.state().name()),
            Self::RolledBack { target, versions } => format!("target={target} rolled_back={}", versions.len()),
            Self::Consumer => String::new(),
        }
    }
}

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum LifeRefusal {
    /// The transition does not begin in this state.
    WrongState { transition: Transition, state: State },
    /// The subject has no such draft.
    DraftNotFound { id: DraftId },
    /// The consumer is not registered.
    ConsumerNotFound { id: String },
    /// The subject's policy asks for a review.
    ReviewRequired,
    /// An author cannot review.
    ReviewerIsAuthor,
    /// This reviewer has approved already.
    AlreadyApproved,
    /// Too few approvals, for instance because the change has become a breaking one since.
    ApprovalsMissing { have: u32, needed: u32 },
    /// The change needs a reason.
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
}

described!(LifeRefusal {
    WrongState { transition, state } = "wrong_state",
    DraftNotFound { id } = "draft_not_found",
    ConsumerNotFound { id } = "consumer_not_found",
    ReviewRequired = "review_required",
    ReviewerIsAuthor = "reviewer_is_author",
    AlreadyApproved = "already_approved",
    ApprovalsMissing { have, needed } = "approvals_missing",
    ReasonRequired = "reason_required",
    PropertyMissing { name } = "property_missing",
    VersionsMax { limit } = "versions_max",
    DraftsFull { limit } = "drafts_full",
    Incompatible = "incompatible",
    SunsetTooSoon { earliest_ms } = "sunset_too_soon",
    SunsetNotReached { sunset_ms } = "sunset_not_reached",
    SuccessorNotActive { version } = "successor_not_active",
    ConsumersRemain { consumers } = "consumers_remain",
    DependentsRemain { version } = "dependents_remain",
    NothingToRollBack = "nothing_to_roll_back",
    Quarantined { version } = "quarantined",
});

impl LifeRefusal {
    /// See [`crate::Refusal::reply`].
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::WrongState { transition, state } => Reply::new(
                code::WRONG_STATE,
                format!("{} begins in {}, not in {}", transition.name(), transition.ends().0.name(), state.name()),
            ),
            Self::DraftNotFound { id } => Reply::new(code::DRAFT_NOT_FOUND, format!("Draft {id} not found.")),
            Self::ConsumerNotFound { id } => {
                Reply::new(code::CONSUMER_NOT_FOUND, format!("Consumer '{id}' not found."))
            }
            Self::ReviewRequired => Reply::new(
                code::REVIEW_REQUIRED,
                "The policy of this subject asks for a review: create a draft with the native API and submit it",
            ),
            Self::ReviewerIsAuthor => Reply::new(code::SELF_REVIEW, "The author of a draft cannot review it"),
            Self::AlreadyApproved => Reply::new(code::WRONG_STATE, "You have approved this draft already"),
            Self::ApprovalsMissing { have, needed } => {
                Reply::new(code::APPROVALS_MISSING, format!("{have} approvals are there, {needed} are needed"))
            }
            Self::ReasonRequired => Reply::new(code::REASON_REQUIRED, "This step needs a reason"),
            Self::PropertyMissing { name } => {
                Reply::new(code::METADATA_REQUIRED, format!("The policy asks for the metadata property '{name}'"))
            }
            Self::VersionsMax { limit } => {
                Reply::new(code::LIMIT_REACHED, format!("The policy allows {limit} versions of a subject"))
            }
            Self::DraftsFull { limit } => {
                Reply::new(code::LIMIT_REACHED, format!("The subject has {limit} open drafts already"))
            }
            Self::Incompatible => Reply::new(
                code::INCOMPATIBLE,
                "The draft is incompatible with what is in use; its report has the details",
            ),
            Self::SunsetTooSoon { earliest_ms } => {
                Reply::new(code::SUNSET, format!("The policy's notice allows a sunset from {earliest_ms} on"))
            }
            Self::SunsetNotReached { sunset_ms } => Reply::new(code::SUNSET, format!("The sunset is at {sunset_ms}")),
            Self::SuccessorNotActive { version } => Reply::new(
                code::WRONG_STATE,
                format!("Version {version} cannot be the successor: it is no other active version"),
            ),
            Self::ConsumersRemain { consumers } => {
                Reply::new(code::BLOCKED, format!("Consumers are registered for it: {}", consumers.join(", ")))
            }
            Self::DependentsRemain { version } => {
                Reply::new(code::BLOCKED, format!("Live schemas refer to version {version}"))
            }
            Self::NothingToRollBack => Reply::new(code::WRONG_STATE, "No active version is above the target"),
            Self::Quarantined { version } => Reply::new(code::QUARANTINED, format!("Version {version} is quarantined")),
        }
    }
}
