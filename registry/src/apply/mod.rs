//! Applies one command: (state, position, envelope) → changes and outcome. The same on every node for ever.
//!
//! The order is: request seen before → the outcome of then; machine version too high → the node stops; another revision
//! than the client wants → refused; basis stale → `Stale`; otherwise the command itself. Idempotence is tested before
//! staleness, because a retry of a write that landed must succeed. Whatever comes of it, one audit record is written.

#![warn(clippy::wildcard_enum_match_arm, reason = "a new command or outcome must make every match here speak up")]

mod associations;
mod delete;
mod draft;
mod governance;
mod history;
mod life;
mod register;
mod retention;
mod settings;

use crate::command::{Command, Envelope, MACHINE_VERSION, Permanent};
use crate::limits::{REQUEST_AGE_MS_MAX, REQUEST_COUNT_MAX, REQUEST_EVICTIONS_PER_ENTRY_MAX};
use crate::{
    AuditRow, Change, Event, EventKind, Key, KeyRange, LifecycleOutcome, LifecycleRejection, LogIndex, MachineRow,
    Outcome, Rejection, RequestRow, Row, View, ViewError, audit, digest, modified_at, query,
};
use std::ops::ControlFlow;

/// Where a command stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    /// The index of the entry.
    pub index: LogIndex,
    /// The term of the leader that proposed it.
    pub term: u64,
}

/// What one entry does: everything goes into one write batch, together with the applied index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The answer.
    pub outcome: Outcome,
    /// The entry whose effect the outcome tells of: this one, or an earlier one with the same request id.
    pub effective: LogIndex,
    /// Rows to write, in order.
    pub changes: Vec<Change>,
    /// The state digest after the entry.
    pub digest: [u8; 32],
}

/// Why apply cannot go on. The node stops; skipping the entry would make it differ from its peers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The store failed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The command needs a newer program.
    #[error(
        "entry {index} needs state machine version {needed}, this program has {MACHINE_VERSION}: upgrade this node"
    )]
    TooNew {
        /// The entry.
        index: LogIndex,
        /// What it needs.
        needed: u32,
    },
}

/// What a command did, before the bookkeeping around it.
pub(crate) struct Effect {
    pub outcome: Outcome,
    pub changes: Vec<Change>,
    pub events: Vec<EventKind>,
    pub registered: u64,
    pub deleted: u64,
}

impl Effect {
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self { outcome, changes: Vec::new(), events: Vec::new(), registered: 0, deleted: 0 }
    }

    pub(crate) fn refused(rejection: LifecycleRejection) -> Self {
        Self::rejected(Rejection::Lifecycle(rejection))
    }

    pub(crate) fn done(outcome: LifecycleOutcome) -> Self {
        Self::of(Outcome::Lifecycle(outcome))
    }

    pub(crate) fn rejected(rejection: Rejection) -> Self {
        Self::of(Outcome::Rejected(rejection))
    }
}

/// Applies one command to the state.
///
/// `digest_at` tells the digest after an earlier entry, as far as this replica remembers it.
///
/// # Errors
/// [`ApplyError`]: the node must stop.
pub fn apply(
    view: &impl View,
    position: LogPosition,
    envelope: &Envelope,
    digest_at: &dyn Fn(LogIndex) -> Option<[u8; 32]>,
) -> Result<Applied, ApplyError> {
    let mut machine = query::machine(view)?;
    if let Some(earlier) = query::request(view, &envelope.request_id)? {
        return Ok(Applied {
            outcome: earlier.outcome,
            effective: earlier.index,
            changes: Vec::new(),
            digest: machine.digest,
        });
    }
    if envelope.machine_version > MACHINE_VERSION {
        return Err(ApplyError::TooNew { index: position.index, needed: envelope.machine_version });
    }
    machine.time_ms = machine.time_ms.max(envelope.time_ms);
    let entry = Entry { position, time_ms: machine.time_ms };
    let effect = match (revision_differs(view, envelope)?, envelope.basis.stale_key(view)?) {
        (Some(rejection), _) => Effect::refused(rejection),
        (None, Some(key)) => Effect::of(Outcome::Stale { key: key.clone(), index: position.index }),
        (None, None) => dispatch(view, entry, envelope, &mut machine, digest_at)?,
    };
    finish(view, entry, envelope, machine, effect)
}

/// What a command would come to if it were applied to this state now; nothing is changed.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn dry_run_associations(
    view: &impl View,
    resource: &crate::Resource,
    changes: &[crate::AssociationChange],
) -> Result<Outcome, ViewError> {
    let entry = Entry { position: LogPosition { index: LogIndex(0), term: 0 }, time_ms: 0 };
    Ok(associations::change(view, entry, resource, changes)?.outcome)
}

/// What every command handler needs to know about its entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub position: LogPosition,
    pub time_ms: u64,
}

impl Entry {
    pub(crate) fn index(self) -> LogIndex {
        self.position.index
    }
}

/// Compare-and-set: is what the command changes at the revision that the client has seen?
fn revision_differs(view: &impl View, envelope: &Envelope) -> Result<Option<LifecycleRejection>, ViewError> {
    let Some(asked) = envelope.if_revision else { return Ok(None) };
    let Some(key) = envelope.command.revised() else {
        let what = "the command changes nothing that has a revision".to_owned();
        return Ok(Some(LifecycleRejection::Invalid { what }));
    };
    let found = modified_at(view, &key)?;
    Ok((found != asked).then_some(LifecycleRejection::RevisionDiffers { asked, found }))
}

fn dispatch(
    view: &impl View,
    entry: Entry,
    envelope: &Envelope,
    machine: &mut MachineRow,
    digest_at: &dyn Fn(LogIndex) -> Option<[u8; 32]>,
) -> Result<Effect, ViewError> {
    match &envelope.command {
        Command::Register(register) => register::register(view, entry, register),
        Command::Lifecycle(lifecycle) => life::step(view, entry, &envelope.actor.principal, lifecycle),
        Command::SetPolicy { scope, policy } => governance::set_policy(view, entry, scope, policy.as_ref()),
        Command::MoveCursor { name, index, position } => governance::move_cursor(view, entry, name, *index, *position),
        Command::ArchiveAudit { before } => governance::archive_audit(view, entry, machine, *before),
        Command::DeleteVersion { subject, version, permanent: Permanent::No } => {
            delete::soft_delete_version(view, entry, subject, *version)
        }
        Command::DeleteVersion { subject, version, permanent: Permanent::Yes } => {
            delete::permanently_delete_version(view, entry, subject, *version)
        }
        Command::DeleteSubject { subject, permanent: Permanent::No } => {
            delete::soft_delete_subject(view, entry, subject)
        }
        Command::DeleteSubject { subject, permanent: Permanent::Yes } => {
            delete::permanently_delete_subject(view, entry, subject)
        }
        Command::SetConfig { scope, config } => settings::set_config(view, entry, scope, config.as_ref()),
        Command::SetMode { scope, mode, force, recursive } => {
            settings::set_mode(view, entry, scope, *mode, *force, *recursive)
        }
        Command::DeleteContext { context } => settings::delete_context(view, entry, context),
        Command::ChangeAssociations { resource, changes } => associations::change(view, entry, resource, changes),
        Command::CheckDigest { index, digest } => Ok(match digest_at(*index) {
            Some(ours) if ours != *digest => Effect::rejected(Rejection::DigestDiffers { index: *index }),
            Some(_) | None => Effect::of(Outcome::DigestChecked),
        }),
        Command::Found { cluster_id } => Ok(found(machine, cluster_id)),
    }
}

fn found(machine: &mut MachineRow, cluster_id: &str) -> Effect {
    if machine.cluster_id.is_empty() {
        machine.cluster_id = cluster_id.to_owned();
    }
    if machine.cluster_id == cluster_id {
        Effect::of(Outcome::Founded { cluster_id: cluster_id.to_owned() })
    } else {
        Effect::rejected(Rejection::AnotherCluster { cluster_id: machine.cluster_id.clone() })
    }
}

/// The bookkeeping around every command: events, remembered request, digest, audit record, machine row.
fn finish(
    view: &impl View,
    entry: Entry,
    envelope: &Envelope,
    mut machine: MachineRow,
    effect: Effect,
) -> Result<Applied, ApplyError> {
    let Effect { outcome, mut changes, events, registered, deleted } = effect;
    history::keep(view, entry, envelope, &mut changes)?;
    for (number, kind) in (0_u32..).zip(events) {
        let event = Event { kind, time_ms: entry.time_ms, actor: envelope.actor.principal.clone() };
        changes.push((Key::Event(entry.index(), number), Some(Row::Event(event))));
        machine.event_count += 1;
    }
    if !is_digest_check(envelope) && !matches!(outcome, Outcome::Stale { .. } | Outcome::Rejected(_)) {
        retention::forget_events(view, entry, &mut machine, &mut changes)?;
    }
    remember(view, entry, envelope, &outcome, &mut machine, &mut changes)?;
    machine.registered_total += registered;
    machine.deleted_total += deleted;

    let before = machine.digest;
    machine.digest = if is_digest_check(envelope) { before } else { digest::chain(before, entry.position, &changes) };
    let record = AuditRow {
        index: entry.index(),
        time_ms: entry.time_ms,
        principal: envelope.actor.principal.clone(),
        node_id: envelope.actor.node_id,
        action: envelope.command.action().to_owned(),
        reason: envelope.command.reason().to_owned(),
        resource: envelope.command.resource(),
        outcome: outcome.summary(),
        request_id: envelope.request_id.clone(),
        digest_before: before,
        digest_after: machine.digest,
    };
    if !is_digest_check(envelope) {
        changes.extend(audit::append(view, machine.audit_size, record)?);
        machine.audit_size += 1;
    }
    let digest = machine.digest;
    changes.push((Key::Machine, Some(Row::Machine(machine))));
    Ok(Applied { outcome, effective: entry.index(), changes, digest })
}

/// A digest check may come out differently on a replica that has forgotten, or is damaged: it must leave no trace in
/// the replicated state, or the check itself would make replicas differ.
fn is_digest_check(envelope: &Envelope) -> bool {
    matches!(envelope.command, Command::CheckDigest { .. })
}

/// Remembers the outcome under the request id and forgets requests that are too old or too many.
fn remember(
    view: &impl View,
    entry: Entry,
    envelope: &Envelope,
    outcome: &Outcome,
    machine: &mut MachineRow,
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    if matches!(outcome, Outcome::Stale { .. }) || is_digest_check(envelope) {
        return Ok(());
    }
    let row = RequestRow { outcome: outcome.clone(), index: entry.index(), time_ms: entry.time_ms };
    changes.push((Key::Request(envelope.request_id.clone()), Some(Row::Request(row))));
    changes.push((Key::RequestAge(entry.index()), Some(Row::RequestAge(envelope.request_id.clone()))));
    machine.request_count += 1;

    let mut oldest = Vec::new();
    // From behind what was forgotten: deleted rows stay in the store's files for a while, and a walk over them costs the
    // more the more there are.
    let left = KeyRange::requests_by_age().after(&Key::RequestAge(machine.requests_forgotten));
    view.scan(&left, &mut |key, row| {
        oldest.push((key, row));
        if oldest.len() < REQUEST_EVICTIONS_PER_ENTRY_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    for (age_key, row) in oldest {
        let Row::RequestAge(request_id) = row else { return Err(ViewError::wrong_row(&age_key)) };
        let key = Key::Request(request_id);
        let is_old = match view.get(&key)? {
            Some(Row::Request(row)) => row.time_ms.saturating_add(REQUEST_AGE_MS_MAX) < entry.time_ms,
            Some(_) | None => return Err(ViewError::wrong_row(&key)),
        };
        if !is_old && machine.request_count <= REQUEST_COUNT_MAX {
            break;
        }
        let Key::RequestAge(index) = age_key else { return Err(ViewError::wrong_row(&age_key)) };
        machine.requests_forgotten = index;
        changes.push((key, None));
        changes.push((age_key, None));
        machine.request_count -= 1;
    }
    Ok(())
}
