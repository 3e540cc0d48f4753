//! The gRPC listener: the native API, `grpc.health.v1`, and reflection under both of its names.

mod service;
mod status;

use std::time::Duration;

use axum::body::Body;
use http::Response;
use proto::v1::registry_server::RegistryServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use super::http::panic_error;
use crate::edge::{Edge, EdgeLayer, Refusal, Transport};
use crate::host::{Phase, readiness};
use crate::service::{Service, ServiceError};
use crate::sockets::{self, Connections, Protocol, Serve, Stage};
use crate::tls::Gateway;
use proto::error_code as code;
use service::Grpc;

/// How often the health that clients watch is brought up to date.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// Serves gRPC until its listener is closed.
///
/// # Errors
/// If the API cannot describe itself.
pub async fn serve_grpc(
    edge: Edge,
    service: Service,
    phase: Phase,
    listener: TcpListener,
    connections: Connections,
    gateway: Gateway,
    stages: watch::Receiver<Stage>,
) -> Result<(), tonic_reflection::server::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Clients that are not new ask under the older name.
    let (reflection, reflection_alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let bytes_max = service.limits().body_bytes_max;
    let registry = RegistryServer::new(Grpc::new(service.clone())).max_decoding_message_size(bytes_max);
    let routes = Routes::new(health).add_service(reflection).add_service(reflection_alpha).add_service(registry);
    let door = ServiceBuilder::new()
        .layer(EdgeLayer::new(edge, Transport::Grpc, refusal_response, |_, _| None))
        .layer(CatchPanicLayer::custom(|_| refusal_response(&Refusal::Error(panic_error()))))
        .service(routes.prepare());
    let serve = Serve { protocol: Protocol::Grpc, door, handshake: gateway, connections };
    tokio::select! {
        () = sockets::serve_listener(listener, serve, stages) => {}
        () = report_health(reporter, service, phase) => {}
    }
    Ok(())
}

/// Keeps the health that clients watch up to date, for ever.
async fn report_health(reporter: HealthReporter, service: Service, phase: Phase) {
    loop {
        let is_ready = readiness::reasons_against(&service, &phase).is_empty();
        let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status("", status).await;
        reporter.set_service_status("registry.v1.Registry", status).await;
        tokio::time::sleep(HEALTH_INTERVAL).await;
    }
}

/// Says no before a door was reached.
fn refusal_response(refusal: &Refusal) -> Response<Body> {
    let status = match refusal {
        Refusal::Error(error) => status::status_of(error),
        Refusal::Exceeded(exceeded) => status::status_of(&exceeded.as_error()),
        Refusal::WrongMethod { .. } | Refusal::Options { .. } => {
            status::status_of(&ServiceError::new(code::METHOD_NOT_ALLOWED, "There is no such method"))
        }
    };
    status.into_http()
}
