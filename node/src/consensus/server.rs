//! The incoming side of the peer protocol.
//!
//! Only members of this cluster are heard: every call must carry the cluster's id and name this node as its target. With TLS
//! the certificate of the connection says who calls, and what a call claims must agree with it. What
//! they send is parsed as if it were hostile. Until the node has passed its start checks the gate answers status only, so
//! that a node with an empty disk never votes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;

use futures::{Stream, StreamExt};
use openraft::raft::{AppendEntriesRequest, SnapshotResponse, TransferLeaderRequest};
use openraft::type_config::alias::SnapshotOf;
use proto::peer;
use proto::peer::peer_server::{Peer, PeerServer};
use raft_store::codec;
use raft_store::state::SnapshotDir;
use raft_store::types::TypeConfig;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use super::connect::MESSAGE_BYTES_MAX;
use super::convert::{
    append_from_wire, id_from_wire, stream_result_to_wire, vote_from_wire, vote_request_from_wire,
    vote_response_to_wire, vote_to_wire,
};
use super::strangers::{Members, Refusal, Refusals};
use super::{Consensus, RegistryRaft, incoming};
use crate::sockets::{self, Connections, Protocol, Serve, Stage};
use crate::tls::{Gateway, Presented};

/// Forwards of one command at most.
pub const HOPS_MAX: u32 = 2;
/// The role of a node that has not passed its start checks.
pub const ROLE_STARTING: &str = "starting";

/// What the peer port serves: nothing but status until consensus has started.
#[derive(Clone)]
pub struct Gate {
    inside: Arc<OnceLock<Inside>>,
    cluster_id: Arc<str>,
    node_id: u64,
    region: Arc<str>,
    snap: Arc<std::path::Path>,
    supported_level: u8,
    /// Is told why this node must stop: a peer sent what its program does not know.
    outdated: Arc<watch::Sender<Option<String>>>,
    members: Members,
    refusals: Refusals,
}

/// What is behind an open gate.
struct Inside {
    consensus: Consensus,
    raft: RegistryRaft,
}

impl Gate {
    /// A closed gate. `outdated` is told when a peer sends what needs a higher level than `supported_level`.
    pub fn new(
        cluster_id: &str,
        node_id: u64,
        region: &str,
        data: &std::path::Path,
        supported_level: u8,
        outdated: Arc<watch::Sender<Option<String>>>,
        refusals: Refusals,
    ) -> Self {
        Self {
            supported_level,
            outdated,
            members: Members::default(),
            refusals,
            inside: Arc::default(),
            cluster_id: cluster_id.into(),
            node_id,
            region: region.into(),
            snap: data.join("snap").into(),
        }
    }

    /// The highest cluster level that this node supports.
    pub(super) fn supported_level(&self) -> u8 {
        self.supported_level
    }

    /// Entries, if this node's program knows their levels. One that it does not know would be skipped or guessed at, so the
    /// node has to stop.
    fn known_entries(&self, request: peer::AppendRequest) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
        let needed = request.entries.iter().filter_map(|record| codec::level_of_record(record)).max();
        if let Some(needed) = needed.filter(|needed| *needed > self.supported_level) {
            let known = self.supported_level;
            let what = format!(
                "the cluster sends entries of level {needed}, and this program knows levels up to {known}: the cluster has \
                 been raised and cannot go back; start the newer program again. Nothing is damaged"
            );
            self.outdated.send_replace(Some(what));
            return Err(Status::failed_precondition(format!(
                "node {} knows cluster levels up to {known}, the entry needs level {needed}",
                self.node_id
            )));
        }
        append_from_wire(request)
    }

    /// Lets peers in.
    pub(super) fn open_with(&self, consensus: Consensus, raft: RegistryRaft) {
        // Set once at start; a second call would change nothing.
        drop(self.inside.set(Inside { consensus, raft }));
    }

    /// Who may call, beside those that this node takes for members: known once it has started.
    pub fn judge_members_by(&self, silence: impl Fn() -> Option<std::time::Duration> + Send + Sync + 'static) {
        self.members.judge_by(silence);
    }

    /// Lets in who may take part: the way in, and who calls, where the connection proves it.
    fn admit_request<T>(&self, request: &Request<T>) -> Result<(&Inside, Caller), Status> {
        let caller = self.check_identity(request)?;
        let inside = self.inside.get().ok_or_else(|| Status::unavailable("this node has not started yet"))?;
        if let Some(node) = caller.node
            && self.members.is_stranger(node, || inside.consensus.member_ids())
        {
            return Err(self.refuse(Refusal::Member, &format!("node {node} is no member of this cluster")));
        }
        Ok((inside, caller))
    }

    fn check_identity<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let field = |name| request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if field("x-cluster") != &*self.cluster_id {
            return Err(self.refuse(Refusal::Cluster, "the call is of another cluster"));
        }
        if field("x-to") != self.node_id.to_string() {
            return Err(self.refuse(Refusal::Target, "the call is for another node"));
        }
        let caller = Caller { node: request.extensions().get::<Presented>().and_then(Presented::node) };
        if let Some(node) = caller.node
            && field("x-from") != node.to_string()
        {
            let claimed = field("x-from");
            let reason = format!("node {node} calls in the name of node {claimed:?}");
            return Err(self.refuse(Refusal::Identity, &reason));
        }
        Ok(caller)
    }

    /// A vote is of the node that sends it: of a candidate, or of a leader.
    fn check_vote(&self, caller: Caller, vote: Option<&peer::Vote>) -> Result<(), Status> {
        match (caller.node, vote) {
            (Some(node), Some(vote)) if vote.node_id != node => {
                let reason = format!("node {node} sends a vote of node {}", vote.node_id);
                Err(self.refuse(Refusal::Identity, &reason))
            }
            (Some(_), Some(_) | None) | (None, _) => Ok(()),
        }
    }

    fn refuse(&self, refusal: Refusal, reason: &str) -> Status {
        self.refusals.count(refusal);
        tracing::warn!(reason, "a call of a peer is refused");
        Status::permission_denied(reason.to_owned())
    }
}

/// Who calls: the node that the certificate of the connection names; none without TLS.
#[derive(Debug, Clone, Copy)]
struct Caller {
    node: Option<u64>,
}

/// Serves the peer port until it is closed.
pub async fn serve_peers(
    gate: Gate,
    listener: tokio::net::TcpListener,
    connections: Connections,
    gateway: Gateway,
    stages: watch::Receiver<Stage>,
) {
    let service =
        PeerServer::new(gate).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX);
    let door = tonic::service::Routes::new(service).prepare();
    sockets::serve_listener(
        listener,
        Serve { protocol: Protocol::Peer, door, handshake: gateway, connections },
        stages,
    )
    .await;
}

fn stopped_status(error: &impl std::fmt::Display) -> Status {
    Status::unavailable(format!("consensus has stopped on this node: {error}"))
}

#[tonic::async_trait]
impl Peer for Gate {
    type StreamAppendStream = Pin<Box<dyn Stream<Item = Result<peer::AppendResponse, Status>> + Send>>;

    async fn stream_append(
        &self,
        request: Request<Streaming<peer::AppendRequest>>,
    ) -> Result<Response<Self::StreamAppendStream>, Status> {
        let (Inside { consensus, raft }, caller) = self.admit_request(&request)?;
        // The first request that cannot be read ends the stream, and with it the connection of that leader.
        let gate = self.clone();
        let requests = request.into_inner().scan((), move |(), request| {
            let request = request.and_then(|request| {
                gate.check_vote(caller, request.vote.as_ref())?;
                gate.known_entries(request)
            });
            let request = request.inspect_err(|status| tracing::warn!(%status, "a replication stream ends"));
            std::future::ready(request.ok())
        });
        let ended = consensus.leader_doubted.clone();
        let requests = requests.chain(futures::stream::poll_fn(move |_| {
            ended.notify_one();
            std::task::Poll::Ready(None)
        }));
        let results = raft.stream_append(requests).map(|result| match result {
            Ok(result) => Ok(stream_result_to_wire(&result)),
            Err(error) => Err(stopped_status(&error)),
        });
        Ok(Response::new(Box::pin(results)))
    }

    async fn append(&self, request: Request<peer::AppendRequest>) -> Result<Response<peer::AppendResponse>, Status> {
        let (Inside { raft, .. }, caller) = self.admit_request(&request)?;
        self.check_vote(caller, request.get_ref().vote.as_ref())?;
        let request = self.known_entries(request.into_inner())?;
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        let answer = raft.append_entries(request).await.map_err(|error| stopped_status(&error))?;
        if answer.is_conflict() && prev.is_none() {
            return Err(Status::internal("a conflict without a previous entry"));
        }
        Ok(Response::new(stream_result_to_wire(&answer.into_stream_result(prev, last))))
    }

    async fn vote(&self, request: Request<peer::VoteRequest>) -> Result<Response<peer::VoteResponse>, Status> {
        let (Inside { raft, .. }, caller) = self.admit_request(&request)?;
        self.check_vote(caller, request.get_ref().vote.as_ref())?;
        let request = vote_request_from_wire(request.into_inner())?;
        let answer = raft.vote(request).await.map_err(|error| stopped_status(&error))?;
        Ok(Response::new(vote_response_to_wire(&answer)))
    }

    async fn pre_vote(&self, request: Request<peer::VoteRequest>) -> Result<Response<peer::VoteResponse>, Status> {
        let (Inside { consensus, raft }, caller) = self.admit_request(&request)?;
        self.check_vote(caller, request.get_ref().vote.as_ref())?;
        let request = vote_request_from_wire(request.into_inner())?;
        // Another finds the leader gone: worth a look of one's own, for when it asks again.
        consensus.doubt_leader();
        let answer = raft.pre_vote(request).await.map_err(|error| stopped_status(&error))?;
        Ok(Response::new(vote_response_to_wire(&answer)))
    }

    async fn offer_snapshot(
        &self,
        request: Request<peer::SnapshotHeader>,
    ) -> Result<Response<peer::SnapshotWanted>, Status> {
        let (_, caller) = self.admit_request(&request)?;
        self.check_vote(caller, request.get_ref().vote.as_ref())?;
        let (snap, cluster_id) = (self.snap.clone(), self.cluster_id.clone());
        let header = request.into_inner();
        let files = tokio::task::spawn_blocking(move || {
            incoming::Incoming::open(&snap, &cluster_id, &header).map(|incoming| incoming.missing_files())
        });
        let files = files.await.map_err(|error| Status::internal(error.to_string()))??;
        Ok(Response::new(peer::SnapshotWanted { files }))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotPart>>,
    ) -> Result<Response<peer::SnapshotResponse>, Status> {
        let (Inside { raft, .. }, caller) = self.admit_request(&request)?;
        let received = incoming::receive_snapshot(&self.snap, &self.cluster_id, request.into_inner()).await?;
        self.check_vote(caller, Some(&vote_to_wire(&received.vote)))?;
        tracing::info!(index = received.snapshot.manifest().index, "install a snapshot");
        let snapshot = SnapshotOf::<TypeConfig, SnapshotDir> { meta: received.meta, snapshot: received.snapshot };
        let answer: SnapshotResponse<TypeConfig> =
            raft.install_full_snapshot(received.vote, snapshot).await.map_err(|error| stopped_status(&error))?;
        Ok(Response::new(peer::SnapshotResponse { vote: Some(vote_to_wire(&answer.vote)) }))
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderResponse>, Status> {
        let (Inside { raft, .. }, caller) = self.admit_request(&request)?;
        self.check_vote(caller, request.get_ref().from.as_ref())?;
        let wire = request.into_inner();
        let request = TransferLeaderRequest::new(vote_from_wire(wire.from)?, wire.to, wire.last.map(id_from_wire));
        let answer = raft.handle_transfer_leader(request).await.map_err(|error| stopped_status(&error))?;
        let reason = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
        Ok(Response::new(peer::TransferLeaderResponse { accepted: answer.is_ok(), reason }))
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexResponse>, Status> {
        Ok(Response::new(self.admit_request(&request)?.0.consensus.answer_read_index().await?))
    }

    async fn propose(&self, request: Request<peer::ProposeRequest>) -> Result<Response<peer::ProposeResponse>, Status> {
        let (inside, _) = self.admit_request(&request)?;
        Ok(Response::new(inside.consensus.answer_propose(request.into_inner()).await?))
    }

    async fn state_digest(
        &self,
        request: Request<peer::StateDigestRequest>,
    ) -> Result<Response<peer::StateDigestResponse>, Status> {
        let digest =
            self.admit_request(&request)?.0.consensus.state().digest_at(registry::LogIndex(request.into_inner().index));
        let digest = digest.map(|digest| digest.to_vec().into()).unwrap_or_default();
        Ok(Response::new(peer::StateDigestResponse { digest }))
    }

    async fn status(&self, request: Request<peer::StatusRequest>) -> Result<Response<peer::StatusResponse>, Status> {
        self.check_identity(&request)?;
        let mut status = peer::StatusResponse {
            node_id: self.node_id,
            role: ROLE_STARTING.to_owned(),
            region: self.region.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            level_supported: self.supported_level.into(),
            ..peer::StatusResponse::default()
        };
        if let Some(Inside { consensus, .. }) = self.inside.get() {
            let standing = consensus.standing();
            status.role = standing.role_name().to_owned();
            status.level = consensus.level_in_force().into();
            status.term = standing.term;
            status.leader_id = standing.leader_id.unwrap_or(0);
            status.last_log_index = standing.last_log_index;
            status.committed_index = standing.committed_index;
            status.applied_index = standing.applied_index;
            status.snapshot_index = standing.snapshot_index;
            status.purged_index = standing.purged_index;
            status.voters = standing.voters;
            status.disk_low = consensus.disk_is_low();
            status.members = standing.nodes.into_keys().collect();
        }
        Ok(Response::new(status))
    }
}
