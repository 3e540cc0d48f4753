//! What a node tells about itself, to people and to machines: probes, metrics, the description of the API, the web
//! UI, and the two general services of gRPC.

use super::{Answer, Kind, Operation, OperationId, Permission, Resource, Shape, get, operation};
use crate::error_code as code;

/// An operation about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its row below, which says what it does")]
pub enum Server {
    DescribeApi,
    ShowDocs,
    ShowUi,
    /// What the pages of the web UI load.
    GetUiFile,
    ProbeLive,
    ProbeReady,
    ProbeStarted,
    GetMetrics,
    /// `grpc.health.v1`, one question.
    CheckHealth,
    /// `grpc.health.v1`, for as long as the client likes.
    WatchHealth,
    /// Reflection as it is called now.
    Reflect,
    /// Reflection as it was called before.
    ReflectOld,
}

const OBJECT: Answer = Answer::Value(Shape::Object);
const HEALTH: &str = "grpc.health.v1.Health";

const fn server(
    id: Server,
    name: &'static str,
    forms: &'static [super::Form],
    kind: Kind,
    permission: Permission,
) -> Operation {
    operation(OperationId::Server(id), name, forms, kind, permission, Resource::Server)
}

pub(super) const OPERATIONS: &[Operation] = &[
    server(Server::DescribeApi, "DescribeApi", &[get("/openapi.json")], Kind::ReadImmutable, Permission::Public)
        .described("Server", "This description")
        .answers(OBJECT),
    server(Server::ShowDocs, "ShowDocs", &[get("/docs")], Kind::ReadImmutable, Permission::Public)
        .described("Server", "A page that shows it")
        .answers(Answer::Plain("text/html")),
    server(Server::ShowUi, "ShowUi", &[get("/ui")], Kind::ReadImmutable, Permission::Public)
        .described("Server", "The web UI; its address ends with a slash")
        .answers(Answer::Plain("text/html")),
    server(Server::GetUiFile, "GetUiFile", &[get("/ui/assets/{file}")], Kind::ReadImmutable, Permission::Public)
        .described("Server", "A file that the web UI loads")
        .answers(Answer::Plain("text/javascript"))
        .fails(&[code::NOT_FOUND]),
    server(Server::ProbeLive, "ProbeLive", &[get("/livez")], Kind::Probe, Permission::Public)
        .described("Probes", "Does the process work?")
        .answers(OBJECT),
    server(Server::ProbeReady, "ProbeReady", &[get("/readyz")], Kind::Probe, Permission::Public)
        .described("Probes", "May clients be sent here?")
        .answers(OBJECT),
    server(Server::ProbeStarted, "ProbeStarted", &[get("/startupz")], Kind::Probe, Permission::Public)
        .described("Probes", "Has it started?")
        .answers(OBJECT),
    server(Server::GetMetrics, "GetMetrics", &[get("/metrics")], Kind::Probe, Permission::MetricsRead)
        .described("Probes", "Figures for Prometheus")
        .answers(Answer::Plain("text/plain")),
    server(Server::CheckHealth, "CheckHealth", &[], Kind::Probe, Permission::Public).over_grpc(HEALTH, "Check"),
    server(Server::WatchHealth, "WatchHealth", &[], Kind::Probe, Permission::Public).over_grpc(HEALTH, "Watch"),
    server(Server::Reflect, "Reflect", &[], Kind::ReadImmutable, Permission::Public)
        .over_grpc("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo"),
    server(Server::ReflectOld, "ReflectOld", &[], Kind::ReadImmutable, Permission::Public)
        .over_grpc("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"),
];
