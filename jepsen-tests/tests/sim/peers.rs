//! The questions that the product's consensus asks other nodes, over the simulated network; and bugs planted there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use node::consensus::{Answer as PeerAnswer, Peers, Target, convert};
use proto::peer;
use raft_store::codec;
use raft_store::types::Proposal;
use tonic::Status;

use super::hub::{Answer, Ask, Hub};
use super::machine::State;
use super::types::Bug;
use super::world::World;

/// Other nodes over the hub.
pub(crate) struct HubPeers {
    id: u64,
    hub: Hub,
    world: World,
}

impl HubPeers {
    pub(crate) fn new(id: u64, hub: Hub, world: World) -> Self {
        Self { id, hub, world }
    }

    /// Asks, and takes the answer apart.
    fn ask<T: Send + 'static>(
        &self,
        to: &Target,
        ask: Ask,
        limit: Duration,
        read: impl FnOnce(Answer) -> Option<Result<T, Status>> + Send + 'static,
    ) -> PeerAnswer<'_, T> {
        let to = to.id;
        Box::pin(async move {
            let answer = self.hub.ask(to, ask, limit).await;
            let answer = answer.ok_or_else(|| Status::deadline_exceeded("the peer did not answer in time"))?;
            read(answer).unwrap_or_else(|| Err(Status::unavailable("consensus has stopped on that node")))
        })
    }
}

impl Peers for HubPeers {
    fn propose(
        &self,
        to: &Target,
        ask: peer::ProposeRequest,
        limit: Duration,
    ) -> PeerAnswer<'_, peer::ProposeResponse> {
        self.world.figure(|figures| figures.forwarded += 1);
        self.ask(to, Ask::Propose(ask), limit, |answer| match answer {
            Answer::Propose(answer) => Some(answer),
            _ => None,
        })
    }

    fn read_index(&self, to: &Target, limit: Duration) -> PeerAnswer<'_, peer::ReadIndexResponse> {
        self.ask(to, Ask::ReadIndex, limit, |answer| match answer {
            Answer::ReadIndex(answer) => Some(answer),
            _ => None,
        })
    }

    fn append(&self, to: &Target, ask: peer::AppendRequest, limit: Duration) -> PeerAnswer<'_, peer::AppendResponse> {
        self.world.figure(|figures| figures.confirmations += 1);
        self.ask(to, Ask::Confirm(ask), limit, |answer| match answer {
            Answer::Confirm(answer) => Some(answer),
            _ => None,
        })
    }

    fn state_digest(
        &self,
        _: &Target,
        _: peer::StateDigestRequest,
        _: Duration,
    ) -> PeerAnswer<'_, peer::StateDigestResponse> {
        // The world compares every entry.
        Box::pin(std::future::ready(Err(Status::unimplemented("digests are compared above the nodes"))))
    }

    fn status(&self, to: &Target, limit: Duration) -> PeerAnswer<'_, peer::StatusResponse> {
        self.ask(to, Ask::Status, limit, |answer| match answer {
            Answer::Status(answer) => Some(Ok(answer)),
            _ => None,
        })
    }

    fn is_gone(&self, to: &Target) -> BoxFuture<'_, bool> {
        let to = to.id;
        Box::pin(async move {
            // As long as a connection takes.
            tokio::time::sleep(Duration::from_millis(self.world.timing.latency)).await;
            let gone = self.world.refuses(to, self.id);
            self.world.figure(|figures| figures.found_gone += u64::from(gone));
            gone
        })
    }
}

/// Peers that lie.
pub(crate) struct Planted {
    bug: Bug,
    id: u64,
    peers: Arc<dyn Peers>,
    state: State,
    /// How often each request was forwarded from here.
    forwarded: Mutex<BTreeMap<String, u32>>,
}

impl Planted {
    pub(crate) fn new(bug: Bug, id: u64, peers: Arc<dyn Peers>, state: State) -> Self {
        Self { bug, id, peers, state, forwarded: Mutex::default() }
    }

    /// The same command under a name of its own for every attempt.
    fn renamed(&self, mut ask: peer::ProposeRequest) -> peer::ProposeRequest {
        let proposal = codec::decode_proposal(&ask.proposal).expect("the product encodes what it can decode");
        let mut forwarded = self.forwarded.lock().expect("no panic under the lock");
        let mut envelope = proposal.envelope().clone();
        let count = forwarded.entry(envelope.request_id.0.clone()).or_default();
        envelope.request_id.0.push_str(&"r".repeat(usize::try_from(*count).expect("attempts are few")));
        *count += 1;
        ask.proposal = codec::encode_proposal(&Proposal::new(envelope)).into();
        ask
    }
}

impl Peers for Planted {
    fn propose(
        &self,
        to: &Target,
        ask: peer::ProposeRequest,
        limit: Duration,
    ) -> PeerAnswer<'_, peer::ProposeResponse> {
        let ask = if self.bug == Bug::RetryRenamed { self.renamed(ask) } else { ask };
        self.peers.propose(to, ask, limit)
    }

    fn read_index(&self, to: &Target, limit: Duration) -> PeerAnswer<'_, peer::ReadIndexResponse> {
        if self.bug != Bug::LocalRead {
            return self.peers.read_index(to, limit);
        }
        // What this replica has is taken for all there is.
        let applied = self.state.image.lock().expect("no panic under the lock").applied;
        let applied = applied.as_ref().map(convert::id_to_wire);
        Box::pin(std::future::ready(Ok(peer::ReadIndexResponse { leader_id: self.id, read: applied, applied })))
    }

    fn append(&self, to: &Target, ask: peer::AppendRequest, limit: Duration) -> PeerAnswer<'_, peer::AppendResponse> {
        if self.bug == Bug::RetryRenamed {
            return self.peers.append(to, ask, limit);
        }
        Box::pin(std::future::ready(Ok(convert::stream_result_to_wire(&Ok(None)))))
    }

    fn state_digest(
        &self,
        to: &Target,
        ask: peer::StateDigestRequest,
        limit: Duration,
    ) -> PeerAnswer<'_, peer::StateDigestResponse> {
        self.peers.state_digest(to, ask, limit)
    }

    fn status(&self, to: &Target, limit: Duration) -> PeerAnswer<'_, peer::StatusResponse> {
        self.peers.status(to, limit)
    }

    fn is_gone(&self, to: &Target) -> BoxFuture<'_, bool> {
        self.peers.is_gone(to)
    }
}
