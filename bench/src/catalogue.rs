//! The catalogue of a large registry: fills it, and times searches over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use client::{NewSchema, v1};
use serde_json::json;

use crate::{ANSWER_TIME_MAX, bare_client};

/// Versions of each subject.
const VERSIONS_PER_SUBJECT: u64 = 10;

/// A schema that shares a field with all others, one with every thousandth, and has one of its own.
fn schema_text(number: u64) -> String {
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
pub async fn fill_catalogue(url: &str, first: u64, versions: u64, clients: usize) -> Result<Duration, String> {
    let begun = Instant::now();
    let (next, end) =
        (Arc::new(AtomicU64::new(first / VERSIONS_PER_SUBJECT)), (first + versions) / VERSIONS_PER_SUBJECT);
    let mut all = Vec::new();
    for _ in 0..clients {
        let (url, next) = (url.to_owned(), next.clone());
        all.push(tokio::spawn(async move {
            let registry = bare_client(&url, ANSWER_TIME_MAX).map_err(|error| error.to_string())?;
            loop {
                let subject = next.fetch_add(1, Ordering::Relaxed);
                if subject >= end {
                    return Ok::<_, String>(());
                }
                for version in 0..VERSIONS_PER_SUBJECT {
                    let number = subject * VERSIONS_PER_SUBJECT + version;
                    let name = format!("area{}.subject-{subject:07}", subject % 1_000);
                    let new = NewSchema::avro(schema_text(number));
                    registry.register(&name, &new).await.map_err(|error| error.to_string())?;
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
pub async fn measure_searches(url: &str, times: usize) -> Result<Vec<Figures>, String> {
    let any = v1::SearchRequest::default;
    let text = ToOwned::to_owned;
    let queries: [(&'static str, v1::SearchRequest); 9] = [
        ("prefix=area77.", v1::SearchRequest { prefix: text("area77."), ..any() }),
        ("field=only_77777", v1::SearchRequest { field: text("only_77777"), ..any() }),
        ("field=part_77", v1::SearchRequest { field: text("part_77"), ..any() }),
        ("field=id", v1::SearchRequest { field: text("id"), ..any() }),
        ("field=id&text=tariff", v1::SearchRequest { field: text("id"), text: text("tariff"), ..any() }),
        ("type=team7.R&field=part_7", v1::SearchRequest { r#type: text("team7.R"), field: text("part_7"), ..any() }),
        ("path=part_77&prefix=area77.", v1::SearchRequest { path: text("part_77"), prefix: text("area77."), ..any() }),
        ("text=usage model&latestOnly", v1::SearchRequest { text: text("usage model"), latest_only: true, ..any() }),
        ("format=AVRO", v1::SearchRequest { format: text("AVRO"), ..any() }),
    ];
    let registry = bare_client(url, ANSWER_TIME_MAX).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for (query, question) in queries {
        let (mut latencies, mut found) = (Vec::new(), 0);
        for _ in 0..times {
            let begun = Instant::now();
            let page = registry.search(&question).await.map_err(|error| format!("{query}: {error}"))?;
            latencies.push(begun.elapsed());
            found = page.versions.len();
        }
        latencies.sort_unstable();
        let at =
            |part: usize| latencies.get(latencies.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
        all.push(Figures { query, found, p50: at(50), p99: at(99) });
    }
    Ok(all)
}
