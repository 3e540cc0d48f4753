//! Founds the cluster, raises its level, archives audit records, and keeps the record of administrative operations.

use super::{ClusterCommand, ClusterDone, ClusterRefusal, Operation, UnderWay, level};
use crate::effect::{Applying, Effect, Entry};
use crate::limits::AUDIT_ARCHIVED_PER_ENTRY_MAX;
use crate::{Key, MachineRow, PolicyInForce, Refusal, Row, Scope, View, ViewError};

pub(crate) fn apply(
    view: &impl View,
    entry: Entry<'_>,
    machine: &mut MachineRow,
    command: &ClusterCommand,
) -> Applying<Effect> {
    match command {
        ClusterCommand::Found { cluster_id } => found_cluster(machine, cluster_id),
        ClusterCommand::ArchiveAudit { before } => archive_audit(view, entry, machine, *before),
        ClusterCommand::RecordOperation(operation) => match operation.fault() {
            Some(what) => Err(Refusal::Invalid { what: what.to_owned() }.into()),
            // The record itself is written with every command.
            None => {
                if machine.level >= level::OPERATION_UNDER_WAY {
                    machine.under_way = under_way(entry, operation, machine.under_way.take());
                }
                Ok(Effect::of(ClusterDone::OperationRecorded))
            }
        },
        ClusterCommand::RaiseLevel { level } => {
            machine.level = machine.level.max(*level);
            Ok(Effect::of(ClusterDone::LevelInForce { level: machine.level }))
        }
    }
}

/// What is under way after this record: what has begun, until something else begins or a record tells of its end.
fn under_way(entry: Entry<'_>, operation: &Operation, before: Option<UnderWay>) -> Option<UnderWay> {
    if operation.outcome == Operation::BEGUN {
        return Some(UnderWay {
            name: operation.name.clone(),
            resource: operation.resource.clone(),
            principal: entry.actor.to_owned(),
            since_ms: entry.time_ms,
        });
    }
    before.filter(|before| before.name != operation.name || before.resource != operation.resource)
}

fn found_cluster(machine: &mut MachineRow, cluster_id: &str) -> Applying<Effect> {
    if machine.cluster_id.is_empty() {
        machine.cluster_id = cluster_id.to_owned();
    }
    if machine.cluster_id == cluster_id {
        Ok(Effect::of(ClusterDone::Founded { cluster_id: cluster_id.to_owned() }))
    } else {
        Err(ClusterRefusal::AnotherCluster { cluster_id: machine.cluster_id.clone() }.into())
    }
}

/// Takes records out of the state that the policy no longer keeps there. Their hashes stay in the tree, so everything can
/// still be proven with the archived files.
fn archive_audit(view: &impl View, entry: Entry<'_>, machine: &mut MachineRow, before: u64) -> Applying<Effect> {
    let policy = PolicyInForce::of(view, &Scope::Global)?;
    let before = before.min(machine.audit_from + AUDIT_ARCHIVED_PER_ENTRY_MAX);
    let mut changes = Vec::new();
    for position in machine.audit_from..before {
        let key = Key::Audit(position);
        let is_old = match view.get(&key)? {
            Some(Row::Audit(row)) => row.time_ms.saturating_add(policy.audit_retention_ms) < entry.time_ms,
            Some(_) => return Err(ViewError::wrong_row(&key).into()),
            None => false,
        };
        if !is_old {
            return Err(ClusterRefusal::AuditTooYoung { position }.into());
        }
        changes.push((key, None));
    }
    machine.audit_from = machine.audit_from.max(before);
    Ok(Effect { changes, ..Effect::of(ClusterDone::AuditArchived { from: machine.audit_from }) })
}
