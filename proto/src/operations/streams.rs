//! The operations whose answer goes on: events over server-sent events, WebSocket and gRPC, validation in bulk, exports.

use super::{Answer, Body, Kind, NATIVE_SERVICE, Operation, OperationId, Part, Permission, Resource, get, operation};
use crate::error_code as code;

/// An operation that answers with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Events: server-sent over HTTP, `Watch` over gRPC.
    Watch,
    /// Events over a WebSocket.
    WatchWebSocket,
    /// Validation of data in bulk; gRPC only.
    ValidateStream,
    /// Audit records as JSON lines or CSV.
    ExportAudit,
    /// A backup of the node, as it is made.
    StreamBackup,
    /// A backup in the node's directory.
    DownloadBackup,
}

const ON_EVENTS: Resource = Resource::Events { subject: Part::Field("subject"), context: Part::Field("context") };
const EVENT_QUERY: &[&str] = &["after", "kinds", "subject", "context"];

pub(super) const OPERATIONS: &[Operation] = &[
    operation(
        OperationId::Stream(Stream::Watch),
        "Watch",
        &[get("/api/v1/events")],
        Kind::ReadMutable,
        Permission::EventRead,
        ON_EVENTS,
    )
    .over_grpc(NATIVE_SERVICE, "Watch")
    .described("native", "Events as server-sent events; the data of each is a CloudEvent.")
    .asks(EVENT_QUERY)
    .takes(Body::Message("WatchRequest"))
    .answers(Answer::Stream("text/event-stream"))
    .fails(&[code::EVENTS_GONE, code::INVALID_SUBJECT]),
    operation(
        OperationId::Stream(Stream::WatchWebSocket),
        "WatchWebSocket",
        &[get("/api/v1/events/ws")],
        Kind::ReadMutable,
        Permission::EventRead,
        ON_EVENTS,
    )
    .described("native", "Events over a WebSocket, each a text {\"token\", \"event\"}.")
    .asks(EVENT_QUERY)
    .answers(Answer::Stream("application/json"))
    .fails(&[code::EVENTS_GONE, code::INVALID_SUBJECT]),
    operation(
        OperationId::Stream(Stream::ValidateStream),
        "ValidateStream",
        &[],
        Kind::ReadMutable,
        Permission::DataValidate,
        Resource::Data { subject: Part::Field("subject"), id: Part::Field("id") },
    )
    .over_grpc(NATIVE_SERVICE, "ValidateStream")
    .described("native", "")
    .takes(Body::Message("ValidateRequest"))
    .answers(Answer::Message("ValidateResponse")),
    operation(
        OperationId::Stream(Stream::ExportAudit),
        "ExportAudit",
        &[get("/api/v1/audit/export")],
        Kind::ReadMutable,
        Permission::AuditRead,
        Resource::Audit,
    )
    .described("native", "Audit records as JSON lines, or as CSV.")
    .asks(&["from", "to", "format"])
    .answers(Answer::Stream("application/jsonl")),
    operation(
        OperationId::Stream(Stream::StreamBackup),
        "StreamBackup",
        &[get("/v1/backup")],
        Kind::Admin,
        Permission::BackupCreate,
        Resource::Cluster,
    )
    .described("Cluster", "A full backup of this node, sent as it is made; it is whole if it ends with its trailer")
    .answers(Answer::Stream("application/octet-stream"))
    .fails(&[code::UNPROCESSABLE, code::STORE_ERROR, code::UNAVAILABLE]),
    operation(
        OperationId::Stream(Stream::DownloadBackup),
        "DownloadBackup",
        &[get("/v1/backups/{name}")],
        Kind::ReadMutable,
        Permission::BackupRead,
        Resource::Cluster,
    )
    .described("Cluster", "A backup in the node's directory, from the byte `offset` on")
    .asks(&["offset"])
    .answers(Answer::Stream("application/octet-stream"))
    .fails(&[code::NOT_FOUND, code::UNPROCESSABLE]),
];
