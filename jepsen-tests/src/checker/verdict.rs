//! The verdict on a run. Only *valid* passes.

use serde::{Deserialize, Serialize};

/// The verdict on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is wrong, and the fault was real.
    Valid,
    /// The fault did not happen, or nothing was done under it: the run says nothing.
    Vacuous,
    /// A checker could not decide.
    Unknown,
    /// Something is wrong.
    Invalid,
}

impl Verdict {
    /// The worse of two verdicts.
    #[must_use]
    pub fn worse_of(self, other: Self) -> Self {
        self.max(other)
    }
}
