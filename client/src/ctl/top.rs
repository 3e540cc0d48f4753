//! `registryctl top`: a live view. On a terminal it is drawn anew each time; into a pipe it is one block after the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::Health;
use serde_json::json;

use crate::Session;
use crate::cluster::urls_of;
use crate::fail::CommandError;
use crate::profile::parse_duration;
use crate::screen::{Shown, Tone};

#[derive(Debug, clap::Args)]
pub(crate) struct TopArguments {
    /// How often.
    #[arg(long, default_value = "1s")]
    every: String,
    /// End after so many views.
    #[arg(long)]
    count: Option<u64>,
}

/// What one node counted at a moment.
#[derive(Debug, Clone)]
struct Counted {
    at: Instant,
    requests: f64,
    errors: f64,
    syncs: f64,
    applied: f64,
    staleness_ms: Option<f64>,
}

/// The sum of a metric over its labels that fit, in the text form of Prometheus.
fn sum(text: &str, name: &str, fits: impl Fn(&str) -> bool) -> Option<f64> {
    let mut total = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(rest) = line.strip_prefix(name) else { continue };
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => match rest.rsplit_once('}') {
                Some(parts) => parts,
                None => continue,
            },
            None if rest.starts_with(' ') => ("", rest),
            None => continue,
        };
        if let Some(value) = value.split_whitespace().next().and_then(|value| value.parse::<f64>().ok())
            && fits(labels)
        {
            total = Some(total.unwrap_or(0.0) + value);
        }
    }
    total
}

fn read_counted(text: &str, at: Instant) -> Counted {
    let all = |name: &str| sum(text, name, |_| true);
    let requests = "schemareg_requests_total";
    // Milliseconds or seconds, as the node has it; the largest number there is means unknown.
    let staleness_ms = all("schemareg_read_staleness_milliseconds")
        .or_else(|| all("schemareg_read_staleness_seconds").map(|seconds| seconds * 1e3))
        .filter(|ms| *ms < 1e15);
    Counted {
        at,
        requests: all(requests).unwrap_or(0.0),
        errors: sum(text, requests, |labels| labels.contains("status=\"5")).unwrap_or(0.0),
        syncs: all("schemareg_wal_syncs_total").unwrap_or(0.0),
        applied: all("schemareg_raft_applied_index").unwrap_or(0.0),
        staleness_ms,
    }
}

/// A count per second between two looks; a counter that fell began anew.
fn rate_text(old: Option<f64>, new: f64, time: Duration) -> String {
    match old {
        Some(old) if new >= old && !time.is_zero() => format!("{:.0}", (new - old) / time.as_secs_f64()),
        Some(_) | None => "–".to_owned(),
    }
}

pub(crate) async fn run_top(session: &Session, arguments: &TopArguments) -> Result<(), CommandError> {
    let every = parse_duration(&arguments.every).map_err(CommandError::Use)?.max(Duration::from_millis(100));
    let mut before: BTreeMap<String, Counted> = BTreeMap::new();
    let mut views = 0;
    loop {
        views += 1;
        view_of(session, &mut before).await?;
        if arguments.count.is_some_and(|count| views >= count) {
            return Ok(());
        }
        tokio::time::sleep(every).await;
    }
}

async fn view_of(session: &Session, before: &mut BTreeMap<String, Counted>) -> Result<(), CommandError> {
    let status = session.client.status().await.ok();
    let urls = urls_of(session, status.as_ref());
    let asked = urls.iter().map(|(_, url)| async move {
        let text = session.client.metrics_of(url).await.ok()?;
        Some((url.clone(), read_counted(&text, Instant::now())))
    });
    let now: BTreeMap<String, Counted> = futures::future::join_all(asked).await.into_iter().flatten().collect();
    let newest = status.iter().flat_map(|status| &status.nodes).map(|node| node.last_log_index).max().unwrap_or(0);
    let mut rows = Vec::new();
    let mut nodes = Vec::new();
    for (id, url) in &urls {
        let row = status.iter().flat_map(|status| &status.nodes).find(|node| Some(node.node_id) == *id);
        let role = match row {
            Some(row) if row.error.is_none() => row.role.clone(),
            Some(_) | None => session.screen.tone(Tone::Bad, "unreachable"),
        };
        let name = id.map_or_else(|| "–".to_owned(), |id| id.to_string());
        let Some(counted) = now.get(url) else {
            rows.push(vec![name, role, url.clone()]);
            continue;
        };
        let old = before.get(url);
        let time = old.map_or(Duration::ZERO, |old| counted.at.duration_since(old.at));
        let cells = [
            rate_text(old.map(|old| old.requests), counted.requests, time),
            rate_text(old.map(|old| old.errors), counted.errors, time),
            rate_text(old.map(|old| old.applied), counted.applied, time),
            rate_text(old.map(|old| old.syncs), counted.syncs, time),
            row.map_or_else(|| "–".to_owned(), |row| newest.saturating_sub(row.applied_index).to_string()),
            counted.staleness_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0}")),
        ];
        nodes.push(json!({"node_id": id, "url": url, "requests_per_second": cells[0], "errors_per_second": cells[1],
                          "applied_per_second": cells[2], "syncs_per_second": cells[3], "lag": cells[4], "staleness_ms": cells[5]}));
        let mut row = vec![name, role, url.clone()];
        row.extend(cells);
        rows.push(row);
    }
    *before = now;
    let health = status.as_ref().map(Health::of);
    let head = match &health {
        Some(health) if health.has_quorum() => {
            let leader = health.leader.map_or_else(|| "nobody".to_owned(), |leader| format!("node {leader}"));
            format!("{} of {} voters answer; {leader} leads", health.voters_answering, health.voters)
        }
        Some(_) | None => session.screen.tone(Tone::Bad, "NO QUORUM"),
    };
    session.screen.clear()?;
    session.screen.show(&Shown {
        head: vec![head],
        columns: vec!["NODE", "ROLE", "URL", "REQ/S", "5XX/S", "APPLIED/S", "SYNCS/S", "LAG", "STALE MS"],
        rows,
        json: json!({"nodes": nodes}),
        names: urls.into_iter().map(|(_, url)| url).collect(),
        ..Shown::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let text = "# HELP x\nschemareg_requests_total{operation=\"A\",status=\"200\"} 3\n\
                    schemareg_requests_total{operation=\"B\",status=\"503\"} 2\n\
                    schemareg_requests_total_other 9\nschemareg_raft_applied_index 7\n\
                    schemareg_read_staleness_milliseconds 18446744073709551615\n";
        let found = read_counted(text, Instant::now());
        assert_eq!((found.requests, found.errors, found.applied), (5.0, 2.0, 7.0));
        assert_eq!(found.staleness_ms, None);
        assert_eq!(rate_text(Some(1.0), 5.0, Duration::from_secs(2)), "2");
        assert_eq!(rate_text(Some(9.0), 5.0, Duration::from_secs(2)), "–");
        assert_eq!(rate_text(None, 5.0, Duration::ZERO), "–");
    }
}
