//! The life of a schema: eleven states and the fifteen transitions between them.
//!
//! Drafts and versions are different things with different rows:
//! a draft has no version number and no schema id, so nothing that Confluent clients read can show it.

pub(crate) mod apply;
mod command;
mod draft;
pub(crate) mod history;
mod outcome;
pub(crate) mod query;
mod rows;
mod states;
mod version;

pub use command::{DraftContent, LifeChange, LifeCommand, Report};
pub use outcome::{LifeDone, LifeRefusal};
pub use rows::{ConsumerRow, Deprecation, DraftRow, HistoryRow};
pub use states::{Decision, DraftId, DraftState, State, Transition, VersionState};

use crate::{EventKind, Subject, Version};

impl Transition {
    /// What becomes of a version that passes the transition, and the event that tells of it; nothing of a transition whose
    /// event says more, or that is one of drafts.
    pub(crate) fn of_version(self, subject: &Subject, version: Version) -> Option<(VersionState, EventKind)> {
        let subject = subject.clone();
        Some(match self {
            Self::Reinstate | Self::Reactivate => {
                (VersionState::Active, EventKind::VersionActivated { subject, version })
            }
            Self::Quarantine => (VersionState::Quarantined, EventKind::VersionQuarantined { subject, version }),
            Self::Release => (VersionState::Active, EventKind::VersionReleased { subject, version }),
            Self::Submit
            | Self::Publish
            | Self::Approve
            | Self::RequestChanges
            | Self::Resubmit
            | Self::Reject
            | Self::Activate
            | Self::Deprecate
            | Self::Archive
            | Self::RollBack
            | Self::Delete => return None,
        })
    }

    /// The transition if it begins in this state.
    ///
    /// # Errors
    /// [`LifeRefusal::WrongState`].
    pub fn checked(self, state: State) -> Result<Self, LifeRefusal> {
        if self.ends().0 == state { Ok(self) } else { Err(LifeRefusal::WrongState { transition: self, state }) }
    }
}
