//! The only place that proposes: brings a prepared command to the leader and waits for its outcome.
//!
//! A command is retried at once where it is certain that it was not appended, and under its own request id where that is
//! not known; so a retry has one effect. After a write, this node waits until it has applied it itself, so that its own
//! clients read what they wrote.

use std::time::Duration;

use proto::error_code as code;
use raft_store::bugs::planted;
use raft_store::types::{Proposal, Response};
use registry::{
    AssociationChange, Basis, Command, Content, Envelope, LifeStep, LogIndex, MACHINE_VERSION, Outcome, Resource, Step,
    query,
};
use schema::{Metadata, Rule, RuleSet};

use super::{Caller, Service, ServiceError, UNKEYED};
use crate::clock::Deadline;
use crate::consensus::{HOPS_MAX, ProposeError};

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
    /// Writes a command that needs no basis: everything about it is decided in apply.
    ///
    /// # Errors
    /// [`ServiceError`] if it was refused, or if its outcome is unknown (50002, 50003).
    pub(super) async fn write(&self, caller: &Caller, command: Command) -> Result<Written, ServiceError> {
        self.write_on(caller, command, Basis::default()).await
    }

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
        let bytes = command_bytes(&command);
        let envelope = Envelope {
            request_id: caller.request_id.clone(),
            time_ms: 0,
            actor: caller.actor.clone(),
            machine_version: MACHINE_VERSION,
            if_revision: caller.if_revision,
            basis,
            command,
        };
        let permits = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        let permits =
            permits.min(u32::try_from(self.inner.config.limits.proposal_bytes_max / 1024).unwrap_or(u32::MAX).max(1));
        let permit = tokio::time::timeout(caller.deadline.left(), self.inner.proposals.acquire_many(permits)).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(ServiceError::new(code::UNAVAILABLE, "Too many writes are under way on this node; try again"));
        };
        let (response, index) = self.propose_until(Proposal(envelope), caller.deadline).await?;
        // A repeated request tells of an earlier entry; either way this entry is the newest that the client knows of.
        if planted("own-writes-unseen") {
            return Ok(Written { outcome: response.outcome, index });
        }
        self.wait_applied(index, caller.deadline).await.map_err(|_| {
            ServiceError::timed_out(
                "The write took effect, but this node has not yet applied it; read from another node or wait",
            )
        })?;
        Ok(Written { outcome: response.outcome, index })
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
        self.earlier(caller)?.map_or(result, answer)
    }

    /// What this request came to before, if it was sent before and this node knows.
    pub(super) fn earlier(&self, caller: &Caller) -> Result<Option<Outcome>, ServiceError> {
        if caller.request_id.0.starts_with(UNKEYED) {
            return Ok(None);
        }
        let row = self.inner.consensus.state().read(|view| query::request(view, &caller.request_id))?;
        Ok(row.map(|row| row.outcome))
    }

    async fn propose_until(
        &self,
        mut proposal: Proposal,
        deadline: Deadline,
    ) -> Result<(Response, LogIndex), ServiceError> {
        let consensus = &self.inner.consensus;
        let mut unknown = None;
        let mut wait = RETRY_WAIT_MIN;
        let mut hint = None;
        loop {
            let leader = hint.take().or_else(|| consensus.leader());
            // A leader that hangs is given up for the next one; the request id makes the second attempt safe.
            let limit = Deadline::after(deadline.left().min(consensus.election_time_max() * 3));
            let attempt = match leader {
                Some(leader) if leader == consensus.node_id() => {
                    consensus.propose_stamped(proposal.clone(), limit).await
                }
                Some(leader) => {
                    self.inner.metrics.forwarded();
                    consensus.forward(leader, &proposal, HOPS_MAX, limit).await
                }
                None => Err(ProposeError::NotLeader(None)),
            };
            match attempt {
                Ok(written) => return Ok(written),
                Err(ProposeError::Refused(reason)) => {
                    tracing::warn!(%reason, request_id = %proposal.0.request_id, "a proposal was refused");
                    return Err(ServiceError::new(code::STORE_ERROR, "The write was refused by the leader"));
                }
                Err(ProposeError::NotLeader(named)) => {
                    hint = named.filter(|named| Some(*named) != leader);
                }
                Err(ProposeError::Unknown(reason)) => {
                    tracing::debug!(%reason, request_id = %proposal.0.request_id, "the outcome is unknown; try again");
                    unknown = Some(reason);
                    if planted("retry-renamed") {
                        proposal.0.request_id.0.push('r');
                    }
                }
            }
            if deadline.left() <= wait {
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

/// About what a command takes in memory and in the log: everything in it whose length a client decides.
fn command_bytes(command: &Command) -> usize {
    match command {
        Command::Register(register) => {
            let Content { text, references, metadata, rule_set, .. } = &register.content;
            let references = references.iter().map(|reference| reference.name.len() + reference.subject.len() + 4);
            text.len()
                + register.sent.as_ref().map_or(0, String::len)
                + references.sum::<usize>()
                + metadata.as_ref().map_or(0, metadata_bytes)
                + rule_set.as_ref().map_or(0, rule_set_bytes)
        }
        Command::SetConfig { config: Some(config), .. } => {
            let metadata = [&config.default_metadata, &config.override_metadata];
            let rule_sets = [&config.default_rule_set, &config.override_rule_set];
            let texts = [&config.alias, &config.alias_for_deks, &config.compatibility_group];
            metadata.into_iter().flatten().map(metadata_bytes).sum::<usize>()
                + rule_sets.into_iter().flatten().map(rule_set_bytes).sum::<usize>()
                + texts.into_iter().flatten().map(String::len).sum::<usize>()
        }
        Command::ChangeAssociations { resource, changes } => {
            let Resource { id, kind, name, namespace } = resource;
            let resource: usize = [id, kind, name, namespace].into_iter().map(String::len).sum();
            let changes = changes.iter().map(|change| match change {
                AssociationChange::Create(wish) | AssociationChange::Upsert(wish) => {
                    wish.role.len() + wish.subject.context.as_str().len() + wish.subject.name.len()
                }
                AssociationChange::Delete { role, .. } => role.len(),
            });
            // Each row and index repeats the resource.
            changes.map(|bytes| bytes + resource).sum::<usize>() + resource
        }
        Command::DeleteVersion { .. }
        | Command::DeleteSubject { .. }
        | Command::SetConfig { config: None, .. }
        | Command::SetMode { .. }
        | Command::DeleteContext { .. }
        | Command::CheckDigest { .. }
        | Command::SetPolicy { .. }
        | Command::MoveCursor { .. }
        | Command::ArchiveAudit { .. }
        | Command::Found { .. } => 0,
        Command::Lifecycle(LifeStep { step: Step::Create { draft } | Step::Revise { draft, .. }, .. }) => {
            draft.content.text.len() + draft.sent.as_ref().map_or(0, String::len)
        }
        Command::Lifecycle(_) => 0,
    }
}

fn metadata_bytes(metadata: &Metadata) -> usize {
    let Metadata { tags, properties, sensitive } = metadata;
    let tags = tags.iter().map(|(path, tags)| path.len() + tags.iter().map(String::len).sum::<usize>());
    let properties = properties.iter().map(|(name, value)| name.len() + value.len());
    tags.sum::<usize>() + properties.sum::<usize>() + sensitive.iter().map(String::len).sum::<usize>()
}

fn rule_set_bytes(rule_set: &RuleSet) -> usize {
    let RuleSet { migration_rules, domain_rules, encoding_rules, enable_at: _ } = rule_set;
    migration_rules.iter().chain(domain_rules).chain(encoding_rules).map(rule_bytes).sum()
}

fn rule_bytes(rule: &Rule) -> usize {
    let Rule { name, doc, kind: _, mode: _, rule_type, tags, params, expr, on_success, on_failure, disabled: _ } = rule;
    let texts = [doc, expr, on_success, on_failure].into_iter().flatten().map(String::len);
    let params = params.iter().map(|(name, value)| name.len() + value.len());
    name.len()
        + rule_type.len()
        + texts.sum::<usize>()
        + tags.iter().map(String::len).sum::<usize>()
        + params.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field whose length a client decides counts; one that is forgotten would let proposals grow past their limit.
    #[test]
    fn everything_a_client_sends_counts() {
        let long = || "x".repeat(1_000);
        let rule = Rule {
            name: long(),
            doc: Some(long()),
            kind: None,
            mode: None,
            rule_type: long(),
            tags: std::iter::once(long()).collect(),
            params: std::iter::once((long(), long())).collect(),
            expr: Some(long()),
            on_success: Some(long()),
            on_failure: Some(long()),
            disabled: false,
        };
        assert_eq!(rule_bytes(&rule), 9_000);
        let set = |rules: &[Rule]| RuleSet { domain_rules: rules.to_vec(), ..RuleSet::default() };
        assert_eq!(rule_set_bytes(&set(&[rule.clone(), rule.clone()])), 18_000);
        let metadata = Metadata {
            tags: std::iter::once((long(), std::iter::once(long()).collect())).collect(),
            properties: std::iter::once((long(), long())).collect(),
            sensitive: std::iter::once(long()).collect(),
        };
        assert_eq!(metadata_bytes(&metadata), 5_000);
        let config = registry::Config {
            alias: Some(long()),
            alias_for_deks: Some(long()),
            compatibility_group: Some(long()),
            default_metadata: Some(metadata.clone()),
            override_metadata: Some(metadata),
            default_rule_set: Some(set(std::slice::from_ref(&rule))),
            override_rule_set: Some(set(&[rule])),
            ..registry::Config::default()
        };
        let scope = registry::Scope::Global;
        assert_eq!(command_bytes(&Command::SetConfig { scope, config: Some(config) }), 31_000);
    }
}
