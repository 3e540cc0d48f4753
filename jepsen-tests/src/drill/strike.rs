//! A fault as it was injected.

use serde::{Deserialize, Serialize};

/// A fault that was injected, and what happened meanwhile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Strike {
    pub fault: String,
    pub from_ms: u64,
    pub to_ms: u64,
    pub real: bool,
    pub detail: String,
    /// Operations answered and without outcome meanwhile.
    pub answered: u64,
    pub unknown: u64,
}
