//! Events (I20): every watcher saw the events of the log, in its order, without a gap or a repetition. The log of events is the same on
//! every node, and has one event for every change that was acknowledged, neither less nor more.

use std::collections::{BTreeMap, BTreeSet};

use crate::dump::Dump;
use crate::native::WatchedEvent;
use crate::ops::lifecycle::{Action, Decision, Move, Operation, Output};
use crate::ops::watchers::WatcherHistory;

/// Compares the nodes' logs of events, and the watchers with them.
pub fn watcher_faults(logs: &BTreeMap<u64, Vec<WatchedEvent>>, watchers: &[WatcherHistory]) -> Vec<String> {
    let mut faults = Vec::new();
    let Some((first, log)) = logs.iter().next() else { return faults };
    for (node, other) in logs {
        if let Some(reason) = first_difference(log, other) {
            faults.push(format!("I20: the events of node {node} are not those of node {first}: {reason}"));
        }
    }
    if log.iter().map(|seen| &seen.id).collect::<BTreeSet<_>>().len() != log.len() {
        faults.push(format!("I20: an id occurs twice in the events of node {first}"));
    }
    if log.windows(2).any(|pair| parse_event_id(&pair[0].id) >= parse_event_id(&pair[1].id)) {
        faults.push(format!("I20: the ids of node {first} do not grow"));
    }
    for WatcherHistory { home, transport, seen, resumed, broken } in watchers {
        let name = format!("the watcher at home on node {home} by {transport:?}, which went on {resumed} times");
        match broken {
            Some(reason) => faults.push(format!("I20: {name}: {reason}")),
            None => faults.extend(first_difference(log, seen).map(|reason| format!("I20: {name}: {reason}"))),
        }
    }
    faults
}

/// An id is `INDEX.POSITION`.
fn parse_event_id(id: &str) -> Option<(u64, u64)> {
    let (index, position) = id.split_once('.')?;
    Some((index.parse().ok()?, position.parse().ok()?))
}

/// The first place where events are not those of the log, and what is wrong there.
fn first_difference(log: &[WatchedEvent], seen: &[WatchedEvent]) -> Option<String> {
    let at = (0..log.len().max(seen.len())).find(|at| log.get(*at) != seen.get(*at))?;
    let Some(wrong) = seen.get(at) else { return Some(format!("{} events are missing at the end", log.len() - at)) };
    let what = if seen[..at].contains(wrong) {
        "a repetition"
    } else if log[at.min(log.len())..].contains(wrong) {
        "a gap"
    } else {
        "an event that the log has not"
    };
    Some(format!("{what} at event {at}: {wrong:?} where the log has {:?}", log.get(at)))
}

/// Every version that is there has one event. `deletes` names subjects whose versions may be gone.
pub fn version_faults(log: &[WatchedEvent], dump: &Dump, deletes: impl Fn(&str) -> bool) -> Vec<String> {
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reported: BTreeMap<&str, usize> = BTreeMap::new();
    dump.keys()
        .filter(|(subject, _)| !deletes(subject))
        .for_each(|(subject, _)| *held.entry(subject).or_default() += 1);
    log.iter()
        .filter(|seen| seen.kind == "schema.registered" && !deletes(&seen.subject))
        .for_each(|seen| *reported.entry(&seen.subject).or_default() += 1);
    let subjects: BTreeSet<&str> = held.keys().chain(reported.keys()).copied().collect();
    let count = |counts: &BTreeMap<&str, usize>, subject: &str| counts.get(subject).copied().unwrap_or(0);
    let differs = |subject: &&str| count(&held, subject) != count(&reported, subject);
    let line = |subject: &str| {
        format!(
            "I20: {subject} has {} versions and {} events of them",
            count(&held, subject),
            count(&reported, subject)
        )
    };
    subjects.into_iter().filter(differs).map(line).collect()
}

/// How many events of a kind there must be and may be: one for every acknowledged action, at most one more for every action
/// of unknown outcome. An action that was refused and happened, or happened twice, makes more events than there may be.
pub fn transition_faults(log: &[WatchedEvent], history: &[Operation]) -> Vec<String> {
    let mut must: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut may: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for operation in history {
        let Some(kind) = kind_of(operation.op.action) else { continue };
        let key = (operation.object.as_str(), kind);
        match &operation.output {
            Some(Output::Refused { .. }) => {}
            Some(Output::RolledBack { versions }) => *must.entry(key).or_default() += versions.len(),
            Some(_) => *must.entry(key).or_default() += 1,
            // A rollback makes as many events as it takes versions back.
            None if matches!(operation.op.action, Action::RollBack { .. }) => {
                *may.entry(key).or_default() += usize::MAX / 1_000
            }
            None => *may.entry(key).or_default() += 1,
        }
    }
    let mut reported: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let subjects: BTreeSet<&str> = history.iter().map(|operation| operation.object.as_str()).collect();
    for seen in
        log.iter().filter(|seen| subjects.contains(seen.subject.as_str()) && KINDS.contains(&seen.kind.as_str()))
    {
        *reported.entry((&seen.subject, &seen.kind)).or_default() += 1;
    }
    let keys: BTreeSet<_> = must.keys().chain(reported.keys()).copied().collect();
    let mut faults = Vec::new();
    for key in keys {
        let count = |counts: &BTreeMap<(&str, &str), usize>| counts.get(&key).copied().unwrap_or(0);
        let (reported, must, may) = (count(&reported), count(&must), count(&may));
        if reported < must || reported - must > may {
            let (subject, kind) = key;
            faults.push(format!(
                "I20: {subject} has {reported} events {kind}; {must} actions were acknowledged, {may} more may have happened"
            ));
        }
    }
    faults
}

const KINDS: [&str; 9] = [
    "draft.submitted",
    "draft.reviewed",
    "version.activated",
    "version.deprecated",
    "version.archived",
    "version.quarantined",
    "version.released",
    "version.rolled_back",
    "version.deleted",
];

/// The kind of event that an action makes.
fn kind_of(action: Action) -> Option<&'static str> {
    match action {
        Action::Submit { .. } => Some("draft.submitted"),
        Action::Review { decision: Decision::Approve | Decision::RequestChanges | Decision::Reject, .. } => {
            Some("draft.reviewed")
        }
        Action::Activate { .. } | Action::Move { how: Move::Reinstate | Move::Reactivate, .. } => {
            Some("version.activated")
        }
        Action::Move { how: Move::Deprecate, .. } => Some("version.deprecated"),
        Action::Move { how: Move::Archive, .. } => Some("version.archived"),
        Action::Move { how: Move::Quarantine, .. } => Some("version.quarantined"),
        Action::Move { how: Move::Release, .. } => Some("version.released"),
        Action::RollBack { .. } => Some("version.rolled_back"),
        Action::Delete { .. } => Some("version.deleted"),
        Action::Create { .. } | Action::ReadDraft { .. } | Action::ReadVersion { .. } => None,
    }
}
