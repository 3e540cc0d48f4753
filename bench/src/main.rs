//! `registry-bench`: load and fail-over figures of a running cluster.
#![allow(clippy::print_stdout, reason = "a benchmark prints figures")]

use std::process::ExitCode;
use std::time::Duration;

use bench::compare;
use bench::load::{Load, Work, run_load};
use clap::{Parser, Subcommand};

/// Measures a running cluster.
#[derive(Debug, Parser)]
#[command(name = "registry-bench", version)]
struct Arguments {
    /// URLs of the nodes, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "http://127.0.0.1:18081,http://127.0.0.1:18082,http://127.0.0.1:18083"
    )]
    url: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Registrations (new and known) and reads by id.
    Load {
        /// Clients at once.
        #[arg(long, default_value_t = 64)]
        clients: usize,
        /// Seconds per kind of work.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Validations of data over gRPC streams, on one node. Registers its schema as `bench-validate` first.
    Validate {
        /// The node's gRPC listener.
        #[arg(long, default_value = "http://127.0.0.1:18181")]
        grpc_url: String,
        /// Streams at once.
        #[arg(long, default_value_t = 4)]
        streams: usize,
        /// Seconds.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// One subject under BACKWARD_TRANSITIVE gets version after version, through the first node.
    History {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        versions: usize,
    },
    /// Registers many small schemas, ten to a subject, for `search`.
    Fill {
        /// The number of the first one: goes on where an earlier run ended.
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// How many.
        #[arg(long, default_value_t = 1_000_000)]
        versions: u64,
        /// Clients at once.
        #[arg(long, default_value_t = 128)]
        clients: usize,
    },
    /// The first page of searches of every kind, over what `fill` registered.
    Search {
        /// Requests of each kind.
        #[arg(long, default_value_t = 100)]
        times: usize,
    },
    /// Our cluster beside its limits and its peers, in one run: starts everything itself and prints medians of ratios.
    Compare {
        /// Rounds of every cell.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Seconds of one measurement.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// Only cells whose name contains this text.
        #[arg(long, default_value = "")]
        only: String,
        /// The server to measure.
        #[arg(long, env = "REGISTRY_NODE_BIN", default_value = "target/release/registry-node")]
        node: std::path::PathBuf,
        /// Seconds that a measurement waits for a quiet machine before it runs all the same.
        #[arg(long, default_value_t = 20)]
        quiet_wait: u64,
        /// Measures latencies at this share of the closed loop's speed too, without coordinated omission.
        #[arg(long)]
        open_loop: Option<f64>,
        /// Writes the figures as JSON into this file.
        #[arg(long)]
        json: Option<std::path::PathBuf>,
        /// Writes a chart into this file.
        #[arg(long)]
        svg: Option<std::path::PathBuf>,
    },
    /// A bare HTTP server that answers with the bytes of a file; `compare` starts it.
    #[command(hide = true)]
    ServeAxum {
        /// Port on loopback.
        port: u16,
        /// The file.
        file: std::path::PathBuf,
    },
    /// A bare gRPC server that answers with the message in a file; `compare` starts it.
    #[command(hide = true)]
    ServeTonic {
        /// Port on loopback.
        port: u16,
        /// The file.
        file: std::path::PathBuf,
    },
    /// SIGKILLs of the leader, through scripts/cluster.sh.
    Failover {
        /// How many.
        #[arg(long, default_value_t = 10)]
        kills: usize,
        /// The script.
        #[arg(long, default_value = "scripts/cluster.sh")]
        script: String,
        /// The cluster's directory.
        #[arg(long)]
        dir: String,
        /// The cluster's first port.
        #[arg(long, default_value_t = 18080)]
        port_base: u16,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run_measurement(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("registry-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn read_file(path: &std::path::Path) -> Result<bytes::Bytes, String> {
    std::fs::read(path).map(Into::into).map_err(|error| format!("read {}: {error}", path.display()))
}

fn write_file(path: &std::path::Path, text: String) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("write {}: {error}", path.display()))
}

async fn run_measurement(arguments: Arguments) -> Result<(), String> {
    let url = arguments.url.first().map(String::as_str).unwrap_or_default();
    match arguments.command {
        Command::Load { clients, seconds } => {
            println!(
                "{:<8} {:>8} {:>12} {:>10} {:>10} {:>8}",
                "work", "clients", "per second", "p50 ms", "p99 ms", "failed"
            );
            for (name, work) in [("new", Work::New), ("known", Work::Known), ("by-id", Work::ById)] {
                let figures =
                    run_load(&arguments.url, Load { work, clients, time: Duration::from_secs(seconds) }).await;
                let (per_second, p50, p99) = (figures.per_second, in_ms(figures.p50), in_ms(figures.p99));
                println!("{name:<8} {clients:>8} {per_second:>12.0} {p50:>10.2} {p99:>10.2} {:>8}", figures.failed);
            }
        }
        Command::Validate { grpc_url, streams, seconds } => {
            let subject = "bench-validate";
            let registry = bench::bare_client(url, bench::ANSWER_TIME_MAX).map_err(|error| error.to_string())?;
            let new = client::NewSchema::avro(bench::validate::SCHEMA);
            registry.register(subject, &new).await.map_err(|error| format!("register the schema: {error}"))?;
            let figures =
                bench::validate::measure_validation(&grpc_url, subject, streams, Duration::from_secs(seconds)).await?;
            let per_second = u128::from(figures.answers) * 1_000 / figures.time.as_millis().max(1);
            println!("{streams} streams: {} validations, {per_second} per second", figures.answers);
        }
        Command::History { versions } => {
            let subject = format!("bench-history-{}", std::process::id());
            let figures = bench::history::measure_registrations(url, &subject, versions).await?;
            let block = 50.min(versions);
            for part in [1..=block, versions + 1 - block..=versions] {
                println!("median of versions {part:?}: {:.2} ms", in_ms(figures.median(part.clone())));
            }
        }
        Command::Fill { first, versions, clients } => {
            let time = bench::catalogue::fill_catalogue(url, first, versions, clients).await?;
            let per_second = u128::from(versions) * 1_000 / time.as_millis().max(1);
            println!("{versions} versions, {per_second} per second");
        }
        Command::Search { times } => {
            println!("{:<36} {:>6} {:>10} {:>10}", "search", "found", "p50 ms", "p99 ms");
            for figures in bench::catalogue::measure_searches(url, times).await? {
                let bench::catalogue::Figures { query, found, p50, p99 } = figures;
                println!("{query:<36} {found:>6} {:>10.2} {:>10.2}", in_ms(p50), in_ms(p99));
            }
        }
        Command::Compare { rounds, seconds, only, node, quiet_wait, open_loop, json, svg } => {
            let time = Duration::from_secs(seconds);
            let quiet_wait = Duration::from_secs(quiet_wait);
            let plan = compare::Plan { rounds, time, only, node, quiet_wait, open_loop };
            let report = compare::run_plan(&plan).await?;
            println!("{}", report.in_markdown());
            if let Some(path) = json {
                write_file(&path, format!("{:#}\n", report.in_json()))?;
            }
            if let Some(path) = svg {
                write_file(&path, report.in_svg())?;
            }
        }
        Command::ServeAxum { port, file } => compare::serve_axum(port, read_file(&file)?).await?,
        Command::ServeTonic { port, file } => compare::serve_tonic(port, read_file(&file)?).await?,
        Command::Failover { kills, script, dir, port_base } => {
            let place = ["--dir".to_owned(), dir, "--port-base".to_owned(), port_base.to_string()];
            let mut times = bench::failover::measure_failovers(&script, &place, port_base, kills).await?;
            times.sort_unstable();
            let ms = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
            println!(
                "median {} ms, fastest {} ms, slowest {} ms",
                ms(times.get(times.len() / 2)),
                ms(times.first()),
                ms(times.last())
            );
        }
    }
    Ok(())
}
