//! The search for a linearization, an order of all operations that explains every output, over any model: by porcupine-rs and, where
//! the history is small enough, by todc-utils, too. The two share no code, and a disagreement is a fault.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::time::Duration;

use porcupine_rs::{CheckResult, Model as PorcupineModel, Operation as PorcupineOperation};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::verdict::Verdict;
use crate::history::{IsWrite, NEVER, Operation};

/// Longest search over one object.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(20);
/// The second search has no time limit, so it gets only histories that cannot explode: few unknown operations, and short.
const SECOND_OPS_MAX: usize = 220;
const SECOND_UNKNOWN_MAX: usize = 3;

/// What one object does, one operation after another: the sequential specification.
pub trait Model: Default + Clone + Eq + Hash + Debug + Send + Sync {
    /// An operation.
    type Op: IsWrite + Clone + Debug + Send + Sync;
    /// The output of an operation.
    type Output: Clone + Debug + Send + Sync;

    /// Is this output possible in this state, and which state follows? No output (*info*) is always possible.
    fn step(&self, op: &Self::Op, output: Option<&Self::Output>) -> (bool, Self);
}

/// An operation of a model in a history.
pub type OperationOf<M> = Operation<<M as Model>::Op, <M as Model>::Output>;

type Step<M> = (<M as Model>::Op, Option<<M as Model>::Output>);

/// The model for porcupine-rs.
#[derive(Clone, Debug)]
struct Porcupine<M>(PhantomData<M>);

impl<M: Model> PorcupineModel for Porcupine<M> {
    type State = M;
    type Op = Step<M>;
    type Metadata = ();

    fn init() -> M {
        M::default()
    }

    fn step(state: &M, (op, output): &Step<M>) -> (bool, M) {
        state.step(op, output.as_ref())
    }
}

/// The model for todc-utils.
struct Todc<M>(PhantomData<M>);

impl<M: Model> Specification for Todc<M> {
    type State = M;
    type Operation = Step<M>;

    fn init() -> M {
        M::default()
    }

    fn apply((op, output): &Step<M>, state: &M) -> (bool, M) {
        let (possible, after) = state.step(op, output.as_ref());
        if possible { (true, after) } else { (false, state.clone()) }
    }
}

/// The result of the searches over all objects.
#[derive(Debug, Clone, Default)]
pub struct SearchResult {
    /// Objects (subjects, mostly).
    pub subjects: usize,
    /// Operations searched.
    pub operations: usize,
    /// Objects that the second search judged, too.
    pub searched_twice: usize,
    /// Faults, one line each.
    pub faults: Vec<String>,
    /// Objects without a verdict.
    pub unknown: Vec<String>,
}

impl SearchResult {
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
    fn search_object<M: Model>(&mut self, object: &str, history: &[OperationOf<M>]) {
        self.subjects += 1;
        self.operations += history.len();
        let first = first_opinion::<M>(history);
        match first {
            CheckResult::Ok => {}
            CheckResult::Illegal => self.faults.push(format!(
                "linearizability: no order of the {} operations on {object} explains their answers{}",
                history.len(),
                excerpt_of::<M>(history)
            )),
            CheckResult::Unknown => self.unknown.push(format!("{object}: the search took too long")),
        }
        let unknown = history.iter().filter(|event| event.output.is_none()).count();
        if history.len() <= SECOND_OPS_MAX && unknown <= SECOND_UNKNOWN_MAX && first != CheckResult::Unknown {
            self.searched_twice += 1;
            if second_opinion::<M>(history) != (first == CheckResult::Ok) {
                self.faults.push(format!("the two searches disagree on {object}: keep this history"));
            }
        }
    }

    /// Adds the result of another search.
    pub fn add_result(&mut self, other: Self) {
        self.subjects += other.subjects;
        self.operations += other.operations;
        self.searched_twice += other.searched_twice;
        self.faults.extend(other.faults);
        self.unknown.extend(other.unknown);
    }
}

/// Searches a history, object by object. A write of unknown outcome may take effect at any time after its invocation, for ever; a read
/// of unknown outcome says nothing.
pub fn search_history<M: Model>(history: impl IntoIterator<Item = OperationOf<M>>) -> SearchResult {
    let said = history.into_iter().filter(Operation::says_something);
    search_resolved::<M>(said.map(|operation| {
        let returned = if operation.output.is_some() { operation.returned } else { NEVER };
        Operation { returned, ..operation }
    }))
}

/// Searches a history in which the end of every operation of unknown outcome has been decided already.
pub fn search_resolved<M: Model>(history: impl IntoIterator<Item = OperationOf<M>>) -> SearchResult {
    let mut objects: BTreeMap<String, Vec<OperationOf<M>>> = BTreeMap::new();
    for operation in history {
        objects.entry(operation.object.clone()).or_default().push(operation);
    }
    let mut result = SearchResult::default();
    for (object, history) in objects {
        result.search_object::<M>(&object, &history);
    }
    result
}

fn first_opinion<M: Model>(history: &[OperationOf<M>]) -> CheckResult {
    let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let operations: Vec<PorcupineOperation<Porcupine<M>>> = history
        .iter()
        .map(|event| PorcupineOperation {
            client_id: Some(event.process),
            call_time: time(event.invoked),
            return_time: time(event.returned),
            op: (event.op.clone(), event.output.clone()),
            metadata: None,
        })
        .collect();
    // The plain call: the one with information takes a time-out for a fault.
    porcupine_rs::check_operations_timeout(&operations, SEARCH_TIME_MAX)
}

fn second_opinion<M: Model>(history: &[OperationOf<M>]) -> bool {
    // One "process" per operation: those of one client do not overlap anyway, and unknown ones never return.
    let mut edges: Vec<(u64, bool, usize)> = Vec::new();
    for (number, event) in history.iter().enumerate() {
        edges.push((event.invoked, false, number));
        edges.push((event.returned.min(NEVER), true, number));
    }
    edges.sort_unstable();
    let actions = edges.into_iter().map(|(_, returns, number)| {
        let step = (history[number].op.clone(), history[number].output.clone());
        (number, if returns { Action::Response(step) } else { Action::Call(step) })
    });
    WGLChecker::<Todc<M>>::is_linearizable(History::from_actions(actions.collect()))
}

/// The smallest prefix that is wrong already, its last operations: a place to begin reading.
fn excerpt_of<M: Model>(history: &[OperationOf<M>]) -> String {
    let mut sorted: Vec<OperationOf<M>> = history.to_vec();
    sorted.sort_by_key(|event| event.returned);
    let wrong = |length: usize| {
        // What began before the prefix ended may have taken effect in it.
        let end = sorted[length - 1].returned;
        let mut prefix: Vec<OperationOf<M>> = sorted[..length].to_vec();
        for event in &sorted[length..] {
            if event.invoked < end && event.op.is_write() {
                prefix.push(Operation { output: None, returned: NEVER, ..event.clone() });
            }
        }
        first_opinion::<M>(&prefix) == CheckResult::Illegal
    };
    let (mut good, mut bad) = (0, sorted.len());
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if wrong(middle) { bad = middle } else { good = middle }
    }
    let shown: Vec<_> = sorted[bad.saturating_sub(12)..bad]
        .iter()
        .map(|event| {
            let Operation { process, node, op, invoked, returned, output, .. } = event;
            format!("  {invoked}..{returned} client {process} node {node}: {op:?} -> {output:?}")
        })
        .collect();
    format!("; the first answer that cannot be is the last of\n{}", shown.join("\n"))
}
