//! A simulated node: openraft with the product's settings over the network of [`super::hub`], the disk of [`super::disk`] and
//! the product's state machine. Compaction, membership and transfer are done as `node::consensus` does them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::impls::EmptyNode;
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{
    AsyncRuntime, ChangeMembers, Config, OptionalSend, Precondition, RaftNetworkFactory, RaftNetworkV2, SnapshotPolicy,
};

use super::disk::Disk;
use super::hub::{self, Answer, Ask, Hub};
use super::machine::{Image, Machine};
use super::service::Service;
use super::types::{Bug, Compaction, Raft, Runtime, Sim, Snapshot, Vote};
use super::world::{Order, World};

/// Longest that a snapshot travels.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_secs(5);

/// Runs a node until it is crashed.
pub(crate) async fn run(id: u64, world: World) -> turmoil::Result {
    let disk = world.disk(id);
    // Random numbers of each life are its own, and come from the seed.
    let seed = disk.random(u64::MAX);
    Runtime::scope(seed, live(id, world, disk)).await;
    Ok(())
}

async fn live(id: u64, world: World, disk: Disk) {
    let timing = world.timing;
    let config = Config {
        cluster_name: "sim".to_owned(),
        heartbeat_interval: timing.heartbeat,
        election_timeout_min: timing.election_min,
        election_timeout_max: timing.election_max,
        enable_pre_vote: Some(true),
        quorum_loss_probe_interval: Some(2 * timing.election_max),
        enable_leader_restore: Some(world.bug() == Some(Bug::LeaderRestored)),
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        install_snapshot_timeout: 600_000,
        ..Config::default()
    };
    let config = Arc::new(config.validate().expect("the product's settings are possible"));
    let hub = Hub::open(hub::PORT).await;
    drop(Runtime::spawn(disk.clone().sync()));
    let machine = Machine::open(id, disk.clone(), world.clone());
    let state = machine.state();
    let raft = Raft::new(id, config, Network { hub: hub.clone() }, disk, machine).await;
    let raft = match raft {
        Ok(raft) => raft,
        Err(error) => return world.fault(format!("node {id} does not start: {error}")),
    };
    world.probe(id, raft.metrics(), state.clone());
    let service = Service::new(id, raft.clone(), hub.clone(), state, world.clone());
    if id == 1 && world.begin() {
        let members: BTreeMap<u64, EmptyNode> = (1..=3).map(|id| (id, EmptyNode {})).collect();
        let raft = raft.clone();
        drop(Runtime::spawn(async move { drop(raft.initialize(members).await) }));
    }
    drop(Runtime::spawn(orders(id, raft.clone(), world.clone())));
    drop(Runtime::spawn(compact(raft.clone(), world.compaction)));
    drop(Runtime::spawn(service.clone().recover()));
    loop {
        let (ask, from) = hub.next().await.split();
        let (hub, raft, service) = (hub.clone(), raft.clone(), service.clone());
        drop(Runtime::spawn(async move {
            let answer = answer(ask, &raft, &service).await;
            hub.answer(from, answer).await;
        }));
    }
}

async fn answer(ask: Ask, raft: &Raft, service: &Service) -> Answer {
    match ask {
        Ask::Append(request) => raft.append_entries(request).await.map_or(Answer::Stopped, Answer::Append),
        Ask::Vote(request) => raft.vote(request).await.map_or(Answer::Stopped, Answer::Vote),
        Ask::PreVote(request) => raft.pre_vote(request).await.map_or(Answer::Stopped, Answer::Vote),
        Ask::Snapshot(vote, snapshot) => {
            raft.install_full_snapshot(vote, snapshot).await.map_or(Answer::Stopped, Answer::Snapshot)
        }
        Ask::Transfer(request) => {
            raft.handle_transfer_leader(request).await.map_or(Answer::Stopped, |done| Answer::Transfer(done.is_ok()))
        }
        Ask::ReadIndex => Answer::ReadIndex(service.local_read_index().await),
        Ask::Propose(proposal, hops, limit) => Answer::Proposed(service.propose_for(proposal, hops, limit).await),
        Ask::Client(question) => Answer::Client(service.answer(question).await),
    }
}

/// Snapshots and purges, as the product's compaction decides them.
async fn compact(raft: Raft, compaction: Compaction) {
    loop {
        Runtime::sleep(Duration::from_secs(1)).await;
        let metrics = raft.metrics().borrow_watched().clone();
        let index = |id: Option<super::types::LogId>| id.map_or(0, |id| id.index());
        let (applied, snapshot, purged) = (index(metrics.last_applied), index(metrics.snapshot), index(metrics.purged));
        let mut upto = snapshot.min(applied.saturating_sub(compaction.keep));
        if let Some(slowest) = metrics.replication.and_then(|peers| peers.values().map(|id| index(*id)).min())
            && applied.saturating_sub(slowest) < compaction.keep * 10
        {
            upto = upto.min(slowest);
        }
        if upto > purged {
            drop(raft.trigger().purge_log(upto).await);
        }
        if applied.saturating_sub(snapshot) >= compaction.every {
            drop(raft.trigger().snapshot().await);
        }
    }
}

/// Does what the plan wants.
async fn orders(id: u64, raft: Raft, world: World) {
    loop {
        Runtime::sleep(Duration::from_millis(100)).await;
        let Some(order) = world.next_order(id) else { continue };
        let change = |change, retain| {
            let seen = *raft.metrics().borrow_watched().membership_config.log_id();
            let only_if = [Precondition::LastMembershipLogId { last_membership_log_id: seen }];
            raft.change_membership_if(change, retain, only_if)
        };
        let limit = Duration::from_secs(20);
        let ids = |id: u64| BTreeSet::from([id]);
        let changed = match order {
            Order::Snapshot => {
                drop(raft.trigger().snapshot().await);
                continue;
            }
            Order::Purge => {
                let snapshot = raft.metrics().borrow_watched().snapshot.map_or(0, |id| id.index());
                drop(raft.trigger().purge_log(snapshot).await);
                continue;
            }
            Order::Elect => {
                drop(raft.trigger().elect(true).await);
                continue;
            }
            Order::Transfer(to) => {
                drop(raft.trigger().transfer_leader(to).await);
                continue;
            }
            Order::AddLearner(id) => {
                let nodes = BTreeMap::from([(id, EmptyNode {})]);
                Runtime::timeout(limit, change(ChangeMembers::AddNodes(nodes), true)).await
            }
            Order::Promote(id) => Runtime::timeout(limit, change(ChangeMembers::AddVoterIds(ids(id)), true)).await,
            Order::Demote(id) => Runtime::timeout(limit, change(ChangeMembers::RemoveVoters(ids(id)), true)).await,
            Order::Remove(id) => Runtime::timeout(limit, change(ChangeMembers::RemoveNodes(ids(id)), false)).await,
        };
        if matches!(changed, Ok(Ok(_))) {
            world.figure(|figures| figures.changes_of_members += 1);
        }
    }
}

/// Makes connections to peers.
struct Network {
    hub: Hub,
}

/// One peer, as openraft talks to it.
struct Peer {
    hub: Hub,
    target: u64,
}

impl RaftNetworkFactory<Sim> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _: &EmptyNode) -> Peer {
        Peer { hub: self.hub.clone(), target }
    }
}

impl Peer {
    async fn ask(&self, ask: Ask, limit: Duration) -> Result<Answer, RPCError<Sim>> {
        match self.hub.ask(self.target, ask, limit).await {
            None => Err(RPCError::Unreachable(Unreachable::new(&silence()))),
            Some(Answer::Stopped) => Err(RPCError::Network(NetworkError::new(&silence()))),
            Some(answer) => Ok(answer),
        }
    }
}

fn silence() -> std::io::Error {
    std::io::Error::other("no answer")
}

fn odd<T>() -> Result<T, RPCError<Sim>> {
    Err(RPCError::Network(NetworkError::new(&silence())))
}

impl RaftNetworkV2<Sim> for Peer {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Sim>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Sim>, RPCError<Sim>> {
        let Answer::Append(answer) = self.ask(Ask::Append(request), option.hard_ttl()).await? else { return odd() };
        Ok(answer)
    }

    async fn vote(&mut self, request: VoteRequest<Sim>, option: RPCOption) -> Result<VoteResponse<Sim>, RPCError<Sim>> {
        let Answer::Vote(answer) = self.ask(Ask::Vote(request), option.hard_ttl()).await? else { return odd() };
        Ok(answer)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Sim>,
        option: RPCOption,
    ) -> Result<VoteResponse<Sim>, RPCError<Sim>> {
        let Answer::Vote(answer) = self.ask(Ask::PreVote(request), option.hard_ttl()).await? else { return odd() };
        Ok(answer)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Sim>, StreamingError<Sim>> {
        let answer = self.ask(Ask::Snapshot(vote, snapshot), SNAPSHOT_TIME_MAX).await;
        match answer.map_err(StreamingError::from)? {
            Answer::Snapshot(answer) => Ok(answer),
            _ => Err(StreamingError::Network(NetworkError::new(&silence()))),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Sim>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Sim>, RPCError<Sim>> {
        let expected = request.last_log_id().copied();
        let Answer::Transfer(accepted) = self.ask(Ask::Transfer(request), option.hard_ttl()).await? else {
            return odd();
        };
        Ok(if accepted { Ok(()) } else { Err(TransferLeaderError::LogNotFlushed { expected, actual: None }) })
    }
}
