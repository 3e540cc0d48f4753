//! `registry-node`: configuration → open → check → consensus → serve → drain.

#![allow(unreachable_pub, reason = "a program has no callers; pub marks what a module offers to the others")]

mod api;
mod clock;
mod config;
mod consensus;
mod lifecycle;
mod readiness;
mod scrub;
mod service;
mod telemetry;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use raft_store::log::{LogConfig, LogStore};
use raft_store::scrub::Scrubber;
use raft_store::state::StateStore;
use registry::{Actor, RequestId};
use tokio::net::TcpListener;
use tokio::sync::watch;

use api::http::{self, Front};
use clock::Deadline;
use config::{Config, ScrubConfig};
use consensus::{Agreement, Consensus, Gate, Network};
use lifecycle::{Disk, Phase};
use service::{Attempts, Caller, Consistency, NodeKey, Service};

/// The data directory cannot be used, or must not.
const EXIT_DATA: u8 = 65;
/// The configuration is wrong.
const EXIT_CONFIG: u8 = 78;

/// A node of the LLM Schema Registry.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The configuration file.
    #[arg(long, default_value = "cluster.toml")]
    config: PathBuf,
    /// Make a new cluster of the members in the configuration. Only on one node, only once.
    #[arg(long)]
    bootstrap: bool,
    /// Check the configuration and end.
    #[arg(long)]
    check_config: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::start_logs();
    let config = match Config::load(&arguments.config, std::env::vars()) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the configuration cannot be used");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if arguments.check_config {
        tracing::info!("the configuration is good");
        return ExitCode::SUCCESS;
    }
    start_failpoints();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "start the runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(config, arguments.bootstrap)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            tracing::error!(%reason, "this node does not start");
            ExitCode::from(EXIT_DATA)
        }
    }
}

/// In a test build, faults are chosen by the environment at the start.
fn start_failpoints() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// After a failed write or sync, or a difference to the other replicas, nothing may be acknowledged any more.
fn end_process(reason: &str) {
    tracing::error!(reason, "this node ends itself");
    // Not `exit`: its handlers would run C++ destructors beside live RocksDB threads, and may hang.
    std::process::abort();
}

async fn run(config: Config, bootstrap: bool) -> Result<(), String> {
    let listen = |address: String| async move {
        TcpListener::bind(&address).await.map_err(|error| format!("listen on {address}: {error}"))
    };
    let disk = lifecycle::check_identity(&config)?;
    let peer_listener = listen(config.peer.listen.clone()).await?;
    let network = Network::new(
        &config.cluster.id,
        config.node.id,
        peer_overrides(&config),
        config.peer.snapshot_bytes_per_second,
    )
    .map_err(|error| format!("cluster.id: {error}"))?;
    let gate = Gate::new(&config.cluster.id, config.node.id, &config.node.region, &config.node.data_dir);
    let (stop, stopping) = watch::channel(false);
    let peers = tokio::spawn(consensus::serve(gate.clone(), peer_listener, stopped(stopping.clone())));

    let mut stop_signal = std::pin::pin!(stop_signal());
    if disk == Disk::Empty {
        tokio::select! {
            admitted = lifecycle::admit_empty_disk(&config, &network) => admitted?,
            () = &mut stop_signal => return Ok(()),
        }
        lifecycle::write_identity(&config, false)?;
    }
    let (log, state) = open_stores(&config).await?;
    let scrubber = scrub::at_start(&config.scrub, log.clone(), state.clone()).await?;
    if disk == Disk::Empty {
        lifecycle::write_identity(&config, true)?;
    }
    let consensus = Consensus::start(&config, network.clone(), log.clone(), state.clone()).await?;
    gate.open(consensus.clone());
    if bootstrap && !consensus.is_initialized().await {
        let makes_cluster = tokio::select! {
            admitted = lifecycle::admit_bootstrap(&config, &network) => admitted?,
            () = &mut stop_signal => return Ok(()),
        };
        if makes_cluster {
            match consensus.initialize(&config.cluster.members).await {
                Ok(()) => tracing::info!(members = config.cluster.members.len(), "a new cluster"),
                // Another node was told to make it as well, and was first.
                Err(_) if consensus.is_initialized().await => {}
                Err(error) => return Err(error),
            }
        }
    }

    let phase = Phase::default();
    let key = NodeKey::load(&config.node.data_dir, &config.cluster.id, config.node.id)
        .map_err(|error| format!("the node's audit key: {error}"))?;
    let attempts = Attempts::start(&config.node.data_dir).map_err(|error| format!("record attempts: {error}"))?;
    let secrets = config.security.metadata_secrets().map_err(|error| error.to_string())?;
    let metrics = telemetry::Metrics::default();
    let service = Service::new(consensus.clone(), config.clone(), metrics, &secrets, key, attempts);
    let background = [
        tokio::spawn(consensus.clone().watch_succession()),
        tokio::spawn(consensus.clone().compact(config.compaction.clone())),
        tokio::spawn(service.clone().watch_freshness()),
        tokio::spawn(recover(consensus.clone(), phase.clone())),
        tokio::spawn(keep_house(service.clone())),
        tokio::spawn(watch_disk(config.scrub.clone(), scrubber)),
    ];
    let http_listener = listen(config.http.listen.clone()).await?;
    tracing::info!(node = config.node.id, region = %config.node.region, http = %config.http.listen, "serving");
    let mut fronts = tokio::task::JoinSet::new();
    if let Some(grpc) = &config.grpc {
        let listener = listen(grpc.listen.clone()).await?;
        let served = api::grpc::serve(service.clone(), phase.clone(), listener, stopped(stopping.clone()));
        fronts.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "serve gRPC");
            }
        });
    }
    let front = Front::new(service.clone(), phase.clone());
    fronts.spawn(async move { drop(http::serve(front, http_listener, stopped(stopping)).await) });

    stop_signal.await;
    drain(&consensus, &phase).await;
    service.end_watches();
    stop.send_replace(true);
    drop(tokio::time::timeout(DRAIN_TIME_MAX, fronts.join_all()).await);
    background.iter().for_each(tokio::task::JoinHandle::abort);
    consensus.shutdown().await;
    peers.abort();
    if let Err(error) = state.flush() {
        tracing::warn!(%error, "flush the state");
    }
    log.close();
    tracing::info!("stopped");
    Ok(())
}

/// Requests under way get this long when the node stops.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Hands the leadership over, so that the others need not wait for an election.
async fn drain(consensus: &Consensus, phase: &Phase) {
    phase.set_draining();
    if consensus.leader() == Some(consensus.node_id()) {
        match consensus.transfer_leader(None).await {
            Ok(to) => tracing::info!(to, "the leadership is handed over"),
            Err(error) => tracing::warn!(%error, "the leadership is not handed over"),
        }
    }
}

async fn open_stores(config: &Config) -> Result<(LogStore, StateStore), String> {
    let data = config.node.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let mut log_config = LogConfig::in_data_dir(&data);
        log_config.on_fatal = Arc::new(end_process);
        let log = LogStore::open(log_config).map_err(|error| format!("open the log: {error}"))?;
        let state =
            StateStore::open(&data, Arc::new(end_process)).map_err(|error| format!("open the state: {error}"))?;
        let applied = state.applied_state().0.map(|id| id.index());
        let purged = log.purged().map(|id| id.index());
        if purged > applied {
            return Err(format!(
                "the log is purged up to {purged:?}, but the state has applied only {applied:?}: entries are lost on this \
                 node. Wipe it and let it rejoin under a new node id"
            ));
        }
        Ok((log, state))
    });
    opened.await.map_err(|error| format!("open the data directory: {error}"))?
}

fn peer_overrides(config: &Config) -> std::collections::BTreeMap<u64, String> {
    let overrides = config.cluster.peer_overrides.iter();
    overrides.filter_map(|(id, address)| Some((id.parse().ok()?, address.clone()))).collect()
}

async fn recover(consensus: Consensus, phase: Phase) {
    const ROUND: Duration = Duration::from_secs(5);
    while !consensus.wait_for_recovery(ROUND).await {
        tracing::info!("waiting for the cluster to confirm what this node knows");
    }
    phase.set_started();
    tracing::info!(applied = %consensus.state().applied_index(), "recovered");
}

/// What a node does now and then: the leader founds the cluster once, and every node compares itself with the others.
async fn keep_house(service: Service) {
    const INTERVAL: Duration = Duration::from_secs(60);
    const FOUND_INTERVAL: Duration = Duration::from_millis(100);
    let cluster_id = service.config().cluster.id.clone();
    let consensus = service.consensus().clone();
    let node_id = consensus.node_id();
    let mut founded = false;
    while !founded {
        tokio::time::sleep(FOUND_INTERVAL).await;
        if consensus.leader() != Some(node_id) {
            founded = consensus.leader().is_some();
            continue;
        }
        let caller = Caller {
            actor: Actor { principal: "system".to_owned(), node_id },
            request_id: RequestId(format!("system:found:{}", uuid::Uuid::new_v4())),
            deadline: Deadline::after(INTERVAL),
            consistency: Consistency::Local,
            at_least: None,
            if_revision: None,
        };
        match service.found(&caller, &cluster_id).await {
            Ok(()) => founded = true,
            Err(error) => tracing::debug!(%error, "give the cluster its identity"),
        }
    }
    loop {
        tokio::time::sleep(INTERVAL).await;
        match consensus.compare_replicas().await {
            (_, Agreement::Agreed) => {}
            (index, Agreement::Unknown) => tracing::debug!(%index, "too few replicas could be compared"),
            (index, Agreement::Outvoted) => end_process(&format!(
                "a majority of the replicas has another state at index {index}: this one is damaged. Keep its data for \
                 analysis, remove it from the cluster and let the node rejoin under a new id"
            )),
        }
    }
}

/// Damage on the disk of a replica ends it: nothing may rest on it any more.
async fn watch_disk(config: ScrubConfig, scrubber: Scrubber) {
    end_process(&scrub::run(config, scrubber).await);
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone: the process is ending anyway.
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
