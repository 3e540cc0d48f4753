//! A scratch cluster on this machine: real processes, real disks, real sockets.
//!
//! One cluster runs at a time in a test program, so that tests do not slow each other down beyond their bounds. When a test
//! fails, its directory stays, and its path and the end of each log are printed.

pub mod config;
pub mod ports;
pub mod process;
pub mod spec;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use parking::Permit;
use proto::rest::{ClusterStatusBody, MemberBody, NodeStatusBody};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Api, Http};
use crate::disk::power::{self, Loss};
use crate::disk::shim::Shim;
use crate::net::{Mesh, Namespaces, Network, Origin, Proxies};
use crate::wait::until;
use ports::Ports;
use process::{Process, Signal};
pub use spec::{Spec, region};

/// Most nodes that one cluster can have in its life.
const NODES_MAX: u16 = 9;
/// Lines of each log that are printed when a test fails.
const LOG_LINES_SHOWN: usize = 12;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    spec: Spec,
    binary: PathBuf,
    ports: BTreeMap<u64, Ports>,
    _block: Option<ports::Block>,
    running: BTreeMap<u64, Process>,
    mesh: Option<Mesh>,
    /// What lay on each node's disk when it was started last: durable, whatever happens.
    durable: BTreeMap<u64, BTreeMap<PathBuf, u64>>,
    http: Http,
    dir: Option<TempDir>,
    _permit: Permit,
}

impl Cluster {
    /// Makes a new cluster and waits until every node is ready.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start(spec: Spec) -> Self {
        let mut cluster = Self::prepare(spec).await;
        for id in 1..=cluster.spec.nodes {
            cluster.write_config(id);
            cluster.spawn(id, if id == 1 { &["--bootstrap"] } else { &[] });
        }
        cluster.ready_all().await;
        cluster
    }

    /// Everything that a cluster needs, without any node that runs.
    ///
    /// # Panics
    /// If there is no binary, or the network cannot be made.
    pub async fn prepare(spec: Spec) -> Self {
        let permit = parking::acquire_permit().await;
        let dir = tempfile::Builder::new().prefix("jepsen-").tempdir().expect("make a directory for the cluster");
        let (ports, block, mesh) = network_of(spec.network).await;
        Self {
            spec,
            binary: node_binary(),
            ports,
            _block: block,
            running: BTreeMap::new(),
            mesh,
            durable: BTreeMap::new(),
            http: Http::new(),
            dir: Some(dir),
            _permit: permit,
        }
    }

    /// The directory with everything of this cluster.
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().expect("the directory lives as long as the cluster").path()
    }

    /// A node's data directory.
    pub fn data_dir(&self, id: u64) -> PathBuf {
        // The preloaded library compares with what the kernel says, where no link is left.
        self.dir().canonicalize().unwrap_or_else(|_| self.dir().to_owned()).join(format!("node{id}"))
    }

    /// A node's log so far.
    pub fn log(&self, id: u64) -> String {
        std::fs::read_to_string(self.dir().join(format!("node{id}.log"))).unwrap_or_default()
    }

    /// How often a text occurs in the logs of all nodes that there ever were.
    pub fn count_in_logs(&self, text: &str) -> usize {
        self.ports.keys().map(|id| self.log(*id).matches(text).count()).sum()
    }

    /// Writes a node's configuration file.
    pub fn write_config(&self, id: u64) {
        self.write_config_of(id, &self.spec);
    }

    /// Writes a node's configuration file as if the cluster were another.
    pub fn write_config_of(&self, id: u64, spec: &Spec) {
        // A first member knows the first members; a later one those that run when it is added.
        let members = if id <= spec.nodes { (1..=spec.nodes).collect() } else { self.ids() };
        let text = config::config_text(spec, id, &self.data_dir(id), &self.ports, &members, self.mesh.as_ref());
        std::fs::write(self.config_path(id), text).expect("write a configuration file");
    }

    fn config_path(&self, id: u64) -> PathBuf {
        self.dir().join(format!("node{id}.toml"))
    }

    /// The specification it was made from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Starts a node's process and does not wait.
    pub fn spawn(&mut self, id: u64, flags: &[&str]) {
        assert!(!self.running.contains_key(&id), "node {id} runs already");
        let config = self.config_path(id);
        if !config.exists() {
            self.write_config(id);
        }
        let mut arguments = vec!["--config", config.to_str().expect("the path is UTF-8")];
        arguments.extend(flags);
        let log = self.dir().join(format!("node{id}.log"));
        let mut environment = self.spec.environment.clone();
        if self.spec.shimmed {
            let shim = self.shim(id);
            std::fs::remove_file(shim.journal_path()).unwrap_or_default();
            self.durable.insert(id, power::durable_baseline(&self.data_dir(id)));
            environment.extend(shim.node_environment(&self.data_dir(id)));
        }
        let launcher = self.mesh.as_ref().map(|mesh| mesh.launcher(id)).unwrap_or_default();
        let process = Process::start(&launcher, &self.binary, &arguments, &environment, &log);
        self.running.insert(id, process);
    }

    /// Starts a node and waits until it is ready.
    pub async fn restart(&mut self, id: u64) {
        self.spawn(id, &[]);
        self.ready(id).await;
    }

    /// SIGKILL.
    pub fn kill(&mut self, id: u64) {
        self.running.remove(&id).unwrap_or_else(|| panic!("node {id} does not run")).kill();
    }

    /// SIGKILL for every node, one right after the other.
    pub fn kill_all(&mut self) {
        for process in self.running.values_mut() {
            process.kill();
        }
        self.running.clear();
    }

    /// Kills these nodes at once and drops what they had not synced; what was lost.
    ///
    /// # Panics
    /// If the cluster runs without the preloaded library.
    pub fn lose_power(&mut self, ids: &[u64], random: &mut rand::rngs::StdRng) -> Loss {
        assert!(self.spec.shimmed, "a power loss needs the preloaded library");
        for id in ids {
            self.running_process(*id).kill_only();
        }
        let mut sum = Loss::default();
        for id in ids {
            self.kill(*id);
            let durable = self.durable.get(id).cloned().unwrap_or_default();
            sum.add(power::lose_power(&self.data_dir(*id), &self.shim(*id).journal_path(), &durable, random));
        }
        sum
    }

    /// The steering of a node's preloaded library.
    pub fn shim(&self, id: u64) -> Shim {
        Shim::new(self.dir(), id)
    }

    /// What breaks the network.
    ///
    /// # Panics
    /// If the cluster has none.
    pub fn mesh(&self) -> &Mesh {
        self.mesh.as_ref().expect("the cluster was made with a network that can be broken")
    }

    /// The number of a running node's process.
    pub fn pid(&self, id: u64) -> Option<u32> {
        self.running.get(&id).map(Process::id)
    }

    /// SIGTERM, and waits until it has ended.
    pub async fn stop(&mut self, id: u64) -> ExitStatus {
        self.running_process(id).send_signal(Signal::Terminate);
        self.ended(id).await
    }

    /// SIGSTOP.
    pub fn pause(&mut self, id: u64) {
        self.running_process(id).send_signal(Signal::Pause);
    }

    /// SIGCONT.
    pub fn resume(&mut self, id: u64) {
        self.running_process(id).send_signal(Signal::Resume);
    }

    fn running_process(&mut self, id: u64) -> &mut Process {
        self.running.get_mut(&id).unwrap_or_else(|| panic!("node {id} does not run"))
    }

    /// Waits until a node's process ends by itself.
    pub async fn ended(&mut self, id: u64) -> ExitStatus {
        let mut process = self.running.remove(&id).unwrap_or_else(|| panic!("node {id} does not run"));
        until(&format!("the end of node {id}"), || {
            std::future::ready(process.exit_status().ok_or("it runs".to_owned()))
        })
        .await
    }

    /// Has a node's process ended?
    pub fn has_ended(&mut self, id: u64) -> bool {
        self.running_process(id).exit_status().is_some()
    }

    /// Removes a stopped node's data.
    pub fn wipe(&self, id: u64) {
        assert!(!self.running.contains_key(&id), "node {id} runs");
        std::fs::remove_dir_all(self.data_dir(id)).expect("remove a node's data");
    }

    /// The nodes that run.
    pub fn ids(&self) -> Vec<u64> {
        self.running.keys().copied().collect()
    }

    /// The HTTP side of a node.
    pub fn api(&self, id: u64) -> Api {
        Api::new(&self.http, id, self.ports[&id].http)
    }

    /// The HTTP side of a node, not through a proxy, over connections of `http`.
    pub fn api_at(&self, http: &Http, id: u64) -> Api {
        Api::new(http, id, self.ports[&id].http)
    }

    /// The HTTP side of a node through the proxy of a group of clients, over connections of `http`.
    pub fn api_of(&self, http: &Http, group: u8, id: u64) -> Api {
        let elsewhere = self.mesh.as_ref().and_then(|mesh| mesh.address(Origin::Clients(group), id));
        Api::new(http, id, elsewhere.unwrap_or(self.ports[&id].http))
    }

    /// Where a node serves gRPC.
    pub fn grpc_address(&self, id: u64) -> String {
        self.ports[&id].grpc.to_string()
    }

    /// The HTTP sides of the nodes that run.
    pub fn apis(&self) -> Vec<Api> {
        self.ids().into_iter().map(|id| self.api(id)).collect()
    }

    /// Waits until a node is ready.
    pub async fn ready(&mut self, id: u64) {
        let api = self.api(id);
        let mut starts = 0;
        loop {
            let process = self.running.get_mut(&id).unwrap_or_else(|| panic!("node {id} does not run"));
            let what = format!("node {id} to be ready");
            let ended = until(&what, async || {
                if let Some(status) = process.exit_status() {
                    return Ok(Some(status));
                }
                let answer = api.get("/readyz").send().await?;
                if answer.status == 200 { Ok(None) } else { Err(answer.text()) }
            });
            let Some(status) = ended.await else { return };
            // While the node was down another program's connection may have had its port for a moment.
            let port_was_taken =
                self.log(id).lines().last().is_some_and(|line| line.contains("Address already in use"));
            starts += 1;
            assert!(port_was_taken && starts < 50, "node {id} has ended: {status}");
            self.running.remove(&id);
            self.spawn(id, &[]);
        }
    }

    /// Waits until all running nodes are ready.
    pub async fn ready_all(&mut self) {
        for id in self.ids() {
            self.ready(id).await;
        }
    }

    /// The cluster as the first running node that answers sees it.
    pub async fn status(&self) -> ClusterStatusBody {
        until("a status", async || {
            let mut seen = "no node runs".to_owned();
            for api in self.apis() {
                match api.get("/v1/cluster/status").send().await {
                    Ok(answer) if answer.status == 200 => return Ok(answer.cluster_status()),
                    Ok(answer) => seen = answer.text(),
                    Err(error) => seen = error,
                }
            }
            Err(seen)
        })
        .await
    }

    /// Waits until one of the running nodes leads and the others know it; its id.
    pub async fn leader(&self) -> u64 {
        let running = self.ids();
        until("a leader", async || {
            let status = self.status().await;
            let alive: Vec<&NodeStatusBody> =
                status.nodes.iter().filter(|node| running.contains(&node.node_id)).collect();
            let leader = alive.iter().filter(|node| node.role == "leader").max_by_key(|node| node.term);
            let leader = leader.ok_or_else(|| format!("{alive:?}"))?;
            let agreed = alive.iter().all(|node| node.leader_id == Some(leader.node_id));
            if agreed { Ok(leader.node_id) } else { Err(format!("{alive:?}")) }
        })
        .await
    }

    /// A running node that does not lead.
    pub async fn follower(&self) -> u64 {
        let leader = self.leader().await;
        self.ids().into_iter().find(|id| *id != leader).expect("there is more than one node")
    }

    /// Calls the leader's admin API, wherever the leadership goes, until it answers with something else than a 5xx.
    pub async fn ask_leader(&self, method: &str, path: &str, body: &Value) -> crate::client::Answer {
        until(&format!("an answer to {method} {path}"), async || {
            let leader = self.leader().await;
            let answer = self.api(leader).call(method, path).json(body).send().await?;
            if answer.status < 500 { Ok(answer) } else { Err(answer.text()) }
        })
        .await
    }

    /// Adds a new node: as a learner first, then as a voter.
    pub async fn join(&mut self, id: u64) {
        self.write_config(id);
        self.spawn(id, &[]);
        self.add_learner(id).await;
        self.ready(id).await;
        let answer = self.ask_leader("POST", &format!("/v1/cluster/members/{id}/promote"), &json!({})).await;
        assert_eq!(answer.status, 200, "promote node {id}: {}", answer.text());
    }

    /// Makes a node that runs a learner.
    pub async fn add_learner(&self, id: u64) {
        let Ports { http, peer, .. } = self.ports[&id];
        let member = MemberBody {
            node_id: id,
            peer_address: peer.to_string(),
            http_url: format!("http://{http}"),
            region: region(id).to_owned(),
            priority: 0,
        };
        let body = serde_json::to_value(member).expect("a member can be printed");
        until(&format!("node {id} to be added"), async || {
            let answer = self.ask_leader("POST", "/v1/cluster/members", &body).await;
            // It may have been started a moment ago.
            let is_early = answer.status == 422 && answer.text().contains("does not answer");
            assert!(answer.status == 200 || is_early, "add node {id}: {}", answer.text());
            if is_early { Err(answer.text()) } else { Ok(()) }
        })
        .await;
    }

    /// Takes a node out of the membership; the leadership is handed over first if it has it. Its process goes on.
    pub async fn remove(&self, id: u64) {
        until(&format!("node {id} to be removed"), async || {
            let leader = self.leader().await;
            if leader == id {
                let answer = self.api(id).post("/v1/cluster/leader/transfer").json(&json!({})).send().await?;
                return Err(format!("transfer: {}", answer.text()));
            }
            let answer = self.api(leader).delete(&format!("/v1/cluster/members/{id}")).send().await?;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill_all();
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            let dir = dir.keep();
            eprintln!("the nodes' logs and data stay in {}", dir.display());
            for id in self.ports.keys() {
                let Ok(log) = std::fs::read_to_string(dir.join(format!("node{id}.log"))) else { continue };
                let lines: Vec<_> = log.lines().collect();
                for line in lines.iter().skip(lines.len().saturating_sub(LOG_LINES_SHOWN)) {
                    eprintln!("node {id}: {line}");
                }
            }
        }
    }
}

/// Where nodes listen, what keeps their ports, and what breaks their network: for all nodes that there can ever be.
async fn network_of(network: Network) -> (BTreeMap<u64, Ports>, Option<ports::Block>, Option<Mesh>) {
    if network == Network::Namespaces {
        let made = Namespaces::make(NODES_MAX.into()).unwrap_or_else(|error| panic!("make namespaces: {error}"));
        let ports = (1..=u64::from(NODES_MAX))
            .map(|id| (id, Ports::consecutive_from(made.address(id), ports::FIRST)))
            .collect();
        return (ports, None, Some(Mesh::Namespaces(made)));
    }
    let block = ports::find_free(NODES_MAX);
    let ports: BTreeMap<u64, Ports> = (1..).zip(block.ports.iter().copied()).collect();
    let mesh = if network == Network::Proxies {
        let peer = ports.iter().map(|(id, ports)| (*id, ports.peer)).collect();
        let http = ports.iter().map(|(id, ports)| (*id, ports.http)).collect();
        Some(Mesh::Proxies(Proxies::open(&peer, &http).await))
    } else {
        None
    };
    (ports, Some(block), mesh)
}

/// The binary under test.
///
/// # Panics
/// If it is not there, with what to do.
fn node_binary() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/registry-node");
    let path = std::env::var_os("REGISTRY_NODE_BIN").map_or(default, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: build it with 'cargo build --release -p schemareg-node', or let REGISTRY_NODE_BIN name one",
        path.display()
    );
    path
}

/// One cluster at a time in one test program.
mod parking {
    use super::Arc;
    use std::sync::OnceLock;
    use tokio::sync::{OwnedSemaphorePermit, Semaphore};

    pub(super) type Permit = OwnedSemaphorePermit;

    pub(super) async fn acquire_permit() -> Permit {
        static PERMITS: OnceLock<Arc<Semaphore>> = OnceLock::new();
        let permits = PERMITS.get_or_init(|| Arc::new(Semaphore::new(1))).clone();
        permits.acquire_owned().await.expect("the semaphore is never closed")
    }
}
