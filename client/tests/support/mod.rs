//! A cluster of real node processes for the tests of the client. It builds nothing: the binary is beside the test's own
//! target directory, or where `REGISTRY_NODE_BIN` says.
#![allow(dead_code, reason = "each test program uses a part")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::{Client, ClientConfig};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// The header by which the tests say who they are, as a proxy in front would.
pub(crate) const PRINCIPAL_HEADER: &str = "x-user";
/// How long something may take on a busy machine before the test gives up.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(90);
const REGIONS: [&str; 3] = ["eu-west", "us-east", "ap-south"];
/// Ports below those that the kernel gives away, and away from those of the drills.
const PORTS_FIRST: u16 = 9_000;
const PORTS_OF_ONE: u16 = 16;
const PLACES: u16 = 150;

/// One cluster at a time, so that tests do not slow each other down.
static ONE: Mutex<()> = Mutex::const_new(());

pub(crate) fn node_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("REGISTRY_NODE_BIN") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    let target = profile.parent().expect("a profile lies in target");
    let places =
        [profile.join("registry-node"), target.join("release/registry-node"), target.join("debug/registry-node")];
    let found = places.iter().find(|path| path.is_file());
    found.cloned().unwrap_or_else(|| {
        panic!("no registry-node beside {}: build it with 'cargo build -p schemareg-node', or let REGISTRY_NODE_BIN name one", profile.display())
    })
}

struct Node {
    process: Option<Child>,
}

pub(crate) struct Cluster {
    dir: TempDir,
    first_port: u16,
    nodes: Vec<Node>,
    _ports: TcpListener,
    _one: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts a cluster and waits until every node is ready.
    pub(crate) async fn start(nodes: usize) -> Self {
        let one = ONE.lock().await;
        let (guard, first_port) = free_ports();
        let dir = tempfile::Builder::new().prefix("client-").tempdir().expect("make a directory");
        let mut cluster = Self { dir, first_port, nodes: Vec::new(), _ports: guard, _one: one };
        for position in 0..nodes {
            cluster.nodes.push(Node { process: None });
            cluster.write_config(position + 1, nodes);
            cluster.spawn(position + 1, position == 0);
        }
        for id in 1..=nodes {
            cluster.ready(id).await;
        }
        cluster
    }

    fn port(&self, id: usize, kind: u16) -> u16 {
        self.first_port + 1 + 3 * (u16::try_from(id).expect("few nodes") - 1) + kind
    }

    pub(crate) fn url(&self, id: usize) -> String {
        format!("http://127.0.0.1:{}", self.port(id, 0))
    }

    pub(crate) fn peer_address(&self, id: usize) -> String {
        format!("127.0.0.1:{}", self.port(id, 1))
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        (1..=self.nodes.len()).map(|id| self.url(id)).collect()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn client(&self) -> Client {
        ClientConfig::new(self.urls()).build().expect("the URLs are URLs")
    }

    /// A client of somebody.
    pub(crate) fn client_of(&self, user: &str) -> Client {
        let mut config = ClientConfig::new(self.urls());
        config.headers.push((PRINCIPAL_HEADER.to_owned(), user.to_owned()));
        config.build().expect("the URLs are URLs")
    }

    /// Writes the configuration of a node, which knows the first `members` of the cluster.
    pub(crate) fn write_config(&self, id: usize, members: usize) {
        let mut text = format!(
            "[node]\nid = {id}\nregion = \"{}\"\ndata_dir = \"{}\"\n\n[cluster]\nid = \"client-test\"\nprofile = \"lan\"\n",
            REGIONS[(id - 1) % 3],
            self.dir.path().join(format!("node{id}")).display(),
        );
        for member in 1..=members {
            text.push_str(&format!(
                "\n[[cluster.members]]\nid = {member}\npeer_address = \"{}\"\nhttp_url = \"{}\"\nregion = \"{}\"\n",
                self.peer_address(member),
                self.url(member),
                REGIONS[(member - 1) % 3],
            ));
        }
        text.push_str(&format!(
            "\n[http]\nlisten = \"127.0.0.1:{}\"\nprincipal_header = \"{PRINCIPAL_HEADER}\"\n\n[peer]\nlisten = \"{}\"\n",
            self.port(id, 0),
            self.peer_address(id),
        ));
        let backups = self.dir.path().join(format!("node{id}-backups"));
        text.push_str(&format!("\n[backup]\ndirectory = \"{}\"\n", backups.display()));
        std::fs::write(self.dir.path().join(format!("node{id}.toml")), text).expect("write a configuration");
    }

    /// Makes room for one more node; its id.
    pub(crate) fn prepare_another(&mut self) -> usize {
        let members = self.nodes.len();
        self.nodes.push(Node { process: None });
        self.write_config(members + 1, members);
        members + 1
    }

    pub(crate) fn spawn(&mut self, id: usize, bootstrap: bool) {
        let log = std::fs::File::options().create(true).append(true).open(self.log_path(id)).expect("open a log");
        let mut command = Command::new(node_binary());
        command.arg("--config").arg(self.dir.path().join(format!("node{id}.toml")));
        if bootstrap {
            command.arg("--bootstrap");
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("share a log")).stderr(log);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REGISTRY__")) {
            command.env_remove(name);
        }
        self.nodes[id - 1].process = Some(command.spawn().expect("start a node"));
    }

    fn log_path(&self, id: usize) -> PathBuf {
        self.dir.path().join(format!("node{id}.log"))
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, id: usize) {
        let mut process = self.nodes[id - 1].process.take().expect("the node runs");
        process.kill().expect("kill a child");
        process.wait().expect("wait for a child");
    }

    /// SIGSTOP or SIGCONT, by the shell's own `kill`.
    pub(crate) fn signal(&self, id: usize, signal: &str) {
        let pid = self.nodes[id - 1].process.as_ref().expect("the node runs").id();
        let sent = Command::new("sh").args(["-c", &format!("kill -s {signal} {pid}")]).status();
        assert!(sent.expect("run sh").success(), "send SIG{signal}");
    }

    pub(crate) async fn ready(&self, id: usize) {
        let client = ClientConfig::new([self.url(id)]).build().expect("the URL is one");
        let url = self.url(id);
        until(&format!("node {id} is ready"), || async { matches!(client.readiness_of(&url).await, Ok(Ok(()))) }).await;
    }

    pub(crate) async fn leader(&self) -> usize {
        let client = self.client();
        let started = Instant::now();
        while started.elapsed() < TIME_MAX {
            if let Ok(status) = client.status().await
                && let Some(leader) = client::Health::of(&status).leader
            {
                return usize::try_from(leader).expect("few nodes");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody leads");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                // A paused process dies of SIGKILL, too.
                drop(process.kill());
                drop(process.wait());
            }
        }
        if std::thread::panicking() {
            #[allow(clippy::print_stdout, reason = "what a test that failed shows")]
            for id in 1..=self.nodes.len() {
                let log = std::fs::read_to_string(self.log_path(id)).unwrap_or_default();
                let lines: Vec<_> = log.lines().rev().take(8).collect();
                println!("the end of node {id}'s log:");
                lines.iter().rev().for_each(|line| println!("  {line}"));
            }
        }
    }
}

fn free_ports() -> (TcpListener, u16) {
    let start = u16::try_from(std::process::id() % u32::from(PLACES)).expect("it is small");
    for number in 0..PLACES {
        let first = PORTS_FIRST + (start + number) % PLACES * PORTS_OF_ONE;
        // The first port is held as long as the cluster lives, so that no other test takes the rest.
        let Ok(guard) = TcpListener::bind(("127.0.0.1", first)) else { continue };
        if (1..PORTS_OF_ONE).all(|port| TcpListener::bind(("127.0.0.1", first + port)).is_ok()) {
            return (guard, first);
        }
    }
    panic!("no free ports");
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < TIME_MAX, "{what}: not within {} s", TIME_MAX.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
