//! Our own three nodes, and clients of them over raw HTTP/1.1 and gRPC.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use proto::v1;

use super::control::{Server, free_port};
use super::drive::Worker;
use super::unary::{Unary, connect_channel};
use crate::load::schema_text;

const NODES: usize = 3;
/// How long the nodes may take until all are ready.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// A small schema, for what a registration costs beside its text.
const SMALL_BYTES: usize = 300;

/// Ports of a node.
#[derive(Debug, Clone, Copy)]
struct Ports {
    http: u16,
    grpc: u16,
    peer: u16,
}

/// A cluster of three nodes with the defaults of `cluster.toml.example`.
pub(super) struct OurCluster {
    servers: Vec<Server>,
    ports: Vec<Ports>,
    leader: usize,
    /// Numbers of schemas that were not registered yet.
    numbers: Arc<AtomicU64>,
}

impl OurCluster {
    /// Starts the nodes, waits until they are ready, and registers the schema that is read.
    ///
    /// # Errors
    /// A text if a node does not start.
    pub(super) async fn start_cluster(program: &Path, dir: &Path) -> Result<Self, String> {
        let ports: Vec<Ports> = (0..NODES)
            .map(|_| Ok(Ports { http: free_port()?, grpc: free_port()?, peer: free_port()? }))
            .collect::<Result<_, String>>()?;
        let mut servers = Vec::new();
        for node in 0..NODES {
            let file = dir.join(format!("node{node}.toml"));
            std::fs::write(&file, configuration_text(node, &ports, dir)).map_err(|error| error.to_string())?;
            let mut command = Command::new(program);
            command.arg("--config").arg(&file);
            if node == 0 {
                command.arg("--bootstrap");
            }
            let log = dir.join(format!("node{node}.log"));
            servers.push(Server::start_command(command, &[ports[node].peer], &log).await?);
        }
        let mut cluster = Self { servers, ports, leader: 0, numbers: Arc::new(AtomicU64::new(2)) };
        for node in 0..NODES {
            cluster.wait_ready(node).await?;
        }
        cluster.leader = cluster.find_leader().await?;
        let mut first = cluster.connect_to(cluster.leader).await?;
        let body = registration_body(&schema_text(1));
        if !first.send_request(Method::POST, "/subjects/bench-known/versions", body).await.is_some_and(|(good, _)| good)
        {
            return Err("the schema that is read could not be registered".to_owned());
        }
        Ok(cluster)
    }

    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.servers.iter().map(Server::process_id).collect()
    }

    pub(super) fn processor_seconds(&self) -> f64 {
        self.servers.iter().map(Server::processor_seconds).sum()
    }

    /// A node that does not lead.
    fn any_follower(&self) -> usize {
        (self.leader + 1) % NODES
    }

    fn node_at(&self, place: Place) -> usize {
        match place {
            Place::Leader => self.leader,
            Place::Follower => self.any_follower(),
        }
    }

    async fn wait_ready(&self, node: usize) -> Result<(), String> {
        let end = Instant::now() + READY_TIME_MAX;
        loop {
            if let Ok(mut client) = self.connect_to(node).await
                && client.send_request(Method::GET, "/readyz", Bytes::new()).await.is_some_and(|(good, _)| good)
            {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("node {} is not ready", node + 1));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn find_leader(&self) -> Result<usize, String> {
        let answer = self.connect_to(0).await?.send_request(Method::GET, "/v1/cluster/status", Bytes::new()).await;
        let (_, body) = answer.ok_or("the cluster's status cannot be read")?;
        let status: serde_json::Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        // Each node says whom it follows; the first that answered is as good as any.
        let known = status["nodes"].as_array().into_iter().flatten().find_map(|node| node["leader_id"].as_u64());
        let leader = known.and_then(|id| usize::try_from(id).ok());
        leader.filter(|id| (1..=NODES).contains(id)).map(|id| id - 1).ok_or_else(|| format!("no leader: {status}"))
    }

    async fn connect_to(&self, node: usize) -> Result<Http, String> {
        Http::connect(self.ports[node].http).await
    }

    /// The bytes that a read by id is answered with: what the bare HTTP server serves, too.
    ///
    /// # Errors
    /// A text if the read fails.
    pub(super) async fn answer_by_id(&self) -> Result<Bytes, String> {
        let answer =
            self.connect_to(self.leader).await?.send_request(Method::GET, "/schemas/ids/1", Bytes::new()).await;
        answer.filter(|(good, _)| *good).map(|(_, body)| body).ok_or_else(|| "read the schema".to_owned())
    }

    /// The message that gRPC is answered with.
    ///
    /// # Errors
    /// A text if the call fails.
    pub(super) async fn answer_by_grpc(&self) -> Result<v1::Version, String> {
        let mut worker = self.grpc_readers(Place::Leader, 1).await?.remove(0);
        worker.call.call(worker.question.clone()).await.map_err(|status| status.to_string())
    }

    /// Clients that send the same request again and again.
    ///
    /// # Errors
    /// A text if the node cannot be reached.
    pub(super) async fn connect_repeaters(
        &self,
        place: Place,
        what: &Repeated,
        clients: usize,
    ) -> Result<Vec<Repeater>, String> {
        connect_repeaters(self.ports[self.node_at(place)].http, what, clients).await
    }

    /// Clients that call GetVersion, on four connections.
    ///
    /// # Errors
    /// A text if the node cannot be reached.
    pub(super) async fn grpc_readers(&self, place: Place, clients: usize) -> Result<Vec<GrpcReader>, String> {
        grpc_readers(self.ports[self.node_at(place)].grpc, clients).await
    }

    /// Clients that register one new schema under a new subject after the other.
    ///
    /// # Errors
    /// A text if the node cannot be reached.
    pub(super) async fn connect_registrants(
        &self,
        place: Place,
        size: Size,
        clients: usize,
    ) -> Result<Vec<Registrant>, String> {
        let mut workers = Vec::new();
        for _ in 0..clients {
            let http = self.connect_to(self.node_at(place)).await?;
            workers.push(Registrant { http, size, numbers: self.numbers.clone() });
        }
        Ok(workers)
    }
}

/// Which node is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one that leads.
    Leader,
    /// One that does not.
    Follower,
}

/// How long a new schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Some 2.2 KB.
    Usual,
    /// Some 300 bytes.
    Small,
}

impl Size {
    /// What etcd is given to store in its place.
    pub(super) fn schema_bytes(self) -> usize {
        match self {
            Self::Usual => schema_text(1).len(),
            Self::Small => SMALL_BYTES,
        }
    }

    fn schema_text(self, number: u64) -> String {
        match self {
            Self::Usual => schema_text(number),
            Self::Small => {
                let doc = "x".repeat(SMALL_BYTES.saturating_sub(130));
                format!(
                    r#"{{"type":"record","name":"Small{number}","namespace":"bench.small","doc":"{doc}","fields":[{{"name":"id","type":"long"}}]}}"#
                )
            }
        }
    }
}

/// A request that does not change.
#[derive(Debug, Clone)]
pub(super) struct Repeated {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) body: Bytes,
}

impl Repeated {
    pub(super) fn get(path: &'static str) -> Self {
        Self { method: Method::GET, path, body: Bytes::new() }
    }

    /// The registration of what is there already.
    pub(super) fn known_registration() -> Self {
        Self { method: Method::POST, path: "/subjects/bench-known/versions", body: registration_body(&schema_text(1)) }
    }
}

fn registration_body(schema: &str) -> Bytes {
    serde_json::json!({"schema": schema}).to_string().into()
}

fn configuration_text(node: usize, ports: &[Ports], dir: &Path) -> String {
    use std::fmt::Write;
    let id = node + 1;
    let data = dir.join(format!("node{node}"));
    let mut text = format!(
        "[node]\nid = {id}\nregion = \"bench\"\ndata_dir = {:?}\n[cluster]\nid = \"bench\"\n",
        data.display().to_string()
    );
    for (member, ports) in ports.iter().enumerate() {
        let member = member + 1;
        write!(
            text,
            "[[cluster.members]]\nid = {member}\npeer_address = \"127.0.0.1:{}\"\nhttp_url = \"http://127.0.0.1:{}\"\n\
             region = \"bench\"\n",
            ports.peer, ports.http
        )
        .expect("writing to a string cannot fail");
    }
    let Ports { http, grpc, peer } = ports[node];
    write!(
        text,
        "[http]\nlisten = \"127.0.0.1:{http}\"\n[grpc]\nlisten = \"127.0.0.1:{grpc}\"\n[peer]\nlisten = \"127.0.0.1:{peer}\"\n"
    )
    .expect("writing to a string cannot fail");
    text
}

/// One connection of HTTP/1.1 with one request under way.
pub(super) struct Http {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Http {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    /// A text if nobody listens.
    pub(super) async fn connect(port: u16) -> Result<Self, String> {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.map_err(|error| format!("connect to port {port}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: format!("127.0.0.1:{port}") })
    }

    /// Sends a request: whether it was answered 2xx, and the body. None if the connection is gone.
    pub(super) async fn send_request(&mut self, method: Method, path: &str, body: Bytes) -> Option<(bool, Bytes)> {
        self.sender.ready().await.ok()?;
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        if !body.is_empty() {
            request = request.header("content-type", "application/vnd.schemaregistry.v1+json");
        }
        let request = request.body(Full::new(body)).ok()?;
        let answer = self.sender.send_request(request).await.ok()?;
        let good = answer.status().is_success();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((good, body))
    }
}

/// See [`OurCluster::connect_repeaters`].
pub(super) struct Repeater {
    http: Http,
    what: Repeated,
}

impl Worker for Repeater {
    async fn once(&mut self) -> bool {
        let Repeated { method, path, body } = self.what.clone();
        self.http.send_request(method, path, body).await.is_some_and(|(good, _)| good)
    }
}

/// Clients of any server on this machine.
///
/// # Errors
/// A text if nobody listens.
pub(super) async fn connect_repeaters(port: u16, what: &Repeated, clients: usize) -> Result<Vec<Repeater>, String> {
    let mut workers = Vec::new();
    for _ in 0..clients {
        workers.push(Repeater { http: Http::connect(port).await?, what: what.clone() });
    }
    Ok(workers)
}

/// See [`OurCluster::connect_registrants`].
pub(super) struct Registrant {
    http: Http,
    size: Size,
    numbers: Arc<AtomicU64>,
}

impl Worker for Registrant {
    async fn once(&mut self) -> bool {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let body = registration_body(&self.size.schema_text(number));
        let path = format!("/subjects/bench-{number}/versions");
        self.http.send_request(Method::POST, &path, body).await.is_some_and(|(good, _)| good)
    }
}

/// See [`OurCluster::grpc_readers`].
pub(super) struct GrpcReader {
    call: Unary<v1::GetVersionRequest, v1::Version>,
    question: v1::GetVersionRequest,
}

impl Worker for GrpcReader {
    async fn once(&mut self) -> bool {
        self.call.call(self.question.clone()).await.is_ok()
    }
}

/// Connections that gRPC clients share.
const GRPC_CONNECTIONS: usize = 4;

/// Clients of any server on this machine.
///
/// # Errors
/// A text if nobody listens.
pub(super) async fn grpc_readers(port: u16, clients: usize) -> Result<Vec<GrpcReader>, String> {
    let question = v1::GetVersionRequest { subject: "bench-known".to_owned(), version: "1".to_owned() };
    let mut channels = Vec::new();
    for _ in 0..clients.min(GRPC_CONNECTIONS) {
        channels.push(connect_channel(port).await?);
    }
    let worker = |client: usize| GrpcReader {
        call: Unary::new(channels[client % channels.len()].clone(), "/registry.v1.Registry/GetVersion"),
        question: question.clone(),
    };
    Ok((0..clients).map(worker).collect())
}
