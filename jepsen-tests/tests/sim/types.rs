//! openraft's types in the simulation: the product's commands and outcomes, and a runtime whose random numbers come from the
//! seed.

use std::fmt;

use openraft::TokioRuntime;
use openraft::rt::deterministic_rng::DeterministicRng;
use openraft::type_config::alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf};
use registry::{Envelope, LogIndex, Outcome};

/// Nodes of a simulated cluster; the first three are its first members.
pub(crate) const NODES: u64 = 5;

/// The name of a node's host.
pub(crate) fn host(id: u64) -> String {
    format!("n{id}")
}

/// The runtime of a simulated node.
pub(crate) type Runtime = DeterministicRng<TokioRuntime>;

openraft::declare_raft_types!(
    /// The type parameters.
    pub(crate) Sim:
        D = Proposal,
        R = Response,
        NodeId = u64,
        Node = openraft::impls::EmptyNode,
        AsyncRuntime = Runtime,
);

/// A command on its way through the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal(pub Envelope);

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.command.action(), self.0.request_id)
    }
}

/// What apply answers to the proposer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub outcome: Option<Outcome>,
    pub effective: LogIndex,
}

pub(crate) type Entry = EntryOf<Sim>;
pub(crate) type LogId = LogIdOf<Sim>;
pub(crate) type Vote = VoteOf<Sim>;
pub(crate) type StoredMembership = StoredMembershipOf<Sim>;
pub(crate) type SnapshotMeta = SnapshotMetaOf<Sim>;
pub(crate) type Snapshot = SnapshotOf<Sim, super::machine::Image>;
pub(crate) type Raft = openraft::Raft<Sim, super::machine::Machine>;

/// Timing of heartbeats and elections, in milliseconds; as the product's profiles have them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub name: &'static str,
    pub heartbeat: u64,
    pub election_min: u64,
    pub election_max: u64,
    /// One step of the simulation: messages arrive at its beginning, timers run within it.
    pub tick: u64,
    /// Slowest message in quiet times.
    pub latency: u64,
}

impl Timing {
    /// The longest that a sync takes in quiet times: longer than a step, or a power loss would never find any under way.
    pub(crate) fn sync_max(self) -> u64 {
        2 * self.tick
    }
}

/// One site, regions 150 ms apart, and regions 300 ms apart.
pub(crate) const TIMINGS: [Timing; 3] = [
    Timing { name: "lan", heartbeat: 100, election_min: 500, election_max: 800, tick: 5, latency: 10 },
    Timing { name: "wan", heartbeat: 300, election_min: 1_500, election_max: 2_400, tick: 15, latency: 75 },
    Timing { name: "global", heartbeat: 600, election_min: 2_500, election_max: 4_000, tick: 25, latency: 150 },
];

/// When snapshots are taken and the log is purged, in entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compaction {
    /// The log is kept this far behind a snapshot.
    pub keep: u64,
    /// Entries between two snapshots.
    pub every: u64,
    /// Entries between two flushes of the state.
    pub flush: u64,
}

/// Logs that are purged all the time, and logs that a node which was away for long finds as they were.
pub(crate) const COMPACTIONS: [Compaction; 2] =
    [Compaction { keep: 10, every: 150, flush: 40 }, Compaction { keep: 200, every: 1_000, flush: 300 }];

/// A bug that is put into the simulation, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// An append is acknowledged before it is durable.
    NoSync,
    /// A vote is promised before it is durable.
    VoteLost,
    /// Reads trust the replica as it is.
    LocalRead,
    /// A session's token is not looked at.
    SessionIgnored,
    /// Apply does not look at what a verdict rested on.
    BasisIgnored,
    /// A retry has a new request id.
    RetryRenamed,
    /// A node that led leads again after a restart, in its old term.
    LeaderRestored,
    /// A snapshot has forgotten the requests that were answered.
    SnapshotWithoutRequests,
}
