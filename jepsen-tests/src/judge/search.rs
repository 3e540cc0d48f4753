//! The search for an order that explains every answer, over any model: by porcupine-rs and, where the history is small enough, by
//! todc-utils, too. The two share no code, and a disagreement is a fault.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use porcupine_rs::{CheckResult, Model, Operation};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::unknowns::NEVER;
use super::verdict::Verdict;

/// Longest search over one object.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(20);
/// The second search has no time limit, so it gets only histories that cannot explode: few unknown operations, and short.
const SECOND_OPS_MAX: usize = 220;
const SECOND_UNKNOWN_MAX: usize = 3;

/// What one object does, one operation after another.
pub trait Machine: Default + Clone + Eq + Hash + Debug + Send + Sync {
    /// What is asked.
    type Op: Clone + Debug + Send + Sync;
    /// What is answered.
    type Told: Clone + Debug + Send + Sync;

    /// Is this answer possible, and what follows from it? No answer is always possible.
    fn step(&self, op: &Self::Op, told: Option<&Self::Told>) -> (bool, Self);
}

/// An operation in real time.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Timed<M: Machine> {
    pub process: u32,
    pub node: u64,
    /// Nanoseconds.
    pub invoked: u64,
    pub returned: u64,
    pub op: M::Op,
    pub told: Option<M::Told>,
    /// May it have an effect?
    pub is_write: bool,
}

type Step<M> = (<M as Machine>::Op, Option<<M as Machine>::Told>);

/// The model for porcupine-rs.
#[derive(Clone, Debug)]
struct Porcupine<M>(PhantomData<M>);

impl<M: Machine> Model for Porcupine<M> {
    type State = M;
    type Op = Step<M>;
    type Metadata = ();

    fn init() -> M {
        M::default()
    }

    fn step(state: &M, (op, told): &Step<M>) -> (bool, M) {
        state.step(op, told.as_ref())
    }
}

/// The model for todc-utils.
struct Todc<M>(PhantomData<M>);

impl<M: Machine> Specification for Todc<M> {
    type State = M;
    type Operation = Step<M>;

    fn init() -> M {
        M::default()
    }

    fn apply((op, told): &Step<M>, state: &M) -> (bool, M) {
        let (possible, after) = state.step(op, told.as_ref());
        if possible { (true, after) } else { (false, state.clone()) }
    }
}

/// What the searches found.
#[derive(Debug, Clone, Default)]
pub struct Searched {
    /// Objects (subjects, mostly).
    pub subjects: usize,
    /// Operations searched.
    pub operations: usize,
    /// Objects that the second search judged, too.
    pub twice: usize,
    /// Faults, one line each.
    pub faults: Vec<String>,
    /// Objects without a verdict.
    pub unknown: Vec<String>,
}

impl Searched {
    /// The verdict on all objects.
    pub fn verdict(&self) -> Verdict {
        if !self.faults.is_empty() {
            Verdict::Invalid
        } else if !self.unknown.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Valid
        }
    }

    /// Judges all operations on one object.
    fn look<M: Machine>(&mut self, object: &str, history: &[Timed<M>]) {
        self.subjects += 1;
        self.operations += history.len();
        let first = first_opinion(history);
        match first {
            CheckResult::Ok => {}
            CheckResult::Illegal => self.faults.push(format!(
                "linearizability: no order of the {} operations on {object} explains their answers{}",
                history.len(),
                excerpt(history)
            )),
            CheckResult::Unknown => self.unknown.push(format!("{object}: the search took too long")),
        }
        let unknown = history.iter().filter(|event| event.told.is_none()).count();
        if history.len() <= SECOND_OPS_MAX && unknown <= SECOND_UNKNOWN_MAX && first != CheckResult::Unknown {
            self.twice += 1;
            if second_opinion(history) != (first == CheckResult::Ok) {
                self.faults.push(format!("the two searches disagree on {object}: keep this history"));
            }
        }
    }

    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: Self) {
        self.subjects += other.subjects;
        self.operations += other.operations;
        self.twice += other.twice;
        self.faults.extend(other.faults);
        self.unknown.extend(other.unknown);
    }
}

/// Judges operations, each with the object that it was on.
pub fn search<'a, M: Machine>(history: impl IntoIterator<Item = (&'a str, Timed<M>)>) -> Searched {
    let mut objects: BTreeMap<&str, Vec<Timed<M>>> = BTreeMap::new();
    for (object, timed) in history {
        objects.entry(object).or_default().push(timed);
    }
    let mut searched = Searched::default();
    for (object, history) in objects {
        searched.look(object, &history);
    }
    searched
}

fn first_opinion<M: Machine>(history: &[Timed<M>]) -> CheckResult {
    let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let operations: Vec<Operation<Porcupine<M>>> = history
        .iter()
        .map(|event| Operation {
            client_id: Some(event.process),
            call_time: time(event.invoked),
            return_time: time(event.returned),
            op: (event.op.clone(), event.told.clone()),
            metadata: None,
        })
        .collect();
    // The plain call: the one with information takes a time-out for a fault.
    porcupine_rs::check_operations_timeout(&operations, SEARCH_TIME_MAX)
}

fn second_opinion<M: Machine>(history: &[Timed<M>]) -> bool {
    // One "process" per operation: those of one client do not overlap anyway, and unknown ones never return.
    let mut edges: Vec<(u64, bool, usize)> = Vec::new();
    for (number, event) in history.iter().enumerate() {
        edges.push((event.invoked, false, number));
        edges.push((event.returned.min(NEVER), true, number));
    }
    edges.sort_unstable();
    let actions = edges.into_iter().map(|(_, returns, number)| {
        let step = (history[number].op.clone(), history[number].told.clone());
        (number, if returns { Action::Response(step) } else { Action::Call(step) })
    });
    WGLChecker::<Todc<M>>::is_linearizable(History::from_actions(actions.collect()))
}

/// The smallest prefix that is wrong already, its last operations: a place to begin reading.
fn excerpt<M: Machine>(history: &[Timed<M>]) -> String {
    let mut sorted: Vec<Timed<M>> = history.to_vec();
    sorted.sort_by_key(|event| event.returned);
    let wrong = |length: usize| {
        // What began before the prefix ended may have taken effect in it.
        let end = sorted[length - 1].returned;
        let mut prefix: Vec<Timed<M>> = sorted[..length].to_vec();
        for event in &sorted[length..] {
            if event.invoked < end && event.is_write {
                prefix.push(Timed { told: None, returned: NEVER, ..event.clone() });
            }
        }
        first_opinion(&prefix) == CheckResult::Illegal
    };
    let (mut good, mut bad) = (0, sorted.len());
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if wrong(middle) { bad = middle } else { good = middle }
    }
    let shown: Vec<_> = sorted[bad.saturating_sub(12)..bad]
        .iter()
        .map(|event| {
            let Timed { process, node, op, invoked, returned, told, .. } = event;
            format!("  {invoked}..{returned} client {process} node {node}: {op:?} -> {told:?}")
        })
        .collect();
    format!("; the first answer that cannot be is the last of\n{}", shown.join("\n"))
}
