//! Runs every checker over the histories of a drill and over what the nodes show afterwards.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Drill;
use super::load::LoadHistory;
use super::strike::Strike;
use crate::checker::verdict::Verdict;
use crate::checker::{
    append, audit, contexts, feed, invariants, lifecycle, linear, references, revisions, sessions, settings, unknowns,
};
use crate::client::Api;
use crate::cluster::Cluster;
use crate::dump::{self, Dump};
use crate::history::{Registration, RegistrationResult};
use crate::native::WatchedEvent;
use crate::ops::family::{format_of, schema};
use crate::ops::names::{self, deletes_for_good};
use crate::ops::{Op, Output, SubjectOperation, SubjectWorkload, ledger, watchers};
use crate::wait::until;

/// The results of all checkers, and how much they judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckResults {
    /// The verdict.
    pub verdict: Verdict,
    /// Broken promises, one line each.
    pub faults: Vec<String>,
    /// Why the run says nothing, though no promise was broken.
    pub vacuous_because: Vec<String>,
    /// Operations that were judged.
    pub operations: usize,
    /// Operations of unknown outcome among them.
    pub unknown: usize,
    /// Writes that were acknowledged.
    pub acknowledged_writes: usize,
    /// Versions on every node at the end.
    pub versions: usize,
    /// Objects that were searched for a linearization.
    pub subjects: usize,
    /// Objects that two independent searches judged.
    pub searched_twice: usize,
    /// Operations that were checked for cycles.
    pub appends: usize,
    /// Reads at a session token, within a bound, by default, or of own writes.
    pub session_reads: usize,
    /// Answers whose claimed age was judged.
    pub aged_answers: usize,
    /// Lifecycle actions that changed something.
    pub lifecycle_actions: usize,
    /// Lifecycle actions that were refused.
    pub lifecycle_refusals: usize,
    /// Changes and reads of levels and modes, with registrations between them.
    pub settings: usize,
    /// References that were made.
    pub references: usize,
    /// Deletions that a reference prevented.
    pub references_kept: usize,
    /// Imports in contexts.
    pub imports: usize,
    /// Registrations and imports in contexts that the mode in force refused.
    pub mode_refusals: usize,
    /// Changes that were done at a revision (`If-Match`).
    pub changes_at_revision: usize,
    /// Changes that were refused because of a revision.
    pub revision_refusals: usize,
    /// Events that every watcher saw.
    pub watched_events: usize,
    /// How often a watcher went on at its token.
    pub watch_resumes: usize,
    /// Records of the audit log.
    pub audit_records: usize,
    /// Rows of the whole state that were compared between every two nodes.
    pub rows_compared: usize,
    /// Snapshots that nodes installed.
    pub snapshots_installed: usize,
    /// The longest time without any answered operation, in milliseconds.
    pub longest_gap_ms: u64,
}

impl Default for CheckResults {
    fn default() -> Self {
        Self {
            verdict: Verdict::Valid,
            faults: Vec::new(),
            vacuous_because: Vec::new(),
            operations: 0,
            unknown: 0,
            acknowledged_writes: 0,
            versions: 0,
            subjects: 0,
            searched_twice: 0,
            appends: 0,
            session_reads: 0,
            aged_answers: 0,
            lifecycle_actions: 0,
            lifecycle_refusals: 0,
            settings: 0,
            references: 0,
            references_kept: 0,
            imports: 0,
            mode_refusals: 0,
            changes_at_revision: 0,
            revision_refusals: 0,
            watched_events: 0,
            watch_resumes: 0,
            audit_records: 0,
            rows_compared: 0,
            snapshots_installed: 0,
            longest_gap_ms: 0,
        }
    }
}

impl CheckResults {
    /// A run that broke a promise before any checker ran.
    pub fn broken(faults: Vec<String>) -> Self {
        Self { verdict: Verdict::Invalid, faults, ..Self::default() }
    }

    fn add_search(&mut self, result: linear::SearchResult) {
        self.verdict = self.verdict.worse_of(result.verdict());
        self.operations += result.operations;
        self.subjects += result.subjects;
        self.searched_twice += result.searched_twice;
        self.faults.extend(result.faults);
        self.faults.extend(result.unknown.iter().map(|object| format!("no verdict on {object}")));
    }

    /// The verdict, from the faults and the reasons to call the run vacuous.
    fn conclude_verdict(&mut self) {
        if !self.faults.is_empty() && self.verdict != Verdict::Unknown {
            self.verdict = Verdict::Invalid;
        }
        if !self.vacuous_because.is_empty() {
            self.verdict = self.verdict.worse_of(Verdict::Vacuous);
        }
    }
}

/// Judges a drill that came to its end. Every process has ended, and every node runs.
pub(super) async fn check_drill(
    cluster: &Cluster,
    drill: &Drill,
    history: &LoadHistory,
    strikes: &[Strike],
) -> CheckResults {
    let nodes = cluster.apis();
    let dumps = dump::agreed(&nodes).await;
    let mut results = CheckResults::default();
    check_histories(&mut results, history, Completeness::ReadAtEnd);
    check_registrations(&mut results, history, &dumps);
    results.faults.extend(lifecycle::activation_faults(&history.clients.lifecycle, &dumps));
    if !history.watchers.is_empty() {
        let logs = read_event_logs(cluster, &nodes, &history.last_event).await;
        check_events(&mut results, history, &logs, &dumps);
    }
    check_audit_logs(&mut results, history, &read_audit_logs(&nodes).await);
    check_rows(&mut results, &nodes).await;
    results.snapshots_installed = cluster.count_in_logs("\"install a snapshot\"");
    results.versions = dumps.values().next().map_or(0, BTreeMap::len);
    results.vacuous_because = vacuous_reasons(&results, drill, history, strikes);
    results.conclude_verdict();
    results
}

/// Compares the whole states of all nodes.
async fn check_rows(results: &mut CheckResults, nodes: &[Api]) {
    let mut states = BTreeMap::new();
    for api in nodes {
        states.insert(api.node_id, dump::all_rows(api).await);
    }
    results.rows_compared = states.values().next().map_or(0, dump::Rows::len);
    results.faults.extend(dump::row_differences(&states));
}

/// Judges what there is of a drill that broke off: no node is asked any more, and nothing was read at the end.
pub(super) fn check_broken_off(history: &LoadHistory) -> CheckResults {
    let mut results = CheckResults::default();
    check_histories(&mut results, history, Completeness::BrokenOff);
    check_registrations(&mut results, history, &BTreeMap::new());
    results.conclude_verdict();
    results
}

/// Does a history end with a read of every subject?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Completeness {
    /// Yes, so a registration whose content no operation ever saw did not take effect.
    ReadAtEnd,
    /// No: a registration of unknown outcome stays possible.
    BrokenOff,
}

/// The checkers that need nothing but histories.
fn check_histories(results: &mut CheckResults, history: &LoadHistory, completeness: Completeness) {
    results.faults.extend(history.faults.iter().cloned());
    let clients = &history.clients;
    let resolve = |workload| resolve_with(&clients.subjects, workload, completeness == Completeness::ReadAtEnd);
    for workload in [SubjectWorkload::Rich, SubjectWorkload::Deleting, SubjectWorkload::Append] {
        results.add_search(linear::search_subjects(&resolve(workload)));
    }
    let cycles = append::check_cycles(&resolve(SubjectWorkload::Append));
    results.verdict = results.verdict.worse_of(cycles.verdict);
    results.faults.extend(cycles.faults);
    results.appends = cycles.operations;
    results.faults.extend(unexpected_refusals(&clients.subjects));
    results.faults.extend(sessions::session_faults(&clients.session_reads));
    results.session_reads = clients.session_reads.len();
    results.add_search(lifecycle::search_lifecycles(&clients.lifecycle));
    (results.lifecycle_actions, results.lifecycle_refusals) = lifecycle::count_activity(&clients.lifecycle);
    results.add_search(settings::search_settings(&clients.settings));
    results.settings = clients.settings.len();
    results.add_search(references::search_references(&clients.references));
    (results.references, results.references_kept) = references::count_activity(&clients.references);
    results.add_search(contexts::search_contexts(&clients.contexts));
    (results.imports, results.mode_refusals) = contexts::count_activity(&clients.contexts);
    results.add_search(revisions::search_revisions(&clients.revisions));
    (results.changes_at_revision, results.revision_refusals) = revisions::count_activity(&clients.revisions);

    let is_unknown = |record: &&Registration| matches!(record.result, RegistrationResult::Unknown(_));
    let is_write = |operation: &&SubjectOperation| operation.op.is_write() && operation.output.is_some();
    results.acknowledged_writes = history.registrations.iter().filter(|record| record.result.is_acknowledged()).count()
        + clients.subjects.iter().filter(is_write).count()
        + results.lifecycle_actions;
    results.unknown = history.registrations.iter().filter(is_unknown).count()
        + clients.subjects.iter().filter(|operation| operation.output.is_none()).count()
        + clients.lifecycle.iter().filter(|operation| operation.output.is_none()).count();
    results.longest_gap_ms = longest_gap_ms(&clients.subjects);
}

/// The invariants of registrations, and of ids over all answers and nodes.
fn check_registrations(results: &mut CheckResults, history: &LoadHistory, dumps: &BTreeMap<u64, Dump>) {
    let faults = &mut results.faults;
    let ours = dump::only(dumps, names::is_registration_subject);
    faults.extend(invariants::find_faults(&history.registrations, &ours));
    let mut answered = operations_as_registrations(&history.clients.subjects);
    faults.extend(invariants::id_growth_faults(&answered, deletes_for_good));
    answered.extend(history.registrations.iter().cloned());
    // Every context counts its ids from 1; those of named contexts are judged by their model.
    let default_context = dump::only(dumps, |subject| !names::is_in_a_context(subject));
    faults.extend(invariants::id_faults(&answered, &default_context, deletes_for_good));
    results.operations += history.registrations.len();
}

fn check_events(
    results: &mut CheckResults,
    history: &LoadHistory,
    logs: &BTreeMap<u64, Vec<WatchedEvent>>,
    dumps: &BTreeMap<u64, Dump>,
) {
    results.faults.extend(feed::watcher_faults(logs, &history.watchers));
    if let (Some(log), Some(dump)) = (logs.values().next(), dumps.values().next()) {
        results.faults.extend(feed::version_faults(log, dump, deletes_for_good));
        results.faults.extend(feed::transition_faults(log, &history.clients.lifecycle));
        results.watched_events = log.len();
    }
    results.watch_resumes = history.watchers.iter().map(|watcher| watcher.resumed).sum();
}

fn check_audit_logs(results: &mut CheckResults, history: &LoadHistory, logs: &BTreeMap<u64, audit::NodeAuditLog>) {
    results.faults.extend(audit::tree_faults(logs));
    let Some(first) = logs.values().next() else { return };
    results.faults.extend(audit::operation_faults(&first.records));
    let registered = ledger::of_registrations(&history.registrations);
    let clients = &history.clients;
    results.faults.extend(audit::write_faults(&first.records, &[&registered, &clients.ledger]));
    results.faults.extend(audit::registration_faults(&first.records, &history.registrations));
    results.faults.extend(audit::age_faults(&first.records, &clients.ledger, &clients.aged_answers));
    results.aged_answers = clients.aged_answers.len();
    results.audit_records = first.records.len();
}

/// The events that every node retains.
async fn read_event_logs(cluster: &Cluster, nodes: &[Api], end: &str) -> BTreeMap<u64, Vec<WatchedEvent>> {
    let mut logs = BTreeMap::new();
    for api in nodes {
        let grpc = cluster.grpc_address(api.node_id);
        logs.insert(api.node_id, watchers::replay_events(&api.address, &grpc, end).await);
    }
    logs
}

/// The audit log of every node, at one size.
async fn read_audit_logs(nodes: &[Api]) -> BTreeMap<u64, audit::NodeAuditLog> {
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
            answer.text().lines().map(parse).collect::<Result<Vec<audit::AuditRecord>, String>>()
        });
        all.insert(api.node_id, audit::NodeAuditLog { records: records.await, root });
    }
    all
}

fn is_acknowledged_in_bulk(record: &Registration) -> bool {
    names::is_bulk_subject(&record.subject) && record.result.is_acknowledged()
}

/// What did not happen, though the drill rests on it.
fn vacuous_reasons(results: &CheckResults, drill: &Drill, history: &LoadHistory, strikes: &[Strike]) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut need = |is_there: bool, what: &str| reasons.extend((!is_there).then(|| what.to_owned()));
    let counts = &drill.clients;
    need(!strikes.is_empty() && strikes.iter().all(|strike| strike.real), "a fault was not real");
    let power_lost = strikes.iter().any(|strike| strike.fault.starts_with("power-loss"));
    need(!power_lost || history.loss.is_real(), "no power loss destroyed anything");
    need(results.acknowledged_writes > 0, "no write was acknowledged");
    need(drill.registering == 0 || !history.registrations.is_empty(), "no process registered");
    let in_bulk = history.registrations.iter().any(is_acknowledged_in_bulk);
    need(!counts.bulk || in_bulk, "no large schemas were registered in bulk");
    need(counts.sessions == 0 || results.session_reads > 0, "no session read");
    need(counts.sessions == 0 || results.aged_answers > 0, "no answer claimed an age");
    need(counts.lifecycle_groups == 0 || results.lifecycle_actions > 0, "no lifecycle action changed anything");
    need(counts.setting_groups == 0 || results.settings > 0, "no setting was changed");
    need(counts.reference_groups == 0 || results.references > 0, "no schema referred to another");
    need(counts.context_groups == 0 || results.imports > 0, "nothing was imported");
    need(counts.context_groups == 0 || results.mode_refusals > 0, "no mode refused anything");
    need(counts.revision_groups == 0 || results.changes_at_revision > 0, "nothing was changed at a revision");
    need(counts.revision_groups == 0 || results.revision_refusals > 0, "no revision was wrong");
    need(!counts.watching || results.watched_events > 0, "no event was watched");
    need(!counts.watching || results.watch_resumes > 0, "no watcher was ever interrupted");
    need(results.audit_records > 0, "the audit log is empty");
    let purges = strikes.iter().any(|strike| strike.fault.starts_with("snapshot-and-purge"));
    need(!purges || results.snapshots_installed > 0, "no snapshot was installed");
    need(results.rows_compared > 0, "no row was compared");
    reasons
}

/// The operations of one workload, ready for the search: every subject was read at the end.
pub fn resolve_workload(history: &[SubjectOperation], workload: SubjectWorkload) -> Vec<SubjectOperation> {
    resolve_with(history, workload, true)
}

fn resolve_with(history: &[SubjectOperation], workload: SubjectWorkload, read_at_end: bool) -> Vec<SubjectOperation> {
    let mut operations: Vec<_> = history.iter().filter(|operation| operation.workload == workload).cloned().collect();
    if workload == SubjectWorkload::Deleting {
        operations = unknowns::without_known(operations);
    }
    unknowns::resolve_unknown(operations, workload != SubjectWorkload::Deleting, read_at_end)
}

/// Searches every subject of a history for a linearization.
pub fn search_all_subjects(history: &[SubjectOperation]) -> linear::SearchResult {
    let mut all = linear::SearchResult::default();
    for workload in [SubjectWorkload::Rich, SubjectWorkload::Deleting, SubjectWorkload::Append] {
        all.add_result(linear::search_subjects(&resolve_workload(history, workload)));
    }
    all
}

/// The registrations of the model's workloads in the form of those of the registration workload, for the checks on ids. Registrations
/// of unknown outcome are among them: the id that a later one is given may have been assigned then.
pub(super) fn operations_as_registrations(history: &[SubjectOperation]) -> Vec<Registration> {
    let mut all = Vec::new();
    for operation in history {
        let Op::Register { content } = operation.op else { continue };
        let result = match (&operation.output, operation.id, &operation.guid) {
            (Some(Output::Version { version, .. }), Some(id), Some(guid)) => {
                RegistrationResult::Registered { id, version: *version, guid: guid.clone() }
            }
            _ => RegistrationResult::Unknown("no id was given".to_owned()),
        };
        let format = format_of(names::object_number(&operation.subject));
        all.push(Registration {
            process: operation.process as usize,
            node_id: operation.node,
            key: String::new(),
            subject: operation.subject.clone(),
            content: schema(&operation.subject, format, content),
            invoked: std::time::Duration::from_nanos(operation.invoked),
            returned: std::time::Duration::from_nanos(operation.returned),
            result,
        });
    }
    all
}

/// Refusals that no operation of the model may get (I25).
pub(super) fn unexpected_refusals(history: &[SubjectOperation]) -> Vec<String> {
    let describe = |operation: &SubjectOperation| match operation.output {
        Some(Output::Unexpected { status, code }) => {
            Some(format!("I25: {} was refused with status {status}, code {code}", operation.op.kind()))
        }
        _ => None,
    };
    let faults: BTreeSet<_> = history.iter().filter_map(describe).collect();
    faults.into_iter().collect()
}

fn longest_gap_ms(operations: &[SubjectOperation]) -> u64 {
    let mut times: Vec<u64> =
        operations.iter().filter(|operation| operation.output.is_some()).map(|operation| operation.returned).collect();
    times.sort_unstable();
    times.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registration of the model's workload: when, of which content, and which id it was given.
    fn registered(from: u64, content: u32, id: Option<u32>) -> SubjectOperation {
        let output = id.map(|_| Output::Version { version: content, content });
        let last = SubjectOperation::last_read(SubjectWorkload::Rich, 1, "m-1-0-x".to_owned(), from, Output::Done);
        let (op, returned, guid) =
            (Op::Register { content }, from + 10, id.map(|id| format!("guid {content} of {id}")));
        SubjectOperation { op, invoked: from, returned, output, id, guid, ..last }
    }

    #[test]
    fn an_id_may_come_from_an_attempt_of_unknown_outcome() {
        let first = registered(0, 1, None);
        let (other, again) = (registered(20, 2, Some(150)), registered(40, 1, Some(106)));
        let faults = |operations: &[SubjectOperation]| {
            invariants::id_growth_faults(&operations_as_registrations(operations), deletes_for_good)
        };
        assert_eq!(faults(&[first, other.clone(), again.clone()]), Vec::<String>::new());
        let found = faults(&[other, again]);
        assert!(found.len() == 1 && found[0].starts_with("I2"), "{found:?}");
    }
}
