//! The eleven states of a life, the fifteen transitions between them, and what decides on some of these.
//!
//! This table is the only statement of what may follow what.

use std::fmt;

/// Names a draft inside its subject, and the life of a version: the log index of the entry that began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftId(pub u64);

impl fmt::Display for DraftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A state of a schema's life, of a draft or of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Somebody works on it.
    Draft,
    /// It waits for its reviewers.
    PendingReview,
    /// A reviewer wants it changed.
    ChangesRequested,
    /// Enough reviewers have approved it.
    Approved,
    /// A reviewer has turned it down; final.
    Rejected,
    /// It is in use.
    Active,
    /// Its end is announced.
    Deprecated,
    /// Its end has come; it is read, and no longer used.
    Archived,
    /// An older version is the latest in its place.
    RolledBack,
    /// It must not be used.
    Quarantined,
    /// It is gone.
    Deleted,
}

impl State {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Draft,
        Self::PendingReview,
        Self::ChangesRequested,
        Self::Approved,
        Self::Rejected,
        Self::Active,
        Self::Deprecated,
        Self::Archived,
        Self::RolledBack,
        Self::Quarantined,
        Self::Deleted,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::PendingReview => "PENDING_REVIEW",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Active => "ACTIVE",
            Self::Deprecated => "DEPRECATED",
            Self::Archived => "ARCHIVED",
            Self::RolledBack => "ROLLED_BACK",
            Self::Quarantined => "QUARANTINED",
            Self::Deleted => "DELETED",
        }
    }

    /// The state with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(name))
    }
}

/// The state of a draft. `Active` is final: its content lives on as a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DraftState {
    /// Somebody works on it.
    Draft,
    /// It waits for its reviewers.
    PendingReview,
    /// A reviewer wants it changed.
    ChangesRequested,
    /// Enough reviewers have approved it.
    Approved,
    /// A reviewer has turned it down; final.
    Rejected,
    /// It has become a version; final.
    Active,
}

impl DraftState {
    /// The state in the words of the whole life.
    pub fn state(self) -> State {
        match self {
            Self::Draft => State::Draft,
            Self::PendingReview => State::PendingReview,
            Self::ChangesRequested => State::ChangesRequested,
            Self::Approved => State::Approved,
            Self::Rejected => State::Rejected,
            Self::Active => State::Active,
        }
    }

    /// Can anything still become of the draft?
    pub fn is_open(self) -> bool {
        match self {
            Self::Draft | Self::PendingReview | Self::ChangesRequested | Self::Approved => true,
            Self::Rejected | Self::Active => false,
        }
    }
}

/// The state of a version that is not deleted. A soft-deleted one keeps the state that it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionState {
    /// It is in use.
    Active,
    /// Its end is announced.
    Deprecated,
    /// Its end has come; it is read, and no longer used.
    Archived,
    /// An older version is the latest in its place.
    RolledBack,
    /// It must not be used.
    Quarantined,
}

impl VersionState {
    /// In the order in which they stand in for each other as `latest`: a subject with a version always has a latest one.
    pub const BY_RANK: [Self; 5] =
        [Self::Active, Self::Deprecated, Self::Quarantined, Self::Archived, Self::RolledBack];

    /// The state in the words of the whole life.
    pub fn state(self) -> State {
        match self {
            Self::Active => State::Active,
            Self::Deprecated => State::Deprecated,
            Self::Archived => State::Archived,
            Self::RolledBack => State::RolledBack,
            Self::Quarantined => State::Quarantined,
        }
    }

    /// Do data of this version still have to be read, and new versions to be compatible with it?
    pub fn is_in_use(self) -> bool {
        match self {
            Self::Active | Self::Deprecated => true,
            Self::Archived | Self::RolledBack | Self::Quarantined => false,
        }
    }
}

/// The way from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// A draft is handed in for review.
    Submit,
    /// A draft becomes a version without review.
    Publish,
    /// Enough reviewers have approved.
    Approve,
    /// A reviewer wants changes.
    RequestChanges,
    /// A changed draft is handed in again.
    Resubmit,
    /// A reviewer turns a draft down.
    Reject,
    /// An approved draft becomes a version.
    Activate,
    /// The end of a version is announced.
    Deprecate,
    /// That announcement is taken back.
    Reinstate,
    /// A deprecated version is ended.
    Archive,
    /// A version makes way for an older one.
    RollBack,
    /// A version that was rolled back is back.
    Reactivate,
    /// A version is taken out of use.
    Quarantine,
    /// A version in quarantine is back.
    Release,
    /// An archived version is deleted.
    Delete,
}

impl Transition {
    /// All fifteen.
    pub const ALL: [Self; 15] = [
        Self::Submit,
        Self::Publish,
        Self::Approve,
        Self::RequestChanges,
        Self::Resubmit,
        Self::Reject,
        Self::Activate,
        Self::Deprecate,
        Self::Reinstate,
        Self::Archive,
        Self::RollBack,
        Self::Reactivate,
        Self::Quarantine,
        Self::Release,
        Self::Delete,
    ];

    /// From which state to which.
    pub fn ends(self) -> (State, State) {
        match self {
            Self::Submit => (State::Draft, State::PendingReview),
            Self::Publish => (State::Draft, State::Active),
            Self::Approve => (State::PendingReview, State::Approved),
            Self::RequestChanges => (State::PendingReview, State::ChangesRequested),
            Self::Resubmit => (State::ChangesRequested, State::PendingReview),
            Self::Reject => (State::PendingReview, State::Rejected),
            Self::Activate => (State::Approved, State::Active),
            Self::Deprecate => (State::Active, State::Deprecated),
            Self::Reinstate => (State::Deprecated, State::Active),
            Self::Archive => (State::Deprecated, State::Archived),
            Self::RollBack => (State::Active, State::RolledBack),
            Self::Reactivate => (State::RolledBack, State::Active),
            Self::Quarantine => (State::Active, State::Quarantined),
            Self::Release => (State::Quarantined, State::Active),
            Self::Delete => (State::Archived, State::Deleted),
        }
    }

    /// The name in audit records, events and error texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Publish => "publish",
            Self::Approve => "approve",
            Self::RequestChanges => "request_changes",
            Self::Resubmit => "resubmit",
            Self::Reject => "reject",
            Self::Activate => "activate",
            Self::Deprecate => "deprecate",
            Self::Reinstate => "reinstate",
            Self::Archive => "archive",
            Self::RollBack => "roll_back",
            Self::Reactivate => "reactivate",
            Self::Quarantine => "quarantine",
            Self::Release => "release",
            Self::Delete => "delete",
        }
    }
}

/// A reviewer's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may become a version.
    Approve,
    /// It may after changes.
    RequestChanges,
    /// It may not.
    Reject,
}

impl Decision {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "APPROVE",
            Self::RequestChanges => "REQUEST_CHANGES",
            Self::Reject => "REJECT",
        }
    }

    /// The decision with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Approve, Self::RequestChanges, Self::Reject]
            .into_iter()
            .find(|decision| decision.name().eq_ignore_ascii_case(name))
    }
}
