//! The gRPC front end: the native API, `grpc.health.v1`, and reflection.

mod service;
mod status;

use std::time::Duration;

use proto::v1::registry_server::RegistryServer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic_health::ServingStatus;

use crate::host::Phase;
use crate::host::readiness;
use crate::service::Service;
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
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let bytes_max = service.config().limits.body_bytes_max;
    let registry = RegistryServer::new(Grpc::new(service)).max_decoding_message_size(bytes_max);
    let served = tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .concurrency_limit_per_connection(CONCURRENT_MAX)
        .add_service(health)
        .add_service(reflection)
        .add_service(registry)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop)
        .await;
    watch.abort();
    Ok(served?)
}
