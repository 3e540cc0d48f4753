//! Bare servers with the bytes of real answers: what HTTP and gRPC cost on this machine when nothing else is done.
//!
//! Each runs in a process of its own, as the nodes do: `registry-bench serve-axum|serve-tonic PORT FILE`.

use std::convert::Infallible;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use proto::v1;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic_prost::ProstCodec;

use super::machine;

/// How long a server may take until its port is open.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// A process of the comparison; it ends with this value.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts a program and waits until these ports of this machine are open.
    ///
    /// # Errors
    /// A text if it cannot be started, or does not listen in time.
    pub(super) async fn start_command(mut command: Command, ports: &[u16], log: &Path) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = std::fs::File::create(log).map_err(|error| format!("create {}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let mut server = Self { child: child.map_err(|error| format!("start {name}: {error}"))? };
        let end = Instant::now() + START_TIME_MAX;
        for port in ports {
            while tokio::net::TcpStream::connect(("127.0.0.1", *port)).await.is_err() {
                if let Ok(Some(status)) = server.child.try_wait() {
                    return Err(format!("{name} ended: {status}; see {}", log.display()));
                }
                if Instant::now() > end {
                    return Err(format!("{name} does not listen on port {port}; see {}", log.display()));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(server)
    }

    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far, in seconds.
    pub(super) fn processor_seconds(&self) -> f64 {
        machine::processor_seconds(self.process_id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that is free now.
///
/// # Errors
/// A text if there is none.
pub(super) fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("find a port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

/// Starts one of the bare servers over the bytes in a file.
///
/// # Errors
/// See [`Server::start_command`].
pub(super) async fn start_control(kind: &str, bytes: &[u8], dir: &Path) -> Result<(Server, u16), String> {
    let port = free_port()?;
    let file = dir.join(kind);
    std::fs::write(&file, bytes).map_err(|error| format!("write {}: {error}", file.display()))?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg(kind).arg(port.to_string()).arg(&file);
    let server = Server::start_command(command, &[port], &dir.join(format!("{kind}.log"))).await?;
    Ok((server, port))
}

async fn listen_on(port: u16) -> Result<tokio::net::TcpListener, String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
    listener.map_err(|error| format!("listen on port {port}: {error}"))
}

/// Answers every HTTP request with the same JSON: axum, and nothing else.
///
/// # Errors
/// A text if the port cannot be served.
pub async fn serve_axum(port: u16, body: Bytes) -> Result<(), String> {
    use axum::serve::ListenerExt;
    let answer = move || {
        let body = body.clone();
        async move { ([(http::header::CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")], body) }
    };
    let router = axum::Router::new().route("/schemas/ids/1", axum::routing::any(answer));
    let listener = listen_on(port).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await.map_err(|error| error.to_string())
}

/// A gRPC service whose one method answers every request with the same message.
#[derive(Clone)]
struct SameAnswer(v1::Version);

impl NamedService for SameAnswer {
    const NAME: &'static str = "registry.v1.Registry";
}

impl UnaryService<v1::GetVersionRequest> for SameAnswer {
    type Response = v1::Version;
    type Future = std::future::Ready<Result<tonic::Response<v1::Version>, tonic::Status>>;

    fn call(&mut self, _request: tonic::Request<v1::GetVersionRequest>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(self.0.clone())))
    }
}

impl tower::Service<http::Request<Body>> for SameAnswer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(service, request).await) })
    }
}

/// Answers every gRPC call with the same message: tonic, and nothing else.
///
/// # Errors
/// A text if the message cannot be read or the port cannot be served.
pub async fn serve_tonic(port: u16, message: Bytes) -> Result<(), String> {
    let version = v1::Version::decode(message).map_err(|error| format!("the message: {error}"))?;
    let incoming = tonic::transport::server::TcpIncoming::from(listen_on(port).await?).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(SameAnswer(version));
    server.serve_with_incoming(incoming).await.map_err(|error| error.to_string())
}
