//! The outgoing side of the peer protocol: openraft's network over gRPC.
//!
//! One HTTP/2 connection per peer and class (heartbeats and votes, appends, snapshots, forwards), so that a large transfer
//! never delays a heartbeat. Every call is bounded: single calls by their time limit, streams by keep-alive, the snapshot by
//! time without progress.

use std::future::Future;
use std::pin::Pin;

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
use raft_store::state::SnapshotDir;
use raft_store::types::{Node, TypeConfig, Vote};
use tonic::{Request, Status};

use super::connect::{CONNECT_TIME_MAX, Client, Network, within_limit};

use super::convert::{
    append_to_wire, id_to_wire, stream_result_from_wire, vote_request_to_wire, vote_response_from_wire, vote_to_wire,
};
use super::transfer;

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &Node) -> Peer {
        let address = node.peer_address.clone();
        Peer { target, client: self.client(target, &address), address, network: self.clone() }
    }
}

/// One peer, as openraft talks to it.
pub struct Peer {
    target: u64,
    address: String,
    client: Result<Client, Status>,
    network: Network,
}

impl Peer {
    /// A connection to where the peer is now.
    fn client(&mut self) -> Result<Client, RPCError<TypeConfig>> {
        if let Some(moved) = self.network.address_instead(self.target, &self.address) {
            self.client = self.network.client(self.target, &moved);
            self.address = moved;
        }
        self.client.clone().map_err(|status| unreachable_error(&status))
    }

    /// Sends one message and waits for its answer, as long as openraft says.
    async fn call<T, A, F>(
        &mut self,
        message: T,
        option: &RPCOption,
        call: impl FnOnce(Client, Request<T>) -> F,
    ) -> Result<A, RPCError<TypeConfig>>
    where
        F: Future<Output = Result<tonic::Response<A>, Status>>,
    {
        let limit = option.hard_ttl();
        let mut request = Request::new(message);
        request.set_timeout(limit);
        let answer =
            within_limit(limit, call(self.client()?, request)).await.map_err(|status| unreachable_error(&status))?;
        Ok(answer.into_inner())
    }
}

fn unreachable_error(status: &Status) -> RPCError<TypeConfig> {
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
        let wire = append_to_wire(&request);
        let answer = self.call(wire, &option, |mut client, wire| async move { client.append(wire).await }).await?;
        let result = stream_result_from_wire(answer).map_err(|status| unreachable_error(&status))?;
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
            let answers = within_limit(limit, client.stream_append(requests))
                .await
                .map_err(|status| unreachable_error(&status))?;
            let results = answers
                .into_inner()
                .map(|answer| answer.and_then(stream_result_from_wire).map_err(|status| unreachable_error(&status)));
            Ok(Box::pin(results) as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let wire = vote_request_to_wire(&request);
        let answer = self.call(wire, &option, |mut client, wire| async move { client.vote(wire).await }).await?;
        vote_response_from_wire(answer).map_err(|status| unreachable_error(&status))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let wire = vote_request_to_wire(&request);
        let answer = self.call(wire, &option, |mut client, wire| async move { client.pre_vote(wire).await }).await?;
        vote_response_from_wire(answer).map_err(|status| unreachable_error(&status))
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
            sent = transfer::send_snapshot(client, &vote, &snapshot, self.network.snapshot_bytes_per_second) => match sent {
                Ok(vote) => Ok(SnapshotResponse::new(vote)),
                Err(status) => {
                    tracing::warn!(to = self.target, %status, "send a snapshot");
                    Err(StreamingError::from(unreachable_error(&status)))
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
        let call = |mut client: Client, wire| async move { client.transfer_leader(wire).await };
        let answer = self.call(wire, &option, call).await?;
        Ok(if answer.accepted {
            Ok(())
        } else {
            Err(TransferLeaderError::LogNotFlushed { expected: request.last_log_id().copied(), actual: None })
        })
    }
}
