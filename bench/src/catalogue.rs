//! The catalogue of a large registry: fills it, and times searches over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

/// Versions of each subject.
const VERSIONS_PER_SUBJECT: u64 = 10;

/// A schema that shares a field with all others, one with every thousandth, and has one of its own.
fn schema(number: u64) -> String {
    let field = |name: String| json!({"name": name, "type": "string", "default": ""});
    let fields = ["id".to_owned(), format!("part_{}", number % 1_000), format!("only_{number}")].map(field);
    let doc = if number.is_multiple_of(100_000) { "tariff of a model" } else { "usage of a model" };
    json!({"type": "record", "name": "R", "namespace": format!("team{}", number % 50), "doc": doc, "fields": fields})
        .to_string()
}

/// Registers so many versions under subjects of ten each, and goes on where an earlier run stopped.
///
/// # Errors
/// An answer that is no success.
///
/// # Panics
/// If a client panics.
pub async fn fill(url: &str, first: u64, versions: u64, clients: usize) -> Result<Duration, String> {
    let begun = Instant::now();
    let (next, end) =
        (Arc::new(AtomicU64::new(first / VERSIONS_PER_SUBJECT)), (first + versions) / VERSIONS_PER_SUBJECT);
    let mut all = Vec::new();
    for _ in 0..clients {
        let (url, next) = (url.to_owned(), next.clone());
        all.push(tokio::spawn(async move {
            let http =
                reqwest::Client::builder().pool_max_idle_per_host(1).build().map_err(|error| error.to_string())?;
            loop {
                let subject = next.fetch_add(1, Ordering::Relaxed);
                if subject >= end {
                    return Ok::<_, String>(());
                }
                for version in 0..VERSIONS_PER_SUBJECT {
                    let number = subject * VERSIONS_PER_SUBJECT + version;
                    let body = json!({"schema": schema(number)});
                    let path = format!("{url}/subjects/area{}.subject-{subject:07}/versions", subject % 1_000);
                    let answer = http.post(path).json(&body).send().await.map_err(|error| error.to_string())?;
                    if !answer.status().is_success() {
                        return Err(answer.text().await.map_err(|error| error.to_string())?);
                    }
                    drop(answer.bytes().await);
                }
            }
        }));
    }
    for client in all {
        client.await.expect("a client does not panic")?;
    }
    Ok(begun.elapsed())
}

/// Latencies of one search, and how much its first page holds.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The search.
    pub query: &'static str,
    /// Versions on its first page.
    pub found: usize,
    /// Median.
    pub p50: Duration,
    /// 99th percentile.
    pub p99: Duration,
}

/// Times the first page of searches of every kind.
///
/// # Errors
/// An answer that is no success.
pub async fn search(url: &str, times: usize) -> Result<Vec<Figures>, String> {
    const QUERIES: [&str; 9] = [
        "prefix=area77.",
        "field=only_77777",
        "field=part_77",
        "field=id",
        "field=id&text=tariff",
        "type=team7.R&field=part_7",
        "path=part_77&prefix=area77.",
        "text=usage model&latestOnly=true",
        "format=AVRO",
    ];
    let http = reqwest::Client::new();
    let mut all = Vec::new();
    for query in QUERIES {
        let (mut latencies, mut found) = (Vec::new(), 0);
        for _ in 0..times {
            let begun = Instant::now();
            let answer =
                http.get(format!("{url}/api/v1/search?{query}")).send().await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = answer.bytes().await.map_err(|error| error.to_string())?;
            latencies.push(begun.elapsed());
            if !status.is_success() {
                return Err(format!("{query}: {status}"));
            }
            let page: serde_json::Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            found = page.get("versions").and_then(|versions| versions.as_array()).map_or(0, Vec::len);
        }
        latencies.sort_unstable();
        let at =
            |part: usize| latencies.get(latencies.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
        all.push(Figures { query, found, p50: at(50), p99: at(99) });
    }
    Ok(all)
}
