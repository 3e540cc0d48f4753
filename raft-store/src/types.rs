//! The types that openraft is set up with. No openraft type goes on the wire, on disk, or into another crate's interface
//! than `node::consensus`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
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

/// A command on its way through the log: decoded once and encoded once, and shared by all who handle it (the log, what is
/// sent to each follower, apply). A clone is a pointer.
#[derive(Clone)]
pub struct Proposal(Arc<Shared>);

/// An envelope as it stands in records, and the level that a reader must know.
pub(crate) struct CommandBody {
    pub(crate) level: u8,
    pub(crate) bytes: Bytes,
}

struct Shared {
    envelope: Envelope,
    /// The envelope as it stands in records.
    body: OnceLock<CommandBody>,
    /// The record of the entry that it became.
    record: OnceLock<(LogId, Bytes)>,
}

impl Proposal {
    /// A command that nobody has encoded yet.
    pub fn new(envelope: Envelope) -> Self {
        Self(Arc::new(Shared { envelope, body: OnceLock::new(), record: OnceLock::new() }))
    }

    /// A command that came with its bytes.
    pub(crate) fn decoded(envelope: Envelope, body: CommandBody) -> Self {
        Self(Arc::new(Shared { envelope, body: body.into(), record: OnceLock::new() }))
    }

    /// The command.
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// The same command with the time of a leader that proposes it.
    #[must_use]
    pub fn stamped(&self, time_ms: u64) -> Self {
        Self::new(Envelope { time_ms, ..self.0.envelope.clone() })
    }

    /// The envelope's bytes; encoded by the first who asks.
    pub(crate) fn body_or_else(&self, encode: impl FnOnce(&Envelope) -> CommandBody) -> &CommandBody {
        self.0.body.get_or_init(|| encode(&self.0.envelope))
    }

    /// The record of the entry that it has become; made by the first who asks.
    pub(crate) fn record_or_else(&self, id: &LogId, make: impl Fn() -> Bytes) -> Bytes {
        let (of, record) = self.0.record.get_or_init(|| (*id, make()));
        // An entry that was discarded may have been proposed again under another id.
        if of == id { record.clone() } else { make() }
    }

    /// Remembers the record that it was decoded from.
    pub(crate) fn keep_record(&self, id: LogId, record: Bytes) {
        // A second record of the same entry is the same.
        drop(self.0.record.set((id, record)));
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proposal").field(self.envelope()).finish()
    }
}

impl PartialEq for Proposal {
    fn eq(&self, other: &Self) -> bool {
        self.envelope() == other.envelope()
    }
}

impl Eq for Proposal {}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Envelope { command, request_id, .. } = self.envelope();
        write!(f, "{} {} ({request_id})", command.action(), command.resource())
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
