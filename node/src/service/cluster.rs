//! The cluster: its status, its members, its leader, snapshots, digests of the state. Every change has an actor.
//!
//! Changes of the membership are done by the leader; another node names it.

use std::time::Duration;

use proto::error_code as code;
use raft_store::types::Node;
use registry::LogIndex;

use super::{Caller, Service, ServiceError};
use crate::clock::Deadline;
use crate::consensus::{MembershipError, Standing};
use crate::host::telemetry::Figures;

/// How long a member is asked for its status.
const STATUS_TIME_MAX: Duration = Duration::from_millis(1_000);
/// How long a learner may take to catch up before it is promoted.
const PROMOTE_TIME_MAX: Duration = Duration::from_secs(60);

/// A node that is to become a member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NewMember {
    pub id: u64,
    pub peer_address: String,
    pub http_url: String,
    pub region: String,
    pub priority: u32,
}

/// A member as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MemberView {
    pub id: u64,
    pub region: String,
    pub http_url: String,
    /// What it says of itself, or why it says nothing.
    pub status: Result<MemberStatus, String>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MemberStatus {
    pub role: String,
    pub term: u64,
    pub leader_id: Option<u64>,
    pub last_log_index: u64,
    pub committed_index: u64,
    pub applied_index: u64,
    pub snapshot_index: u64,
    pub purged_index: u64,
    pub version: String,
}

/// The cluster as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ClusterView {
    pub cluster_id: String,
    pub voters: Vec<u64>,
    pub learners: Vec<u64>,
    pub members: Vec<MemberView>,
}

impl Service {
    /// The id of the cluster.
    pub fn cluster_id(&self) -> &str {
        &self.inner.config.cluster.id
    }

    /// This node's id.
    pub fn node_id(&self) -> u64 {
        self.inner.consensus.node_id()
    }

    /// The term now.
    pub fn term(&self) -> u64 {
        self.inner.consensus.term()
    }

    /// What this node knows of itself and of the membership.
    pub fn standing(&self) -> Standing {
        self.inner.consensus.standing()
    }

    /// Every figure of this node, in the text format of Prometheus.
    pub fn figures(&self) -> String {
        self.inner.metrics.render(&Figures {
            standing: self.standing(),
            hears_quorum: self.hears_quorum(),
            staleness_ms: self.mark().staleness_ms,
            store: [self.inner.consensus.state().figures(), self.backup_figures()].concat(),
        })
    }

    /// Every member, each asked for its status at the same time.
    pub async fn cluster_view(&self) -> ClusterView {
        let standing = self.standing();
        let asked = standing.nodes.into_iter().map(|(id, node)| async move {
            let Node { region, http_url, .. } = node;
            MemberView { id, region, http_url, status: self.status_of(id).await }
        });
        let members = futures::future::join_all(asked).await;
        let cluster_id = self.cluster_id().to_owned();
        ClusterView { cluster_id, voters: standing.voters, learners: standing.learners, members }
    }

    async fn status_of(&self, id: u64) -> Result<MemberStatus, String> {
        let answer = self.inner.consensus.ask_status(id, STATUS_TIME_MAX).await;
        let answer = answer.ok_or_else(|| "not a member".to_owned())?;
        let answer = answer.map_err(|status| status.message().to_owned())?;
        Ok(MemberStatus {
            role: answer.role,
            term: answer.term,
            leader_id: (answer.leader_id != 0).then_some(answer.leader_id),
            last_log_index: answer.last_log_index,
            committed_index: answer.committed_index,
            applied_index: answer.applied_index,
            snapshot_index: answer.snapshot_index,
            purged_index: answer.purged_index,
            version: answer.version,
        })
    }

    /// Adds a node as a learner: it gets the log and the state, and has no vote.
    ///
    /// # Errors
    /// [`code::UNPROCESSABLE`] for a node that cannot be a member, [`code::FORWARDING_FAILED`] and [`code::NO_LEADER`] if
    /// another node leads, or none.
    pub async fn add_member(&self, caller: &Caller, member: NewMember) -> Result<(), ServiceError> {
        let NewMember { id, peer_address, http_url, region, priority } = member;
        if id == 0 || peer_address.is_empty() {
            return Err(ServiceError::new(code::UNPROCESSABLE, "node_id and peer_address are needed"));
        }
        let node = Node { peer_address, http_url, region, priority };
        let done = self.inner.consensus.add_learner(id, node).await;
        self.administered(caller, "cluster.member.add", &member_name(id), done).await
    }

    /// Gives a learner that has caught up its vote.
    ///
    /// # Errors
    /// As [`Service::add_member`], and [`code::TIMEOUT`] if it does not catch up.
    pub async fn promote_member(&self, caller: &Caller, id: u64) -> Result<(), ServiceError> {
        let done = self.inner.consensus.promote(id, Deadline::after(PROMOTE_TIME_MAX)).await;
        self.administered(caller, "cluster.member.promote", &member_name(id), done).await
    }

    /// Takes a node out.
    ///
    /// # Errors
    /// As [`Service::add_member`].
    pub async fn remove_member(&self, caller: &Caller, id: u64) -> Result<(), ServiceError> {
        let done = self.inner.consensus.remove(id).await;
        self.administered(caller, "cluster.member.remove", &member_name(id), done).await
    }

    /// Hands the leadership to a node, or to the best one; answers who leads then.
    ///
    /// # Errors
    /// As [`Service::add_member`], and [`code::TIMEOUT`] if nobody has taken it.
    pub async fn transfer_leader(&self, caller: &Caller, to: Option<u64>) -> Result<u64, ServiceError> {
        let done = self.inner.consensus.transfer_leader(to).await;
        self.administered(caller, "cluster.leader.transfer", "cluster", done).await
    }

    /// Asks for a snapshot of this node's state.
    ///
    /// # Errors
    /// [`code::INTERNAL`] if consensus has stopped.
    pub async fn take_snapshot(&self, caller: &Caller) -> Result<(), ServiceError> {
        let taken = self.inner.consensus.snapshot_now().await;
        let resource = member_name(self.node_id());
        tracing::info!(actor = %caller.actor.principal, action = "cluster.snapshot", resource, "administration");
        taken.map_err(|error| ServiceError::internal("take a snapshot", &error))
    }

    /// The digest of the state after an entry, or the newest one: equal on all replicas at one index.
    ///
    /// # Errors
    /// [`code::NOT_FOUND`] if this node does not remember it.
    pub fn state_hash(&self, index: Option<LogIndex>) -> Result<(LogIndex, [u8; 32]), ServiceError> {
        let state = self.inner.consensus.state();
        let found = match index {
            Some(index) => state.digest_at(index).map(|digest| (index, digest)),
            None => state.newest_digest(),
        };
        let lost = || ServiceError::new(code::NOT_FOUND, "This node does not remember the digest at that index");
        found.ok_or_else(lost)
    }

    /// Says who administered what, and what came of it.
    #[allow(clippy::unused_async, reason = "the audit record is a write")]
    async fn administered<T>(
        &self,
        caller: &Caller,
        action: &'static str,
        resource: &str,
        done: Result<T, MembershipError>,
    ) -> Result<T, ServiceError> {
        let outcome = done.as_ref().err().map_or_else(|| "done".to_owned(), ToString::to_string);
        tracing::info!(actor = %caller.actor.principal, action, resource, outcome, "administration");
        done.map_err(|error| refused(&error))
    }
}

fn member_name(id: u64) -> String {
    format!("node/{id}")
}

fn refused(error: &MembershipError) -> ServiceError {
    match error {
        MembershipError::NotLeader { leader: None } => ServiceError::no_leader(),
        MembershipError::NotLeader { .. } => ServiceError::new(code::FORWARDING_FAILED, error.to_string()),
        MembershipError::Refused(_) => ServiceError::new(code::UNPROCESSABLE, error.to_string()),
        MembershipError::TimedOut(_) => ServiceError::timed_out(error.to_string()),
    }
}
