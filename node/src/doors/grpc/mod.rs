//! The gRPC listener: the native API, `grpc.health.v1`, and reflection under both of its names.

mod service;
mod status;

use std::time::Duration;

use axum::body::Body;
use http::Response;
use proto::v1::registry_server::RegistryServer;
use tokio::net::TcpListener;
use tonic_health::ServingStatus;
use tower_http::catch_panic::CatchPanicLayer;

use super::http::panicked;
use crate::edge::{Edge, EdgeLayer, Refusal, Transport};
use crate::host::{Phase, readiness};
use crate::service::{Service, ServiceError};
use crate::sockets::Listener;
use proto::error_code as code;
use service::Grpc;

/// How often the health that clients watch is brought up to date.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// Requests under way on one connection, at most.
const CONCURRENT_MAX: usize = 256;

/// Serves gRPC until `stop` resolves.
///
/// # Errors
/// If the port cannot be served.
pub async fn serve(
    edge: Edge,
    service: Service,
    phase: Phase,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let watched = service.clone();
    let watch = tokio::spawn(async move {
        loop {
            let is_ready = readiness::reasons_against(&watched, &phase).is_empty();
            let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            reporter.set_service_status("", status).await;
            reporter.set_service_status("registry.v1.Registry", status).await;
            tokio::time::sleep(HEALTH_INTERVAL).await;
        }
    });
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Clients that are not new ask under the older name.
    let (reflection, reflection_alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let bytes_max = service.limits().body_bytes_max;
    let registry = RegistryServer::new(Grpc::new(service)).max_decoding_message_size(bytes_max);
    let served = tonic::transport::Server::builder()
        .concurrency_limit_per_connection(CONCURRENT_MAX)
        .layer(EdgeLayer::new(edge, Transport::Grpc, refuse, |_, _| None))
        .layer(CatchPanicLayer::custom(|_| refuse(&Refusal::Error(panicked()))))
        .add_service(health)
        .add_service(reflection)
        .add_service(reflection_alpha)
        .add_service(registry)
        .serve_with_incoming_shutdown(Listener::new(listener).into_stream(), stop)
        .await;
    watch.abort();
    Ok(served?)
}

/// Says no before a door was reached.
fn refuse(refusal: &Refusal) -> Response<Body> {
    let status = match refusal {
        Refusal::Error(error) => status::status_of(error),
        Refusal::WrongMethod { .. } | Refusal::Options { .. } => {
            status::status_of(&ServiceError::new(code::METHOD_NOT_ALLOWED, "There is no such method"))
        }
    };
    status.into_http()
}
