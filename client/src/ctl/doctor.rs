//! `registryctl doctor`: what can be seen from outside, and what to do about it.
//!
//! Facts are gathered first; [`judge_nodes`] is a pure function from facts to findings.

use std::time::{Duration, Instant, SystemTime};

use client::Health;
use proto::rest::ClusterStatusBody;
use serde_json::json;

use crate::Session;
use crate::cluster::urls_of;
use crate::fail::CommandError;
use crate::screen::{Shown, Tone};

/// A clock that is further off than this makes times in the registry hard to read. The `Date` header has whole seconds.
const SKEW_MAX: Duration = Duration::from_secs(3);
/// A node that answers more slowly than this from here is far, or in trouble.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(500);
/// A replica that is further behind than this does not follow.
const LAG_MAX: u64 = 1_000;
/// A replica that was not confirmed for longer than this may be cut off.
const STALENESS_MAX_MS: u64 = 10_000;

/// What one node showed.
#[derive(Debug, Clone, Default, PartialEq)]
struct NodeFacts {
    node_id: Option<u64>,
    url: String,
    /// Why it does not answer at all.
    silence: Option<String>,
    /// Why it is not ready.
    not_ready: Option<String>,
    round_trip: Duration,
    /// Its clock minus this machine's, in seconds.
    skew_s: Option<i64>,
    staleness_ms: Option<u64>,
    /// Whom it takes for the leader.
    leader: Option<u64>,
    version: String,
    region: String,
    lag: u64,
    is_voter: bool,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    tone: Tone,
    what: String,
    advice: &'static str,
}

pub(crate) async fn run_doctor(session: &Session) -> Result<(), CommandError> {
    let status = session.client.status().await.ok();
    let urls = urls_of(session, status.as_ref());
    let facts =
        futures::future::join_all(urls.into_iter().map(|(id, url)| look_at_nodes(session, status.as_ref(), id, url)))
            .await;
    let findings = judge_nodes(status.as_ref(), &facts);
    let mut rows = Vec::new();
    for finding in &findings {
        let word = match finding.tone {
            Tone::Good => "ok",
            Tone::Doubtful => "look",
            Tone::Bad => "FAIL",
        };
        rows.push(vec![session.screen.tone(finding.tone, word), finding.what.clone(), finding.advice.to_owned()]);
    }
    let json = findings.iter().map(|finding| {
        let level = match finding.tone {
            Tone::Good => "ok",
            Tone::Doubtful => "look",
            Tone::Bad => "fail",
        };
        json!({"level": level, "what": finding.what, "advice": finding.advice})
    });
    let json = json.collect();
    let names =
        findings.iter().filter(|finding| finding.tone != Tone::Good).map(|finding| finding.what.clone()).collect();
    session.screen.show(&Shown { columns: vec!["", "WHAT", "WHAT TO DO"], rows, json, names, ..Shown::default() })?;
    if findings.iter().any(|finding| finding.tone == Tone::Bad) {
        return Err(CommandError::Negative("something is wrong: see above".to_owned()));
    }
    Ok(())
}

async fn look_at_nodes(
    session: &Session,
    status: Option<&ClusterStatusBody>,
    id: Option<u64>,
    url: String,
) -> NodeFacts {
    let row = status.and_then(|status| status.nodes.iter().find(|node| Some(node.node_id) == id));
    let newest = status.and_then(|status| status.nodes.iter().map(|node| node.last_log_index).max()).unwrap_or(0);
    let mut facts = NodeFacts {
        node_id: id,
        url: url.clone(),
        version: row.map(|row| row.version.clone()).unwrap_or_default(),
        region: row.map(|row| row.region.clone()).unwrap_or_default(),
        leader: row.and_then(|row| row.leader_id),
        lag: row.filter(|row| row.error.is_none()).map_or(0, |row| newest.saturating_sub(row.applied_index)),
        is_voter: status.is_some_and(|status| id.is_some_and(|id| status.voters.contains(&id))),
        ..NodeFacts::default()
    };
    let started = Instant::now();
    match session.client.readiness_of(&url).await {
        Err(error) => facts.silence = Some(error.to_string()),
        Ok(ready) => {
            facts.round_trip = started.elapsed();
            facts.not_ready = ready.err();
        }
    }
    if facts.silence.is_none()
        && let Ok(headers) = session.client.headers_of(&url).await
    {
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        facts.staleness_ms = header("x-registry-staleness-ms").and_then(|ms| ms.parse().ok());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let theirs = header("date").and_then(http_date);
        facts.skew_s = theirs.map(|theirs| theirs.cast_signed() - now.cast_signed());
    }
    facts
}

/// Seconds since the Unix epoch of an HTTP date (RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|known| *known == month)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // The inverse of the calendar in `screen`: years begin in March.
    let (year, month_from_march) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year).checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn judge_nodes(status: Option<&ClusterStatusBody>, facts: &[NodeFacts]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |tone, what: String, advice| findings.push(Finding { tone, what, advice });
    match status.map(|status| (status, Health::of(status))) {
        None => add(
            Tone::Bad,
            "no node tells the cluster's status".to_owned(),
            "start the nodes, or name running ones with --url",
        ),
        Some((status, _)) if status.voters.is_empty() => {
            add(Tone::Bad, "no cluster has been made".to_owned(), "start one of the members with --bootstrap, once");
        }
        Some((status, health)) => {
            let what = format!("quorum: {} of {} voters answer", health.voters_answering, health.voters);
            if !health.has_quorum() {
                add(Tone::Bad, what, "bring voters back; if they are lost for good, see docs/operations.md");
            } else if health.voters_answering < health.voters {
                add(
                    Tone::Doubtful,
                    what,
                    "bring the missing voters back, or replace them: each further loss may stop changes",
                );
            } else {
                add(Tone::Good, what, "");
            }
            match health.voters {
                1 => {
                    add(Tone::Doubtful, "one voter: no loss is survived".to_owned(), "add two members and promote them")
                }
                count if count % 2 == 0 => add(
                    Tone::Doubtful,
                    format!("{count} voters survive no more losses than {}", count - 1),
                    "add or remove one voter",
                ),
                count => add(Tone::Good, format!("{count} voters survive the loss of {}", count / 2), ""),
            }
            judge_regions(status, &mut add);
        }
    }
    for node in facts {
        of_node(node, &mut add);
    }
    let leaders: std::collections::BTreeSet<_> =
        facts.iter().filter(|node| node.silence.is_none()).filter_map(|node| node.leader).collect();
    if leaders.len() > 1 {
        add(
            Tone::Doubtful,
            format!("nodes name different leaders: {leaders:?}"),
            "look again in a second; if it stays, a network is cut",
        );
    }
    let versions: std::collections::BTreeSet<_> =
        facts.iter().map(|node| node.version.as_str()).filter(|version| !version.is_empty()).collect();
    if versions.len() > 1 {
        add(Tone::Doubtful, format!("nodes run different versions: {versions:?}"), "finish the upgrade");
    } else if let Some(version) = versions.first() {
        add(Tone::Good, format!("all nodes run version {version}"), "");
    }
    findings
}

/// Does the loss of one region take the majority?
fn judge_regions(status: &ClusterStatusBody, add: &mut impl FnMut(Tone, String, &'static str)) {
    let voters = status.nodes.iter().filter(|node| status.voters.contains(&node.node_id));
    let mut by_region = std::collections::BTreeMap::new();
    for voter in voters {
        *by_region.entry(voter.region.as_str()).or_insert(0_usize) += 1;
    }
    let most = by_region.iter().max_by_key(|(_, count)| **count);
    if let Some((region, count)) = most
        && by_region.len() > 1
        && count * 2 > status.voters.len()
    {
        add(
            Tone::Doubtful,
            format!("region {region} has {count} of {} voters: its loss stops changes", status.voters.len()),
            "spread the voters over three regions",
        );
    }
}

fn of_node(node: &NodeFacts, add: &mut impl FnMut(Tone, String, &'static str)) {
    let name = node.node_id.map_or_else(|| node.url.clone(), |id| format!("node {id} ({})", node.url));
    if let Some(why) = &node.silence {
        add(Tone::Bad, format!("{name} does not answer: {why}"), "look at its log; start it if it has ended");
        return;
    }
    if let Some(why) = &node.not_ready {
        add(Tone::Bad, format!("{name} is not ready: {why}"), "give it time to catch up; then look at its log");
    }
    let ms = node.round_trip.as_millis();
    if node.round_trip > ROUND_TRIP_MAX {
        add(
            Tone::Doubtful,
            format!("{name} takes {ms} ms to answer from here"),
            "set --near to the region where you are; look at its load",
        );
    } else if node.not_ready.is_none() {
        add(Tone::Good, format!("{name} is ready and answers in {ms} ms"), "");
    }
    if let Some(skew) = node.skew_s
        && skew.unsigned_abs() > SKEW_MAX.as_secs()
    {
        add(
            Tone::Bad,
            format!("the clock of {name} and that of this machine differ by {skew} s"),
            "run a time service (chrony, systemd-timesyncd) on both",
        );
    }
    if let Some(ms) = node.staleness_ms.filter(|ms| *ms > STALENESS_MAX_MS) {
        add(
            Tone::Bad,
            format!("{name} was last confirmed by a quorum {ms} ms ago"),
            "look at the network between it and the others",
        );
    }
    if node.lag > LAG_MAX {
        add(
            Tone::Doubtful,
            format!("{name} is {} entries behind", node.lag),
            "look at its disk and at the network to it; it catches up by a snapshot if it must",
        );
    }
}

#[cfg(test)]
mod tests {
    use proto::rest::NodeStatusBody;

    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Tue, 29 Feb 2028 23:59:59 GMT"), Some(1_835_481_599));
        assert_eq!(http_date("yesterday"), None);
    }

    fn status(regions: &[&str]) -> ClusterStatusBody {
        let node = |(position, region): (usize, &&str)| NodeStatusBody {
            node_id: position as u64 + 1,
            region: (*region).to_owned(),
            role: if position == 0 { "leader" } else { "follower" }.to_owned(),
            ..NodeStatusBody::default()
        };
        let nodes: Vec<_> = regions.iter().enumerate().map(node).collect();
        ClusterStatusBody {
            voters: nodes.iter().map(|node| node.node_id).collect(),
            nodes,
            ..ClusterStatusBody::default()
        }
    }

    fn bad(status: Option<&ClusterStatusBody>, facts: &[NodeFacts]) -> Vec<String> {
        judge_nodes(status, facts)
            .into_iter()
            .filter(|found| found.tone != Tone::Good)
            .map(|found| found.what)
            .collect()
    }

    #[test]
    fn a_healthy_cluster_has_no_findings_and_each_fault_is_named() {
        let good =
            NodeFacts { node_id: Some(1), url: "http://a".to_owned(), version: "1".to_owned(), ..NodeFacts::default() };
        let three = status(&["eu", "us", "ap"]);
        assert!(bad(Some(&three), std::slice::from_ref(&good)).is_empty());
        for (facts, expected) in [
            (NodeFacts { silence: Some("refused".to_owned()), ..good.clone() }, "does not answer: refused"),
            (NodeFacts { not_ready: Some("catching up".to_owned()), ..good.clone() }, "is not ready: catching up"),
            (NodeFacts { round_trip: Duration::from_secs(1), ..good.clone() }, "takes 1000 ms"),
            (NodeFacts { skew_s: Some(-90), ..good.clone() }, "differ by -90 s"),
            (NodeFacts { staleness_ms: Some(20_000), ..good.clone() }, "20000 ms ago"),
            (NodeFacts { lag: 5_000, ..good.clone() }, "5000 entries behind"),
        ] {
            let found = bad(Some(&three), &[facts]);
            assert!(found.iter().any(|what| what.contains(expected)), "{found:?} lacks {expected}");
        }
        let (first, second) = (
            NodeFacts { leader: Some(1), ..good.clone() },
            NodeFacts { leader: Some(2), version: "2".to_owned(), ..good },
        );
        let found = bad(Some(&three), &[first, second]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(bad(None, &[]), ["no node tells the cluster's status"]);
    }

    #[test]
    fn topologies_are_judged() {
        assert_eq!(bad(Some(&status(&["eu"])), &[]), ["one voter: no loss is survived"]);
        assert_eq!(bad(Some(&status(&["eu", "us", "ap", "sa"])), &[]), ["4 voters survive no more losses than 3"]);
        assert_eq!(
            bad(Some(&status(&["eu", "eu", "ap"])), &[]),
            ["region eu has 2 of 3 voters: its loss stops changes"]
        );
        assert!(bad(Some(&status(&["eu", "eu", "eu"])), &[]).is_empty());
    }
}
