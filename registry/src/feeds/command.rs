//! What may be asked of feeds.

use crate::LogIndex;

/// A change of what is known about readers of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum FeedsCommand {
    /// Remember how far a named reader of the events has come; never backwards.
    MoveCursor { name: String, index: LogIndex, position: u32 },
}

impl FeedsCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::MoveCursor { .. } => "cursor.move",
        }
    }

    /// See [`crate::Command::resource`].
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::MoveCursor { name, .. } => format!("cursor/{name}"),
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::MoveCursor { name, index: _, position: _ } => name.len(),
        }
    }
}
