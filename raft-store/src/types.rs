//! The types that openraft is set up with. No openraft type goes on the wire, on disk, or into another crate's interface
//! than `node::consensus`.

use std::fmt;

use registry::{Envelope, LogIndex, Outcome};

openraft::declare_raft_types!(
    /// openraft's type parameters for the registry.
    pub TypeConfig:
        D = Proposal,
        R = Response,
        NodeId = u64,
        Node = Node,
        AsyncRuntime = crate::runtime::SeededRuntime,
);

/// A command on its way through the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal(pub Envelope);

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.0.command.action(), self.0.command.resource(), self.0.request_id)
    }
}

/// What apply answers to the proposer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The outcome; nothing for an entry without a command (a leader's blank entry, a membership change).
    pub outcome: Option<Outcome>,
    /// The entry whose effect the outcome tells of; earlier than the entry itself for a repeated request.
    pub effective: LogIndex,
}

/// A member of the cluster, as the membership in the log knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Where peers reach it: `host:port` of its peer listener.
    pub peer_address: String,
    /// Where clients reach it: the base URL of its HTTP listener.
    pub http_url: String,
    /// The region it stands in.
    pub region: String,
    /// Preference for leadership; higher is preferred.
    pub priority: u32,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.peer_address, self.region)
    }
}

/// An entry of the log.
pub type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
/// The id of an entry: leader and index.
pub type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
/// A vote.
pub type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
/// The leader of a term.
pub type LeaderId = openraft::type_config::alias::LeaderIdOf<TypeConfig>;
/// A membership with the entry that set it.
pub type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
/// A membership.
pub type Membership = openraft::Membership<u64, Node>;
/// What a snapshot covers.
pub type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;

/// The id of an entry from its parts.
pub fn log_id(term: u64, node_id: u64, index: u64) -> LogId {
    LogId::new(LeaderId { term, node_id }, index)
}
