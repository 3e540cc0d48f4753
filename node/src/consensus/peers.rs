//! The questions that consensus asks other nodes itself, beside what openraft sends: over gRPC in a node, over a simulated
//! network in a simulation.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use proto::peer;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::Status;

use super::connect::{Client, Network, within_limit};

/// Another node, as the membership knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: u64,
    /// `host:port` of its peer listener.
    pub address: String,
}

/// What comes of a question.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Status>>;

/// Other nodes. Every question ends at its limit.
pub trait Peers: Send + Sync {
    /// Takes a prepared command to a leader.
    fn propose(&self, to: &Target, ask: peer::ProposeRequest, limit: Duration) -> Answer<'_, peer::ProposeResponse>;
    /// Asks a leader for the index that a read has to see.
    fn read_index(&self, to: &Target, limit: Duration) -> Answer<'_, peer::ReadIndexResponse>;
    /// Asks a voter whether it follows.
    fn append(&self, to: &Target, ask: peer::AppendRequest, limit: Duration) -> Answer<'_, peer::AppendResponse>;
    /// Asks for a state digest.
    fn state_digest(
        &self,
        to: &Target,
        ask: peer::StateDigestRequest,
        limit: Duration,
    ) -> Answer<'_, peer::StateDigestResponse>;
    /// Asks how a node is.
    fn status(&self, to: &Target, limit: Duration) -> Answer<'_, peer::StatusResponse>;
    /// Does the machine say that nobody listens there (any more)?
    fn is_gone(&self, to: &Target) -> BoxFuture<'_, bool>;
}

/// An answer to a connection that takes longer than this is silence.
const CONNECT_TIME_MAX: Duration = Duration::from_millis(500);
/// Connections tried while the process may be ending, and the time given to each.
const PROBES_MAX: u32 = 10;
const PROBE_INTERVAL: Duration = Duration::from_millis(20);

/// Other nodes over gRPC, each with one connection for all questions.
pub(super) struct GrpcPeers {
    network: Network,
    clients: Mutex<BTreeMap<u64, (String, Client)>>,
}

impl GrpcPeers {
    pub(super) fn new(network: Network) -> Arc<Self> {
        Arc::new(Self { network, clients: Mutex::default() })
    }

    fn client(&self, to: &Target) -> Result<Client, Status> {
        let mut clients = self.clients.lock();
        if let Some((known, client)) = clients.get(&to.id)
            && *known == to.address
        {
            return Ok(client.clone());
        }
        let client = self.network.client(to.id, &to.address)?;
        clients.insert(to.id, (to.address.clone(), client.clone()));
        Ok(client)
    }

    /// Asks by one call of a client.
    fn call<T, F>(&self, to: &Target, limit: Duration, call: impl FnOnce(Client) -> F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<tonic::Response<T>, Status>> + Send + 'static,
    {
        match self.client(to) {
            Ok(client) => {
                let call = call(client);
                Box::pin(async move { Ok(within_limit(limit, call).await?.into_inner()) })
            }
            Err(status) => Box::pin(std::future::ready(Err(status))),
        }
    }
}

impl Peers for GrpcPeers {
    fn propose(&self, to: &Target, ask: peer::ProposeRequest, limit: Duration) -> Answer<'_, peer::ProposeResponse> {
        self.call(to, limit, |mut client| async move { client.propose(ask).await })
    }

    fn read_index(&self, to: &Target, limit: Duration) -> Answer<'_, peer::ReadIndexResponse> {
        self.call(to, limit, |mut client| async move { client.read_index(peer::ReadIndexRequest {}).await })
    }

    fn append(&self, to: &Target, ask: peer::AppendRequest, limit: Duration) -> Answer<'_, peer::AppendResponse> {
        self.call(to, limit, |mut client| async move { client.append(ask).await })
    }

    fn state_digest(
        &self,
        to: &Target,
        ask: peer::StateDigestRequest,
        limit: Duration,
    ) -> Answer<'_, peer::StateDigestResponse> {
        self.call(to, limit, |mut client| async move { client.state_digest(ask).await })
    }

    fn status(&self, to: &Target, limit: Duration) -> Answer<'_, peer::StatusResponse> {
        self.call(to, limit, |mut client| async move { client.status(peer::StatusRequest {}).await })
    }

    fn is_gone(&self, to: &Target) -> BoxFuture<'_, bool> {
        let address = self.network.known_address(to.id, &to.address).to_owned();
        Box::pin(async move { is_gone(&address).await })
    }
}

/// Does the machine say that nobody listens there (any more)?
async fn is_gone(address: &str) -> bool {
    for _ in 0..PROBES_MAX {
        match tokio::time::timeout(CONNECT_TIME_MAX, TcpStream::connect(address)).await {
            Ok(Err(error)) => return error.kind() == ErrorKind::ConnectionRefused,
            // Its sockets are closed one after another: what the listener still took will be reset in a moment.
            Ok(Ok(mut stream)) => drop(tokio::time::timeout(PROBE_INTERVAL, stream.read_u8()).await),
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_refused_connection_says_that_the_process_is_gone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        assert!(!is_gone(&address).await);
        drop(listener);
        assert!(is_gone(&address).await);
    }
}
