//! Rows of readers.

use crate::LogIndex;

/// How far a named reader of the events has come: what webhooks and brokers resume from after a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorRow {
    /// The last event that was delivered: log index and position in the entry.
    pub index: LogIndex,
    /// See `index`.
    pub position: u32,
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The entry that moved it last.
    pub modified_at: LogIndex,
}
