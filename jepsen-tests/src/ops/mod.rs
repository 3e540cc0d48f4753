//! What clients of a drill do, and what they were told: every operation with its times, for the checkers.
//!
//! A subject belongs to one workload and to few clients, and takes a limited number of operations; then a fresh one follows.
//! That keeps the search of the linearizability checkers small.

pub mod clients;
pub mod family;
pub mod ledger;
pub mod life;
pub mod mix;
mod operations;
pub mod references;
mod rotation;
mod session;
pub mod settings;
mod shared;
pub mod watchers;

use serde::{Deserialize, Serialize};

/// A level of compatibility, as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Level {
    None,
    Backward,
    FullTransitive,
}

impl Level {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }
}

/// What a client asked for. A content is a number; [`family`] makes schemas of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Op {
    Register { content: u32 },
    Latest,
    Get { version: u32 },
    Lookup { content: u32 },
    List { deleted: bool },
    Contents,
    DeleteVersion { version: u32, permanent: bool },
    DeleteSubject { permanent: bool },
    SetLevel { level: Level },
}

impl Op {
    /// Does it change anything?
    pub fn is_write(self) -> bool {
        match self {
            Self::Register { .. } | Self::DeleteVersion { .. } | Self::DeleteSubject { .. } | Self::SetLevel { .. } => {
                true
            }
            Self::Latest | Self::Get { .. } | Self::Lookup { .. } | Self::List { .. } | Self::Contents => false,
        }
    }

    /// Its kind, for counting.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Latest => "latest",
            Self::Get { .. } => "get",
            Self::Lookup { .. } => "lookup",
            Self::List { .. } => "list",
            Self::Contents => "contents",
            Self::DeleteVersion { permanent: false, .. } => "delete-version",
            Self::DeleteVersion { permanent: true, .. } => "delete-version-permanently",
            Self::DeleteSubject { permanent: false } => "delete-subject",
            Self::DeleteSubject { permanent: true } => "delete-subject-permanently",
            Self::SetLevel { .. } => "set-level",
        }
    }
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Told {
    /// A registration, a lookup or a read of a version.
    Version { version: u32, content: u32 },
    /// Version numbers.
    Versions(Vec<u32>),
    /// Contents in the order of their versions.
    Contents(Vec<u32>),
    /// It was done.
    Done,
    /// 409 because of compatibility.
    Incompatible,
    /// 404 of some kind.
    NotFound,
}

/// The workload that an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Work {
    /// Everything that the model knows, but no deletions.
    Rich,
    /// The same with deletions.
    Deleting,
    /// Unique contents and reads of the whole subject.
    Append,
}

/// One operation of one client. All attempts under one key are one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Event {
    pub work: Work,
    pub process: u32,
    /// The node that was asked last.
    pub node: u64,
    pub subject: String,
    pub op: Op,
    /// Nanoseconds since the beginning.
    pub invoked: u64,
    pub returned: u64,
    /// Nothing where the outcome is unknown.
    pub told: Option<Told>,
    /// The id and the guid that a registration was told.
    pub id: Option<u32>,
    pub guid: Option<String>,
    pub attempts: u32,
}

impl Event {
    /// The last read of a subject, by whoever judges: it begins when everything else has ended.
    pub fn last_read(work: Work, node: u64, subject: String, invoked: u64, told: Told) -> Self {
        Self {
            work,
            process: 0,
            node,
            subject,
            op: Op::Contents,
            invoked,
            returned: invoked + 1_000,
            told: Some(told),
            id: None,
            guid: None,
            attempts: 1,
        }
    }
}

/// What clients of sessions saw: a read at or after a token, or within a bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Glimpse {
    pub node: u64,
    pub subject: String,
    /// `session`, `bounded`, or `own`: what this client wrote through this node.
    pub promise: String,
    /// The version that must be seen at least.
    pub at_least: u32,
    /// The version that was seen; 0 for none.
    pub seen: u32,
    /// The index that was asked for, and the one that the answer told.
    pub token: u64,
    pub index: u64,
}
