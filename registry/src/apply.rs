//! Applies one command: (state, position, envelope) → changes and outcome. The same on every node for ever.
//!
//! The order is: request seen before → the outcome of then; level too high → the node stops; another revision than the
//! client wants → refused; basis stale → `Stale`; otherwise the command itself. Idempotence is tested before staleness,
//! because a retry of a write that landed must succeed. Whatever comes of it, one audit record is written.

#![warn(clippy::wildcard_enum_match_arm, reason = "a new command or outcome must make every match here speak up")]

use crate::cluster::requests;
use crate::command::{Command, Envelope};
use crate::effect::{Applying, Effect, Entry, LogPosition, NotDone};
use crate::feeds::retention;
use crate::life::history;
use crate::{
    AuditRow, Change, ClusterCommand, ClusterRefusal, Event, EventKind, Key, LogIndex, MachineRow, Outcome, Refusal,
    Row, View, ViewError, audit, digest, level, modified_at, query,
};
use crate::{access, associations, catalog, cluster, feeds, life, settings};

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
        "entry {index} needs cluster level {needed}, this program knows levels up to {}: upgrade this node",
        level::SUPPORTED
    )]
    TooNew {
        /// The entry.
        index: LogIndex,
        /// What it needs.
        needed: u8,
    },
}

/// Applies one command to the state.
///
/// # Errors
/// [`ApplyError`]: the node must stop.
pub fn apply(view: &impl View, position: LogPosition, envelope: &Envelope) -> Result<Applied, ApplyError> {
    let mut machine = query::machine(view)?;
    if let Some(earlier) = query::request(view, &envelope.request_id)? {
        return Ok(Applied {
            outcome: earlier.answer.into(),
            effective: earlier.index,
            changes: Vec::new(),
            digest: machine.digest,
        });
    }
    if envelope.level > level::SUPPORTED {
        return Err(ApplyError::TooNew { index: position.index, needed: envelope.level });
    }
    machine.time_ms = machine.time_ms.max(envelope.time_ms);
    let actor = envelope.actor.principal.to_string();
    let entry = Entry { position, time_ms: machine.time_ms, actor: &actor };
    let (outcome, changes, events) = match decide_outcome(view, entry, envelope, &mut machine) {
        Ok(Decided::Effect(Effect { done, changes, events })) => (Outcome::Done(done), changes, events),
        Ok(Decided::Stale(outcome)) => (outcome, Vec::new(), Vec::new()),
        Err(NotDone::Refuse(refusal)) => (Outcome::Refused(refusal), Vec::new(), Vec::new()),
        Err(NotDone::Stop(error)) => return Err(error.into()),
    };
    finish_entry(view, entry, envelope, machine, outcome, changes, events)
}

/// What a command would come to if it were applied to this state now, by anyone; nothing is changed.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn dry_run(view: &impl View, command: &Command) -> Result<Outcome, ViewError> {
    let mut machine = query::machine(view)?;
    let position = LogPosition { index: LogIndex(0), term: 0 };
    let entry = Entry { position, time_ms: machine.time_ms, actor: "" };
    match dispatch_command(view, entry, command, &mut machine) {
        Ok(effect) => Ok(Outcome::Done(effect.done)),
        Err(NotDone::Refuse(refusal)) => Ok(Outcome::Refused(refusal)),
        Err(NotDone::Stop(error)) => Err(error),
    }
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
enum Decided {
    Effect(Effect),
    Stale(Outcome),
}

fn decide_outcome(
    view: &impl View,
    entry: Entry<'_>,
    envelope: &Envelope,
    machine: &mut MachineRow,
) -> Applying<Decided> {
    refuse_other_revision(view, envelope)?;
    refuse_other_level(envelope, machine)?;
    if let Some(key) = envelope.basis.stale_key(view)? {
        return Ok(Decided::Stale(Outcome::Stale { key: key.clone(), index: entry.index() }));
    }
    dispatch_command(view, entry, &envelope.command, machine).map(Decided::Effect)
}

/// Compare-and-set: is what the command changes at the revision that the client has seen?
fn refuse_other_revision(view: &impl View, envelope: &Envelope) -> Applying<()> {
    let Some(asked) = envelope.if_revision else { return Ok(()) };
    let Some(key) = envelope.command.revised() else {
        let what = "the command changes nothing that has a revision".to_owned();
        return Err(Refusal::Invalid { what }.into());
    };
    let found = modified_at(view, &key)?;
    if found == asked { Ok(()) } else { Err(Refusal::RevisionDiffers { asked, found }.into()) }
}

/// Only the command that raises the level may need more than the level in force. The leader asks before it proposes; this
/// is what holds.
fn refuse_other_level(envelope: &Envelope, machine: &MachineRow) -> Applying<()> {
    let raises = matches!(envelope.command, Command::Cluster(ClusterCommand::RaiseLevel { .. }));
    if envelope.level <= machine.level || raises {
        return Ok(());
    }
    Err(ClusterRefusal::LevelNotInForce { needed: envelope.level, in_force: machine.level }.into())
}

fn dispatch_command(
    view: &impl View,
    entry: Entry<'_>,
    command: &Command,
    machine: &mut MachineRow,
) -> Applying<Effect> {
    match command {
        Command::Catalog(command) => catalog::apply::apply(view, entry, command),
        Command::Life(command) => life::apply::apply(view, entry, command),
        Command::Settings(command) => settings::apply::apply(view, entry, command),
        Command::Associations(command) => associations::apply::apply(view, entry, command),
        Command::Feeds(command) => feeds::apply::apply(view, entry, command),
        Command::Cluster(command) => cluster::apply::apply(view, entry, machine, command),
        Command::Access(command) => access::apply::apply(view, entry, command),
    }
}

/// The bookkeeping around every command: history, events, remembered request, digest, audit record, machine row.
fn finish_entry(
    view: &impl View,
    entry: Entry<'_>,
    envelope: &Envelope,
    mut machine: MachineRow,
    outcome: Outcome,
    mut changes: Vec<Change>,
    events: Vec<EventKind>,
) -> Result<Applied, ApplyError> {
    count_versions(entry, &changes, &mut machine);
    history::keep(view, entry, &envelope.command, &mut changes)?;
    for (number, kind) in (0_u32..).zip(events) {
        let event = Event { kind, time_ms: entry.time_ms, actor: entry.actor.to_owned() };
        changes.push((Key::Event(entry.index(), number), Some(Row::Event(event))));
        machine.event_count += 1;
    }
    let answer = match &outcome {
        Outcome::Done(done) => {
            retention::forget_events(view, entry, &mut machine, &mut changes)?;
            Some(Ok(done.clone()))
        }
        Outcome::Refused(refusal) => Some(Err(refusal.clone())),
        Outcome::Stale { .. } => None,
    };
    if let Some(answer) = answer {
        requests::remember_request(view, entry, &envelope.request_id, answer, &mut machine, &mut changes)?;
    }
    let before = machine.digest;
    machine.digest = digest::chain(before, entry.position, &changes);
    let record = record_of(entry, envelope, machine.level, &outcome, before, machine.digest);
    changes.extend(audit::append_record(view, machine.audit_size, record)?);
    machine.audit_size += 1;
    let digest = machine.digest;
    changes.push((Key::Machine, Some(Row::Machine(machine))));
    Ok(Applied { outcome, effective: entry.index(), changes, digest })
}

/// Counts the versions that came and that went for good.
fn count_versions(entry: Entry<'_>, changes: &[Change], machine: &mut MachineRow) {
    for (key, row) in changes {
        match (key, row) {
            (Key::Version(..), None) => machine.deleted_total += 1,
            (Key::Version(..), Some(Row::Version(row))) if row.created_at == entry.index() => {
                machine.registered_total += 1;
            }
            _ => {}
        }
    }
}

fn record_of(
    entry: Entry<'_>,
    envelope: &Envelope,
    level: u8,
    outcome: &Outcome,
    digest_before: [u8; 32],
    digest_after: [u8; 32],
) -> AuditRow {
    // An operation that was carried out elsewhere has its own outcome; that it is recorded goes without saying.
    let summary = match (&envelope.command, outcome) {
        (Command::Cluster(ClusterCommand::RecordOperation(operation)), Outcome::Done(_)) => operation.summary(),
        (_, outcome) => outcome.summary(),
    };
    let is_sourced = level >= level::REQUEST_SOURCE;
    let source = envelope.source.clone().filter(|_| is_sourced).unwrap_or_default();
    let told = |text: Option<String>| text.filter(|_| is_sourced).unwrap_or_default();
    let authentication = envelope.actor.principal.authentication;
    let trace_id = envelope.trace.map(|trace| trace.trace_id.iter().map(|byte| format!("{byte:02x}")).collect());
    AuditRow {
        index: entry.index(),
        time_ms: entry.time_ms,
        principal: entry.actor.to_owned(),
        node_id: envelope.actor.node_id,
        action: envelope.command.action().to_owned(),
        reason: envelope.command.reason().to_owned(),
        resource: envelope.command.resource(),
        outcome: summary,
        request_id: envelope.request_id.clone(),
        digest_before,
        digest_after,
        authentication: told(Some(authentication.name().to_owned())),
        address: source.address,
        user_agent: source.user_agent,
        trace_id: told(trace_id),
    }
}
