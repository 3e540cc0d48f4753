//! One node, from its checks at the start to its end.
//!
//! Everything that a node does hangs on one task: it owns the background work and the servers, and when it ends, they do.

use std::sync::Arc;
use std::time::Duration;

use raft_store::log::{LogConfig, LogStore};
use raft_store::runtime::SeededRuntime;
use raft_store::state::{StateError, StateStore};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::identity::{self, Disk};
use super::telemetry::Metrics;
use super::{
    Addresses, End, Listeners, Phase, StartError, admission, background, disk, readiness, restore, scrub, starting,
};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::consensus::{self, Consensus, Gate, Network};
use crate::doors;
use crate::edge::Edge;
use crate::random::{Random, Seed};
use crate::service::{Attempts, NodeKey, Parts, Service, Workers};
use crate::sockets::{Connections, Stage, descriptors};
use crate::tls::{Gateway, Keeper, Keepers, Port};

/// Requests under way get this long when the node stops.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Between two looks whether the node is ready.
const READY_INTERVAL: Duration = Duration::from_millis(5);

/// Called once with the reason when the node cannot go on. Where it returns, [`Handle::ended`] has the reason.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// How a node is run, beside its configuration.
#[derive(Clone)]
pub struct Options {
    /// Make a new cluster of the members in the configuration.
    pub bootstrap: bool,
    /// Make a new root key and write it into the data directory. A new cluster where permissions are on gets one anyway.
    pub root_key: bool,
    /// See [`OnFatal`]. In a process of its own a node aborts here: nothing may be acknowledged after a failed sync.
    pub on_fatal: OnFatal,
    /// The highest cluster level that the node uses: that of its program. A test runs nodes of an older one beside it.
    pub supported_level: u8,
}

impl Default for Options {
    /// A node that joins, and that only ends itself when it cannot go on.
    fn default() -> Self {
        Self {
            bootstrap: false,
            root_key: false,
            on_fatal: Arc::new(|_| {}),
            supported_level: registry::level::SUPPORTED,
        }
    }
}

/// What a node was told about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    No,
    /// After the time in which clients may notice.
    Drained,
    /// Without it.
    Now,
}

/// A running node. Dropping the handle stops the node.
pub struct Handle {
    addresses: Addresses,
    stop: watch::Sender<Stop>,
    serving: watch::Receiver<Option<Serving>>,
    ended: JoinHandle<Result<(), End>>,
}

/// What a node has when it has started.
#[derive(Clone)]
struct Serving {
    service: Service,
    phase: Phase,
}

impl Handle {
    /// Where the node listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Waits until clients may be sent to this node; false if it ends before that.
    pub async fn wait_ready(&self) -> bool {
        let mut serving = self.serving.clone();
        let found = serving.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        let Some(Serving { service, phase }) = found else { return false };
        while !readiness::reasons_against(&service, &phase).is_empty() {
            if self.ended.is_finished() {
                return false;
            }
            tokio::time::sleep(READY_INTERVAL).await;
        }
        true
    }

    /// Waits until clients may be sent to this node, beside what waits for its end; false if it ends before it serves.
    pub fn readiness(&self) -> impl Future<Output = bool> + Send + use<> {
        let mut serving = self.serving.clone();
        async move {
            let found = serving.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
            let Some(Serving { service, phase }) = found else { return false };
            while !readiness::reasons_against(&service, &phase).is_empty() {
                tokio::time::sleep(READY_INTERVAL).await;
            }
            true
        }
    }

    /// The service of this node, for callers in the same process; none before it has started.
    pub fn service(&self) -> Option<Service> {
        self.serving.borrow().as_ref().map(|serving| serving.service.clone())
    }

    /// Asks the node to stop: it hands its leadership over, sends its clients away for as long as is configured, finishes
    /// what is under way and closes its data. Asked again, it waits for no client any more.
    pub fn stop(&self) {
        self.stop.send_modify(|stop| *stop = if *stop == Stop::No { Stop::Drained } else { Stop::Now });
    }

    /// Waits until the node has ended.
    ///
    /// # Errors
    /// [`End`] says why it ended, if it was not asked to.
    pub async fn ended(&mut self) -> Result<(), End> {
        match (&mut self.ended).await {
            Ok(ended) => ended,
            Err(error) => Err(End::Panicked(error.to_string())),
        }
    }
}

/// Runs a node on bound listeners, with the time and the randomness that it is given.
///
/// Returns at once; whether the node starts is to be learnt from the [`Handle`].
///
/// # Errors
/// [`StartError`] if the listeners have no addresses.
pub fn run(
    config: Config,
    listeners: Listeners,
    clock: Clock,
    seed: Seed,
    options: Options,
) -> Result<Handle, StartError> {
    let addresses = listeners.addresses()?;
    let (stop, stopping) = watch::channel(Stop::No);
    let (shown, serving) = watch::channel(None);
    let (failed, failure) = watch::channel(None);
    let (outdated, outdating) = watch::channel(None);
    let hook = options.on_fatal;
    let on_fatal: OnFatal = Arc::new(move |reason: &str| {
        hook(reason);
        failed.send_replace(Some(reason.to_owned()));
    });
    let node = Node {
        config,
        clock,
        random: Random::new(seed),
        on_fatal,
        bootstrap: options.bootstrap,
        root_key: options.root_key,
        supported_level: options.supported_level,
        outdated: Arc::new(outdated),
        stopping,
        shown,
    };
    let ended = tokio::spawn(async move {
        let seed = node.random.next_number();
        let lived = async {
            tokio::select! {
                ended = node.run_until_stopped(listeners) => ended.map_err(End::from),
                reason = reason_of(failure) => Err(End::Fatal(reason)),
                reason = reason_of(outdating) => Err(End::Outdated(reason)),
            }
        };
        SeededRuntime::scope(seed, lived).await
    });
    Ok(Handle { addresses, stop, serving, ended })
}

async fn reason_of(mut failure: watch::Receiver<Option<String>>) -> String {
    let reason = failure.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    match reason {
        Some(reason) => reason,
        // Nothing is left that could fail.
        None => std::future::pending().await,
    }
}

struct Node {
    config: Config,
    clock: Clock,
    random: Random,
    on_fatal: OnFatal,
    bootstrap: bool,
    root_key: bool,
    supported_level: u8,
    outdated: Arc<watch::Sender<Option<String>>>,
    stopping: watch::Receiver<Stop>,
    shown: watch::Sender<Option<Serving>>,
}

/// What a node works with once its data is open.
struct Opened {
    consensus: Consensus,
    log: LogStore,
    state: StateStore,
    service: Service,
    /// Ends with the node.
    background: JoinSet<()>,
}

impl Node {
    async fn run_until_stopped(self, listeners: Listeners) -> Result<(), StartError> {
        let Listeners { peer, http, grpc } = listeners;
        restore::refuse_unfinished(&self.config)?;
        let disk = identity::check_identity(&self.config)?;
        let config = &self.config;
        let network = Network::new(
            &config.cluster.id,
            config.node.id,
            config.cluster.peer_overrides.clone(),
            config.peer.snapshot_bytes_per_second,
        )
        .map_err(|error| StartError::Mismatch(format!("cluster.id: {error}")))?;
        let metrics = Metrics::default();
        let guards = Guards::open(config, &self.clock, &metrics)?;
        let mut keepers = JoinSet::new();
        for keeper in guards.clients.iter().chain(&guards.peers) {
            keepers.spawn(keeper.clone().watch());
        }
        let network = network.with_tls(guards.peers.clone(), config.peer.tls.accept_plaintext);
        let gate = Gate::new(
            &config.cluster.id,
            config.node.id,
            &config.node.region,
            &config.node.data_dir,
            self.supported_level,
            self.outdated.clone(),
            metrics.peer_refusals(),
        );
        let doors = Doors::open(config, grpc.is_some(), &metrics);
        // The other nodes are heard until consensus has stopped: the leadership is handed over by them.
        let (_peer_stage, peer_stages) = watch::channel(Stage::Serving);
        let mut peers = JoinSet::new();
        peers.spawn(consensus::serve_peers(gate.clone(), peer, doors.peer.clone(), guards.peer.clone(), peer_stages));

        let phase = Phase::default();
        let opened = tokio::select! {
            opened = self.open_parts(disk, &network, &gate, &phase, metrics) => opened?,
            () = starting::answer_http(&http, &guards.http) => return Ok(()),
            () = starting::refuse_connections(grpc.as_ref()) => return Ok(()),
            () = until_stopped(self.stopping.clone(), Stop::Drained) => return Ok(()),
        };
        let service = opened.service.clone();
        gate.judge_members_by(move || service.time_since_confirmation());
        let (stage, stages) = watch::channel(Stage::Serving);
        let fronts = self.serve_clients(&opened.service, &phase, (&doors, &guards), &stages, http, grpc);
        self.shown.send_replace(Some(Serving { service: opened.service.clone(), phase: phase.clone() }));

        until_stopped(self.stopping.clone(), Stop::Drained).await;
        phase.set_draining();
        stage.send_replace(Stage::Draining);
        let window = tokio::time::sleep(Duration::from_millis(config.http.drain_ms));
        hand_over(&opened.consensus).await;
        tokio::select! {
            () = window => {}
            () = until_stopped(self.stopping.clone(), Stop::Now) => tracing::info!("told again to stop: no longer waiting for clients"),
        }
        stage.send_replace(Stage::Closing);
        opened.service.end_watches();
        self.close_parts(opened, fronts, peers).await;
        tracing::info!("stopped");
        Ok(())
    }

    /// Everything between bound ports and serving; dropped half-way where the node is told to stop.
    async fn open_parts(
        &self,
        disk: Disk,
        network: &Network,
        gate: &Gate,
        phase: &Phase,
        metrics: Metrics,
    ) -> Result<Opened, StartError> {
        let config = &self.config;
        if disk == Disk::Empty {
            admission::admit_empty_disk(config, network).await?;
            identity::write_identity(config, false)?;
        }
        let (log, state) = self.open_stores().await?;
        let level = state.read(|view| registry::query::machine(view).map_or(0, |machine| machine.level));
        if level > self.supported_level {
            return Err(StateError::Level { found: level, known: self.supported_level }.into());
        }
        let scrubber = scrub::at_start(&config.scrub, log.clone(), state.clone()).await?;
        if disk == Disk::Empty {
            identity::write_identity(config, true)?;
        }
        let key = NodeKey::load_or_make(&config.node.data_dir, &config.cluster.id, config.node.id, &self.random)
            .map_err(StartError::disk_error("read or make the node's audit key in", &config.node.data_dir))?;
        let attempts = Attempts::start(&config.node.data_dir, self.clock.clone())
            .map_err(StartError::disk_error("open the record of refused changes in", &config.node.data_dir))?;
        let (network_of_raft, clock) = (network.clone(), self.clock.clone());
        let consensus = Consensus::start(config, network_of_raft, log.clone(), state.clone(), clock, gate).await?;
        let is_new = self.bootstrap && self.make_cluster(&consensus, network).await?;
        let service = Service::new(Parts {
            consensus: consensus.clone(),
            config: config.clone(),
            metrics,
            metadata_secrets: config.security.metadata_secrets()?,
            key,
            attempts,
            random: self.random.clone(),
            workers: Workers::Threads,
        });
        let mut background = JoinSet::new();
        background.spawn(consensus.clone().tell_addresses(network.clone()));
        background.spawn(consensus.clone().watch_succession());
        background.spawn(consensus.clone().run_compaction(config.compaction.clone()));
        background.spawn(service.clone().watch_freshness());
        let (data, space) = (config.node.data_dir.clone(), service.metrics().disk().clone());
        background.spawn(disk::watch_disk(config.disk.clone(), data, space, consensus.clone()));
        background.spawn(service.clone().watch_level(self.outdated.clone()));
        background.spawn(service.clone().watch_membership());
        background.spawn(background::watch_recovery(consensus.clone(), phase.clone()));
        let cluster_id = config.cluster.id.clone();
        background.spawn(background::found_cluster(
            service.clone(),
            consensus.clone(),
            cluster_id,
            self.random.clone(),
        ));
        background.spawn(service.clone().keep_backups());
        let data_dir = config.node.data_dir.clone();
        background.spawn(background::record_restore(service.clone(), consensus.clone(), data_dir, self.random.clone()));
        if self.root_key || (is_new && config.auth.enabled) {
            let data_dir = config.node.data_dir.clone();
            background.spawn(background::make_root_key(service.clone(), data_dir, self.random.clone()));
        }
        let on_fatal = self.on_fatal.clone();
        let compared = background::compare_digests(consensus.clone());
        background.spawn(async move { on_fatal(&compared.await) });
        let on_fatal = self.on_fatal.clone();
        let watched = background::watch_disk(config.scrub.clone(), scrubber);
        background.spawn(async move { on_fatal(&watched.await) });
        Ok(Opened { consensus, log, state, service, background })
    }

    async fn open_stores(&self) -> Result<(LogStore, StateStore), StartError> {
        let (data, on_fatal) = (self.config.node.data_dir.clone(), self.on_fatal.clone());
        let opened = tokio::task::spawn_blocking(move || {
            disk::make_room(&data);
            let mut log_config = LogConfig::in_data_dir(&data);
            log_config.on_fatal = on_fatal.clone();
            let log = LogStore::open(log_config)?;
            let state = StateStore::open(&data, on_fatal)?;
            let applied = state.applied_state().0.map(|id| id.index());
            let purged = log.last_purged().map(|id| id.index());
            if purged > applied {
                return Err(StartError::Damaged(format!(
                    "the log is purged up to {purged:?}, but the state has applied only {applied:?}: entries are lost on \
                     this node. Wipe it and let it rejoin under a new node id"
                )));
            }
            Ok((log, state))
        });
        opened
            .await
            .map_err(|error| StartError::System { doing: "open the data directory", reason: error.to_string() })?
    }

    /// Makes a new cluster, unless there is one that counts on this node. Answers whether it did.
    async fn make_cluster(&self, consensus: &Consensus, network: &Network) -> Result<bool, StartError> {
        if consensus.is_initialized().await || !admission::admit_bootstrap(&self.config, network).await? {
            return Ok(false);
        }
        let members = &self.config.cluster.members;
        match consensus.initialize_cluster(members).await {
            Ok(()) => {
                tracing::info!(members = members.len(), "a new cluster");
                Ok(true)
            }
            // Another node was told to make it as well, and was first.
            Err(_) if consensus.is_initialized().await => Ok(false),
            Err(error) => Err(StartError::Mismatch(format!("make a new cluster: {error}"))),
        }
    }

    fn serve_clients(
        &self,
        service: &Service,
        phase: &Phase,
        (doors, guards): (&Doors, &Guards),
        stages: &watch::Receiver<Stage>,
        http: TcpListener,
        grpc: Option<TcpListener>,
    ) -> JoinSet<()> {
        if !self.config.auth.enabled {
            tracing::warn!(
                "auth.enabled is false: whoever reaches a port of this node may do everything (docs/security.md)"
            );
        }
        let edge = Edge::new(service.clone(), doors.http.count_max());
        let mut fronts = JoinSet::new();
        if let Some(listener) = grpc {
            let (edge, service, phase) = (edge.clone(), service.clone(), phase.clone());
            let served = doors::grpc::serve_grpc(
                edge,
                service,
                phase,
                listener,
                doors.grpc.clone(),
                guards.grpc.clone(),
                stages.clone(),
            );
            fronts.spawn(async move {
                if let Err(error) = served.await {
                    tracing::error!(%error, "serve gRPC");
                }
            });
        }
        let node = &self.config.node;
        tracing::info!(node = node.id, region = %node.region, http = %self.config.http.listen, "serving");
        let (service, phase) = (service.clone(), phase.clone());
        let (connections, gateway) = (doors.http.clone(), guards.http.clone());
        fronts.spawn(doors::http::serve_http(edge, service, phase, http, connections, gateway, stages.clone()));
        fronts
    }

    async fn close_parts(&self, opened: Opened, fronts: JoinSet<()>, mut peers: JoinSet<()>) {
        let Opened { consensus, log, state, service, mut background } = opened;
        drop(tokio::time::timeout(DRAIN_TIME_MAX, fronts.join_all()).await);
        background.shutdown().await;
        consensus.shutdown().await;
        peers.shutdown().await;
        drop((service, consensus));
        let closed = tokio::task::spawn_blocking(move || {
            if let Err(error) = state.flush() {
                tracing::warn!(%error, "flush the state");
            }
            log.close();
        });
        if let Err(error) = closed.await {
            tracing::warn!(%error, "close the data");
        }
    }
}

/// The connections of each listener.
struct Doors {
    http: Connections,
    grpc: Connections,
    peer: Connections,
}

impl Doors {
    /// Shares out what this process may have open, and lets the metrics show it.
    fn open(config: &Config, has_grpc: bool, metrics: &Metrics) -> Self {
        let limit = descriptors::soft_limit();
        let shares = descriptors::share_out(limit, config.connections.count_max, has_grpc);
        let of = |count| Connections::new(count, config.connections.patience());
        let doors = Self { http: of(shares.http), grpc: of(shares.grpc), peer: of(shares.peer) };
        metrics.watch_connections("http", &doors.http);
        metrics.watch_connections("peer", &doors.peer);
        if has_grpc {
            metrics.watch_connections("grpc", &doors.grpc);
        }
        tracing::info!(
            open_files_max = limit,
            http = shares.http,
            grpc = shares.grpc,
            peer = shares.peer,
            "connections at most"
        );
        doors
    }
}

/// The certificates of this node, and how each listener is guarded by them.
struct Guards {
    clients: Option<Keeper>,
    peers: Option<Keeper>,
    http: Gateway,
    grpc: Gateway,
    peer: Gateway,
}

impl Guards {
    /// Reads the certificates, and lets the metrics show how long they are good.
    fn open(config: &Config, clock: &Clock, metrics: &Metrics) -> Result<Self, StartError> {
        let Keepers { clients, peers } = Keepers::open(config, clock).map_err(|faults| {
            let faults = faults.into_iter().map(|(key, reason)| format!("{key}: {reason}")).collect();
            StartError::Config(ConfigError::Values { path: "TLS".to_owned(), faults })
        })?;
        for (port, keeper) in [(Port::Http, &clients), (Port::Grpc, &clients), (Port::Peer, &peers)] {
            let is_served = port != Port::Grpc || config.grpc.is_some();
            if let Some(keeper) = keeper.as_ref().filter(|_| is_served) {
                metrics.watch_certificate(port.name(), keeper);
            }
        }
        let of_clients = |port| Gateway::of_keeper(clients.as_ref(), port, config.tls.accept_plaintext);
        Ok(Self {
            http: of_clients(Port::Http),
            grpc: of_clients(Port::Grpc),
            peer: Gateway::of_keeper(peers.as_ref(), Port::Peer, config.peer.tls.accept_plaintext),
            clients,
            peers,
        })
    }
}

/// Hands the leadership over, so that the others need not wait for an election.
async fn hand_over(consensus: &Consensus) {
    if consensus.leader_id() == Some(consensus.node_id()) {
        match consensus.transfer_leader(None).await {
            Ok(to) => tracing::info!(to, "the leadership is handed over"),
            Err(error) => tracing::warn!(%error, "the leadership is not handed over"),
        }
    }
}

/// Waits until the node is told to stop so, or more so; its handle being gone says so, too.
async fn until_stopped(mut stopping: watch::Receiver<Stop>, stop: Stop) {
    drop(stopping.wait_for(|told| *told >= stop).await);
}
