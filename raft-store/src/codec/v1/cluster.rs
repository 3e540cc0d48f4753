//! The cluster, and what is kept around every command.

use registry::{AuditRow, ClusterCommand, ClusterDone, ClusterRefusal, MachineRow, Operation, UnderWay, level};

use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    ClusterCommandV1 for ClusterCommand {
        Found { cluster_id cluster_id: String },
        ArchiveAudit { before before: u64 },
        RecordOperation { 0 operation: OperationV1 },
        RaiseLevel { level level: u8 },
    }
    ClusterDoneV1 for ClusterDone {
        Founded { cluster_id cluster_id: String },
        AuditArchived { from from: u64 },
        OperationRecorded {},
        LevelInForce { level level: u8 },
    }
    ClusterRefusalV1 for ClusterRefusal {
        AnotherCluster { cluster_id cluster_id: String },
        AuditTooYoung { position position: u64 },
        LevelNotInForce { needed needed: u8, in_force in_force: u8 },
    }
}

frozen_struct! {
    OperationV1 for Operation {
        name: String,
        resource: String,
        details: Vec<(String, String)>,
        outcome: String,
        reason: String,
    }
    MachineRowV1 for MachineRow {
        cluster_id: String,
        time_ms: u64,
        digest: [u8; 32],
        request_count: u64,
        requests_forgotten: u64,
        requests_oldest_ms: u64,
        audit_size: u64,
        registered_total: u64,
        deleted_total: u64,
        event_count: u64,
        events_forgotten: u64,
        events_oldest_ms: u64,
        audit_from: u64,
        level: u8,
    } + {
        1 => under_way: Option<UnderWayV1>, since level::OPERATION_UNDER_WAY;
    }
    UnderWayV1 for UnderWay {
        name: String,
        resource: String,
        principal: String,
        since_ms: u64,
    }
    AuditRowV1 for AuditRow {
        index: u64,
        time_ms: u64,
        principal: String,
        node_id: u64,
        action: String,
        reason: String,
        resource: String,
        outcome: String,
        request_id: String,
        digest_before: [u8; 32],
        digest_after: [u8; 32],
    } + {
        1 => authentication: String, since level::REQUEST_SOURCE;
        2 => address: String, since level::REQUEST_SOURCE;
        3 => user_agent: String, since level::REQUEST_SOURCE;
        4 => trace_id: String, since level::REQUEST_SOURCE;
    }
}
