//! Invariants over a history and what the nodes hold afterwards. Knows nothing of how the registry works inside.
//!
//! The names of the invariants, of those that `docs/invariants.md` lists: I1 one id, one content, for ever; I2 ids grow in real time; I3 a
//! version never changes; I4 nothing acknowledged is lost; I5 the same content gives the same id and version; I6 versions
//! are dense and grow in real time; I25 an operation that was refused did not happen. For histories of registrations only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::dump::{Dump, Held};
use crate::history::{Registration, RegistrationResult};

/// Faults that are shown, at most.
const FAULTS_SHOWN: usize = 20;

/// A content as the checks know it: format and canonical text.
type Key<'a> = (&'static str, &'a str);

fn key_of(record: &Registration) -> Key<'_> {
    (record.content.format.name(), &record.content.canonical)
}

/// Checks everything and panics with the faults.
///
/// # Panics
/// If any invariant does not hold.
pub fn assert_valid(history: &[Registration], dumps: &BTreeMap<u64, Dump>) {
    let faults = find_faults(history, dumps);
    let count = faults.len();
    let shown: Vec<_> = faults.into_iter().take(FAULTS_SHOWN).collect();
    assert!(count == 0, "{count} faults:\n{}", shown.join("\n"));
}

/// The faults, one line each. `dumps` are read after the last write, one per node.
pub fn find_faults(history: &[Registration], dumps: &BTreeMap<u64, Dump>) -> Vec<String> {
    let mut faults = Vec::new();
    refusal_faults(history, &mut faults);
    one_content_per_id(history, dumps, &mut faults);
    ids_grow(history, &mut faults);
    version_faults(history, dumps, &mut faults);
    same_key_same_outcome(history, &mut faults);
    nothing_lost(history, dumps, &mut faults);
    nothing_invented(history, dumps, &mut faults);
    faults
}

/// The faults of answers by themselves, whatever nodes hold: for a look while processes go on.
pub fn answer_faults(history: &[Registration]) -> Vec<String> {
    let (mut faults, nothing) = (Vec::new(), BTreeMap::new());
    refusal_faults(history, &mut faults);
    one_content_per_id(history, &nothing, &mut faults);
    version_faults(history, &nothing, &mut faults);
    same_key_same_outcome(history, &mut faults);
    faults
}

/// The invariants of ids alone, for histories that delete and for several workloads at once.
///
/// One id never stands for two contents. The other direction ends with a permanent deletion: the same content then gets a new
/// id. So it is checked only where nothing is deleted for good: `deletes` names the subjects where that may happen.
pub fn id_faults(history: &[Registration], dumps: &BTreeMap<u64, Dump>, deletes: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut content_of = BTreeMap::new();
    for (content, id, guid) in observed_contents(history, dumps) {
        let known = *content_of.entry(id).or_insert((content, guid));
        if known != (content, guid) {
            faults.push(format!("I1: id {id} stands for {known:?} and for {:?}", (content, guid)));
        }
    }
    let kept: Vec<Registration> = history.iter().filter(|record| !deletes(&record.subject)).cloned().collect();
    one_content_per_id(&kept, &crate::dump::only(dumps, |subject| !deletes(subject)), &mut faults);
    faults
}

/// I2 alone, for one history: two histories have two clocks.
pub fn id_growth_faults(history: &[Registration], deletes: impl Fn(&str) -> bool) -> Vec<String> {
    let kept: Vec<Registration> = history.iter().filter(|record| !deletes(&record.subject)).cloned().collect();
    let mut faults = Vec::new();
    ids_grow(&kept, &mut faults);
    faults
}

/// The workload sends nothing that may be refused.
fn refusal_faults(history: &[Registration], faults: &mut Vec<String>) {
    for record in history {
        if let RegistrationResult::Refused { status, message, .. } = &record.result {
            faults.push(format!("I25: node {} refused with {status}: {message}", record.node_id));
        }
    }
}

/// Every (content, id, guid) in an answer or on a node.
fn observed_contents<'a>(
    history: &'a [Registration],
    dumps: &'a BTreeMap<u64, Dump>,
) -> impl Iterator<Item = (Key<'a>, u32, &'a str)> {
    let answered = history.iter().filter_map(|record| match &record.result {
        RegistrationResult::Registered { id, guid, .. } => Some((key_of(record), *id, guid.as_str())),
        RegistrationResult::Refused { .. } | RegistrationResult::Unknown(_) => None,
    });
    let held = dumps.values().flat_map(Dump::values).map(|held| {
        let Held { id, guid, format, text } = held;
        ((crate::schemas::Format::of(format).name(), text.as_str()), *id, guid.as_str())
    });
    answered.chain(held)
}

/// I1, and the guid with it.
fn one_content_per_id(history: &[Registration], dumps: &BTreeMap<u64, Dump>, faults: &mut Vec<String>) {
    let mut content_of = BTreeMap::new();
    let mut id_of = BTreeMap::new();
    for (content, id, guid) in observed_contents(history, dumps) {
        let known = *content_of.entry(id).or_insert((content, guid));
        if known != (content, guid) {
            faults.push(format!("I1: id {id} stands for {known:?} and for {:?}", (content, guid)));
        }
        let known = *id_of.entry(content).or_insert(id);
        if known != id {
            faults.push(format!("I1: {content:?} has id {known} and id {id}"));
        }
    }
}

/// When a content was first sent, and when it was first acknowledged with which number.
#[derive(Debug, Clone, Copy)]
struct Span {
    invoked: Duration,
    acknowledged: Option<(Duration, u32)>,
}

impl Span {
    fn extend_span(
        spans: &mut BTreeMap<(String, String), Span>,
        key: (String, String),
        record: &Registration,
        number: Option<u32>,
    ) {
        let span = spans.entry(key).or_insert(Span { invoked: record.invoked, acknowledged: None });
        span.invoked = span.invoked.min(record.invoked);
        if let Some(number) = number
            && span.acknowledged.is_none_or(|(returned, _)| record.returned < returned)
        {
            span.acknowledged = Some((record.returned, number));
        }
    }
}

/// What was acknowledged before something else was first asked for must have the smaller number.
fn numbers_grow(spans: &BTreeMap<(String, String), Span>, what: &str, faults: &mut Vec<String>) {
    let mut acknowledged: Vec<_> = spans
        .iter()
        .filter_map(|(name, span)| span.acknowledged.map(|(returned, number)| (returned, number, name)))
        .collect();
    acknowledged.sort_unstable();
    let mut asked: Vec<_> =
        spans.iter().filter_map(|(name, span)| Some((span.invoked, span.acknowledged?.1, name))).collect();
    asked.sort_unstable();
    let mut highest: Option<(u32, &(String, String))> = None;
    let mut earlier = acknowledged.into_iter().peekable();
    for (invoked, number, name) in asked {
        while let Some((_, number, name)) = earlier.next_if(|(returned, _, _)| *returned < invoked) {
            if highest.is_none_or(|(seen, _)| number > seen) {
                highest = Some((number, name));
            }
        }
        if let Some((seen, before)) = highest
            && number <= seen
        {
            faults.push(format!("{what}: {name:?} got {number}, though {before:?} had {seen} before it was asked for"));
        }
    }
}

/// I2.
fn ids_grow(history: &[Registration], faults: &mut Vec<String>) {
    let mut spans = BTreeMap::new();
    for record in history {
        let id = match record.result {
            RegistrationResult::Registered { id, .. } => Some(id),
            RegistrationResult::Refused { .. } | RegistrationResult::Unknown(_) => None,
        };
        let (format, text) = key_of(record);
        Span::extend_span(&mut spans, (format.to_owned(), text.to_owned()), record, id);
    }
    numbers_grow(&spans, "I2", faults);
}

/// I3, I5, I6.
fn version_faults(history: &[Registration], dumps: &BTreeMap<u64, Dump>, faults: &mut Vec<String>) {
    let mut held: BTreeMap<(&str, u32), (u32, Key<'_>)> = BTreeMap::new();
    let mut version_of: BTreeMap<(&str, Key<'_>), u32> = BTreeMap::new();
    let answered = history.iter().filter_map(|record| match record.result {
        RegistrationResult::Registered { id, version, .. } => {
            Some((record.subject.as_str(), version, id, key_of(record)))
        }
        RegistrationResult::Refused { .. } | RegistrationResult::Unknown(_) => None,
    });
    let dumped = dumps.values().flatten().map(|((subject, version), held)| {
        let format = crate::schemas::Format::of(&held.format).name();
        (subject.as_str(), *version, held.id, (format, held.text.as_str()))
    });
    for (subject, version, id, content) in answered.chain(dumped) {
        let known = *held.entry((subject, version)).or_insert((id, content));
        if known != (id, content) {
            faults.push(format!("I3: {subject} version {version} is {known:?} and {:?}", (id, content)));
        }
        let known = *version_of.entry((subject, content)).or_insert(version);
        if known != version {
            faults.push(format!("I5: {subject} has {content:?} as version {known} and as {version}"));
        }
    }
    for (node, dump) in dumps {
        let mut numbers: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (subject, version) in dump.keys() {
            numbers.entry(subject).or_default().insert(*version);
        }
        for (subject, numbers) in numbers {
            if !numbers.iter().copied().eq(1..=u32::try_from(numbers.len()).unwrap_or(u32::MAX)) {
                faults.push(format!("I6: on node {node} {subject} has the versions {numbers:?}"));
            }
        }
    }
    let mut subjects: BTreeMap<&str, BTreeMap<(String, String), Span>> = BTreeMap::new();
    for record in history {
        let version = match record.result {
            RegistrationResult::Registered { version, .. } => Some(version),
            RegistrationResult::Refused { .. } | RegistrationResult::Unknown(_) => None,
        };
        let key = (record.subject.clone(), record.content.canonical.clone());
        Span::extend_span(subjects.entry(&record.subject).or_default(), key, record, version);
    }
    for spans in subjects.values() {
        numbers_grow(spans, "I6", faults);
    }
}

/// Attempts under one key are one request.
fn same_key_same_outcome(history: &[Registration], faults: &mut Vec<String>) {
    let mut outcome_of = BTreeMap::new();
    for record in history.iter().filter(|record| record.result.is_acknowledged()) {
        let known = *outcome_of.entry(&record.key).or_insert(&record.result);
        if *known != record.result {
            faults.push(format!("key {}: {known:?}, then {:?}", record.key, record.result));
        }
    }
}

/// I4, on every node.
fn nothing_lost(history: &[Registration], dumps: &BTreeMap<u64, Dump>, faults: &mut Vec<String>) {
    for record in history {
        let RegistrationResult::Registered { id, version, guid } = &record.result else { continue };
        let (format, text) = (record.content.format.name().to_owned(), record.content.canonical.clone());
        let expected = Held { id: *id, guid: guid.clone(), format, text };
        for (node, dump) in dumps {
            let found = dump.get(&(record.subject.clone(), *version));
            if found != Some(&expected) {
                faults.push(format!(
                    "I4: {} version {version} is {found:?} on node {node}, not {expected:?}",
                    record.subject
                ));
            }
        }
    }
}

/// No node holds a version that no process sent.
fn nothing_invented(history: &[Registration], dumps: &BTreeMap<u64, Dump>, faults: &mut Vec<String>) {
    let sent: BTreeSet<_> = history.iter().map(|record| (record.subject.as_str(), key_of(record).1)).collect();
    for (node, dump) in dumps {
        for ((subject, version), held) in dump {
            if !sent.contains(&(subject.as_str(), held.text.as_str())) {
                faults.push(format!("node {node} has {subject} version {version}, which no process sent: {held:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemas::{Content, Format};

    fn record(key: &str, subject: &str, text: &str, from_ms: u64, to_ms: u64, got: Option<(u32, u32)>) -> Registration {
        let (sent, canonical) = (text.to_owned(), text.to_owned());
        let content = Content { format: Format::Avro, sent, canonical, references: Vec::new() };
        let result = match got {
            Some((id, version)) => RegistrationResult::Registered { id, version, guid: format!("g-{text}") },
            None => RegistrationResult::Unknown("time-out".to_owned()),
        };
        let (invoked, returned) = (Duration::from_millis(from_ms), Duration::from_millis(to_ms));
        Registration {
            process: 0,
            node_id: 1,
            key: key.to_owned(),
            subject: subject.to_owned(),
            content,
            invoked,
            returned,
            result,
        }
    }

    fn dump(versions: &[(&str, u32, u32, &str)]) -> BTreeMap<u64, Dump> {
        let held = versions.iter().map(|(subject, version, id, text)| {
            let guid = format!("g-{text}");
            ((subject.to_string(), *version), Held { id: *id, guid, format: "AVRO".to_owned(), text: text.to_string() })
        });
        BTreeMap::from([(1, held.collect())])
    }

    fn check(history: &[Registration], dumps: &BTreeMap<u64, Dump>, expected: &[&str]) {
        let found = find_faults(history, dumps);
        let of = |name: &str| found.iter().any(|fault| fault.starts_with(name));
        assert!(expected.iter().all(|name| of(name)), "{expected:?} expected: {found:?}");
        assert_eq!(expected.is_empty(), found.is_empty(), "{found:?}");
    }

    #[test]
    fn good_histories_pass() {
        let history = [
            record("1", "s", "a", 0, 10, Some((1, 1))),
            record("2", "s", "b", 5, 20, Some((2, 2))),
            record("3", "t", "a", 30, 40, Some((1, 1))),
            record("4", "t", "c", 30, 40, None),
            record("2", "s", "b", 50, 60, Some((2, 2))),
        ];
        check(&history, &dump(&[("s", 1, 1, "a"), ("s", 2, 2, "b"), ("t", 1, 1, "a"), ("t", 2, 3, "c")]), &[]);
        check(&history, &dump(&[("s", 1, 1, "a"), ("s", 2, 2, "b"), ("t", 1, 1, "a")]), &[]);
    }

    #[test]
    fn planted_faults_are_found() {
        let a = record("1", "s", "a", 0, 10, Some((1, 1)));
        check(std::slice::from_ref(&a), &dump(&[]), &["I4"]);
        check(std::slice::from_ref(&a), &dump(&[("s", 1, 1, "a"), ("s", 2, 2, "x")]), &["node 1 has s version 2"]);
        let reused = record("2", "s", "b", 20, 30, Some((1, 2)));
        check(&[a.clone(), reused], &dump(&[("s", 1, 1, "a"), ("s", 2, 1, "b")]), &["I1", "I2"]);
        let smaller = record("2", "t", "b", 20, 30, Some((1, 1)));
        let b = record("1", "s", "a", 0, 10, Some((2, 1)));
        check(&[b, smaller], &dump(&[("s", 1, 2, "a"), ("t", 1, 1, "b")]), &["I2"]);
        let overwritten = record("2", "s", "b", 0, 30, Some((2, 1)));
        check(&[a.clone(), overwritten], &dump(&[("s", 1, 1, "a")]), &["I3"]);
        let twice = record("2", "s", "a", 20, 30, Some((1, 2)));
        check(&[a.clone(), twice], &dump(&[("s", 1, 1, "a"), ("s", 2, 1, "a")]), &["I5"]);
        check(&[record("1", "s", "a", 0, 10, Some((1, 2)))], &dump(&[("s", 2, 1, "a")]), &["I6"]);
        let backwards = record("2", "s", "b", 20, 30, Some((2, 1)));
        let first = record("1", "s", "a", 0, 10, Some((1, 2)));
        check(&[first, backwards], &dump(&[("s", 2, 1, "a"), ("s", 1, 2, "b")]), &["I6"]);
        let other = record("1", "s", "a", 20, 30, Some((1, 2)));
        check(&[a, other], &dump(&[("s", 1, 1, "a"), ("s", 2, 1, "a")]), &["key 1"]);
    }
}
