//! Consensus: openraft with our network, log and state, behind a handle that speaks of commands, indexes and members.

mod agreement;
mod compaction;
mod confirm;
pub mod convert;
pub mod incoming;
mod membership;
mod network;
mod server;
mod succession;
mod transfer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, ForwardReason, RaftError};
use openraft::raft::linearizable_read::{Linearizer, ReadLogId};
use openraft::{Raft, ServerState, SnapshotPolicy};
use proto::peer;
use raft_store::bugs::planted;
use raft_store::codec;
use raft_store::log::LogStore;
use raft_store::state::{StateMachine, StateStore};
use raft_store::types::{Node, Proposal, Response, TypeConfig};
use registry::LogIndex;

pub use agreement::Agreement;
pub use membership::MembershipError;
pub use network::{Client, Network};
pub use server::{Gate, HOPS_MAX, ROLE_STARTING, serve};

use crate::clock::{Clock, Deadline};
use crate::config::{Config, MemberConfig, Timing};
use crate::trace::TraceContext;

type RegistryRaft = Raft<TypeConfig, StateMachine>;

/// The handle to consensus. Cheap to clone.
#[derive(Clone)]
pub struct Consensus {
    raft: RegistryRaft,
    state: StateStore,
    log: LogStore,
    network: Network,
    node_id: u64,
    clock: Clock,
    timing: Timing,
    /// There is reason to look whether the leader's process is still there.
    leader_doubted: Arc<tokio::sync::Notify>,
    forward_clients: Arc<parking_lot::Mutex<BTreeMap<u64, (String, Client)>>>,
}

/// Why consensus does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The timing of the profile is not possible.
    #[error("the timing is not possible: {0}")]
    Settings(openraft::ConfigError),
    /// What is on the disk does not fit.
    #[error("start consensus: {0}")]
    Raft(openraft::errors::Fatal<TypeConfig>),
}

/// Why a proposal did not come back with an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposeError {
    /// This node does not lead; nothing was appended. The leader, if known.
    NotLeader(Option<u64>),
    /// Whether it took effect is not known: only a retry under the same request id is safe.
    Unknown(String),
    /// It did not take effect.
    Refused(String),
}

/// Why no index for a linearizable read could be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadIndexError {
    /// No leader is known.
    NoLeader,
    /// The leader did not answer, or has no quorum.
    Unavailable(String),
    /// This replica did not catch up in time.
    TimedOut,
}

/// What a node knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Standing {
    pub role: &'static str,
    pub term: u64,
    pub leader_id: Option<u64>,
    pub last_log_index: u64,
    pub committed_index: u64,
    pub applied_index: u64,
    pub snapshot_index: u64,
    pub purged_index: u64,
    pub voters: Vec<u64>,
    pub learners: Vec<u64>,
    pub nodes: BTreeMap<u64, Node>,
    pub failed: Option<String>,
}

impl Consensus {
    /// Starts consensus over an opened log and state.
    ///
    /// # Errors
    /// [`StartError`] if openraft refuses the settings or what is on disk.
    pub async fn start(
        config: &Config,
        network: Network,
        log: LogStore,
        state: StateStore,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let timing = config.cluster.profile.timing();
        let settings = openraft::Config {
            cluster_name: config.cluster.id.clone(),
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
        };
        let settings = settings.validate().map_err(StartError::Settings)?;
        let machine = StateMachine::new(state.clone());
        let raft = Raft::new(config.node.id, Arc::new(settings), network.clone(), log.clone(), machine)
            .await
            .map_err(StartError::Raft)?;
        Ok(Self {
            raft,
            state,
            log,
            network,
            node_id: config.node.id,
            clock,
            timing,
            leader_doubted: Arc::default(),
            forward_clients: Arc::default(),
        })
    }

    /// This node's id.
    pub fn node_id(&self) -> u64 {
        self.node_id
    }

    /// The replicated state of this node.
    pub fn state(&self) -> &StateStore {
        &self.state
    }

    /// The log of this node.
    pub fn log(&self) -> &LogStore {
        &self.log
    }

    /// Makes a new cluster of these members. Only ever done by an operator, once, on one node.
    ///
    /// # Errors
    /// A text for the operator, if there is a cluster already.
    pub async fn initialize(&self, members: &[MemberConfig]) -> Result<(), String> {
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

    /// Proposes a command on this node, which must lead, and waits for its outcome.
    ///
    /// Runs in a task of its own, so that a caller who gives up does not cut it in half.
    ///
    /// # Errors
    /// [`ProposeError`]; see there which may be retried.
    pub async fn propose(&self, proposal: Proposal, deadline: Deadline) -> Result<(Response, LogIndex), ProposeError> {
        let raft = self.raft.clone();
        let task = tokio::spawn(async move { raft.client_write(proposal).await });
        let written = match tokio::time::timeout(deadline.left(), task).await {
            Err(_) => return Err(ProposeError::Unknown("the proposal was not committed in time".to_owned())),
            Ok(Err(error)) => return Err(ProposeError::Unknown(format!("the proposal's task ended: {error}"))),
            Ok(Ok(written)) => written,
        };
        match written {
            Ok(written) => Ok((written.data, LogIndex(written.log_id.index()))),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                // During a transfer the named node may never win, and a lease that expired has no leader to name.
                let leader = (forward.reason == ForwardReason::NotLeader).then_some(forward.leader_id).flatten();
                Err(ProposeError::NotLeader(leader))
            }
            Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_))) => {
                Err(ProposeError::Unknown("the entry was discarded when the leader changed".to_owned()))
            }
            Err(RaftError::APIError(error)) => Err(ProposeError::Refused(error.to_string())),
            Err(RaftError::Fatal(error)) => Err(ProposeError::Unknown(error.to_string())),
        }
    }

    /// Takes a prepared command to the leader.
    ///
    /// # Errors
    /// As [`Consensus::propose`].
    pub async fn forward(
        &self,
        leader: u64,
        proposal: &Proposal,
        hops: u32,
        deadline: Deadline,
        trace: Option<TraceContext>,
    ) -> Result<(Response, LogIndex), ProposeError> {
        let Some(mut client) = self.client_of(leader) else { return Err(ProposeError::NotLeader(None)) };
        let left = deadline.left();
        let request = peer::ProposeRequest {
            proposal: codec::encode_proposal(proposal).into(),
            hops,
            deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            traceparent: trace.map(|trace| trace.to_string()).unwrap_or_default(),
        };
        let Some(answer) = self.while_leading(leader, network::bounded(left, client.propose(request))).await else {
            return Err(ProposeError::Unknown(format!("node {leader} is followed by another leader")));
        };
        let answer = answer.map_err(|status| ProposeError::Unknown(format!("the leader did not answer: {status}")))?;
        match answer.into_inner().result {
            Some(peer::propose_response::Result::Accepted(accepted)) => {
                let response = codec::decode_response(&accepted.response)
                    .map_err(|error| ProposeError::Unknown(format!("the leader's answer cannot be read: {error}")))?;
                Ok((response, LogIndex(accepted.index)))
            }
            Some(peer::propose_response::Result::NotLeader(answer)) => {
                Err(ProposeError::NotLeader((answer.leader_id != 0).then_some(answer.leader_id)))
            }
            Some(peer::propose_response::Result::Unknown(reason)) => Err(ProposeError::Unknown(reason)),
            Some(peer::propose_response::Result::Refused(reason)) => Err(ProposeError::Refused(reason)),
            None => Err(ProposeError::Unknown("the leader gave an empty answer".to_owned())),
        }
    }

    /// The leader as this node knows it.
    pub fn leader(&self) -> Option<u64> {
        self.raft.metrics().borrow_watched().current_leader
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
        drop(self.raft.wait(Some(limit)).metrics(metrics, "another leader").await);
    }

    /// Makes sure that what this node reads from now on is not older than any write acknowledged before this call.
    ///
    /// # Errors
    /// [`ReadIndexError`]: the state may be stale.
    pub async fn read_index(&self, deadline: Deadline) -> Result<LogIndex, ReadIndexError> {
        let leader = self.leader().ok_or(ReadIndexError::NoLeader)?;
        if planted("lease-read") && leader == self.node_id {
            return Ok(self.state.applied_index());
        }
        let linearizer = if leader == self.node_id {
            self.local_linearizer(deadline.left()).await?
        } else {
            let mut client = self.client_of(leader).ok_or(ReadIndexError::NoLeader)?;
            let call = network::bounded(deadline.left(), client.read_index(peer::ReadIndexRequest {}));
            let answer = self.while_leading(leader, call).await.ok_or(ReadIndexError::NoLeader)?;
            let answer = answer.map_err(|status| ReadIndexError::Unavailable(status.to_string()))?.into_inner();
            let read = answer.read.ok_or_else(|| ReadIndexError::Unavailable("no index was given".to_owned()))?;
            // The leader's own id and applied entry: with ours the wait would be skipped while we still lag.
            Linearizer::new(
                answer.leader_id,
                ReadLogId::from_log_id(convert::id_from_wire(read)),
                answer.applied.map(convert::id_from_wire),
            )
        };
        let index = linearizer.read_log_id().index();
        let ready = linearizer.try_await_ready(&self.raft, Some(deadline.left())).await;
        match ready {
            Ok(Ok(_)) => {
                // openraft's figure may run ahead of the view that readers open; ours is set after the batch is written.
                self.wait_applied(LogIndex(index), deadline)
                    .await
                    .then_some(LogIndex(index))
                    .ok_or(ReadIndexError::TimedOut)
            }
            Ok(Err(_)) => Err(ReadIndexError::TimedOut),
            Err(error) => Err(ReadIndexError::Unavailable(error.to_string())),
        }
    }

    /// Waits until this node has applied `index`; false if the deadline passes first.
    pub async fn wait_applied(&self, index: LogIndex, deadline: Deadline) -> bool {
        let mut applied = self.state.applied();
        tokio::time::timeout(deadline.left(), applied.wait_for(|applied| *applied >= index.0))
            .await
            .is_ok_and(|waited| waited.is_ok())
    }

    /// After this long without a heartbeat the others elect a new leader.
    pub fn election_time_max(&self) -> Duration {
        Duration::from_millis(self.timing.election_ms_max)
    }

    /// The term now.
    pub fn term(&self) -> u64 {
        self.raft.metrics().borrow_watched().current_term
    }

    /// What this node knows of itself and of the membership.
    pub fn standing(&self) -> Standing {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        let index = |id: &Option<raft_store::types::LogId>| id.as_ref().map_or(0, |id| id.index());
        Standing {
            role: match metrics.state {
                ServerState::Leader => "leader",
                ServerState::Candidate => "candidate",
                ServerState::Follower => "follower",
                ServerState::Learner => "learner",
                ServerState::Shutdown => "shutdown",
            },
            term: metrics.current_term,
            leader_id: metrics.current_leader,
            last_log_index: metrics.last_log_index.unwrap_or(0),
            committed_index: index(&metrics.local_committed),
            applied_index: self.state.applied_index().0,
            snapshot_index: index(&metrics.snapshot),
            purged_index: index(&metrics.purged),
            voters: membership.voter_ids().collect(),
            learners: membership.learner_ids().collect(),
            nodes: membership.nodes().map(|(id, node)| (*id, node.clone())).collect(),
            failed: metrics.running_state.err().map(|error| error.to_string()),
        }
    }

    /// Waits until what this node knew to be committed before it stopped is applied again.
    pub async fn wait_for_recovery(&self, limit: Duration) -> bool {
        self.raft.wait_for_recovery(Some(limit)).await.is_ok()
    }

    /// A connection for forwards and questions to a member.
    pub fn client_of(&self, id: u64) -> Option<Client> {
        let address = self.raft.metrics().borrow_watched().membership_config.get_node(&id)?.peer_address.clone();
        let mut clients = self.forward_clients.lock();
        if let Some((known, client)) = clients.get(&id)
            && *known == address
        {
            return Some(client.clone());
        }
        let client = self.network.client(id, &address).ok()?;
        clients.insert(id, (address, client.clone()));
        Some(client)
    }

    /// Stops consensus; nothing is proposed or answered afterwards.
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(?error, "stop consensus");
        }
    }
}
