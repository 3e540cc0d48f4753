//! The loop of a process, for every workload whose operations are sent and completed in the same way: generate, send until there is an
//! answer, decide what the answer proves, record.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::context::{ClientContext, Completion};
use super::ledger::{LedgerEntry, WriteOutcome};
use super::names::Owner;
use super::rotation::Rotation;
use crate::client::{Answer, Api, Call};
use crate::history::{IsWrite, Operation, Recorder};
use crate::native::PRINCIPAL_HEADER;

/// Attempts of a write under one key.
const ATTEMPTS_MAX: u32 = 3;

/// How an operation and its output relate to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The write took effect, and the log has it.
    Logged,
    /// The write took effect, or had before: the answer may come from the replica that was asked.
    Known,
    /// The write was refused by the state machine: no attempt took effect.
    Refused,
    /// The write was refused by the node that prepared it: that says nothing of an earlier attempt.
    RefusedByPreparer,
}

/// A workload on objects that groups of processes share.
pub(crate) trait ObjectWorkload: Send + Sync + 'static {
    /// An operation.
    type Op: IsWrite + Clone + Send + Sync;
    /// The output of an operation.
    type Output: Clone + Send + Sync;

    /// The owner of the objects.
    const OWNER: Owner;
    /// The name of the workload in keys and principals.
    const NAME: &'static str;
    /// Operations on one object before a fresh one follows.
    const OPS_PER_OBJECT: u32;

    /// Generates an operation. `is_first` says that the object is a fresh one.
    fn next_op(&self, is_first: bool, random: &mut StdRng) -> Self::Op;

    /// The request of an operation.
    fn begin_call(&self, api: &Api, object: &str, process: u32, op: &Self::Op) -> Call;

    /// Reads an answer; `None` for one that says nothing of the operation.
    fn read_answer(&self, object: &str, op: &Self::Op, answer: &Answer) -> Option<Self::Output>;

    /// What the output of a write claims.
    fn claim_of(&self, op: &Self::Op, output: &Self::Output) -> Claim;

    /// The subject that a write is on.
    fn subject_of(&self, object: &str, op: &Self::Op) -> String;

    /// Takes in an output, for the next operations.
    fn note_output(&self, op: &Self::Op, output: &Self::Output);
}

/// Processes that share objects.
#[derive(Debug)]
pub(crate) struct Group<W: ObjectWorkload> {
    workload: W,
    objects: Rotation,
    seed_factor: u64,
    history: Recorder<Operation<W::Op, W::Output>>,
    ledger: Recorder<LedgerEntry>,
}

impl<W: ObjectWorkload> Group<W> {
    /// `seed_factor` tells the random numbers of workloads apart.
    pub(crate) fn new(
        workload: W,
        seed_factor: u64,
        number: u32,
        seed: u64,
        history: Recorder<Operation<W::Op, W::Output>>,
        ledger: Recorder<LedgerEntry>,
    ) -> Self {
        let objects = Rotation::new(W::OWNER, number, seed, W::OPS_PER_OBJECT);
        Self { workload, objects, seed_factor, history, ledger }
    }
}

/// One process of a group, until the clients are stopped.
pub(crate) async fn run_process<W: ObjectWorkload>(context: Arc<ClientContext>, group: Arc<Group<W>>, process: u32) {
    let seed = context.seed().wrapping_mul(group.seed_factor).wrapping_add(u64::from(process));
    let mut random = StdRng::seed_from_u64(seed);
    let mut number = 0_u64;
    let workload = &group.workload;
    while !context.is_stopped() {
        number += 1;
        let assignment = group.objects.next_assignment();
        let (object, op) = (assignment.object, workload.next_op(assignment.is_first, &mut random));
        let key = format!("{}{}-{process}-{number}", W::NAME, context.seed());
        let principal = format!("{}-{process}", W::NAME);
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        let begin = |api: &Api| {
            let call = workload.begin_call(api, &object, process, &op);
            call.header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &principal)
        };
        let read_answer = |answer: &Answer| match answer.status {
            429 => None,
            _ => workload.read_answer(&object, &op, answer),
        };
        let completion = context.complete(&mut random, attempts_max, begin, read_answer).await;
        let Completion { output, node, attempts, invoked, returned } = completion;
        if attempts == 0 {
            continue;
        }
        let claim = output.as_ref().filter(|_| op.is_write()).map(|output| workload.claim_of(&op, output));
        let is_definite = attempts == 1 || claim != Some(Claim::RefusedByPreparer);
        let output = output.filter(|_| is_definite);
        if let Some(output) = &output {
            workload.note_output(&op, output);
        }
        if op.is_write() {
            if output.is_none() {
                group.objects.count_unknown();
            }
            let outcome = match claim.filter(|_| is_definite) {
                Some(Claim::Logged) => WriteOutcome::Ok { logged: true },
                Some(Claim::Known) => WriteOutcome::Ok { logged: false },
                Some(Claim::Refused | Claim::RefusedByPreparer) => WriteOutcome::Fail { definite: true },
                None => WriteOutcome::Info,
            };
            let subject = workload.subject_of(&object, &op);
            group.ledger.record(LedgerEntry { key, principal, subject, invoked, returned, outcome });
        }
        let operation = Operation { process, node, object, op, invoked, returned, output, attempts };
        if operation.says_something() {
            group.history.record(operation);
        }
        context.rest_between().await;
        context.rest_between().await;
    }
}
