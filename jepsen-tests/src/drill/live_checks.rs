//! Checks a drill while it runs and reports at once when a promise is broken: for hunts, whose time counts. Only faults that no later
//! operation can explain are looked for; the rest is judged at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::checks::{operations_as_registrations, unexpected_refusals};
use super::load::Observed;
use crate::checker::{audit, invariants, sessions};
use crate::client::{Api, Http};
use crate::dump;
use crate::history::{Registration, RegistrationResult};
use crate::ops::SubjectOperation;
use crate::ops::names::{self, deletes_for_good};
use crate::schemas::Format;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(500);
/// A node that takes longer to answer is looked at again next time.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Connections for looks.
pub(super) fn short_timeout_http() -> Http {
    Http::patient(PATIENCE)
}

/// Looks until something is wrong, and gives it.
pub(super) async fn watch_for_faults(nodes: Vec<Api>, observe: impl Fn() -> Observed) -> Vec<String> {
    let mut log = Vec::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (registrations, events, session_reads) = observe();
        let mut faults = lost_registrations(&nodes, &registrations).await;
        faults.extend(answer_faults(registrations, &events));
        faults.extend(unexpected_refusals(&events));
        faults.extend(sessions::session_faults(&session_reads));
        faults.extend(digest_faults(&nodes).await);
        for api in &nodes {
            faults.extend(unreadable_replica(api).await);
        }
        read_on_in_audit_log(&nodes, &mut log).await;
        faults.extend(audit::outcome_faults(&log));
        if !faults.is_empty() {
            return faults;
        }
    }
}

/// The faults of ids and versions in answers.
fn answer_faults(registrations: Vec<Registration>, events: &[SubjectOperation]) -> Vec<String> {
    let nothing = BTreeMap::new();
    let mut faults = invariants::answer_faults(&registrations);
    let mut answered = operations_as_registrations(events);
    answered.extend(registrations);
    faults.extend(invariants::id_faults(&answered, &nothing, deletes_for_good));
    faults
}

/// Registrations that were acknowledged before this look and that a confirmed read does not show (I4). Nobody deletes them.
async fn lost_registrations(nodes: &[Api], registrations: &[Registration]) -> Vec<String> {
    for api in nodes {
        let mut held = BTreeMap::new();
        let mut complete = true;
        for format in Format::ALL {
            complete = complete && read_ids(api, &names::registration_prefix(format), &mut held).await;
        }
        if !complete {
            continue;
        }
        let is_lost = |record: &&Registration| match record.result {
            RegistrationResult::Registered { id, version, .. } => {
                held.get(&(record.subject.clone(), u64::from(version))) != Some(&u64::from(id))
            }
            RegistrationResult::Refused { .. } | RegistrationResult::Unknown(_) => false,
        };
        let line = |record: &Registration| {
            format!(
                "I4: node {} does not show {} {:?}, which was acknowledged",
                api.node_id, record.subject, record.result
            )
        };
        return registrations.iter().filter(is_lost).map(line).take(3).collect();
    }
    Vec::new()
}

/// The ids of all versions of subjects that begin so, confirmed; false if the node cannot tell. Pages may overlap where
/// something is registered meanwhile, but nothing is skipped.
async fn read_ids(api: &Api, prefix: &str, held: &mut BTreeMap<(String, u64), u64>) -> bool {
    for page in 0.. {
        let offset = page * dump::PAGE;
        let path = format!("/schemas?subjectPrefix={prefix}&offset={offset}&limit={}", dump::PAGE);
        let Ok(answer) = api.get(&path).header("X-Registry-Consistency", "linearizable").send().await else {
            return false;
        };
        if answer.status != 200 {
            return false;
        }
        let items = answer.list();
        for item in &items {
            let subject = item["subject"].as_str().unwrap_or_default().to_owned();
            held.insert((subject, item["version"].as_u64().unwrap_or(0)), item["id"].as_u64().unwrap_or(0));
        }
        if items.len() < dump::PAGE {
            break;
        }
    }
    true
}

/// Digests at an index that nodes remember, of those nodes that answer.
async fn digest_faults(nodes: &[Api]) -> Vec<String> {
    let mut newest = Vec::new();
    for api in nodes {
        if let Ok(answer) = api.get("/admin/state-hash").send().await
            && let Some(index) = (answer.status == 200).then(|| answer.json()["index"].as_u64()).flatten()
        {
            newest.push(index);
        }
    }
    let Some(index) = newest.into_iter().min() else { return Vec::new() };
    let mut digests: BTreeMap<u64, String> = BTreeMap::new();
    for api in nodes {
        if let Ok(answer) = api.get(&format!("/admin/state-hash?index={index}")).send().await
            && answer.status == 200
        {
            digests.insert(api.node_id, answer.json()["digest"].as_str().unwrap_or_default().to_owned());
        }
    }
    let first = digests.values().next();
    let differ = digests.values().any(|digest| Some(digest) != first);
    differ.then(|| format!("I15: the states differ at {index}: {digests:?}")).into_iter().collect()
}

/// A replica that is up and cannot show what it holds.
async fn unreadable_replica(api: &Api) -> Option<String> {
    let answer = api.local(&format!("/schemas?deleted=true&limit={}", dump::PAGE)).send().await.ok()?;
    (answer.status == 500).then(|| format!("node {} cannot show what it holds: {}", api.node_id, answer.text()))
}

/// Reads on in the audit log, at the first node that answers.
async fn read_on_in_audit_log(nodes: &[Api], log: &mut Vec<audit::AuditRecord>) {
    for api in nodes {
        let Ok(answer) = api.get(&format!("/api/v1/audit/export?from={}", log.len())).send().await else { continue };
        if answer.status == 200 {
            let text = answer.text();
            // A stream that broke off ends in the middle of a line, which comes again next time.
            log.extend(text.lines().map_while(|line| serde_json::from_str(line).ok()));
            return;
        }
    }
}
