//! The age that an answer claims for the state that it shows (`X-Registry-Staleness-Ms`), as data for a checker.

use serde::{Deserialize, Serialize};

use crate::client::Answer;

/// An answer with the age that its node claimed for its knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgedAnswer {
    /// The node that answered.
    pub node: u64,
    /// When the request was sent, in nanoseconds since the workloads began: the answer left the node no earlier.
    pub sent: u64,
    /// The log index that the node had applied (`X-Registry-Index`).
    pub index: u64,
    /// The greatest age of the node's knowledge, in milliseconds.
    pub age_ms: u64,
}

impl AgedAnswer {
    /// Reads the headers of an answer; `None` where the node said that it does not know its age.
    pub fn from_answer(node: u64, sent: u64, answer: &Answer) -> Option<Self> {
        let number = |name: &str| answer.header(name)?.parse::<u64>().ok();
        Some(Self { node, sent, index: number("x-registry-index")?, age_ms: number("x-registry-staleness-ms")? })
    }
}
