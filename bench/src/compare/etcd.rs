//! Three nodes of etcd, and the two calls that are compared: a durable put and a linearizable get.
//!
//! Its messages are declared here by their tags (etcdserverpb/rpc.proto): four small structs need no crate.

use std::path::Path;
use std::process::Command;

use prost::Message;

use super::control::{Server, free_port};
use super::drive::Worker;
use super::unary::{Unary, connect_channel};

const NODES: usize = 3;

#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "bytes", tag = "2")]
    value: bytes::Bytes,
}

/// Nothing of the answer is looked at but that there is one.
#[derive(Clone, PartialEq, Message)]
struct PutResponse {}

#[derive(Clone, PartialEq, Message)]
struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bool, tag = "7")]
    serializable: bool,
}

#[derive(Clone, PartialEq, Message)]
struct RangeResponse {
    #[prost(int64, tag = "4")]
    count: i64,
}

/// A cluster of three, and its leader's port.
pub(super) struct Etcd {
    servers: Vec<Server>,
    leader: u16,
    next: u64,
}

impl Etcd {
    /// Starts it with etcd's own defaults; none where etcd is not installed.
    ///
    /// # Errors
    /// A text if it is installed and does not start.
    pub(super) async fn start_cluster(dir: &Path) -> Result<Option<Self>, String> {
        if Command::new("etcd").arg("--version").output().is_err() {
            return Ok(None);
        }
        let ports: Vec<(u16, u16)> =
            (0..NODES).map(|_| Ok((free_port()?, free_port()?))).collect::<Result<_, String>>()?;
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let members: Vec<String> =
            ports.iter().enumerate().map(|(node, (_, peer))| format!("n{node}={}", url(*peer))).collect();
        let mut servers = Vec::new();
        for (node, (client, peer)) in ports.iter().enumerate() {
            let mut command = Command::new("etcd");
            let data = dir.join(format!("etcd{node}"));
            let options = [
                ("--name", format!("n{node}")),
                ("--data-dir", data.display().to_string()),
                ("--listen-client-urls", url(*client)),
                ("--advertise-client-urls", url(*client)),
                ("--listen-peer-urls", url(*peer)),
                ("--initial-advertise-peer-urls", url(*peer)),
                ("--initial-cluster", members.join(",")),
                ("--quota-backend-bytes", "8589934592".to_owned()),
            ];
            for (name, value) in options {
                command.arg(name).arg(value);
            }
            // The others must be started before the first one's port opens for clients.
            servers.push(Server::start_command(command, &[*peer], &dir.join(format!("etcd{node}.log"))).await?);
        }
        let mut etcd = Self { servers, leader: 0, next: 0 };
        etcd.leader = leader_port(&ports).await?;
        Ok(Some(etcd))
    }

    pub(super) fn process_ids(&self) -> Vec<u32> {
        self.servers.iter().map(Server::process_id).collect()
    }

    /// Clients that put values of so many bytes under new keys, on the leader.
    ///
    /// # Errors
    /// A text if the leader cannot be reached.
    pub(super) async fn connect_putters(&mut self, bytes: usize, clients: usize) -> Result<Vec<Putter>, String> {
        let value = bytes::Bytes::from(vec![b'v'; bytes]);
        let mut workers = Vec::new();
        for put in connect_calls(self.leader, "/etcdserverpb.KV/Put", clients).await? {
            self.next += 1;
            workers.push(Putter { put, value: value.clone(), worker: self.next, key: 0 });
        }
        Ok(workers)
    }

    /// Clients that read one key, linearizably, on the leader.
    ///
    /// # Errors
    /// A text if the leader cannot be reached.
    pub(super) async fn connect_getters(&self, bytes: usize, clients: usize) -> Result<Vec<Getter>, String> {
        let mut put =
            Unary::<PutRequest, PutResponse>::new(connect_channel(self.leader).await?, "/etcdserverpb.KV/Put");
        let value = bytes::Bytes::from(vec![b'v'; bytes]);
        put.call(PutRequest { key: b"read".to_vec(), value }).await.map_err(|status| status.to_string())?;
        let calls = connect_calls(self.leader, "/etcdserverpb.KV/Range", clients).await?;
        Ok(calls.into_iter().map(Getter).collect())
    }
}

/// Connections that clients of gRPC share: each carries many calls at once.
const CONNECTIONS_MAX: usize = 8;

async fn connect_calls<Q, A>(port: u16, path: &'static str, clients: usize) -> Result<Vec<Unary<Q, A>>, String>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut channels = Vec::new();
    for _ in 0..clients.min(CONNECTIONS_MAX) {
        channels.push(connect_channel(port).await?);
    }
    Ok((0..clients).map(|client| Unary::new(channels[client % channels.len()].clone(), path)).collect())
}

#[derive(Clone, PartialEq, Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

/// The client port of the node that leads.
async fn leader_port(ports: &[(u16, u16)]) -> Result<u16, String> {
    for _ in 0..500 {
        for (port, _) in ports {
            let Ok(channel) = connect_channel(*port).await else { continue };
            let mut status = Unary::<StatusRequest, StatusResponse>::new(channel, "/etcdserverpb.Maintenance/Status");
            if let Ok(status) = status.call(StatusRequest {}).await
                && status.leader != 0
                && status.header.is_some_and(|header| header.member_id == status.leader)
            {
                return Ok(*port);
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Err("etcd elects no leader".to_owned())
}

/// See [`Etcd::connect_putters`].
pub(super) struct Putter {
    put: Unary<PutRequest, PutResponse>,
    value: bytes::Bytes,
    worker: u64,
    key: u64,
}

impl Worker for Putter {
    async fn once(&mut self) -> bool {
        self.key += 1;
        let key = format!("subject-{}-{}", self.worker, self.key).into_bytes();
        self.put.call(PutRequest { key, value: self.value.clone() }).await.is_ok()
    }
}

/// See [`Etcd::connect_getters`].
pub(super) struct Getter(Unary<RangeRequest, RangeResponse>);

impl Worker for Getter {
    async fn once(&mut self) -> bool {
        let question = RangeRequest { key: b"read".to_vec(), serializable: false };
        self.0.call(question).await.is_ok_and(|answer| answer.count == 1)
    }
}
