//! Consensus: openraft with our network, log and state, behind a handle that speaks of commands, indexes and members.

mod agreement;
mod compaction;
mod confirm;
mod connect;
pub mod convert;
pub mod incoming;
mod levels;
mod membership;
mod network;
mod peers;
mod propose;
mod quorum;
mod raft;
mod read_index;
mod server;
mod state;
mod strangers;
mod succession;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::{ServerState, SnapshotPolicy};
use parking_lot::Mutex;
use raft_store::log::LogStore;
use raft_store::state::{StateMachine, StateStore};
use raft_store::types::{Node, TypeConfig};
use registry::LogIndex;

pub use agreement::Agreement;
pub use connect::Network;
pub use membership::{MemberChange, MembershipError};
pub use peers::{Answer, Peers, Target};
pub use propose::ProposeError;
pub use raft::Raft;
pub use read_index::ReadIndexError;
pub use server::{Gate, HOPS_MAX, ROLE_STARTING, serve_peers};
pub use state::{Snapshot, State, Store};
pub use strangers::{Refusal, Refusals};

use crate::clock::{Clock, Deadline};
use crate::config::{Config, MemberConfig, Timing};

/// openraft over the log and the state of a node.
type RegistryRaft = openraft::Raft<TypeConfig, StateMachine>;

/// The handle to consensus, and all that the service knows of it. Cheap to clone.
#[derive(Clone)]
pub struct Consensus {
    raft: Arc<dyn Raft>,
    state: State,
    peers: Arc<dyn Peers>,
    node_id: u64,
    clock: Clock,
    timing: Timing,
    /// There is reason to look whether the leader's process is still there.
    leader_doubted: Arc<tokio::sync::Notify>,
    /// The disk is nearly full: nothing is proposed.
    disk_is_low: Arc<AtomicBool>,
    /// The highest cluster level that this node supports.
    supported_level: u8,
    /// Held by whoever changes the membership or the level.
    changes: Arc<tokio::sync::Mutex<()>>,
    /// The committed index at which this node knows that it was removed.
    removed_since: Arc<Mutex<Option<u64>>>,
}

/// Why consensus does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The timing of the profile is not possible.
    #[error("the timing is not possible: {0}")]
    Settings(#[from] openraft::ConfigError),
    /// What is on the disk does not fit.
    #[error("start consensus: {0}")]
    Raft(#[from] openraft::errors::Fatal<TypeConfig>),
}

/// What a node is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads: it proposes, and answers for what is committed.
    Leader,
    /// It asks for votes.
    Candidate,
    /// It has a vote and follows.
    Follower,
    /// It follows without a vote.
    Learner,
    /// Consensus has ended on this node.
    Shutdown,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Leader, Self::Candidate, Self::Follower, Self::Learner, Self::Shutdown];

    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Candidate => "candidate",
            Self::Follower => "follower",
            Self::Learner => "learner",
            Self::Shutdown => "shutdown",
        }
    }
}

impl From<ServerState> for Role {
    fn from(state: ServerState) -> Self {
        match state {
            ServerState::Leader => Self::Leader,
            ServerState::Candidate => Self::Candidate,
            ServerState::Follower => Self::Follower,
            ServerState::Learner => Self::Learner,
            ServerState::Shutdown => Self::Shutdown,
        }
    }
}

/// What a node knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is at the moment.
    pub role: Role,
    /// The newest term that it knows.
    pub term: u64,
    /// The leader that it knows of, if any.
    pub leader_id: Option<u64>,
    /// The last entry in its log; 0 if there is none.
    pub last_log_index: u64,
    /// The last entry that it knows to be committed.
    pub committed_index: u64,
    /// The last entry that it has applied.
    pub applied_index: u64,
    /// The last entry that its newest snapshot covers; 0 without one.
    pub snapshot_index: u64,
    /// The last entry that its log has let go of; 0 if it has all.
    pub purged_index: u64,
    /// The members with a vote.
    pub voters: Vec<u64>,
    /// The sets of voters that have to agree: one, or two while the voters change.
    pub voter_sets: Vec<BTreeSet<u64>>,
    /// Is the newest membership that this node has decided?
    pub membership_decided: bool,
    /// The members without a vote.
    pub learners: Vec<u64>,
    /// All members, with where they are reached.
    pub nodes: BTreeMap<u64, Node>,
    /// Why consensus has ended, if it has.
    pub failed: Option<String>,
    /// This node was removed from its cluster, and knows it.
    pub removed: bool,
}

impl Standing {
    /// What the node is, in answers and metrics.
    pub fn role_name(&self) -> &'static str {
        if self.removed { "removed" } else { self.role.name() }
    }

    /// Is a change of the members under way?
    pub fn is_changing(&self) -> bool {
        self.voter_sets.len() > 1 || !self.membership_decided
    }

    /// A change that is under way, for the operator.
    pub fn describe_change(&self) -> String {
        let sets: Vec<_> = self.voter_sets.iter().map(|set| format!("voters {}", quorum::joined_ids(set))).collect();
        let decided = if self.membership_decided { "decided" } else { "not decided yet" };
        format!("{}, {decided}", sets.join(" to "))
    }
}

/// openraft's settings, the same for every node of a cluster.
pub fn raft_settings(cluster_id: &str, timing: Timing) -> openraft::Config {
    openraft::Config {
        cluster_name: cluster_id.to_owned(),
        heartbeat_interval: timing.heartbeat_ms,
        election_timeout_min: timing.election_ms_min,
        election_timeout_max: timing.election_ms_max,
        enable_pre_vote: Some(true),
        // Without it a leader that lost its quorum keeps a bridge node's lease alive for ever (openraft #2080).
        quorum_loss_probe_interval: Some(2 * timing.election_ms_max),
        // Never lead again in an old term: the leader sends entries while it still writes them, so its followers may hold,
        // and even have committed, a tail of this term that its own log has lost. Leading again it would give the same
        // log ids to other entries.
        enable_leader_restore: Some(false),
        snapshot_policy: SnapshotPolicy::Never,
        // Purging is done by `compaction`, which looks at slow followers; openraft's own never would.
        max_in_snapshot_log_to_keep: u64::MAX,
        // A snapshot transfer is bounded by progress, not by a total; see `transfer`.
        install_snapshot_timeout: 600_000,
        ..openraft::Config::default()
    }
}

/// What consensus is put together from.
pub struct Parts {
    /// openraft, over whatever log and state machine.
    pub raft: Arc<dyn Raft>,
    /// What that state machine writes.
    pub state: State,
    /// The other nodes.
    pub peers: Arc<dyn Peers>,
    /// This node's id.
    pub node_id: u64,
    /// Stamps proposals.
    pub clock: Clock,
    /// Of heartbeats and elections.
    pub timing: Timing,
    /// The highest cluster level that this node supports.
    pub supported_level: u8,
}

impl Consensus {
    /// Consensus over its parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { raft, state, peers, node_id, clock, timing, supported_level } = parts;
        Self {
            raft,
            state,
            peers,
            node_id,
            clock,
            timing,
            leader_doubted: Arc::default(),
            disk_is_low: Arc::default(),
            supported_level,
            changes: Arc::default(),
            removed_since: Arc::default(),
        }
    }

    /// Tells the network where the members are, whenever that changes.
    pub async fn tell_addresses(self, network: Network) {
        let mut metrics = self.raft.server_metrics();
        loop {
            let membership = metrics.borrow_watched().membership_config.clone();
            network.learn_addresses(membership.nodes().map(|(id, node)| (*id, node.peer_address.clone())));
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }

    /// Starts openraft over an opened log and state, and lets peers in at the gate.
    ///
    /// # Errors
    /// [`StartError`] if openraft refuses the settings or what is on disk.
    pub async fn start(
        config: &Config,
        network: Network,
        log: LogStore,
        state: StateStore,
        clock: Clock,
        gate: &Gate,
    ) -> Result<Self, StartError> {
        let timing = config.cluster.profile.timing();
        let settings = Arc::new(raft_settings(&config.cluster.id, timing).validate()?);
        let machine = StateMachine::new(state.clone());
        let raft = RegistryRaft::new(config.node.id, settings, network.clone(), log.clone(), machine).await?;
        let consensus = Self::new(Parts {
            raft: Arc::new(raft.clone()),
            state: State::new(Arc::new(state::OnDisk { state, log })),
            peers: peers::GrpcPeers::new(network),
            node_id: config.node.id,
            clock,
            timing,
            supported_level: gate.supported_level(),
        });
        gate.open_with(consensus.clone(), raft);
        Ok(consensus)
    }

    /// This node's id.
    pub fn node_id(&self) -> u64 {
        self.node_id
    }

    /// The time of day as this node has it, in milliseconds since the Unix epoch.
    pub fn wall_ms(&self) -> u64 {
        self.clock.wall_ms()
    }

    /// The replicated state of this node.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Makes a new cluster of these members. Only ever done by an operator, once, on one node.
    ///
    /// # Errors
    /// A text for the operator, if there is a cluster already.
    pub async fn initialize_cluster(&self, members: &[MemberConfig]) -> Result<(), String> {
        let nodes: BTreeMap<u64, Node> = members
            .iter()
            .map(|member| {
                let MemberConfig { id, peer_address, http_url, region, priority } = member.clone();
                (id, Node { peer_address, http_url, region, priority })
            })
            .collect();
        self.raft.initialize(nodes).await.map_err(|error| error.to_string())
    }

    /// Has this node ever been part of a cluster?
    pub async fn is_initialized(&self) -> bool {
        self.raft.is_initialized().await.unwrap_or(false)
    }

    /// The leader as this node knows it.
    pub fn leader_id(&self) -> Option<u64> {
        self.raft.metrics().borrow_watched().current_leader
    }

    /// Somebody has reason to believe that the leader's process is gone: worth a look of one's own.
    pub fn doubt_leader(&self) {
        self.leader_doubted.notify_one();
    }

    /// Gives up on a call to the leader as soon as another one is known: a machine that is gone never says so.
    async fn while_leading<T>(&self, leader: u64, call: impl Future<Output = T>) -> Option<T> {
        // Changes with votes and members only; the other metrics change with every entry.
        let mut metrics = self.raft.server_metrics();
        // Whoever named that leader may know more than this node: what it believes already is no news.
        let believed = metrics.borrow_and_update().current_leader;
        let replaced = async {
            while metrics.changed().await.is_ok() {
                let known = metrics.borrow_and_update().current_leader;
                if known.is_some_and(|known| known != leader && Some(known) != believed) {
                    return;
                }
            }
            // Consensus has stopped: nobody will tell of another leader.
            std::future::pending().await
        };
        tokio::select! {
            biased;
            answer = call => Some(answer),
            () = replaced => None,
        }
    }

    /// Waits until the leader is another than `than`, at most this long.
    pub async fn leader_changes(&self, than: Option<u64>, limit: Duration) {
        let metrics = |metrics: &openraft::RaftMetrics<TypeConfig>| {
            metrics.current_leader.is_some() && metrics.current_leader != than
        };
        drop(self.raft.wait(limit).metrics(metrics, "another leader").await);
    }

    /// Waits until this node has applied `index`; false if the deadline passes first.
    pub async fn wait_applied(&self, index: LogIndex, deadline: Deadline) -> bool {
        let applied = self.state.applied();
        // Most often it is there already, and then no timer is needed.
        applied.get() >= index.0
            || tokio::time::timeout(deadline.time_left(), applied.advance_to(index.0)).await.is_ok()
    }

    /// After this long without a heartbeat the others elect a new leader.
    pub fn election_time_max(&self) -> Duration {
        Duration::from_millis(self.timing.election_ms_max)
    }

    /// The term now.
    pub fn current_term(&self) -> u64 {
        self.raft.metrics().borrow_watched().current_term
    }

    /// The ids of the members, learners included.
    pub(super) fn member_ids(&self) -> Vec<u64> {
        self.raft.metrics().borrow_watched().membership_config.membership().nodes().map(|(id, _)| *id).collect()
    }

    /// What this node knows of itself and of the membership.
    pub fn standing(&self) -> Standing {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        let index = |id: &Option<raft_store::types::LogId>| id.as_ref().map_or(0, |id| id.index());
        let committed = metrics.local_committed.as_ref().map(|id| id.index());
        Standing {
            role: metrics.state.into(),
            term: metrics.current_term,
            leader_id: metrics.current_leader,
            last_log_index: metrics.last_log_index.unwrap_or(0),
            committed_index: index(&metrics.local_committed),
            applied_index: self.state.applied_index().0,
            snapshot_index: index(&metrics.snapshot),
            purged_index: index(&metrics.purged),
            voters: membership.voter_ids().collect(),
            voter_sets: membership.get_joint_config().clone(),
            membership_decided: metrics.membership_config.log_id().as_ref().map(|id| id.index()) <= committed,
            learners: membership.learner_ids().collect(),
            nodes: membership.nodes().map(|(id, node)| (*id, node.clone())).collect(),
            failed: metrics.running_state.err().map(|error| error.to_string()),
            removed: self.is_removed(),
        }
    }

    /// Waits until what this node knew to be committed before it stopped is applied again.
    pub async fn wait_for_recovery(&self, limit: Duration) -> bool {
        self.raft.wait_for_recovery(limit).await
    }

    /// A member, to be asked something.
    fn target_of(&self, id: u64) -> Option<Target> {
        let address = self.raft.metrics().borrow_watched().membership_config.get_node(&id)?.peer_address.clone();
        Some(Target { id, address })
    }

    /// Asks a member how it is; none if it is no member.
    pub async fn ask_status(
        &self,
        id: u64,
        limit: Duration,
    ) -> Option<Result<proto::peer::StatusResponse, tonic::Status>> {
        let target = self.target_of(id)?;
        Some(self.peers.status(&target, limit).await)
    }

    /// Whether the disk is nearly full: then nothing that clients ask for is proposed, while the log goes on to take what the
    /// others have committed, and votes.
    pub fn set_disk_is_low(&self, is_low: bool) {
        self.disk_is_low.store(is_low, Ordering::Relaxed);
    }

    /// See [`Consensus::set_disk_is_low`].
    pub fn disk_is_low(&self) -> bool {
        self.disk_is_low.load(Ordering::Relaxed)
    }

    /// Hands the leadership to a voter whose disk is not nearly full, if there is one.
    pub async fn leave_to_a_disk_with_space(&self, time_max: Duration) -> Option<u64> {
        for id in self.standing().voters {
            let has_space = id != self.node_id
                && matches!(self.ask_status(id, time_max).await, Some(Ok(status)) if !status.disk_low);
            if has_space && let Ok(leader) = self.transfer_leader(Some(id)).await {
                return Some(leader);
            }
        }
        None
    }

    /// Stops consensus; nothing is proposed or answered afterwards.
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(?error, "stop consensus");
        }
    }
}
