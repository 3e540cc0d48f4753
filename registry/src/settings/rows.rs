//! Rows of settings.

use crate::LogIndex;

/// A setting of a scope, or the memory that there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow<T> {
    /// The value; `None` after removal.
    pub value: Option<T>,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}
