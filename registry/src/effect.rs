//! What the rules of the domains get from apply and give back to it.

use crate::{Change, Done, EventKind, LogIndex, Refusal, ViewError};

/// Where a command stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    /// The index of the entry.
    pub index: LogIndex,
    /// The term of the leader that proposed it.
    pub term: u64,
}

/// Why a command was not carried out, inside apply.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// The store failed: the node stops.
    Stop(ViewError),
    /// A rule forbids it: that is the answer.
    Refuse(Refusal),
}

/// What a part of apply gives.
pub(crate) type Applying<T> = Result<T, NotDone>;

impl From<ViewError> for NotDone {
    fn from(error: ViewError) -> Self {
        Self::Stop(error)
    }
}

impl<R: Into<Refusal>> From<R> for NotDone {
    fn from(refusal: R) -> Self {
        Self::Refuse(refusal.into())
    }
}

/// What a command did, before the bookkeeping around it.
pub(crate) struct Effect {
    pub done: Done,
    pub changes: Vec<Change>,
    pub events: Vec<EventKind>,
}

impl Effect {
    pub(crate) fn of(done: impl Into<Done>) -> Self {
        Self { done: done.into(), changes: Vec::new(), events: Vec::new() }
    }
}

/// What the rules of a domain need to know about their entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub position: LogPosition,
    pub time_ms: u64,
    /// The actor's one name.
    pub actor: &'a str,
}

impl Entry<'_> {
    pub(crate) fn index(self) -> LogIndex {
        self.position.index
    }
}
