//! Closed-loop load: a number of clients, each with one request under way, for a bounded time.
//!
//! It speaks HTTP by itself and drops the answers unread: what a client library does with an answer would count as the
//! node's work on a machine that both share, and figures of different months could not be compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Register a new schema under a new subject.
    New,
    /// Register a schema that is there already.
    Known,
    /// Read a schema by id.
    ById,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// What.
    pub work: Work,
    /// Clients at once.
    pub clients: usize,
    /// For how long.
    pub time: Duration,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Requests answered 200 per second.
    pub per_second: f64,
    /// Other answers.
    pub failed: u64,
    /// Median latency.
    pub p50: Duration,
    /// 99th percentile.
    pub p99: Duration,
}

/// A schema of about 2.2 KB, different for each number.
pub fn schema_text(number: u64) -> String {
    let fields: Vec<_> = (0..17)
        .map(|field| {
            json!({
                "name": format!("field_number_{field:02}"),
                "type": ["null", "string"],
                "default": null,
                "doc": format!("Field {field} of the record that the benchmark registers, number {number}"),
            })
        })
        .collect();
    json!({"type": "record", "name": format!("Record{number}"), "namespace": "bench.telemetry", "fields": fields})
        .to_string()
}

/// Runs the load against nodes, clients spread over them.
///
/// # Panics
/// If a client cannot be made.
pub async fn run_load(urls: &[String], load: Load) -> Figures {
    let numbers = Arc::new(AtomicU64::new(random_seed()));
    let failed = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + load.time;
    let started = Instant::now();
    let mut clients = Vec::new();
    // Another load of this process has chosen the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    for client in 0..load.clients {
        let (url, numbers, failed) = (urls[client % urls.len()].clone(), numbers.clone(), failed.clone());
        clients.push(tokio::spawn(async move {
            let http = reqwest::Client::builder().pool_max_idle_per_host(1).build().expect("a client of defaults");
            let mut times = Vec::new();
            while Instant::now() < end {
                let request = match load.work {
                    Work::New => {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        let body = json!({"schema": schema_text(number)});
                        http.post(format!("{url}/subjects/bench-{number}/versions")).json(&body)
                    }
                    Work::Known => http
                        .post(format!("{url}/subjects/bench-known/versions"))
                        .json(&json!({"schema": schema_text(1)})),
                    Work::ById => http.get(format!("{url}/schemas/ids/1")),
                };
                let asked = Instant::now();
                let good = match request.send().await {
                    Ok(answer) => {
                        let good = answer.status().is_success();
                        drop(answer.bytes().await);
                        good
                    }
                    Err(_) => false,
                };
                if good {
                    times.push(asked.elapsed());
                } else {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
            times
        }));
    }
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.expect("a client of the load does not panic"));
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: usize| times.get(times.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
    #[allow(clippy::cast_precision_loss)]
    let per_second = times.len() as f64 / seconds;
    Figures { per_second, failed: failed.load(Ordering::Relaxed), p50: at(50), p99: at(99) }
}

/// A first number that earlier runs against the same cluster did not use.
fn random_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() * 1_000_000
}
