//! What a command about feeds comes to.

use crate::LogIndex;
use crate::described::described;
use crate::reply::{Reply, code};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum FeedsDone {
    /// The cursor stands there, perhaps since before.
    Cursor { index: LogIndex, position: u32 },
}

described!(FeedsDone { Cursor { index, position } = "cursor" });

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedsRefusal {
    /// A cursor has a name of bounded length and stands on an event that happened.
    CursorOutOfPlace,
}

described!(FeedsRefusal { CursorOutOfPlace = "cursor_out_of_place" });

impl FeedsRefusal {
    /// See [`crate::Refusal::reply`].
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::CursorOutOfPlace => {
                Reply::new(code::UNPROCESSABLE, "a cursor has a name and stands on an event that happened")
            }
        }
    }
}
