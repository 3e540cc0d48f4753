//! What a command about the cluster comes to.

use crate::described::described;
use crate::reply::{Reply, code};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum ClusterDone {
    /// The cluster has its identity (perhaps since before).
    Founded { cluster_id: String },
    /// Audit records before this position are in files only.
    AuditArchived { from: u64 },
    /// The operation has its audit record.
    OperationRecorded,
    /// This level is in force (perhaps since before).
    LevelInForce { level: u8 },
}

described!(ClusterDone {
    Founded { cluster_id } = "founded",
    AuditArchived { from } = "audit_archived",
    OperationRecorded = "operation_recorded",
    LevelInForce { level } = "level_in_force",
});

impl ClusterDone {
    /// See [`crate::Outcome::summary`].
    pub(crate) fn facts(&self) -> String {
        match self {
            Self::LevelInForce { level } => format!("level={level}"),
            Self::Founded { .. } | Self::AuditArchived { .. } | Self::OperationRecorded => String::new(),
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum ClusterRefusal {
    /// The cluster has another identity already.
    AnotherCluster { cluster_id: String },
    /// Records this young, or not there, are not archived.
    AuditTooYoung { position: u64 },
    /// The command needs a level that is not in force.
    LevelNotInForce { needed: u8, in_force: u8 },
}

described!(ClusterRefusal {
    AnotherCluster { cluster_id } = "another_cluster",
    AuditTooYoung { position } = "audit_too_young",
    LevelNotInForce { needed, in_force } = "level_not_in_force",
});

impl ClusterRefusal {
    /// See [`crate::Refusal::reply`].
    pub(crate) fn reply(&self) -> Reply {
        match self {
            // Clients cannot send what is refused like this.
            Self::AnotherCluster { .. } => Reply::new(code::INTERNAL, "Internal server error"),
            Self::AuditTooYoung { position } => Reply::new(
                code::UNPROCESSABLE,
                format!("Record {position} is younger than the policy's retention, or not there"),
            ),
            Self::LevelNotInForce { needed, in_force } => Reply::new(
                code::NOT_PERMITTED,
                format!(
                    "This needs cluster level {needed}; level {in_force} is in force until every member runs a newer program"
                ),
            ),
        }
    }
}
