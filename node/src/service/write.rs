//! The only place that proposes: brings a prepared command to the leader and waits for its outcome.
//!
//! A command is retried at once where it is certain that it was not appended, and under its own request id where that is
//! not known; so a retry has one effect. After a write, this node waits until it has applied it itself, so that its own
//! clients read what they wrote.

use std::time::Duration;

use proto::error_code as code;
use raft_store::bugs::planted;
use raft_store::types::{Proposal, Response};
use registry::{Basis, Command, Envelope, LogIndex, Outcome, RequestSource, level, query};

use super::{Attempt, Caller, Service, ServiceError, UNKEYED};
use crate::auth::Origin;
use crate::clock::Deadline;
use crate::consensus::{HOPS_MAX, ProposeError};
use crate::trace::TraceContext;

/// Shortest and longest wait between two attempts.
const RETRY_WAIT_MIN: Duration = Duration::from_millis(10);
const RETRY_WAIT_MAX: Duration = Duration::from_millis(300);

/// What came of a write, and where in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub outcome: Outcome,
    /// This node has applied at least this entry.
    pub index: LogIndex,
}

impl Service {
    /// Writes a prepared command. `Stale` and refusals are outcomes here, not errors.
    ///
    /// # Errors
    /// [`ServiceError`] if the outcome is unknown when the deadline passes.
    pub(super) async fn write_on(
        &self,
        caller: &Caller,
        command: Command,
        basis: Basis,
    ) -> Result<Written, ServiceError> {
        let bytes = command.weight();
        let source = self.source(&caller.origin).filter(|_| self.keeps_sources());
        let level = if source.is_some() { command.level().max(level::REQUEST_SOURCE) } else { command.level() };
        let envelope = Envelope {
            request_id: caller.request_id.clone(),
            time_ms: 0,
            actor: caller.actor.clone(),
            // The least that the command needs, not what this program knows: members with older programs understand it.
            level,
            trace: registry::TraceContext::parse(&caller.trace.to_string()),
            if_revision: caller.if_revision,
            source,
            basis,
            command,
        };
        let permits = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        let permits =
            permits.min(u32::try_from(self.inner.config.limits.proposal_bytes_max / 1024).unwrap_or(u32::MAX).max(1));
        let permit =
            tokio::time::timeout(caller.deadline.time_left(), self.inner.proposals.acquire_many(permits)).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(ServiceError::new(code::UNAVAILABLE, "Too many writes are under way on this node; try again"));
        };
        let (response, index) = self.propose_until(Proposal::new(envelope), caller.deadline, caller.trace).await?;
        // A repeated request tells of an earlier entry; either way this entry is the newest that the client knows of.
        if planted("own-writes-unseen") {
            return written_outcome(response, index);
        }
        self.wait_applied(index, caller.deadline).await.map_err(|_| {
            ServiceError::timed_out(
                "The write took effect, but this node has not yet applied it; read from another node or wait",
            )
        })?;
        written_outcome(response, index)
    }

    /// Is the level in force that brings where a request came from?
    fn keeps_sources(&self) -> bool {
        self.inner.consensus.level_in_force() >= level::REQUEST_SOURCE
    }

    /// What is to be kept of where a request came from; none if that is nothing.
    fn source(&self, origin: &Origin) -> Option<RequestSource> {
        let address = origin.address.filter(|_| self.inner.config.audit.addresses);
        let source = RequestSource {
            address: address.map(|address| address.to_string()).unwrap_or_default(),
            user_agent: origin.user_agent.as_deref().unwrap_or_default().to_owned(),
        };
        (source != RequestSource::default()).then_some(source)
    }

    /// Records that a change was not made, or somebody kept out.
    pub fn record_attempt(&self, attempt: &Attempt<'_>) {
        let source = self.source(attempt.origin).unwrap_or_default();
        self.inner.attempts.record_attempt(attempt, &source);
    }

    /// A request that fails may be a repeated one whose first attempt had its effect: a schema that is registered is not compared
    /// with what came after it, and a version that is deleted is not looked for. It gets the first attempt's answer.
    ///
    /// An attempt that is still on its way to the leader is not seen; a refusal says nothing about that one.
    ///
    /// # Errors
    /// The error that `result` holds, unless the request is known to have come to something else.
    pub(super) fn or_earlier<T>(
        &self,
        caller: &Caller,
        result: Result<T, ServiceError>,
        answer: impl FnOnce(Outcome) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        if result.is_ok() {
            return result;
        }
        self.earlier_outcome(caller)?.map_or(result, answer)
    }

    /// What this request came to before, if it was sent before and this node knows.
    pub(super) fn earlier_outcome(&self, caller: &Caller) -> Result<Option<Outcome>, ServiceError> {
        if caller.request_id.0.starts_with(UNKEYED) {
            return Ok(None);
        }
        let row = self.inner.consensus.state().read(|view| query::request(view, &caller.request_id))?;
        Ok(row.map(|row| row.answer.into()))
    }

    async fn propose_until(
        &self,
        mut proposal: Proposal,
        deadline: Deadline,
        trace: TraceContext,
    ) -> Result<(Response, LogIndex), ServiceError> {
        let consensus = &self.inner.consensus;
        let mut unknown = None;
        let mut wait = RETRY_WAIT_MIN;
        let mut hint = None;
        loop {
            let leader = hint.take().or_else(|| consensus.leader_id());
            // A leader that hangs is given up for the next one; the request id makes the second attempt safe.
            let limit = Deadline::after(deadline.time_left().min(consensus.election_time_max() * 3));
            let attempt = match leader {
                Some(leader) if leader == consensus.node_id() => consensus.propose(&proposal, limit).await,
                Some(leader) => {
                    self.inner.metrics.count_forwarded();
                    consensus.forward_proposal(leader, &proposal, HOPS_MAX, limit, Some(trace)).await
                }
                None => Err(ProposeError::NotLeader(None)),
            };
            match attempt {
                Ok(written) => return Ok(written),
                Err(ProposeError::Refused(reason)) => {
                    tracing::warn!(%reason, request_id = %proposal.envelope().request_id, "a proposal was refused");
                    return Err(ServiceError::new(code::STORE_ERROR, "The write was refused by the leader"));
                }
                Err(ProposeError::DiskIsLow) => {
                    // Under the same request id an attempt before may have had its effect; nothing is added to it now.
                    let message = "The disk of the leader is nearly full: what is stored can be read, and nothing is written. \
                                   Free space on the nodes' disks, or give them more; then writes are taken again";
                    return Err(ServiceError::new(code::STORAGE_FULL, message));
                }
                Err(ProposeError::NotLeader(named)) => {
                    hint = named.filter(|named| Some(*named) != leader);
                }
                Err(ProposeError::Unknown(reason)) => {
                    tracing::debug!(%reason, request_id = %proposal.envelope().request_id, "the outcome is unknown; try again");
                    unknown = Some(reason);
                    if planted("retry-renamed") {
                        let mut renamed = proposal.envelope().clone();
                        renamed.request_id.0.push('r');
                        proposal = Proposal::new(renamed);
                    }
                }
            }
            if deadline.time_left() <= wait {
                return Err(gave_up(unknown.is_some(), leader));
            }
            if hint.is_none() {
                // Another leader ends the wait early.
                consensus.leader_changes(leader, wait).await;
                wait = (wait * 2).min(RETRY_WAIT_MAX);
            }
        }
    }
}

fn written_outcome(response: Response, index: LogIndex) -> Result<Written, ServiceError> {
    match response.outcome {
        Some(outcome) => Ok(Written { outcome, index }),
        None => Err(ServiceError::internal("a command was answered as an entry without one", &index)),
    }
}

fn gave_up(unknown: bool, leader: Option<u64>) -> ServiceError {
    if unknown {
        ServiceError::new(
            code::FORWARDING_FAILED,
            "The outcome of the write is not known: it may have taken effect; retry it with the same Idempotency-Key",
        )
    } else if leader.is_none() {
        ServiceError::no_leader()
    } else {
        ServiceError::new(code::FORWARDING_FAILED, "The leader did not take the write; nothing was changed")
    }
}
