//! The workloads of a drill: what their processes invoke, and the history of every operation for the checkers.
//!
//! An object (a subject, mostly) belongs to one workload and to few processes, and takes a limited number of operations; then a fresh
//! one follows. That keeps the search of the linearizability checkers small. `context` is what all workloads share, and knows none
//! of them; [`clients`] starts them.

pub mod clients;
mod context;
pub mod contexts;
pub mod family;
pub mod freshness;
pub mod generator;
pub mod ledger;
pub mod lifecycle;
pub mod names;
pub mod references;
pub mod revisions;
mod rotation;
mod runner;
mod session;
pub mod settings;
mod subjects;
pub mod watchers;

use serde::{Deserialize, Serialize};

use crate::history::IsWrite;

/// A level of compatibility, as the model knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// An operation on a subject. A content is a number; [`family`] makes schemas of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// May the operation change anything?
    pub fn is_write(self) -> bool {
        match self {
            Self::Register { .. } | Self::DeleteVersion { .. } | Self::DeleteSubject { .. } | Self::SetLevel { .. } => {
                true
            }
            Self::Latest | Self::Get { .. } | Self::Lookup { .. } | Self::List { .. } | Self::Contents => false,
        }
    }

    /// The name of the operation, for counting.
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

impl IsWrite for Op {
    fn is_write(&self) -> bool {
        Self::is_write(*self)
    }
}

/// The output of an operation: an answer or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
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
    /// A refusal that the model has no name for, which nobody may get (I25): the status and the registry's own code.
    Unexpected { status: u16, code: u32 },
}

/// The workload that an operation on a subject belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SubjectWorkload {
    /// Every operation that the model knows, except deletions.
    Rich,
    /// The same with deletions.
    Deleting,
    /// Unique contents and reads of the whole subject.
    Append,
}

/// One operation of one process on a subject, with the ids that it was given. All attempts under one key are one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectOperation {
    pub workload: SubjectWorkload,
    pub process: u32,
    /// The node that was asked last.
    pub node: u64,
    pub subject: String,
    pub op: Op,
    /// Nanoseconds since the beginning.
    pub invoked: u64,
    pub returned: u64,
    /// The completion; `None` is *info*: the outcome is unknown.
    pub output: Option<Output>,
    /// The id and the guid in the answer to a registration.
    pub id: Option<u32>,
    pub guid: Option<String>,
    pub attempts: u32,
}

impl SubjectOperation {
    /// The last read of a subject, by the drill itself: it begins when every other operation has ended.
    pub fn last_read(workload: SubjectWorkload, node: u64, subject: String, invoked: u64, output: Output) -> Self {
        Self {
            workload,
            process: 0,
            node,
            subject,
            op: Op::Contents,
            invoked,
            returned: invoked + 1_000,
            output: Some(output),
            id: None,
            guid: None,
            attempts: 1,
        }
    }
}

/// What a read of a session promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// At least the state at a token (`session:INDEX`).
    Session,
    /// Everything that was acknowledged before a bound (`bounded:MS`).
    Bounded,
    /// Everything that was acknowledged before the read began (`default`, of a list).
    Default,
    /// What this process wrote through the same node, from that node's replica as it is (`local`).
    OwnWrite,
}

/// A read of a process that follows its own writes, and what it had to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRead {
    pub node: u64,
    pub subject: String,
    pub guarantee: Guarantee,
    /// The version that must be seen at least.
    pub at_least: u32,
    /// The highest version that was seen; 0 for none.
    pub seen: u32,
    /// The index that was asked for; 0 without a session.
    pub token: u64,
    /// The index of the answer.
    pub index: u64,
}
