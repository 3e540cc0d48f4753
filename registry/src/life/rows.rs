//! Rows of drafts, histories and consumers.

use std::collections::BTreeSet;

use super::command::DraftContent;
use super::{DraftState, State};
use crate::{LogIndex, Version};

/// Distinct reviewers who approved.
pub(crate) type Approvals = BTreeSet<String>;

/// A draft. It stays when it became a version or was rejected: its review is part of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRow {
    /// Where it stands.
    pub state: DraftState,
    /// Who began it, and may not review it.
    pub author: String,
    /// Its text of now, with the newest report.
    pub draft: DraftContent,
    /// Who approved it since it was last submitted.
    pub approvals: Approvals,
    /// What it became.
    pub version: Option<Version>,
    /// When it was begun, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The entry that changed it last: its revision.
    pub modified_at: LogIndex,
}

/// One change in the history of a draft or version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// The state before; nothing for a beginning.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// See [`crate::Command::action`].
    pub action: String,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The version number, once there is one.
    pub version: Option<Version>,
}

/// The announced end of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecation {
    /// When it was announced, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// From when on the version may be archived.
    pub sunset_ms: u64,
    /// What to use instead.
    pub successor: Option<Version>,
}

/// Someone who depends on versions of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRow {
    /// The first version it reads or writes.
    pub from: Version,
    /// The last one; nothing means all that follow.
    pub to: Option<Version>,
    /// Whose it is.
    pub owner: String,
    /// How to reach them.
    pub contact: String,
    /// When it was registered, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The entry that changed it last: its revision.
    pub modified_at: LogIndex,
}

impl ConsumerRow {
    /// Does it depend on this version?
    pub fn covers(&self, version: Version) -> bool {
        self.from <= version && self.to.is_none_or(|to| version <= to)
    }
}
