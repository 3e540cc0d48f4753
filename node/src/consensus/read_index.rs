//! The read index: what a replica must have applied before it answers a linearizable read.

use std::time::Duration;

use openraft::raft::linearizable_read::{Linearizer, ReadLogId};
use proto::peer;
use raft_store::bugs::planted;
use registry::LogIndex;
use tonic::Status;

use super::Consensus;
use super::convert::{id_from_wire, id_to_wire};
use crate::clock::Deadline;

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

impl Consensus {
    /// Makes sure that what this node reads from now on is not older than any write acknowledged before this call.
    ///
    /// # Errors
    /// [`ReadIndexError`]: the state may be stale.
    pub async fn read_index(&self, deadline: Deadline) -> Result<LogIndex, ReadIndexError> {
        let leader = self.leader_id().ok_or(ReadIndexError::NoLeader)?;
        if planted("lease-read") && leader == self.node_id {
            return Ok(self.state.applied_index());
        }
        let linearizer = if leader == self.node_id {
            self.local_linearizer(deadline.time_left()).await?
        } else {
            let target = self.target_of(leader).ok_or(ReadIndexError::NoLeader)?;
            let call = self.peers.read_index(&target, deadline.time_left());
            let answer = self.while_leading(leader, call).await.ok_or(ReadIndexError::NoLeader)?;
            let answer = answer.map_err(|status| ReadIndexError::Unavailable(status.to_string()))?;
            let read = answer.read.ok_or_else(|| ReadIndexError::Unavailable("no index was given".to_owned()))?;
            // The leader's own id and applied entry: with ours the wait would be skipped while we still lag.
            Linearizer::new(
                answer.leader_id,
                ReadLogId::from_log_id(id_from_wire(read)),
                answer.applied.map(id_from_wire),
            )
        };
        let index = LogIndex(linearizer.read_log_id().index());
        match self.raft.await_ready(linearizer, deadline.time_left()).await {
            // openraft's figure may run ahead of the view that readers open; ours is set after the batch is written.
            Ok(true) => self.wait_applied(index, deadline).await.then_some(index).ok_or(ReadIndexError::TimedOut),
            Ok(false) => Err(ReadIndexError::TimedOut),
            Err(error) => Err(ReadIndexError::Unavailable(error.to_string())),
        }
    }

    /// On the leader: answers another node's question for the index.
    ///
    /// # Errors
    /// [`Status`] if this node does not lead or no quorum follows it.
    pub async fn answer_read_index(&self) -> Result<peer::ReadIndexResponse, Status> {
        let limit = Duration::from_millis(2 * self.timing.election_ms_max);
        let linearizer = self.local_linearizer(limit).await;
        let linearizer = linearizer.map_err(|error| Status::unavailable(format!("no index can be read: {error:?}")))?;
        Ok(peer::ReadIndexResponse {
            leader_id: self.node_id,
            read: Some(id_to_wire(linearizer.read_log_id().log_id())),
            applied: linearizer.applied().map(id_to_wire),
        })
    }
}
