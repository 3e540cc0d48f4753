//! The judgement on a drill: every checker over everything that clients did and saw and that nodes show afterwards.

use std::collections::{BTreeMap, BTreeSet};

use super::Drill;
use super::load::Done;
use super::report::Strike;
use crate::client::Api;
use crate::cluster::Cluster;
use crate::dump::{self, Dump};
use crate::history::{Record, Result as Registered};
use crate::judge::verdict::Verdict;
use crate::judge::{append, audit, feed, life, linear, references, sessions, settings, unknowns};
use crate::native::Seen;
use crate::ops::family::{format_of, schema};
use crate::ops::references::is_ours as refers;
use crate::ops::{Event, Op, Told, Work, ledger, watchers};
use crate::wait::until;
use crate::{check, workload};

/// What came of the judgement, and how much was judged.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Judged {
    pub verdict: Option<Verdict>,
    pub faults: Vec<String>,
    /// Why the run says nothing, though nothing is wrong.
    pub idle: Vec<String>,
    pub operations: usize,
    pub unknown: usize,
    pub acknowledged: usize,
    pub versions: usize,
    pub subjects: usize,
    pub twice: usize,
    pub appends: usize,
    /// Steps in the lives of schemas that changed something, and those that were refused.
    pub life_steps: usize,
    pub life_refusals: usize,
    /// Changes and reads of levels and modes, with registrations between them.
    pub settings: usize,
    /// References that were made, and deletions that one of them prevented.
    pub references: usize,
    pub references_kept: usize,
    /// Events that every watcher saw, and how often one went on at its token.
    pub watched_events: usize,
    pub watch_resumes: usize,
    /// Records of the audit log.
    pub audit_records: usize,
    pub longest_gap_ms: u64,
}

/// Judges a drill. Everything has ended, and every node runs.
pub(super) async fn judge(cluster: &Cluster, drill: &Drill, done: &Done, strikes: &[Strike]) -> Judged {
    let nodes = cluster.apis();
    let dumps = dump::agreed(&nodes).await;
    let mut judged = Judged { verdict: Some(Verdict::Valid), ..Judged::default() };
    registrations(&mut judged, done, &dumps);
    operations(&mut judged, done);
    lives(&mut judged, done, &dumps);
    searched(&mut judged, settings::search(&done.did.settings));
    judged.settings = done.did.settings.len();
    searched(&mut judged, references::search(&done.did.links));
    (judged.references, judged.references_kept) = references::liveliness(&done.did.links);
    if !done.watched.is_empty() {
        let logs = event_logs(cluster, &nodes, &done.last_event).await;
        events(&mut judged, done, &logs, &dumps);
    }
    audit_logs(&mut judged, done, &shown(&nodes).await);

    let acknowledged = |record: &&Record| record.result.is_acknowledged();
    let is_unknown = |record: &&Record| matches!(record.result, Registered::Unknown(_));
    let events = &done.did.events;
    judged.acknowledged = done.registrations.iter().filter(acknowledged).count()
        + events.iter().filter(|event| event.op.is_write() && event.told.is_some()).count()
        + judged.life_steps;
    judged.unknown = done.registrations.iter().filter(is_unknown).count()
        + events.iter().filter(|event| event.told.is_none()).count()
        + done.did.lived.iter().filter(|lived| lived.told.is_none()).count();
    judged.versions = dumps.values().next().map_or(0, BTreeMap::len);
    judged.longest_gap_ms = longest_gap_ms(events);
    judged.idle = idle(&judged, drill, done, strikes);
    let mut verdict = judged.verdict.unwrap_or(Verdict::Valid);
    if !judged.faults.is_empty() {
        verdict = verdict.and(if verdict == Verdict::Unknown { Verdict::Unknown } else { Verdict::Invalid });
    }
    if !judged.idle.is_empty() {
        verdict = verdict.and(Verdict::Vacuous);
    }
    judged.verdict = Some(verdict);
    judged
}

/// The invariants of registrations, and of ids over everything that anybody was told.
fn registrations(judged: &mut Judged, done: &Done, dumps: &BTreeMap<u64, Dump>) {
    let faults = &mut judged.faults;
    faults.extend(check::faults(&done.registrations, &dump::only(dumps, workload::is_ours)));
    let mut told = told_ids(&done.did.events);
    faults.extend(check::growth(&told, deletes));
    told.extend(done.registrations.iter().cloned());
    faults.extend(check::ids(&told, dumps, deletes));
    faults.extend(refusals(&done.did.events));
    faults.extend(sessions::faults(&done.did.glimpses));
    judged.operations += done.registrations.len();
}

/// Does the workload of this subject delete for good?
pub(super) fn deletes(subject: &str) -> bool {
    subject.starts_with("d-") || refers(subject)
}

fn operations(judged: &mut Judged, done: &Done) {
    searched(judged, search_all(done.did.events.clone()));
    let appended = append::judge(&resolve(&done.did.events, Work::Append));
    judged.verdict = judged.verdict.map(|verdict| verdict.and(appended.verdict));
    judged.faults.extend(appended.faults);
    judged.appends = appended.operations;
}

fn searched(judged: &mut Judged, searched: linear::Searched) {
    judged.verdict = judged.verdict.map(|verdict| verdict.and(searched.verdict()));
    judged.operations += searched.operations;
    judged.subjects += searched.subjects;
    judged.twice += searched.twice;
    judged.faults.extend(searched.faults);
    judged.faults.extend(searched.unknown.iter().map(|subject| format!("no verdict on {subject}")));
}

fn lives(judged: &mut Judged, done: &Done, dumps: &BTreeMap<u64, Dump>) {
    searched(judged, life::search(&done.did.lived));
    judged.faults.extend(life::held(&done.did.lived, dumps));
    (judged.life_steps, judged.life_refusals) = life::liveliness(&done.did.lived);
}

fn events(judged: &mut Judged, done: &Done, logs: &BTreeMap<u64, Vec<Seen>>, dumps: &BTreeMap<u64, Dump>) {
    judged.faults.extend(feed::faults(logs, &done.watched));
    if let (Some(log), Some(dump)) = (logs.values().next(), dumps.values().next()) {
        judged.faults.extend(feed::versions(log, dump, deletes));
        judged.faults.extend(feed::steps(log, &done.did.lived));
        judged.watched_events = log.len();
    }
    judged.watch_resumes = done.watched.iter().map(|watched| watched.resumed).sum();
}

fn audit_logs(judged: &mut Judged, done: &Done, shown: &BTreeMap<u64, audit::Shown>) {
    judged.faults.extend(audit::trees(shown));
    let Some(first) = shown.values().next() else { return };
    let registered = ledger::of_records(&done.registrations);
    judged.faults.extend(audit::writes(&first.records, &[&registered, &done.did.ledger]));
    judged.faults.extend(audit::registrations(&first.records, &done.registrations));
    judged.audit_records = first.records.len();
}

/// Everything that nodes retain of events.
async fn event_logs(cluster: &Cluster, nodes: &[Api], end: &str) -> BTreeMap<u64, Vec<Seen>> {
    let mut logs = BTreeMap::new();
    for api in nodes {
        let grpc = cluster.grpc_address(api.node_id);
        logs.insert(api.node_id, watchers::replay(&api.address, &grpc, end).await);
    }
    logs
}

/// The audit log of every node, at one size.
async fn shown(nodes: &[Api]) -> BTreeMap<u64, audit::Shown> {
    let checkpoint = async |api: &Api, query: &str| {
        until(&format!("a checkpoint of node {}", api.node_id), async || {
            let answer = api.get(&format!("/api/v1/audit/checkpoint{query}")).send().await?;
            if answer.status == 200 { Ok(answer.json()) } else { Err(answer.text()) }
        })
        .await
    };
    let mut size = u64::MAX;
    for api in nodes {
        size = size.min(checkpoint(api, "").await["size"].as_u64().unwrap_or(0));
    }
    let mut all = BTreeMap::new();
    for api in nodes {
        let root = checkpoint(api, &format!("?size={size}")).await["root"].as_str().unwrap_or_default().to_owned();
        let what = format!("the audit log of node {}", api.node_id);
        let records = until(&what, async || {
            let answer = api.get(&format!("/api/v1/audit/export?to={size}")).send().await?;
            let parse = |line: &str| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"));
            answer.text().lines().map(parse).collect::<Result<Vec<audit::Record>, String>>()
        });
        all.insert(api.node_id, audit::Shown { records: records.await, root });
    }
    all
}

fn is_bulk(record: &Record) -> bool {
    record.subject == workload::BULK && record.result.is_acknowledged()
}

/// What did not happen, though the drill rests on it.
fn idle(judged: &Judged, drill: &Drill, done: &Done, strikes: &[Strike]) -> Vec<String> {
    let mut idle = Vec::new();
    let mut need = |is_there: bool, what: &str| idle.extend((!is_there).then(|| what.to_owned()));
    let crowd = &drill.crowd;
    need(!strikes.is_empty() && strikes.iter().all(|strike| strike.real), "a fault was not real");
    let power_lost = strikes.iter().any(|strike| strike.fault.starts_with("power-loss"));
    need(!power_lost || done.loss.is_real(), "no power loss destroyed anything");
    need(judged.acknowledged > 0, "nothing was acknowledged");
    need(drill.registering == 0 || !done.registrations.is_empty(), "nobody registered");
    need(!crowd.bulk || done.registrations.iter().any(is_bulk), "nothing came in bulk");
    need(crowd.sessions == 0 || !done.did.glimpses.is_empty(), "no session read");
    need(crowd.life_groups == 0 || judged.life_steps > 0, "nothing lived: no step of a draft or a version");
    need(crowd.setting_groups == 0 || judged.settings > 0, "no setting was changed");
    need(crowd.reference_groups == 0 || judged.references > 0, "no schema referred to another");
    need(!crowd.watching || judged.watched_events > 0, "no event was watched");
    need(!crowd.watching || judged.watch_resumes > 0, "no watcher was ever interrupted");
    need(judged.audit_records > 0, "the audit log is empty");
    idle
}

/// The operations of one workload, ready for the search.
pub fn resolve(events: &[Event], work: Work) -> Vec<Event> {
    let mut events: Vec<Event> = events.iter().filter(|event| event.work == work).cloned().collect();
    if work == Work::Deleting {
        events = unknowns::without_known(events);
    }
    unknowns::resolve(events, work != Work::Deleting, true)
}

/// Searches every subject of a history for an order that explains it.
pub fn search_all(events: Vec<Event>) -> linear::Searched {
    let mut all = linear::Searched::default();
    for work in [Work::Rich, Work::Deleting, Work::Append] {
        all.add(linear::search(&resolve(&events, work)));
    }
    all
}

/// Registrations of the model's workloads, as those of the other one, for the checks on ids. Those without an answer, too: the
/// id that a later one is told may have been given then.
pub(super) fn told_ids(events: &[Event]) -> Vec<Record> {
    let mut all = Vec::new();
    for event in events {
        let Op::Register { content } = event.op else { continue };
        let result = match (&event.told, event.id, &event.guid) {
            (Some(Told::Version { version, .. }), Some(id), Some(guid)) => {
                Registered::Registered { id, version: *version, guid: guid.clone() }
            }
            _ => Registered::Unknown("not told".to_owned()),
        };
        // The format is fixed by the subject's number, its last part but one.
        let number = event.subject.rsplit('-').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        all.push(Record {
            process: event.process as usize,
            node_id: event.node,
            key: String::new(),
            subject: event.subject.clone(),
            content: schema(&event.subject, format_of(number), content),
            invoked: std::time::Duration::from_nanos(event.invoked),
            returned: std::time::Duration::from_nanos(event.returned),
            result,
        });
    }
    all
}

/// Answers that the model has no name for: a refusal that nobody may get (I25).
pub(super) fn refusals(events: &[Event]) -> Vec<String> {
    let odd = |event: &&Event| match (&event.told, event.op) {
        (Some(Told::Versions(numbers)), Op::List { .. } | Op::DeleteSubject { .. }) => {
            numbers.first().is_some_and(|status| *status >= 400)
        }
        (Some(Told::Versions(_)), _) => true,
        _ => false,
    };
    let faults: BTreeSet<_> = events
        .iter()
        .filter(odd)
        .map(|event| format!("I25: {:?} was answered with {:?}", event.op.kind(), event.told))
        .collect();
    faults.into_iter().collect()
}

fn longest_gap_ms(events: &[Event]) -> u64 {
    let mut times: Vec<u64> = events.iter().filter(|event| event.told.is_some()).map(|event| event.returned).collect();
    times.sort_unstable();
    times.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registration of the model's workload: when, of which content, and which id it was told.
    fn registered(from: u64, content: u32, id: Option<u32>) -> Event {
        let told = id.map(|_| Told::Version { version: content, content });
        let last = Event::last_read(Work::Rich, 1, "m-1-0-x".to_owned(), from, Told::Done);
        let (op, returned, guid) =
            (Op::Register { content }, from + 10, id.map(|id| format!("guid {content} of {id}")));
        Event { op, invoked: from, returned, told, id, guid, ..last }
    }

    #[test]
    fn an_id_may_come_from_an_attempt_that_nobody_was_told_of() {
        let first = registered(0, 1, None);
        let (other, again) = (registered(20, 2, Some(150)), registered(40, 1, Some(106)));
        let faults = |events: &[Event]| check::growth(&told_ids(events), deletes);
        assert_eq!(faults(&[first, other.clone(), again.clone()]), Vec::<String>::new());
        let found = faults(&[other, again]);
        assert!(found.len() == 1 && found[0].starts_with("I2"), "{found:?}");
    }
}
