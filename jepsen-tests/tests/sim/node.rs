//! A simulated node: the product's consensus and service, openraft with the product's settings over the network of
//! [`super::hub`] and the disk of [`super::disk`], and the product's state machine in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use node::clock::{Clock, Deadline};
use node::config::{
    AuditConfig, AuthConfig, BackupConfig, ClusterConfig, CompactionConfig, Config, ConnectionsConfig, DiskConfig,
    HttpConfig, LimitsConfig, NodeConfig, PeerConfig, RatesConfig, ReadConfig, ScrubConfig, SecurityConfig,
};
use node::consensus::{self, Consensus, MemberChange, Peers, State, convert};
use node::host::telemetry::Metrics;
use node::random::{Random, Seed};
use node::service::{Attempts, NodeKey, Service, Workers};
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{AsyncRuntime, ChangeMembers, OptionalSend, Precondition, RaftNetworkFactory, RaftNetworkV2};
use proto::peer;
use raft_store::types::Node;
use tonic::Status;

use super::calls::Calls;
use super::disk::Disk;
use super::hub::{self, Answer, Ask, Hub};
use super::machine::{Image, Machine};
use super::peers::{HubPeers, Planted};
use super::types::{Bug, Raft, Runtime, Snapshot, TypeConfig, Vote, member};
use super::world::{Order, World};

/// Longest that a snapshot travels.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest that a change of the membership may take.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(20);

/// Runs a node until it is crashed.
pub(crate) async fn run(id: u64, world: World) -> turmoil::Result {
    let disk = world.disk(id);
    // Random numbers of each life are its own, and come from the seed.
    let seed = disk.random(u64::MAX);
    Runtime::scope(seed, live(id, world, disk, seed)).await;
    Ok(())
}

async fn live(id: u64, world: World, disk: Disk, seed: u64) {
    let timing = world.timing.profile.timing();
    let mut settings = consensus::raft_settings("sim", timing);
    settings.enable_leader_restore = Some(world.bug() == Some(Bug::LeaderRestored));
    let settings = Arc::new(settings.validate().expect("the product's settings are possible"));
    let hub = Hub::open(hub::PORT).await;
    drop(Runtime::spawn(disk.clone().sync()));
    let machine = Machine::open(id, disk.clone(), world.clone());
    let state = machine.state();
    let raft = match Raft::new(id, settings, Network { hub: hub.clone() }, disk, machine).await {
        Ok(raft) => raft,
        Err(error) => return world.fault(format!("node {id} does not start: {error}")),
    };
    let peers: Arc<dyn Peers> = Arc::new(HubPeers::new(id, hub.clone(), world.clone()));
    let peers = match world.bug() {
        Some(bug @ (Bug::LocalRead | Bug::LeaseRead | Bug::RetryRenamed)) => {
            Arc::new(Planted::new(bug, id, peers, state.clone()))
        }
        _ => peers,
    };
    let clock = Clock::of(|| u64::try_from(turmoil::since_epoch().unwrap_or_default().as_millis()).unwrap_or(0));
    let consensus = Consensus::new(consensus::Parts {
        raft: Arc::new(raft.clone()),
        state: State::new(Arc::new(state.clone())),
        peers,
        node_id: id,
        clock: clock.clone(),
        timing,
        supported_level: registry::level::SUPPORTED,
    });
    let doubt = world.probe(id, raft.metrics(), state);
    let doubting = consensus.clone();
    drop(Runtime::spawn(async move {
        loop {
            doubt.notified().await;
            doubting.doubt_leader();
        }
    }));
    let random = Random::new(Seed::Fixed(seed));
    let config = config(id, &world);
    let service = Service::new(node::service::Parts {
        consensus: consensus.clone(),
        config: config.clone(),
        metrics: Metrics::default(),
        metadata_secrets: String::new(),
        key: NodeKey::from_seed(&random.key_bytes(), "sim", id),
        attempts: Attempts::unrecorded(clock),
        random,
        workers: Workers::Caller,
    });
    let calls = Calls::new(id, service.clone(), world.clone());
    if id == 1 && world.begin() {
        let members: BTreeMap<u64, Node> = (1..=3).map(|id| (id, member(id))).collect();
        let raft = raft.clone();
        drop(Runtime::spawn(async move { drop(raft.initialize(members).await) }));
    }
    drop(Runtime::spawn(orders(id, raft.clone(), consensus.clone(), world.clone())));
    drop(Runtime::spawn(consensus.clone().run_compaction(config.compaction)));
    drop(Runtime::spawn(consensus.clone().watch_succession()));
    if world.watches_freshness {
        drop(Runtime::spawn(service.watch_freshness()));
    }
    drop(Runtime::spawn(calls.clone().recover()));
    if !world.is_founded() {
        drop(Runtime::spawn(calls.clone().found()));
    }
    loop {
        let (ask, from) = hub.next().await.split();
        let (hub, raft, consensus, calls) = (hub.clone(), raft.clone(), consensus.clone(), calls.clone());
        drop(Runtime::spawn(async move {
            let answer = answer(ask, &raft, &consensus, &calls).await;
            hub.answer(from, answer).await;
        }));
    }
}

/// The product's configuration of a node; what is not simulated is as it is by default.
fn config(id: u64, world: &World) -> Config {
    Config {
        node: NodeConfig { id, region: "sim".to_owned(), data_dir: PathBuf::new(), priority: 0 },
        cluster: ClusterConfig {
            id: "sim".to_owned(),
            profile: world.timing.profile,
            members: Vec::new(),
            peer_overrides: BTreeMap::new(),
            hold_level: false,
        },
        http: HttpConfig::default(),
        grpc: None,
        tls: Default::default(),
        peer: PeerConfig { listen: String::new(), snapshot_bytes_per_second: 1, tls: Default::default() },
        read: ReadConfig::default(),
        limits: LimitsConfig::default(),
        connections: ConnectionsConfig::default(),
        disk: DiskConfig::default(),
        compaction: CompactionConfig { snapshot_entries: world.compaction.every, keep_entries: world.compaction.keep },
        scrub: ScrubConfig::default(),
        backup: BackupConfig::default(),
        security: SecurityConfig::default(),
        audit: AuditConfig { addresses: true },
        auth: AuthConfig::default(),
        rates: RatesConfig::default(),
    }
}

async fn answer(ask: Ask, raft: &Raft, consensus: &Consensus, calls: &Calls) -> Answer {
    match ask {
        Ask::Append(request) => raft.append_entries(request).await.map_or(Answer::Stopped, Answer::Append),
        Ask::Vote(request) => raft.vote(request).await.map_or(Answer::Stopped, Answer::Vote),
        Ask::PreVote(request) => {
            consensus.doubt_leader();
            raft.pre_vote(request).await.map_or(Answer::Stopped, Answer::Vote)
        }
        Ask::Snapshot(vote, snapshot) => {
            raft.install_full_snapshot(vote, snapshot).await.map_or(Answer::Stopped, Answer::Snapshot)
        }
        Ask::Transfer(request) => {
            raft.handle_transfer_leader(request).await.map_or(Answer::Stopped, |done| Answer::Transfer(done.is_ok()))
        }
        Ask::Propose(ask) => Answer::Propose(consensus.answer_propose(ask).await),
        Ask::ReadIndex => Answer::ReadIndex(consensus.answer_read_index().await),
        Ask::Confirm(ask) => Answer::Confirm(confirm(raft, ask).await),
        Ask::Status => Answer::Status(peer::StatusResponse::default()),
        Ask::Client(question) => Answer::Client(calls.answer(question).await),
    }
}

/// An append on its way in, as the product's gate takes it.
async fn confirm(raft: &Raft, ask: peer::AppendRequest) -> Result<peer::AppendResponse, Status> {
    let request = convert::append_from_wire(ask)?;
    let (prev, last) = (request.prev_log_id, request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id));
    let answer = raft.append_entries(request).await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(convert::stream_result_to_wire(&answer.into_stream_result(prev, last)))
}

/// Does what the plan wants.
async fn orders(id: u64, raft: Raft, consensus: Consensus, world: World) {
    loop {
        Runtime::sleep(Duration::from_millis(100)).await;
        let Some(order) = world.next_order(id) else { continue };
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
                drop(Runtime::timeout(CHANGE_TIME_MAX, consensus.transfer_leader(Some(to))).await);
                continue;
            }
            Order::AddLearner(id) => change_members(&consensus, MemberChange::Add { id, node: member(id) }).await,
            Order::Promote(id) => change_members(&consensus, MemberChange::Promote { id }).await,
            // The product only demotes on the way out.
            Order::Demote(id) => {
                let seen = *raft.metrics().borrow_watched().membership_config.log_id();
                let only_if = [Precondition::LastMembershipLogId { last_membership_log_id: seen }];
                let change = ChangeMembers::RemoveVoters(BTreeSet::from([id]));
                let changed = Runtime::timeout(CHANGE_TIME_MAX, raft.change_membership_if(change, true, only_if)).await;
                changed.is_ok_and(|done| done.is_ok())
            }
            Order::Remove(id) => change_members(&consensus, MemberChange::Remove { id }).await,
        };
        if changed {
            world.figure(|figures| figures.changes_of_members += 1);
        }
    }
}

/// Changes the members as the service does: checked, then made.
async fn change_members(consensus: &Consensus, change: MemberChange) -> bool {
    let changed = async {
        consensus.check_change(&change, &BTreeSet::new()).await?;
        consensus.make_change(&change, Deadline::after(CHANGE_TIME_MAX)).await
    };
    Runtime::timeout(CHANGE_TIME_MAX, changed).await.is_ok_and(|done| done.is_ok())
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

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _: &Node) -> Peer {
        Peer { hub: self.hub.clone(), target }
    }
}

impl Peer {
    async fn ask(&self, ask: Ask, limit: Duration) -> Result<Answer, RPCError<TypeConfig>> {
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

fn odd<T>() -> Result<T, RPCError<TypeConfig>> {
    Err(RPCError::Network(NetworkError::new(&silence())))
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let Answer::Append(answer) = self.ask(Ask::Append(request), option.hard_ttl()).await? else { return odd() };
        Ok(answer)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let Answer::Vote(answer) = self.ask(Ask::Vote(request), option.hard_ttl()).await? else { return odd() };
        Ok(answer)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let Answer::Vote(answer) = self.ask(Ask::PreVote(request), option.hard_ttl()).await? else { return odd() };
        Ok(answer)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let answer = self.ask(Ask::Snapshot(vote, snapshot), SNAPSHOT_TIME_MAX).await;
        match answer.map_err(StreamingError::from)? {
            Answer::Snapshot(answer) => Ok(answer),
            _ => Err(StreamingError::Network(NetworkError::new(&silence()))),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let expected = request.last_log_id().copied();
        let Answer::Transfer(accepted) = self.ask(Ask::Transfer(request), option.hard_ttl()).await? else {
            return odd();
        };
        Ok(if accepted { Ok(()) } else { Err(TransferLeaderError::LogNotFlushed { expected, actual: None }) })
    }
}
