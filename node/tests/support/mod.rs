//! Clusters in the process of a test: each node has a runtime of its own, so that one can be killed without a word, and ports
//! of loopback that were free.

#![allow(dead_code, reason = "each test uses a part")]

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use node::config::{
    AuditConfig, AuthConfig, BackupConfig, ClusterConfig, CompactionConfig, Config, ConnectionsConfig, DiskConfig,
    HttpConfig, LimitsConfig, MemberConfig, NodeConfig, PeerConfig, Profile, RatesConfig, ReadConfig, ScrubConfig,
    SecurityConfig,
};
use node::consensus::Consensus;
use node::service::Service;
use node::tls::{PeerTlsConfig, TlsConfig};
use node::{Clock, End, Handle, Listeners, Options, Seed};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

/// Longest that a test waits for anything; most of it takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a killed node may take to let go of its files.
const KILL_TIME_MAX: Duration = Duration::from_secs(10);
/// How long one request of the load may take.
const LOAD_TIME_MAX: Duration = Duration::from_secs(5);

/// Nodes of one cluster, from id 1 on.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// Asks the nodes.
    runtime: Runtime,
    client: reqwest::Client,
    pub(crate) dir: tempfile::TempDir,
}

/// One node, running or not.
pub(crate) struct Node {
    pub(crate) config: Config,
    /// The highest cluster level that its program knows.
    pub(crate) supported_level: u8,
    /// How often it was started.
    starts: u64,
    running: Option<(Runtime, Handle)>,
    /// Why nodes of this test could not go on.
    failures: Arc<Mutex<Vec<String>>>,
}

/// What a node answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) index: u64,
    pub(crate) body: String,
    pub(crate) tag: Option<String>,
    pub(crate) media_type: Option<String>,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// A header, as text; those of one name together.
    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.collect::<Vec<_>>().join(", ")
    }
}

/// An answer that goes on.
pub(crate) struct Listened {
    text: Arc<Mutex<String>>,
    ended: Arc<AtomicBool>,
}

impl Listened {
    /// What has come so far.
    pub(crate) fn text(&self) -> String {
        self.text.lock().clone()
    }

    /// Has the node ended it?
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Cluster {
    /// Starts a new cluster of three nodes, all with empty disks, and waits until all of them serve.
    pub(crate) fn start() -> Self {
        let mut cluster = Self::prepared(3);
        for node in &mut cluster.nodes {
            node.start(true);
        }
        cluster.nodes.iter().for_each(Node::wait_ready);
        cluster
    }

    /// The same, with nothing running yet.
    pub(crate) fn prepared(count: u64) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let ports: Vec<_> = (0..count).map(|_| (free_address(), free_address())).collect();
        let members: Vec<_> = (1..)
            .zip(&ports)
            .map(|(id, (peer, http))| MemberConfig {
                id,
                peer_address: peer.to_string(),
                http_url: format!("http://{http}"),
                region: "here".to_owned(),
                priority: 0,
            })
            .collect();
        let failures = Arc::default();
        let nodes = (1..)
            .zip(&ports)
            .map(|(id, (peer, http))| Node {
                config: config(id, *peer, *http, dir.path().join(id.to_string()), members.clone()),
                supported_level: registry::level::SUPPORTED,
                starts: 0,
                running: None,
                failures: Arc::clone(&failures),
            })
            .collect();
        let runtime = runtime();
        // The client wants one although it speaks plain HTTP here; another test of this process may have named it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self { nodes, runtime, client: reqwest::Client::new(), dir }
    }

    /// Prepares `total` nodes and starts the first ones as a new cluster; the others know those as members to ask.
    pub(crate) fn of(total: u64, first: usize) -> Self {
        let mut cluster = Self::prepared(total);
        for node in &mut cluster.nodes {
            node.config.cluster.members.truncate(first);
        }
        cluster.nodes.iter_mut().take(first).for_each(|node| node.start(true));
        cluster.nodes.iter().take(first).for_each(Node::wait_ready);
        cluster
    }

    /// From now on nodes are asked by this client: by one that knows the authority of their certificates.
    pub(crate) fn ask_by(&mut self, client: reqwest::Client) {
        self.client = client;
    }

    /// Waits for a future of a node.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// What a node says of the cluster.
    pub(crate) fn status(&self, id: u64) -> serde_json::Value {
        let answer = self.ask(id, "GET", "/v1/cluster/status", None);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Where a node is, as a change of the members is told.
    pub(crate) fn member(&self, id: u64) -> String {
        let config = &self.nodes[usize::try_from(id - 1).expect("nodes are few")].config;
        let (peer, url) = (&config.peer.listen, self.nodes[usize::try_from(id - 1).expect("nodes are few")].url());
        format!(r#"{{"node_id":{id},"peer_address":"{peer}","http_url":"{url}","region":"here"}}"#)
    }

    /// Asks the leader for a change; again where there was none, or another one.
    pub(crate) fn change(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut last = None;
        wait_for(&format!("an answer to {method} {path}"), || {
            let leader = self.leader();
            let answer = self.ask(leader, method, path, Some(body));
            // A node that was started a moment ago may not listen yet.
            let is_early = answer.body.contains("does not answer") && self.runs_named(path, body);
            let done = answer.status < 500 && answer.status != 0 && !is_early;
            last = Some(answer);
            done
        });
        last.expect("it was asked")
    }

    fn runs_named(&self, path: &str, body: &str) -> bool {
        self.nodes.iter().filter(|node| node.running.is_some()).any(|node| {
            let id = node.config.node.id;
            path.contains(&format!("/members/{id}")) || body.contains(&node.config.peer.listen)
        })
    }

    /// A node by its id.
    pub(crate) fn node(&mut self, id: u64) -> &mut Node {
        &mut self.nodes[usize::try_from(id - 1).expect("nodes are few")]
    }

    /// Asks a node, as a client does. Status 0 if it does not answer.
    pub(crate) fn ask(&self, id: u64, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.ask_however(id, method, path, &[], body)
    }

    /// The same, with an API key.
    pub(crate) fn ask_as(
        &self,
        id: u64,
        key: Option<(&str, &str)>,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Answer {
        let shown = key.map(basic);
        let headers: Vec<_> = shown.iter().map(|value| ("authorization", value.as_str())).collect();
        self.ask_however(id, method, path, &headers, body)
    }

    /// Listens to an answer that goes on.
    pub(crate) fn listen_as(&self, id: u64, key: (&str, &str), path: &str) -> Listened {
        let listened = Listened { text: Arc::default(), ended: Arc::default() };
        let (text, ended) = (listened.text.clone(), listened.ended.clone());
        let request = self.client.get(format!("{}{path}", self.url(id))).header("authorization", basic(key));
        self.runtime.spawn(async move {
            if let Ok(mut answer) = request.send().await {
                while let Ok(Some(chunk)) = answer.chunk().await {
                    text.lock().push_str(&String::from_utf8_lossy(&chunk));
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
        listened
    }

    fn url(&self, id: u64) -> String {
        self.nodes[usize::try_from(id - 1).expect("nodes are few")].url()
    }

    /// The same, with headers.
    pub(crate) fn ask_however(
        &self,
        id: u64,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let url = self.url(id);
        let method = method.parse().expect("a method of HTTP");
        let mut request = self.client.request(method, format!("{url}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        self.send(request)
    }

    /// Asks a node with these headers.
    pub(crate) fn ask_with(&self, id: u64, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_however(id, "GET", path, headers, None)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            match request.timeout(PATIENCE).send().await {
                Ok(answer) => {
                    let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
                    let index = header("x-registry-index").and_then(|index| index.parse().ok()).unwrap_or(0);
                    let (tag, media_type) = (header("etag"), header("content-type"));
                    let status = answer.status().as_u16();
                    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
                    let headers = answer.headers().iter();
                    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
                    let body = answer.text().await.unwrap_or_default();
                    Answer { status, index, body, tag, media_type, headers }
                }
                Err(error) => Answer {
                    status: 0,
                    index: 0,
                    body: error.to_string(),
                    tag: None,
                    media_type: None,
                    headers: Vec::new(),
                },
            }
        })
    }

    /// What a node sends, as bytes.
    pub(crate) fn fetch(&self, id: u64, path: &str) -> Vec<u8> {
        let base = self.nodes[usize::try_from(id - 1).expect("nodes are few")].url();
        let request = self.client.get(format!("{base}{path}")).timeout(PATIENCE);
        self.runtime.block_on(async {
            let answer = request.send().await.expect("the node answers");
            assert!(answer.status().is_success(), "{path}: {answer:?}");
            answer.bytes().await.expect("the answer is whole").to_vec()
        })
    }

    /// The service of a node that runs.
    pub(crate) fn service(&self, id: u64) -> Service {
        let node = &self.nodes[usize::try_from(id - 1).expect("nodes are few")];
        node.running.as_ref().and_then(|(_, handle)| handle.service()).expect("it runs")
    }

    /// Registers a version through a node, whatever it takes, and returns the answer of that node.
    pub(crate) fn register(&self, id: u64, subject: &str, name: &str) -> Answer {
        let schema = format!(r#"{{"schema":"{{\"type\":\"enum\",\"name\":\"{name}\",\"symbols\":[\"A\"]}}"}}"#);
        let path = format!("/subjects/{subject}/versions");
        let mut last = None;
        wait_for(&format!("a registration through node {id}: {last:?}"), || {
            let answer = self.ask(id, "POST", &path, Some(&schema));
            let done = answer.status == 200;
            last = Some(answer);
            done
        });
        last.expect("it was asked")
    }

    /// The node that leads, as a node that runs knows it.
    pub(crate) fn leader(&self) -> u64 {
        let mut leader = None;
        wait_for("a leader", || {
            leader = self.nodes.iter().find_map(|node| node.leader());
            leader.is_some()
        });
        leader.expect("it was waited for")
    }

    /// A node that runs and does not lead.
    pub(crate) fn follower(&self) -> u64 {
        let leader = self.leader();
        let mut running = self.nodes.iter().filter(|node| node.running.is_some()).map(|node| node.config.node.id);
        running.find(|id| *id != leader).expect("more than one node runs")
    }
}

impl Node {
    /// Where clients reach it.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.config.tls.cert.as_os_str().is_empty() { "http" } else { "https" };
        format!("{scheme}://{}", self.config.http.listen)
    }

    /// Starts this node; `bootstrap` makes the cluster if there is none.
    pub(crate) fn start(&mut self, bootstrap: bool) {
        self.start_with(Options { bootstrap, ..Options::default() });
    }

    /// Starts this node.
    pub(crate) fn start_with(&mut self, options: Options) {
        let runtime = runtime();
        let failures = self.failures.clone();
        let on_fatal = Arc::new(move |reason: &str| failures.lock().push(reason.to_owned()));
        let (config, supported_level) = (self.config.clone(), self.supported_level);
        self.starts += 1;
        let own = config.node.id.wrapping_mul(1_000).wrapping_add(self.starts);
        let handle = runtime.block_on(async {
            let listeners = Listeners::bind_all(&config).await.expect("the ports of this test are free");
            // Another cluster and another start draw other ids: a state remembers the requests of those before.
            let of_cluster = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
            let seed = Seed::Fixed(config.cluster.id.bytes().fold(own, of_cluster));
            let options = Options { on_fatal, supported_level, ..options };
            node::run(config, listeners, Clock::of_system(), seed, options).expect("it runs")
        });
        self.running = Some((runtime, handle));
    }

    /// Waits until clients may be sent here.
    pub(crate) fn wait_ready(&self) {
        let (runtime, handle) = self.running.as_ref().expect("it runs");
        let ready = runtime.block_on(async { tokio::time::timeout(PATIENCE, handle.wait_ready()).await });
        if ready == Ok(true) {
            return;
        }
        let url = format!("http://{}/readyz?verbose", self.config.http.listen);
        let told = runtime.block_on(async { reqwest::get(url).await?.text().await });
        panic!("node {} is not ready: {ready:?}, {told:?}, {:?}", self.config.node.id, self.failures.lock());
    }

    /// Ends this node as a killed process ends: at any place, without a word to anybody.
    pub(crate) fn kill(&mut self) {
        let (runtime, handle) = self.running.take().expect("it runs");
        // The runtime goes first: a handle that is dropped before it asks the node to stop.
        runtime.shutdown_timeout(KILL_TIME_MAX);
        drop(handle);
    }

    /// Asks this node to stop.
    #[allow(dead_code, reason = "most tests wait for the end as well")]
    pub(crate) fn tell_to_stop(&self) {
        self.running.as_ref().expect("it runs").1.stop();
    }

    /// Asks this node to stop and waits until it has.
    pub(crate) fn stop(&mut self) {
        let (runtime, mut handle) = self.running.take().expect("it runs");
        handle.stop();
        runtime.block_on(handle.ended()).expect("it stops as it should");
        runtime.shutdown_timeout(KILL_TIME_MAX);
    }

    /// Waits for the end of a node that is not asked to end, and returns why.
    pub(crate) fn ended(&mut self) -> End {
        let (runtime, mut handle) = self.running.take().expect("it runs");
        let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, handle.ended()).await });
        let end = ended.expect("it ends").expect_err("it says why");
        runtime.shutdown_timeout(KILL_TIME_MAX);
        end
    }

    /// The service of this node, which runs.
    pub(crate) fn service(&self) -> Service {
        self.running.as_ref().and_then(|(_, handle)| handle.service()).expect("it serves")
    }

    /// The consensus of this node, which runs.
    pub(crate) fn consensus(&self) -> Consensus {
        self.service().consensus().clone()
    }

    /// Does it run?
    pub(crate) fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Gives it other ports, as a machine that has moved.
    pub(crate) fn move_away(&mut self) {
        self.config.peer.listen = free_address().to_string();
        self.config.http.listen = free_address().to_string();
    }

    fn leader(&self) -> Option<u64> {
        self.running.as_ref()?.1.service()?.consensus().leader_id()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if node.running.is_some() {
                node.kill();
            }
        }
    }
}

/// A client that registers one subject after the other, through one node after the other, whatever becomes of them.
pub(crate) struct Load {
    acknowledged: Arc<Mutex<Vec<String>>>,
    /// What went wrong with other requests.
    failures: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    /// Registrations that count as progress.
    const PROGRESS: usize = 20;

    pub(crate) fn start(cluster: &Cluster) -> Self {
        let urls: Vec<_> = cluster.nodes.iter().map(Node::url).collect();
        let client = cluster.client.clone();
        let (acknowledged, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let failures: Arc<Mutex<Vec<String>>> = Arc::default();
        let (done, stopped, failed) = (Arc::clone(&acknowledged), Arc::clone(&stop), Arc::clone(&failures));
        let thread = std::thread::spawn(move || {
            runtime().block_on(async {
                for number in 0.. {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let subject = format!("load-{number}");
                    let url = format!("{}/subjects/{subject}/versions", urls[number % urls.len()]);
                    let body =
                        format!(r#"{{"schema":"{{\"type\":\"enum\",\"name\":\"E{number}\",\"symbols\":[\"A\"]}}"}}"#);
                    let request = client.post(url).header("content-type", "application/json").body(body);
                    match request.timeout(LOAD_TIME_MAX).send().await {
                        Ok(answer) if answer.status() == 200 => done.lock().push(subject),
                        other => {
                            failed.lock().push(format!("{subject}: {other:?}"));
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
            });
        });
        Self { acknowledged, failures, stop, thread }
    }

    /// Waits until some more registrations are acknowledged.
    pub(crate) fn progress(&self) {
        let goal = self.acknowledged.lock().len() + Self::PROGRESS;
        wait_for("progress under load", || self.acknowledged.lock().len() >= goal);
    }

    /// Requests that were not answered well so far.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.lock().clone()
    }

    /// Ends it and tells what was acknowledged.
    pub(crate) fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load ends");
        self.acknowledged.lock().clone()
    }
}

/// Waits for a condition that holds soon.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An address that was free a moment ago. The ports lie below those that the kernel gives away, each process of tests
/// begins elsewhere, and none is given twice in one process: a cluster that is not running yet keeps its own.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u16 = 12_000;
    const PORTS_OF_ONE: u16 = 200;
    const PROCESSES: u32 = 90;
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % PROCESSES).expect("it is small") * PORTS_OF_ONE;
    let ports = PORTS_OF_ONE * u16::try_from(PROCESSES).expect("it is small");
    loop {
        let next = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(next < ports, "no free port is left");
        let address = SocketAddr::from(([127, 0, 0, 1], FIRST + (start + next) % ports));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// An API key as HTTP Basic shows it.
pub(crate) fn basic((id, secret): (&str, &str)) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

fn config(id: u64, peer: SocketAddr, http: SocketAddr, data_dir: PathBuf, members: Vec<MemberConfig>) -> Config {
    Config {
        node: NodeConfig { id, region: "here".to_owned(), data_dir, priority: 0 },
        cluster: ClusterConfig {
            id: "in-process".to_owned(),
            profile: Profile::Lan,
            members,
            peer_overrides: std::collections::BTreeMap::new(),
            hold_level: false,
        },
        http: HttpConfig { listen: http.to_string(), drain_ms: 0, ..HttpConfig::default() },
        grpc: None,
        tls: TlsConfig::default(),
        peer: PeerConfig {
            listen: peer.to_string(),
            snapshot_bytes_per_second: 64 * 1024 * 1024,
            tls: PeerTlsConfig::default(),
        },
        read: ReadConfig::default(),
        limits: LimitsConfig::default(),
        connections: ConnectionsConfig::default(),
        disk: DiskConfig::default(),
        compaction: CompactionConfig::default(),
        scrub: ScrubConfig::default(),
        backup: BackupConfig::default(),
        security: SecurityConfig::default(),
        audit: AuditConfig { addresses: true },
        auth: AuthConfig::default(),
        rates: RatesConfig::default(),
    }
}
