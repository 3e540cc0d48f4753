//! What the machine does beside the measurement: who uses its processors, and what it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

/// Ticks of a processor per second, as Linux reports times to programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// A machine on which others use less than this share of its processors is quiet.
pub(super) const FOREIGN_MAX: f64 = 0.15;
const QUIET_LOOK: Duration = Duration::from_millis(500);

/// Processor time that a process and its threads have used, in seconds; 0 if it is gone.
pub(super) fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which may hold anything, come the fields from the third on.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.iter().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

/// Busy seconds of all processors since the machine started.
fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let idle: f64 = fields.iter().skip(3).take(2).sum();
    let guests: f64 = fields.iter().skip(8).take(2).sum();
    (fields.iter().sum::<f64>() - idle - guests) / TICKS_PER_SECOND
}

/// How much of the machine others used during a measurement.
pub(super) struct Watch {
    started: Instant,
    busy: f64,
    ours: f64,
}

impl Watch {
    /// Begins with what these processes and this one have used so far.
    pub(super) fn start(pids: &[u32]) -> Self {
        Self { started: Instant::now(), busy: busy_seconds(), ours: used_by(pids) }
    }

    /// The share of the machine that others used, and the processor seconds of the watched processes without this one.
    pub(super) fn end_watch(&self, pids: &[u32]) -> Foreign {
        let seconds = self.started.elapsed().as_secs_f64();
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let busy = busy_seconds() - self.busy;
        let ours = used_by(pids) - self.ours;
        Foreign { share: ((busy - ours) / (seconds * cores)).max(0.0) }
    }
}

/// See [`Watch::end_watch`].
pub(super) struct Foreign {
    /// Of the whole machine, 0 to 1.
    pub(super) share: f64,
}

fn used_by(pids: &[u32]) -> f64 {
    pids.iter().copied().chain([std::process::id()]).map(processor_seconds).sum()
}

/// Waits until others leave the machine alone, for a bounded time.
pub(super) async fn wait_until_quiet(pids: &[u32], time_max: Duration) {
    let end = Instant::now() + time_max;
    while Instant::now() < end {
        let watch = Watch::start(pids);
        tokio::time::sleep(QUIET_LOOK).await;
        if watch.end_watch(pids).share < FOREIGN_MAX {
            return;
        }
    }
}

/// A directory that goes with the run.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn make_folder() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("registry-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| format!("create {}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's directory for temporary files.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The machine, the program and the day, for the report.
pub(super) fn describe_machine(node: &Path) -> serde_json::Value {
    let first = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        line.split_once(':').map_or_else(|| line.clone(), |(_, value)| value.trim().to_owned())
    };
    let output = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    json!({
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "model": first("/proc/cpuinfo", "model name"),
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": first("/proc/version", "Linux"),
        "commit": output("git", &["rev-parse", "--short", "HEAD"]),
        "date": output("date", &["-u", "+%Y-%m-%d"]),
        "node": output(&node.display().to_string(), &["--version"]),
        "etcd": output("etcd", &["--version"]).lines().next().unwrap_or_default(),
    })
}
