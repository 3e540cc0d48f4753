//! Proposals: on this node, which must lead, or taken to the node that does.

use std::time::Duration;

use openraft::errors::{ClientWriteError, ForwardReason, RaftError};
use proto::peer;
use raft_store::codec;
use raft_store::types::{Proposal, Response};
use registry::{LogIndex, Principal};
use tonic::Status;

use super::Consensus;
use super::convert::damaged_record;
use crate::clock::Deadline;
use crate::trace::TraceContext;

/// A follower's forward is not waited for longer than this, whatever it asks for.
const PROPOSE_TIME_MAX: Duration = Duration::from_secs(30);

/// Why a proposal did not come back with an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposeError {
    /// This node does not lead; nothing was appended. The leader, if known.
    NotLeader(Option<u64>),
    /// Whether it took effect is not known: only a retry under the same request id is safe.
    Unknown(String),
    /// It did not take effect.
    Refused(String),
    /// The leader's disk is nearly full. It did not take effect.
    DiskIsLow,
}

/// How the wire says [`ProposeError::DiskIsLow`]; a node that does not know it shows it as a refusal.
const DISK_IS_LOW: &str = "the leader's disk is nearly full";

impl Consensus {
    /// Stamps the time and proposes; only a leader's stamp counts.
    ///
    /// # Errors
    /// [`ProposeError`]; see there which may be retried.
    pub async fn propose(&self, proposal: &Proposal, deadline: Deadline) -> Result<(Response, LogIndex), ProposeError> {
        // What the cluster does by itself is little, and some of it makes room.
        if self.disk_is_low() && proposal.envelope().actor.principal != Principal::system() {
            return Err(ProposeError::DiskIsLow);
        }
        let proposal = proposal.stamped(self.clock.wall_ms());
        let raft = self.raft.clone();
        // In a task of its own, so that a caller who gives up does not cut it in half.
        let task = tokio::spawn(async move { raft.write(proposal).await });
        let written = match tokio::time::timeout(deadline.time_left(), task).await {
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
    pub async fn forward_proposal(
        &self,
        leader: u64,
        proposal: &Proposal,
        hops: u32,
        deadline: Deadline,
        trace: Option<TraceContext>,
    ) -> Result<(Response, LogIndex), ProposeError> {
        use peer::propose_response::Result as Wire;
        let Some(target) = self.target_of(leader) else { return Err(ProposeError::NotLeader(None)) };
        let left = deadline.time_left();
        let request = peer::ProposeRequest {
            proposal: codec::encode_proposal(proposal).into(),
            hops,
            deadline_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            traceparent: trace.map(|trace| trace.to_string()).unwrap_or_default(),
        };
        let Some(answer) = self.while_leading(leader, self.peers.propose(&target, request, left)).await else {
            return Err(ProposeError::Unknown(format!("node {leader} is followed by another leader")));
        };
        let answer = answer.map_err(|status| ProposeError::Unknown(format!("the leader did not answer: {status}")))?;
        match answer.result {
            Some(Wire::Accepted(accepted)) => {
                let response = codec::decode_response(&accepted.response)
                    .map_err(|error| ProposeError::Unknown(format!("the leader's answer cannot be read: {error}")))?;
                Ok((response, LogIndex(accepted.index)))
            }
            Some(Wire::NotLeader(answer)) => {
                Err(ProposeError::NotLeader((answer.leader_id != 0).then_some(answer.leader_id)))
            }
            Some(Wire::Unknown(reason)) => Err(ProposeError::Unknown(reason)),
            Some(Wire::Refused(reason)) if reason == DISK_IS_LOW => Err(ProposeError::DiskIsLow),
            Some(Wire::Refused(reason)) => Err(ProposeError::Refused(reason)),
            None => Err(ProposeError::Unknown("the leader gave an empty answer".to_owned())),
        }
    }

    /// Proposes what another node forwards, or takes it one hop further.
    ///
    /// # Errors
    /// [`Status`] if the command cannot be read.
    pub async fn answer_propose(&self, ask: peer::ProposeRequest) -> Result<peer::ProposeResponse, Status> {
        use peer::propose_response::Result as Wire;
        let proposal = codec::decode_proposal(&ask.proposal).map_err(|error| damaged_record(&error))?;
        let deadline = Deadline::after(Duration::from_millis(ask.deadline_ms).min(PROPOSE_TIME_MAX));
        let trace = TraceContext::parse(&ask.traceparent);
        if let Some(trace) = trace {
            let (trace_id, request_id) = (trace.trace_id(), &proposal.envelope().request_id);
            tracing::debug!(%trace_id, %request_id, "a write has come to be proposed");
        }
        let mut proposed = self.propose(&proposal, deadline).await;
        if let Err(ProposeError::NotLeader(Some(leader))) = proposed
            && leader != self.node_id
            && ask.hops > 1
        {
            proposed = self.forward_proposal(leader, &proposal, ask.hops - 1, deadline, trace).await;
        }
        let result = match proposed {
            Ok((response, index)) => {
                Wire::Accepted(peer::Accepted { response: codec::encode_response(&response).into(), index: index.0 })
            }
            Err(ProposeError::NotLeader(leader)) => Wire::NotLeader(peer::NotLeader { leader_id: leader.unwrap_or(0) }),
            Err(ProposeError::Unknown(reason)) => Wire::Unknown(reason),
            Err(ProposeError::Refused(reason)) => Wire::Refused(reason),
            Err(ProposeError::DiskIsLow) => Wire::Refused(DISK_IS_LOW.to_owned()),
        };
        Ok(peer::ProposeResponse { result: Some(result) })
    }
}
