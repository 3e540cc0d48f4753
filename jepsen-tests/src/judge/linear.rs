//! Linearizability, subject by subject, by two independent searches over the same model: porcupine-rs and todc-utils.

use std::collections::BTreeMap;
use std::time::Duration;

use porcupine_rs::{CheckResult, Model, Operation};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::model::Subject;
use super::unknowns::NEVER;
use super::verdict::Verdict;
use crate::ops::{Event, Op, Told};

/// Longest search over one subject.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(20);
/// The second search has no time limit, so it gets only histories that cannot explode: few unknown operations, and short.
const SECOND_OPS_MAX: usize = 220;
const SECOND_UNKNOWN_MAX: usize = 3;

type Step = (Op, Option<Told>);

/// The model for porcupine-rs.
#[derive(Clone, Debug)]
struct Porcupine;

impl Model for Porcupine {
    type State = Subject;
    type Op = Step;
    type Metadata = ();

    fn init() -> Subject {
        Subject::default()
    }

    fn step(state: &Subject, (op, told): &Step) -> (bool, Subject) {
        state.step(*op, told.as_ref())
    }
}

/// The model for todc-utils.
struct Todc;

impl Specification for Todc {
    type State = Subject;
    type Operation = Step;

    fn init() -> Subject {
        Subject::default()
    }

    fn apply((op, told): &Step, state: &Subject) -> (bool, Subject) {
        let (possible, after) = state.step(*op, told.as_ref());
        if possible { (true, after) } else { (false, state.clone()) }
    }
}

/// What the searches found.
#[derive(Debug, Clone, Default)]
pub struct Searched {
    /// Subjects, operations, and those judged by both searches.
    pub subjects: usize,
    /// Operations searched.
    pub operations: usize,
    /// Subjects that the second search judged, too.
    pub twice: usize,
    /// Faults, one line each.
    pub faults: Vec<String>,
    /// Subjects without a verdict.
    pub unknown: Vec<String>,
}

impl Searched {
    /// The verdict on all subjects.
    pub fn verdict(&self) -> Verdict {
        if !self.faults.is_empty() {
            Verdict::Invalid
        } else if !self.unknown.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Valid
        }
    }
}

/// Judges resolved events; see [`super::unknowns`].
pub fn search(events: &[Event]) -> Searched {
    let mut subjects: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        subjects.entry(&event.subject).or_default().push(event);
    }
    let mut searched = Searched { subjects: subjects.len(), operations: events.len(), ..Searched::default() };
    for (subject, events) in subjects {
        let first = first_opinion(&events);
        match first {
            CheckResult::Ok => {}
            CheckResult::Illegal => searched.faults.push(format!(
                "linearizability: no order of the {} operations on {subject} explains their answers{}",
                events.len(),
                excerpt(&events)
            )),
            CheckResult::Unknown => searched.unknown.push(format!("{subject}: the search took too long")),
        }
        let unknown = events.iter().filter(|event| event.told.is_none()).count();
        if events.len() <= SECOND_OPS_MAX && unknown <= SECOND_UNKNOWN_MAX && first != CheckResult::Unknown {
            searched.twice += 1;
            if second_opinion(&events) != (first == CheckResult::Ok) {
                searched.faults.push(format!("the two searches disagree on {subject}: keep this history"));
            }
        }
    }
    searched
}

fn first_opinion(events: &[&Event]) -> CheckResult {
    let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let operations: Vec<Operation<Porcupine>> = events
        .iter()
        .map(|event| Operation {
            client_id: Some(event.process),
            call_time: time(event.invoked),
            return_time: time(event.returned),
            op: (event.op, event.told.clone()),
            metadata: None,
        })
        .collect();
    // The plain call: the one with information takes a time-out for a fault.
    porcupine_rs::check_operations_timeout(&operations, SEARCH_TIME_MAX)
}

fn second_opinion(events: &[&Event]) -> bool {
    // One "process" per operation: those of one client do not overlap anyway, and unknown ones never return.
    let mut edges: Vec<(u64, bool, usize)> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        edges.push((event.invoked, false, number));
        edges.push((event.returned.min(NEVER), true, number));
    }
    edges.sort_unstable();
    let actions = edges.into_iter().map(|(_, returns, number)| {
        let step = (events[number].op, events[number].told.clone());
        (number, if returns { Action::Response(step) } else { Action::Call(step) })
    });
    WGLChecker::<Todc>::is_linearizable(History::from_actions(actions.collect()))
}

/// The smallest prefix that is wrong already, its last operations: a place to begin reading.
fn excerpt(events: &[&Event]) -> String {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.returned);
    let wrong = |length: usize| {
        // What began before the prefix ended may have taken effect in it.
        let end = sorted[length - 1].returned;
        let mut prefix: Vec<Event> = sorted[..length].iter().map(|event| (*event).clone()).collect();
        for event in &sorted[length..] {
            if event.invoked < end && event.op.is_write() {
                prefix.push(Event { told: None, returned: NEVER, ..(*event).clone() });
            }
        }
        let references: Vec<&Event> = prefix.iter().collect();
        first_opinion(&references) == CheckResult::Illegal
    };
    let (mut good, mut bad) = (0, sorted.len());
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if wrong(middle) { bad = middle } else { good = middle }
    }
    let shown: Vec<_> = sorted[bad.saturating_sub(12)..bad]
        .iter()
        .map(|event| {
            let Event { process, node, op, invoked, returned, told, .. } = event;
            format!("  {invoked}..{returned} client {process} node {node}: {op:?} -> {told:?}")
        })
        .collect();
    format!("; the first answer that cannot be is the last of\n{}", shown.join("\n"))
}
