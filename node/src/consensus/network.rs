//! The outgoing side of the peer protocol: openraft's network over gRPC.
//!
//! One HTTP/2 connection per peer and class (heartbeats and votes, appends, snapshots, forwards), so that a large transfer
//! never delays a heartbeat. Every call is bounded: single calls by their time limit, streams by keep-alive, the snapshot by
//! time without progress.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;
use proto::peer;
use proto::peer::peer_client::PeerClient;
use raft_store::state::SnapshotDir;
use raft_store::types::{Node, TypeConfig, Vote};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::convert::{
    append_to_wire, id_to_wire, stream_result_from_wire, vote_from_wire, vote_request_to_wire, vote_response_from_wire,
    vote_to_wire,
};
use super::transfer;

/// Longest message between peers: twice what one append may carry.
pub const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
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
    snapshot_bytes_per_second: u64,
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
        Ok(Self { cluster: cluster_id.parse()?, node_id, overrides: Arc::new(overrides), snapshot_bytes_per_second })
    }

    /// Where a peer is to be reached: its address in the membership, unless the configuration says otherwise.
    pub(super) fn address<'a>(&'a self, to: u64, address: &'a str) -> &'a str {
        self.overrides.get(&to).map_or(address, String::as_str)
    }

    /// A connection to a peer; it is opened with the first call.
    ///
    /// # Errors
    /// [`Status`] if the address is not one.
    pub fn client(&self, to: u64, address: &str) -> Result<Client, Status> {
        let address = self.address(to, address);
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| Status::invalid_argument(format!("the address {address} of node {to}: {error}")))?
            .connect_timeout(CONNECT_TIME_MAX)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIME_MAX)
            .keep_alive_while_idle(true)
            .http2_adaptive_window(true);
        let identity = Identity { cluster: self.cluster.clone(), from: self.node_id, to };
        Ok(PeerClient::with_interceptor(endpoint.connect_lazy(), identity)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &Node) -> Peer {
        Peer { target, client: self.client(target, &node.peer_address), rate: self.snapshot_bytes_per_second }
    }
}

/// One peer, as openraft talks to it.
pub struct Peer {
    target: u64,
    client: Result<Client, Status>,
    rate: u64,
}

impl Peer {
    fn client(&self) -> Result<Client, RPCError<TypeConfig>> {
        self.client.clone().map_err(|status| unreachable(&status))
    }

    fn limited<T>(&self, message: T, option: &RPCOption) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(option.hard_ttl());
        request
    }
}

fn unreachable(status: &Status) -> RPCError<TypeConfig> {
    match status.code() {
        // The peer is there and answers: worth another try at once.
        tonic::Code::InvalidArgument | tonic::Code::Internal | tonic::Code::FailedPrecondition => {
            RPCError::Network(NetworkError::new(status))
        }
        _ => RPCError::Unreachable(Unreachable::new(status)),
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = SnapshotDir;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let wire = self.limited(append_to_wire(&request), &option);
        let limit = option.hard_ttl();
        let mut client = self.client()?;
        let answer = bounded(limit, client.append(wire)).await.map_err(|status| unreachable(&status))?;
        let result = stream_result_from_wire(answer.into_inner()).map_err(|status| unreachable(&status))?;
        let last = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
        Ok(match result {
            Ok(id) if id == last => AppendEntriesResponse::Success,
            Ok(id) => AppendEntriesResponse::PartialSuccess(id),
            Err(StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
            Err(StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>, RPCError<TypeConfig>>,
    >
    where
        S: futures::Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let mut client = self.client()?;
            let mut requests = input.map(|request| append_to_wire(&request)).peekable();
            // openraft waits between attempts where it makes the first request. A call that fails before it asks for one
            // would be repeated thousands of times a second for as long as a follower is down.
            if Pin::new(&mut requests).peek().await.is_none() {
                return Ok(Box::pin(futures::stream::empty()) as BoxStream<'s, _>);
            }
            let limit = option.hard_ttl().max(CONNECT_TIME_MAX);
            let answers =
                bounded(limit, client.stream_append(requests)).await.map_err(|status| unreachable(&status))?;
            let results = answers
                .into_inner()
                .map(|answer| answer.and_then(stream_result_from_wire).map_err(|status| unreachable(&status)));
            Ok(Box::pin(results) as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let wire = self.limited(vote_request_to_wire(&request), &option);
        let mut client = self.client()?;
        let answer = bounded(option.hard_ttl(), client.vote(wire)).await.map_err(|status| unreachable(&status))?;
        vote_response_from_wire(answer.into_inner()).map_err(|status| unreachable(&status))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let wire = self.limited(vote_request_to_wire(&request), &option);
        let mut client = self.client()?;
        let answer = bounded(option.hard_ttl(), client.pre_vote(wire)).await.map_err(|status| unreachable(&status))?;
        vote_response_from_wire(answer.into_inner()).map_err(|status| unreachable(&status))
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotDir>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let client = self.client().map_err(StreamingError::from)?;
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = transfer::send(client, &vote, &snapshot, self.rate) => match sent {
                Ok(vote) => Ok(SnapshotResponse::new(vote)),
                Err(status) => {
                    tracing::warn!(to = self.target, %status, "send a snapshot");
                    Err(StreamingError::from(unreachable(&status)))
                }
            },
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let wire = peer::TransferLeaderRequest {
            from: Some(vote_to_wire(request.from_leader())),
            to: *request.to_node_id(),
            last: request.last_log_id().map(id_to_wire),
        };
        let wire = self.limited(wire, &option);
        let mut client = self.client()?;
        let answer =
            bounded(option.hard_ttl(), client.transfer_leader(wire)).await.map_err(|status| unreachable(&status))?;
        let answer = answer.into_inner();
        Ok(if answer.accepted {
            Ok(())
        } else {
            Err(TransferLeaderError::LogNotFlushed { expected: request.last_log_id().copied(), actual: None })
        })
    }
}

/// Gives up a call at its time limit, whatever the transport does.
pub(super) async fn bounded<T>(limit: Duration, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(limit, call)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("the peer did not answer in time")))
}

pub(super) fn vote_of(answer: peer::SnapshotResponse) -> Result<Vote, Status> {
    vote_from_wire(answer.vote)
}
