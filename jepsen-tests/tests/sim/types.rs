//! What is simulated: the product's openraft types over a state in memory, the product's timings, and the bugs that can be
//! planted.

use node::config::Profile;
use openraft::type_config::alias::SnapshotOf;
use raft_store::types::Node;

/// Nodes of a simulated cluster; the first three are its first members.
pub(crate) const NODES: u64 = 5;

/// The name of a node's host.
pub(crate) fn host(id: u64) -> String {
    format!("n{id}")
}

pub(crate) use raft_store::runtime::SeededRuntime as Runtime;
pub(crate) use raft_store::types::{Entry, LogId, Response, SnapshotMeta, StoredMembership, TypeConfig, Vote};

/// A node as the membership knows it.
pub(crate) fn member(id: u64) -> Node {
    // The product asks for a port; messages here go by the id.
    Node { peer_address: format!("{}:1", host(id)), ..Node::default() }
}

pub(crate) type Snapshot = SnapshotOf<TypeConfig, super::machine::Image>;
pub(crate) type Raft = openraft::Raft<TypeConfig, super::machine::Machine>;

/// A profile of the product, and the network that it is for; times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub name: &'static str,
    pub profile: Profile,
    /// One step of the simulation: messages arrive at its beginning, timers run within it.
    pub tick: u64,
    /// Slowest message in quiet times.
    pub latency: u64,
}

impl Timing {
    /// The longest that a node waits for a heartbeat.
    pub(crate) fn election_max(self) -> u64 {
        self.profile.timing().election_ms_max
    }

    /// The longest that a sync takes in quiet times: longer than a step, or a power loss would never find any under way.
    pub(crate) fn sync_max(self) -> u64 {
        2 * self.tick
    }
}

/// One site, regions 150 ms apart, and regions 300 ms apart.
pub(crate) const TIMINGS: [Timing; 3] = [
    Timing { name: "lan", profile: Profile::Lan, tick: 5, latency: 10 },
    Timing { name: "wan", profile: Profile::Wan, tick: 15, latency: 75 },
    Timing { name: "global", profile: Profile::Global, tick: 25, latency: 150 },
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
    /// A leader trusts that it still leads.
    LeaseRead,
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
