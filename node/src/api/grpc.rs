//! The gRPC front end. Serves `grpc.health.v1`; the native API joins it later.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic_health::ServingStatus;

use crate::consensus::Consensus;
use crate::lifecycle::Phase;

/// How often the health that clients watch is brought up to date.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);

/// Serves gRPC until `stop` resolves.
///
/// # Errors
/// If the port cannot be served.
pub async fn serve(
    consensus: Consensus,
    phase: Phase,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let watch = tokio::spawn(async move {
        loop {
            let ready = phase.has_started() && !phase.is_draining() && consensus.leader().is_some();
            let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            reporter.set_service_status("", status).await;
            tokio::time::sleep(HEALTH_INTERVAL).await;
        }
    });
    let served = tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .add_service(health)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop)
        .await;
    watch.abort();
    served
}
