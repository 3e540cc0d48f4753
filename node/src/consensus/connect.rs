//! Connections to peers: where they are, how long they are waited for, and who calls whom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use proto::peer::peer_client::PeerClient;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::tls::{Connector, Keeper};

/// Longest message between peers: twice what one append may carry.
pub const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// Notices a connection that died without a word; openraft itself never times out a replication stream.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_TIME_MAX: Duration = Duration::from_secs(2);

/// A client of the peer protocol that says who calls whom.
pub type Client = PeerClient<InterceptedService<Channel, Identity>>;

/// Adds cluster, caller and callee to each call.
#[derive(Debug, Clone)]
pub struct Identity {
    cluster: MetadataValue<tonic::metadata::Ascii>,
    from: u64,
    to: u64,
}

impl Interceptor for Identity {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("x-cluster", self.cluster.clone());
        metadata.insert("x-from", self.from.into());
        metadata.insert("x-to", self.to.into());
        Ok(request)
    }
}

/// Makes connections to peers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Network {
    cluster: MetadataValue<tonic::metadata::Ascii>,
    node_id: u64,
    overrides: Arc<BTreeMap<u64, String>>,
    /// Addresses of the membership in effect, as far as it is known.
    addresses: Arc<RwLock<BTreeMap<u64, String>>>,
    pub(super) snapshot_bytes_per_second: u64,
    tls: Option<PeerTls>,
}

/// How peers are reached by TLS.
#[derive(Debug, Clone)]
struct PeerTls {
    keeper: Keeper,
    accept_plaintext: bool,
}

impl Network {
    /// A network for this node. `overrides` replace addresses of the membership.
    ///
    /// # Errors
    /// If the cluster's id cannot be a header value.
    pub fn new(
        cluster_id: &str,
        node_id: u64,
        overrides: BTreeMap<u64, String>,
        snapshot_bytes_per_second: u64,
    ) -> Result<Self, tonic::metadata::errors::InvalidMetadataValue> {
        Ok(Self {
            cluster: cluster_id.parse()?,
            node_id,
            overrides: Arc::new(overrides),
            addresses: Arc::default(),
            snapshot_bytes_per_second,
            tls: None,
        })
    }

    /// The same network, with TLS: each side of a connection proves which node it is. `accept_plaintext` reaches peers
    /// without TLS as well.
    #[must_use]
    pub fn with_tls(self, keeper: Option<Keeper>, accept_plaintext: bool) -> Self {
        Self { tls: keeper.map(|keeper| PeerTls { keeper, accept_plaintext }), ..self }
    }

    /// Takes over the addresses of the membership in effect. openraft keeps the connections of a member that has moved.
    pub(super) fn learn_addresses(&self, members: impl Iterator<Item = (u64, String)>) {
        *self.addresses.write() = members.collect();
    }

    /// The address of a peer in the membership in effect, where it is another one.
    pub(super) fn address_instead(&self, to: u64, address: &str) -> Option<String> {
        self.addresses.read().get(&to).filter(|known| *known != address).cloned()
    }

    /// Where a peer is to be reached: its address in the membership, unless the configuration says otherwise.
    pub(super) fn known_address<'a>(&'a self, to: u64, address: &'a str) -> &'a str {
        self.overrides.get(&to).map_or(address, String::as_str)
    }

    /// A connection to a peer; it is opened with the first call.
    ///
    /// # Errors
    /// [`Status`] if the address is not one.
    pub fn client(&self, to: u64, address: &str) -> Result<Client, Status> {
        let address = self.known_address(to, address);
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| Status::invalid_argument(format!("the address {address} of node {to}: {error}")))?
            .connect_timeout(CONNECT_TIME_MAX)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIME_MAX)
            .keep_alive_while_idle(true)
            .http2_adaptive_window(true);
        let identity = Identity { cluster: self.cluster.clone(), from: self.node_id, to };
        let connector = self.tls.as_ref().and_then(|tls| Connector::to_peer(&tls.keeper, to, tls.accept_plaintext));
        let channel = match connector {
            None => endpoint.connect_lazy(),
            Some(connector) => endpoint.connect_with_connector_lazy(connector),
        };
        Ok(PeerClient::with_interceptor(channel, identity)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }
}

/// Gives up a call at its time limit, whatever the transport does.
pub(super) async fn within_limit<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    tokio::time::timeout(limit, call)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("the peer did not answer in time")))
}
