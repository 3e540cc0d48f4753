//! The processes: each makes sure that its subject asks for reviews, then invokes one action after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::hints::{LastKnown, next_invocation, note_output};
use super::{Action, Operation, Output, begin_call, principal, read_answer};
use crate::client::{Api, segment};
use crate::history::{IsWrite, Recorder};
use crate::native::PRINCIPAL_HEADER;
use crate::ops::context::ClientContext;
use crate::ops::ledger::{LedgerEntry, WriteOutcome};
use crate::ops::names::Owner;
use crate::ops::rotation::Rotation;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 110;
/// Attempts of an action under one key.
const ATTEMPTS_MAX: u32 = 3;
/// The code of a refusal by comparison (`docs/errors.md`).
const INCOMPATIBLE: u32 = 40_901;

/// The ids of drafts, by subject and content.
pub type DraftIds = BTreeMap<(String, u32), u64>;

/// Processes that share subjects.
#[derive(Debug)]
pub(crate) struct Group {
    subjects: Rotation,
    state: Mutex<GroupState>,
    history: Recorder<Operation>,
    drafts: Recorder<((String, u32), u64)>,
    ledger: Recorder<LedgerEntry>,
}

#[derive(Debug, Default)]
struct GroupState {
    contents: u32,
    known: BTreeMap<String, LastKnown>,
}

impl Group {
    pub(crate) fn new(
        number: u32,
        seed: u64,
        history: Recorder<Operation>,
        drafts: Recorder<((String, u32), u64)>,
        ledger: Recorder<LedgerEntry>,
    ) -> Self {
        let subjects = Rotation::new(Owner::Lifecycle, number, seed, OPS_PER_SUBJECT);
        Self { subjects, state: Mutex::default(), history, drafts, ledger }
    }
}

pub(crate) async fn run_process(context: Arc<ClientContext>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(context.seed().wrapping_mul(30_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    let mut prepared = String::new();
    while !context.is_stopped() {
        let subject = group.subjects.next_assignment().object;
        if prepared != subject {
            if !prepare_subject(&context, &subject, process, &mut random).await {
                continue;
            }
            prepared.clone_from(&subject);
        }
        number += 1;
        let (op, id) = {
            let mut state = group.state.lock();
            let fresh = state.contents + 1;
            let known = state.known.entry(subject.clone()).or_default();
            let op = next_invocation(known, process, fresh, &mut random);
            let id = draft_of(op.action).and_then(|draft| known.ids.get(&draft).copied()).unwrap_or(0);
            if let Action::Create { .. } = op.action {
                state.contents = fresh;
            }
            (op, id)
        };
        let key = format!("l{}-{process}-{number}", context.seed());
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        let begin = |api: &Api| begin_call(api, &subject, id, op).header("Idempotency-Key", &key);
        let completion = context.complete(&mut random, attempts_max, begin, |answer| read_answer(op.action, answer));
        let completion = completion.await;
        let (node, attempts) = (completion.node, completion.attempts);
        let (invoked, returned) = (completion.invoked, completion.returned);
        if attempts == 0 {
            continue;
        }
        let (output, answer_id) = completion.output.map_or((None, 0), |(output, id)| (Some(output), id));
        // A node that compares while it prepares a write refuses by what it sees, without asking how an earlier attempt ended.
        let is_definite = attempts == 1 || !matches!(output, Some(Output::Refused { code: INCOMPATIBLE }));
        let output = output.filter(|output| is_definite || !matches!(output, Output::Refused { .. }));
        if let (Action::Create { draft }, Some(Output::Done)) = (op.action, &output) {
            group.drafts.record(((subject.clone(), draft), answer_id));
        }
        if output.is_none() && op.is_write() {
            group.subjects.count_unknown();
        }
        {
            let mut state = group.state.lock();
            let known = state.known.entry(subject.clone()).or_default();
            note_output(known, op.action, output.as_ref(), answer_id);
        }
        if op.is_write() {
            let outcome = match output {
                Some(Output::Refused { .. }) => WriteOutcome::Fail { definite: true },
                Some(_) => WriteOutcome::Ok { logged: true },
                None => WriteOutcome::Info,
            };
            let (principal, subject) = (principal(process), subject.clone());
            group.ledger.record(LedgerEntry { key, principal, subject, invoked, returned, outcome });
        }
        let operation = Operation { process, node, object: subject, op, invoked, returned, output, attempts };
        if operation.says_something() {
            group.history.record(operation);
        }
        context.rest_between().await;
    }
}

/// The draft that an action is on, where it has an id already.
fn draft_of(action: Action) -> Option<u32> {
    match action {
        Action::Submit { draft }
        | Action::Review { draft, .. }
        | Action::Activate { draft }
        | Action::ReadDraft { draft } => Some(draft),
        Action::Create { .. }
        | Action::Move { .. }
        | Action::RollBack { .. }
        | Action::Delete { .. }
        | Action::ReadVersion { .. } => None,
    }
}

/// Lets the subject ask for reviews and for compatibility, as every process makes sure of before its first action there.
async fn prepare_subject(context: &ClientContext, subject: &str, process: u32, random: &mut StdRng) -> bool {
    let name = segment(subject);
    let policy = json!({"policy": {"review": true, "approvals": 1, "deprecationNoticeMs": 0}});
    for (path, body) in
        [(format!("/api/v1/policy/{name}"), policy), (format!("/config/{name}"), json!({"compatibility": "BACKWARD"}))]
    {
        let principal = principal(process);
        let begin = |api: &Api| api.put(&path).header(PRINCIPAL_HEADER, &principal).json(&body);
        let is_done = |answer: &crate::client::Answer| (answer.status == 200).then_some(());
        while context.try_nodes(random, ATTEMPTS_MAX, begin, is_done).await.output.is_none() {
            if context.is_stopped() {
                return false;
            }
        }
    }
    true
}
