//! Events (I20): every watcher saw what the log has, in its order, without a gap or a repetition; the log is the same on every
//! node, and tells of what clients were told of, neither less nor more.

use std::collections::{BTreeMap, BTreeSet};

use crate::dump::Dump;
use crate::native::Seen;
use crate::ops::life::{Decision, Lived, Move, Step, Told};
use crate::ops::watchers::Watched;

/// Compares the nodes' logs of events, and the watchers with them.
pub fn faults(logs: &BTreeMap<u64, Vec<Seen>>, watchers: &[Watched]) -> Vec<String> {
    let mut faults = Vec::new();
    let Some((first, log)) = logs.iter().next() else { return faults };
    for (node, other) in logs {
        if let Some(reason) = difference(log, other) {
            faults.push(format!("I20: the events of node {node} are not those of node {first}: {reason}"));
        }
    }
    if log.iter().map(|seen| &seen.id).collect::<BTreeSet<_>>().len() != log.len() {
        faults.push(format!("I20: an id occurs twice in the events of node {first}"));
    }
    if log.windows(2).any(|pair| place(&pair[0].id) >= place(&pair[1].id)) {
        faults.push(format!("I20: the ids of node {first} do not grow"));
    }
    for Watched { home, way, seen, resumed, broken } in watchers {
        let name = format!("the watcher at home on node {home} by {way:?}, which went on {resumed} times");
        match broken {
            Some(reason) => faults.push(format!("I20: {name}: {reason}")),
            None => faults.extend(difference(log, seen).map(|reason| format!("I20: {name}: {reason}"))),
        }
    }
    faults
}

/// An id is `INDEX.POSITION`.
fn place(id: &str) -> Option<(u64, u64)> {
    let (index, position) = id.split_once('.')?;
    Some((index.parse().ok()?, position.parse().ok()?))
}

/// The first place where events are not those of the log, and what is wrong there.
fn difference(log: &[Seen], seen: &[Seen]) -> Option<String> {
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

/// Every version that is there was told of once. `deletes` names subjects whose versions may be gone.
pub fn versions(log: &[Seen], dump: &Dump, deletes: impl Fn(&str) -> bool) -> Vec<String> {
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    dump.keys()
        .filter(|(subject, _)| !deletes(subject))
        .for_each(|(subject, _)| *held.entry(subject).or_default() += 1);
    log.iter()
        .filter(|seen| seen.kind == "schema.registered" && !deletes(&seen.subject))
        .for_each(|seen| *told.entry(&seen.subject).or_default() += 1);
    let subjects: BTreeSet<&str> = held.keys().chain(told.keys()).copied().collect();
    let count = |counts: &BTreeMap<&str, usize>, subject: &str| counts.get(subject).copied().unwrap_or(0);
    let differs = |subject: &&str| count(&held, subject) != count(&told, subject);
    let line = |subject: &str| {
        format!("I20: {subject} has {} versions and {} events of them", count(&held, subject), count(&told, subject))
    };
    subjects.into_iter().filter(differs).map(line).collect()
}

/// How many events of a kind there must be and may be: one for every acknowledged step, at most one more for every step of
/// unknown outcome. What was refused and happened, or happened twice, is more than there may be.
pub fn steps(log: &[Seen], history: &[Lived]) -> Vec<String> {
    let mut must: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut may: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for lived in history {
        let Some(kind) = kind_of(lived.deed.step) else { continue };
        let key = (lived.subject.as_str(), kind);
        match &lived.told {
            Some(Told::Refused { .. }) => {}
            Some(Told::RolledBack { versions }) => *must.entry(key).or_default() += versions.len(),
            Some(_) => *must.entry(key).or_default() += 1,
            // A rollback makes as many events as it takes versions back.
            None if matches!(lived.deed.step, Step::RollBack { .. }) => {
                *may.entry(key).or_default() += usize::MAX / 1_000
            }
            None => *may.entry(key).or_default() += 1,
        }
    }
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let subjects: BTreeSet<&str> = history.iter().map(|lived| lived.subject.as_str()).collect();
    for seen in
        log.iter().filter(|seen| subjects.contains(seen.subject.as_str()) && KINDS.contains(&seen.kind.as_str()))
    {
        *told.entry((&seen.subject, &seen.kind)).or_default() += 1;
    }
    let keys: BTreeSet<_> = must.keys().chain(told.keys()).copied().collect();
    let mut faults = Vec::new();
    for key in keys {
        let count = |counts: &BTreeMap<(&str, &str), usize>| counts.get(&key).copied().unwrap_or(0);
        let (told, must, may) = (count(&told), count(&must), count(&may));
        if told < must || told - must > may {
            let (subject, kind) = key;
            faults.push(format!(
                "I20: {subject} has {told} events {kind}; {must} steps were acknowledged, of {may} nobody knows"
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

/// The kind of event that a step makes.
fn kind_of(step: Step) -> Option<&'static str> {
    match step {
        Step::Submit { .. } => Some("draft.submitted"),
        Step::Review { decision: Decision::Approve | Decision::RequestChanges | Decision::Reject, .. } => {
            Some("draft.reviewed")
        }
        Step::Activate { .. } | Step::Move { how: Move::Reinstate | Move::Reactivate, .. } => Some("version.activated"),
        Step::Move { how: Move::Deprecate, .. } => Some("version.deprecated"),
        Step::Move { how: Move::Archive, .. } => Some("version.archived"),
        Step::Move { how: Move::Quarantine, .. } => Some("version.quarantined"),
        Step::Move { how: Move::Release, .. } => Some("version.released"),
        Step::RollBack { .. } => Some("version.rolled_back"),
        Step::Delete { .. } => Some("version.deleted"),
        Step::Create { .. } | Step::ReadDraft { .. } | Step::ReadVersion { .. } => None,
    }
}
