//! What the processes of all workloads share: the nodes, the clock, the counts of completions, and the way to send an operation.
//! Knows no workload; each workload keeps its history in a [`Recorder`] of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::RngExt;
use rand::rngs::StdRng;

use super::freshness::AgedAnswer;
use crate::client::{Answer, Api, Call, Outcome};
use crate::history::Recorder;

/// After a failure a process pauses, longer each time, so that it does not spin while nobody can answer.
pub(crate) const BACKOFF_MIN: Duration = Duration::from_millis(15);
const BACKOFF_MAX: Duration = Duration::from_millis(240);

/// How an operation completed after its attempts.
#[derive(Debug)]
pub(crate) struct Completion<R> {
    /// `None` is *info*.
    pub(crate) output: Option<R>,
    /// The node that was asked last.
    pub(crate) node: u64,
    pub(crate) attempts: u32,
    /// Nanoseconds since the workloads began.
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
}

/// Everything that the processes of all workloads share.
#[derive(Debug)]
pub(crate) struct ClientContext {
    started: Instant,
    nodes: Mutex<BTreeMap<u64, Api>>,
    stop: AtomicBool,
    seed: u64,
    rest: Duration,
    answered: AtomicU64,
    unknown: AtomicU64,
    aged_answers: Recorder<AgedAnswer>,
}

impl ClientContext {
    pub(crate) fn new(nodes: Vec<Api>, rest: Duration, seed: u64) -> Self {
        Self {
            started: Instant::now(),
            nodes: Mutex::new(nodes.into_iter().map(|api| (api.node_id, api)).collect()),
            stop: AtomicBool::new(false),
            seed,
            rest,
            answered: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            aged_answers: Recorder::default(),
        }
    }

    /// The seed of the run.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Processes end after the operation that they are at.
    pub(crate) fn stop_all(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The age that every answer claimed for itself.
    pub(crate) fn aged_answers(&self) -> &Recorder<AgedAnswer> {
        &self.aged_answers
    }

    /// Sends an operation to one node after the other until one gives an answer that `read_answer` understands, and counts it.
    pub(crate) async fn complete<R>(
        &self,
        random: &mut StdRng,
        attempts_max: u32,
        begin: impl Fn(&Api) -> Call,
        read_answer: impl Fn(&Answer) -> Option<R>,
    ) -> Completion<R> {
        let completion = self.try_nodes(random, attempts_max, begin, read_answer).await;
        self.count_completion(completion.output.is_some());
        completion
    }

    /// The same without counting: for calls that prepare an object and are no operations.
    pub(crate) async fn try_nodes<R>(
        &self,
        random: &mut StdRng,
        attempts_max: u32,
        begin: impl Fn(&Api) -> Call,
        read_answer: impl Fn(&Answer) -> Option<R>,
    ) -> Completion<R> {
        let invoked = self.now_ns();
        let mut completion = Completion { output: None, node: 0, attempts: 0, invoked, returned: 0 };
        let mut backoff = BACKOFF_MIN;
        while completion.attempts < attempts_max && completion.output.is_none() && !self.is_stopped() {
            completion.attempts += 1;
            let api = self.any_node(random);
            completion.node = api.node_id;
            let sent = self.now_ns();
            match begin(&api).outcome().await {
                Outcome::Done(answer) | Outcome::Refused(answer) => {
                    self.note_age(api.node_id, sent, &answer);
                    completion.output = read_answer(&answer);
                }
                Outcome::Unknown(_) => {}
            }
            if completion.output.is_none() {
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 4).min(BACKOFF_MAX);
            }
        }
        completion.returned = self.now_ns();
        completion
    }

    /// Remembers the age that an answer claims for the state that it shows.
    pub(crate) fn note_age(&self, node: u64, sent: u64, answer: &Answer) {
        if let Some(aged) = AgedAnswer::from_answer(node, sent, answer) {
            self.aged_answers.record(aged);
        }
    }

    /// Rests between two operations, as long as the drill says.
    pub(crate) async fn rest_between(&self) {
        if !self.rest.is_zero() {
            tokio::time::sleep(self.rest).await;
        }
    }

    /// Nanoseconds since the workloads began.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Lets processes use a node, too.
    pub(crate) fn add_node(&self, api: Api) {
        self.nodes.lock().insert(api.node_id, api);
    }

    /// Lets processes use a node no more.
    pub(crate) fn drop_node(&self, id: u64) {
        self.nodes.lock().remove(&id);
    }

    pub(crate) fn any_node(&self, random: &mut StdRng) -> Api {
        let nodes = self.nodes.lock();
        let place = random.random_range(0..nodes.len());
        nodes.values().nth(place).expect("the place is in the map").clone()
    }

    pub(crate) fn count_completion(&self, is_answered: bool) {
        if is_answered { &self.answered } else { &self.unknown }.fetch_add(1, Ordering::Relaxed);
    }

    /// Operations with an output, and of unknown outcome, so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.answered.load(Ordering::Relaxed), self.unknown.load(Ordering::Relaxed))
    }
}
