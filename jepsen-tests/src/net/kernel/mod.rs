//! A network namespace for every node, joined by a bridge that the clients are on: faults of the kernel itself.
//!
//! Only iproute2 is used, and only on what was made here: never the machine's own interfaces, routes, rules or clock.
//! Everything is removed when [`Namespaces`] is dropped, also after a panic. How each obstacle is made stands in `layout`;
//! here it is carried out.

mod layout;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::Figures;
use layout::{Layout, Line, Obstacle};

/// Where networks are looked for: 10.128.0.0/9, from any place on.
const SECONDS: std::ops::RangeInclusive<u8> = 128..=254;
/// Networks that are tried.
const TRIES: usize = 50;

/// Namespaces 1 to n, their cables, and the bridge.
#[derive(Debug)]
pub struct Namespaces {
    layout: Layout,
    nodes: u64,
    obstacles: Mutex<BTreeSet<Obstacle>>,
    broken: AtomicU64,
    /// What lines that were thin once made wait.
    queued: AtomicU64,
}

/// Can namespaces be made, and packets be dropped, here? Tried once.
///
/// # Errors
/// Why not.
pub fn possible() -> Result<(), String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    let try_it = || Namespaces::make(2)?.put(Obstacle::Dropped { from: 1, to: 2 });
    ANSWER.get_or_init(try_it).clone()
}

impl Namespaces {
    /// Makes everything for so many nodes.
    ///
    /// # Errors
    /// What could not be done, and why. What was made until then is removed.
    pub fn make(nodes: u64) -> Result<Self, String> {
        let layout = claim_layout()?;
        let made =
            Self { layout, nodes, obstacles: Mutex::default(), broken: AtomicU64::new(0), queued: AtomicU64::new(0) };
        run_all(&layout.raise_bridge())?;
        for node in 1..=nodes {
            run_all(&layout.raise_node(node))?;
        }
        Ok(made)
    }

    /// A node's address.
    pub fn address(&self, node: u64) -> Ipv4Addr {
        self.layout.address(node)
    }

    /// What comes before a command that runs in a node's namespace. It is replaced by the command: the process is the same.
    pub fn launcher(&self, node: u64) -> Vec<String> {
        self.layout.launcher_line(node)
    }

    /// The receiver's kernel drops what comes from `from`, without a word.
    pub(super) fn drop_packets(&self, from: u64, to: u64) {
        self.must(Obstacle::Dropped { from, to });
    }

    /// The sender's kernel has no route to `to`.
    pub(super) fn unroute(&self, from: u64, to: u64) {
        self.must(Obstacle::Unrouted { from, to });
    }

    /// Pulls a node's cable: no node and no client reaches it.
    ///
    /// # Panics
    /// If the kernel does not do it.
    pub fn unplug(&self, node: u64) {
        self.must(Obstacle::Unplugged(node));
    }

    /// The bridge carries nothing between these nodes any more; all others, and the clients, are reached.
    ///
    /// # Panics
    /// If the kernel does not do it.
    pub fn isolate(&self, nodes: &[u64]) {
        for node in nodes {
            self.must(Obstacle::Isolated(*node));
        }
    }

    /// Lets only so much pass between a node and everyone else, each way.
    ///
    /// # Panics
    /// If the kernel does not do it.
    pub fn thin(&self, node: u64, bytes_per_second: u64) {
        self.must(Obstacle::Thin { node, bytes_per_second });
    }

    /// Kills the sockets that two nodes have with each other, at both ends.
    pub(super) fn reset(&self, one: u64, other: u64) {
        for (at, with) in [(one, other), (other, one)] {
            let killed = run_line(&self.layout.reset_line(at, with)).unwrap_or_else(|error| panic!("{error}"));
            self.broken.fetch_add(killed.lines().count() as u64, Ordering::Relaxed);
        }
    }

    /// Takes all obstacles away.
    pub(super) fn heal(&self) {
        // A queue takes its counters with it.
        self.queued.fetch_add(self.queued_now(), Ordering::Relaxed);
        let obstacles = std::mem::take(&mut *self.obstacles());
        for obstacle in obstacles {
            run_all(&self.layout.lines_to_take(obstacle)).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// What the kernels did so far.
    ///
    /// # Panics
    /// If a namespace is gone.
    pub(super) fn figures(&self) -> Figures {
        let mut sum = Figures { broken: self.broken.load(Ordering::Relaxed), ..Figures::default() };
        for node in 1..=self.nodes {
            let text = run_line(&self.layout.counters_line(node)).unwrap_or_else(|error| panic!("{error}"));
            let (dropped, unrouted) = layout::dropped_and_unrouted(&text).expect("the kernel counts");
            sum.add(Figures { dropped, unrouted, ..Figures::default() });
        }
        sum.queued = self.queued.load(Ordering::Relaxed) + self.queued_now();
        sum
    }

    /// What lines that are thin now made wait.
    fn queued_now(&self) -> u64 {
        let thin = |obstacle: &Obstacle| match obstacle {
            Obstacle::Thin { node, .. } => Some(*node),
            Obstacle::Dropped { .. } | Obstacle::Unrouted { .. } | Obstacle::Unplugged(_) | Obstacle::Isolated(_) => {
                None
            }
        };
        let nodes: Vec<u64> = self.obstacles().iter().filter_map(thin).collect();
        let mut sum = 0;
        for (tc, device) in nodes.into_iter().flat_map(|node| self.layout.cable_ends(node)) {
            let show = format!("{tc} -s qdisc show dev {device}");
            let text = run_line(&show.split(' ').map(str::to_owned).collect::<Vec<_>>());
            sum += layout::count_queued(&text.unwrap_or_else(|error| panic!("{error}")));
        }
        sum
    }

    fn must(&self, obstacle: Obstacle) {
        self.put(obstacle).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Puts an obstacle up, if it is not there.
    fn put(&self, obstacle: Obstacle) -> Result<(), String> {
        if self.obstacles().insert(obstacle) { run_all(&self.layout.lines_to_put(obstacle)) } else { Ok(()) }
    }

    fn obstacles(&self) -> MutexGuard<'_, BTreeSet<Obstacle>> {
        self.obstacles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // What was never made cannot be removed; whatever else fails must not keep the rest.
        for line in (1..=self.nodes).flat_map(|node| self.layout.remove_node(node)) {
            drop(run_line(&line));
        }
        if let Err(error) = run_line(&self.layout.remove_bridge()) {
            eprintln!("left behind: {error}");
        }
    }
}

/// Makes a bridge whose name, and so whose network, nobody else has.
fn claim_layout() -> Result<Layout, String> {
    let routes = run_line(&["ip", "-4", "route", "show", "table", "all"].map(str::to_owned))?;
    let (process, mut last) = (std::process::id(), "every network is routed somewhere".to_owned());
    for _ in 0..TRIES {
        let layout = Layout { process, second: rand::random_range(SECONDS), third: rand::random() };
        if layout.is_taken(&routes) {
            continue;
        }
        match run_line(&layout.claim()) {
            Ok(_) => return Ok(layout),
            Err(error) if error.contains("File exists") => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(format!("find a network below 10.128.0.0/9 in {TRIES} tries: {last}"))
}

fn run_all(lines: &[Line]) -> Result<(), String> {
    lines.iter().try_for_each(|line| run_line(line).map(drop))
}

/// Runs a command; what it printed.
fn run_line(line: &[String]) -> Result<String, String> {
    let (program, arguments) = line.split_first().ok_or("run nothing")?;
    let command_line = line.join(" ");
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{command_line}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command_line}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
    }
}
