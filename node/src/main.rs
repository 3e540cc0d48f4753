//! `registry-node`: a node in a process of its own. Arguments, signals, exit codes; everything else is the library.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use node::host::restore::{Restore, Restored, restore_backup};
use node::host::{Supervisor, logs};
use node::sockets::descriptors::{self, Raised};
use node::{Clock, Config, End, Listeners, Options, Seed, StartError};

/// A quarter of a write's processor time was glibc's allocator. This one serves RocksDB, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    /// Build the data directory from a backup, and end: a full one and the incremental ones behind it (one flag each), or a
    /// directory of which the newest are taken. This node becomes the only voter of a new cluster.
    #[arg(long, value_name = "FILE")]
    restore: Vec<PathBuf>,
    /// Restore up to this log index, and no further.
    #[arg(long, requires = "restore", value_name = "INDEX")]
    restore_to_index: Option<u64>,
    /// The file with the keys of encrypted backups; otherwise backup.key_file.
    #[arg(long, requires = "restore", value_name = "FILE")]
    restore_key_file: Option<PathBuf>,
    /// Restore only what this key has signed (in hexadecimal).
    #[arg(long, requires = "restore", value_name = "KEY")]
    restore_signed_by: Option<String>,
    /// Make a new root key, once this node has a leader, and write it into the data directory. For operators who have no key
    /// any more; the audit log has it under the name of this node.
    #[arg(long)]
    root_key: bool,
    /// Check the configuration and end.
    #[arg(long)]
    check_config: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logs::start_logging();
    start_failpoints();
    match start_node(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(end) => {
            let what = match &end {
                End::NotStarted(StartError::Config(_)) => "the configuration cannot be used",
                End::NotStarted(_) => "this node does not start",
                End::Fatal(_) | End::Outdated(_) | End::Panicked(_) => "this node ends",
            };
            tracing::error!(reason = %end, "{what}");
            ExitCode::from(end.exit_code())
        }
    }
}

fn start_node(arguments: Arguments) -> Result<(), End> {
    let config = Config::load(&arguments.config, std::env::vars()).map_err(StartError::from)?;
    let is_member = config.cluster.members.iter().any(|member| member.id == config.node.id);
    if arguments.bootstrap && !is_member {
        let id = config.node.id;
        return Err(StartError::Mismatch(format!(
            "--bootstrap makes a cluster of the members in the configuration, and node.id = {id} is not among \
             cluster.members"
        ))
        .into());
    }
    if arguments.check_config {
        tracing::info!("the configuration is good");
        return Ok(());
    }
    if !arguments.restore.is_empty() {
        let configured = Some(config.backup.key_file.clone()).filter(|path| !path.as_os_str().is_empty());
        let asked = Restore {
            sources: arguments.restore,
            to_index: arguments.restore_to_index,
            key_file: arguments.restore_key_file.or(configured),
            signed_by: arguments.restore_signed_by,
        };
        let Restored { from_cluster, index, digest, rows, entries, .. } = restore_backup(&config, &asked)?;
        tracing::info!(from_cluster, index, digest, rows, entries, "restored; start this node without --restore now");
        return Ok(());
    }
    let Raised { before, now } = descriptors::raise_limit();
    tracing::info!(before, now, "open files at most (RLIMIT_NOFILE)");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| StartError::System { doing: "start the runtime", reason: error.to_string() })?;
    runtime.block_on(async {
        let listeners = Listeners::bind_all(&config).await?;
        let options = Options {
            bootstrap: arguments.bootstrap,
            root_key: arguments.root_key,
            on_fatal: Arc::new(end_process),
            ..Options::default()
        };
        let mut node = node::run(config, listeners, Clock::of_system(), Seed::System, options)?;
        let supervisor = supervisor_of_process();
        let ready = node.readiness();
        tokio::select! {
            ended = node.ended() => return ended,
            () = supervisor.watch_readiness(ready) => {}
            () = stop_signal() => {}
        }
        supervisor.tell_stopping();
        node.stop();
        loop {
            tokio::select! {
                ended = node.ended() => return ended,
                // Closing may take longer than a supervisor likes silence.
                () = supervisor.watch_readiness(std::future::ready(false)) => return Ok(()),
                // A second one ends the wait for clients.
                () = stop_signal() => node.stop(),
            }
        }
    })
}

/// Whoever started this process and wants to know how it is.
fn supervisor_of_process() -> Supervisor {
    let variable = |name: &str| std::env::var(name).ok();
    let found = Supervisor::of(variable("NOTIFY_SOCKET").as_deref(), variable("WATCHDOG_USEC").as_deref());
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, "NOTIFY_SOCKET cannot be reached");
        Supervisor::default()
    })
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

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
