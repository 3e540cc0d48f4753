//! Changes of the membership: one at a time, checked before and after, never automatic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{ChangeMembers, Precondition};
use raft_store::types::Node;

use super::{Consensus, Role};
use crate::clock::Deadline;

/// A learner is promoted only when it lags by fewer entries than this.
const PROMOTE_LAG_MAX: u64 = 1_000;
/// How often figures are looked at while waiting for them.
const POLL: Duration = Duration::from_millis(50);

/// Why the membership was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    #[error("this node does not lead; the leader is {}", leader.map_or("not known".to_owned(), |id| format!("node {id}")))]
    NotLeader { leader: Option<u64> },
    #[error("{0}")]
    Refused(String),
    #[error("{0} did not happen in time; it may still happen: look at the cluster's status")]
    TimedOut(String),
}

impl Consensus {
    /// Adds a node as a learner: it gets the log and the state, and has no vote.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn add_learner(&self, id: u64, node: Node) -> Result<(), MembershipError> {
        let standing = self.leading()?;
        if let Some(known) = standing.nodes.get(&id)
            && known.peer_address != node.peer_address
        {
            return Err(MembershipError::Refused(format!(
                "node {id} is a member already, at {}: remove it first; an id is never used for another disk",
                known.peer_address
            )));
        }
        self.change(ChangeMembers::AddNodes(BTreeMap::from([(id, node)])), true).await
    }

    /// Gives a learner that has caught up its vote.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn promote(&self, id: u64, deadline: Deadline) -> Result<(), MembershipError> {
        let standing = self.leading()?;
        if standing.voters.contains(&id) {
            return Ok(());
        }
        if !standing.nodes.contains_key(&id) {
            return Err(MembershipError::Refused(format!("node {id} is no member: add it first")));
        }
        while self.lag_of(id).is_none_or(|lag| lag > PROMOTE_LAG_MAX) {
            if deadline.has_passed() {
                return Err(MembershipError::TimedOut(format!("that node {id} catches up")));
            }
            tokio::time::sleep(POLL).await;
        }
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([id])), true).await
    }

    /// Takes a node out: its vote first, then its place.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn remove(&self, id: u64) -> Result<(), MembershipError> {
        let standing = self.leading()?;
        if !standing.nodes.contains_key(&id) {
            return Ok(());
        }
        if id == self.node_id() {
            return Err(MembershipError::Refused(
                "the leader does not remove itself: transfer the leadership first".into(),
            ));
        }
        if standing.voters == [id] {
            return Err(MembershipError::Refused("the last voter cannot be removed".into()));
        }
        if standing.voters.contains(&id) {
            self.change(ChangeMembers::RemoveVoters(BTreeSet::from([id])), true).await?;
        }
        self.change(ChangeMembers::RemoveNodes(BTreeSet::from([id])), false).await
    }

    /// Hands the leadership to a voter that has caught up, or to the best one, and reports who leads then.
    ///
    /// openraft's transfer cannot be undone and does not look at its target, so that is done here.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn transfer_leader(&self, to: Option<u64>) -> Result<u64, MembershipError> {
        let standing = self.leading()?;
        let candidates = standing.voters.iter().copied().filter(|id| *id != self.node_id());
        let mut ready: Vec<_> = candidates
            .filter_map(|id| self.lag_of(id).map(|lag| (lag, id)))
            .filter(|(lag, _)| *lag <= PROMOTE_LAG_MAX)
            .collect();
        ready.sort_unstable();
        let target = match to {
            Some(id) if id == self.node_id() => return Ok(id),
            Some(id) if ready.iter().any(|(_, ready)| *ready == id) => id,
            Some(id) => return Err(MembershipError::Refused(format!("node {id} is no voter that has caught up"))),
            None => match ready.first() {
                Some((_, id)) => *id,
                None => return Err(MembershipError::Refused("no other voter has caught up".into())),
            },
        };
        if !self.is_reachable(target).await {
            return Err(MembershipError::Refused(format!("node {target} does not answer")));
        }
        let failed = |error: openraft::errors::Fatal<_>| MembershipError::Refused(error.to_string());
        self.raft.trigger().transfer_leader(target).await.map_err(failed)?;
        self.leader_changes(Some(self.node_id()), Duration::from_millis(2 * self.timing.election_ms_max + 1_000)).await;
        match self.leader() {
            Some(leader) if leader != self.node_id() => Ok(leader),
            Some(_) | None => Err(MembershipError::TimedOut("the transfer of the leadership".into())),
        }
    }

    async fn is_reachable(&self, id: u64) -> bool {
        let limit = Duration::from_millis(self.timing.election_ms_max);
        self.ask_status(id, limit).await.is_some_and(|answer| answer.is_ok())
    }

    fn leading(&self) -> Result<super::Standing, MembershipError> {
        let standing = self.standing();
        if standing.role == Role::Leader {
            Ok(standing)
        } else {
            Err(MembershipError::NotLeader { leader: standing.leader_id })
        }
    }

    /// Entries that a member still lacks; none if nothing was heard of it.
    fn lag_of(&self, id: u64) -> Option<u64> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let matched = metrics.replication?.get(&id).copied().flatten()?.index();
        Some(metrics.last_log_index.unwrap_or(0).saturating_sub(matched))
    }

    async fn change(&self, change: ChangeMembers<u64, Node>, retain: bool) -> Result<(), MembershipError> {
        let seen = *self.raft.metrics().borrow_watched().membership_config.log_id();
        let only_if = Precondition::LastMembershipLogId { last_membership_log_id: seen };
        match self.raft.change_membership(change, retain, only_if).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Err(MembershipError::NotLeader { leader: forward.leader_id })
            }
            Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_))) => {
                Err(MembershipError::TimedOut("the change of the membership".into()))
            }
            Err(error) => Err(MembershipError::Refused(error.to_string())),
        }
    }
}
