//! Processes that register, read, delete and change levels: the operations of the model in [`crate::checker::model`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::context::ClientContext;
use super::family::{content_of, format_of, schema};
use super::generator::{OpWeights, next_op};
use super::ledger::{LedgerEntry, WriteOutcome};
use super::names::Owner;
use super::rotation::{Assignment, Rotation};
use super::{Op, Output, SubjectOperation, SubjectWorkload};
use crate::client::{Answer, Api, Call, segment};
use crate::history::Recorder;
use crate::native::PRINCIPAL_HEADER;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 150;
/// Attempts of a write under one key.
const ATTEMPTS_MAX: u32 = 3;
/// The number of a content that no process of this subject sent.
const FOREIGN_CONTENT: u32 = u32::MAX;

/// Processes that share subjects.
#[derive(Debug)]
pub(crate) struct Group {
    workload: SubjectWorkload,
    subjects: Rotation,
    contents: AtomicU32,
    history: Recorder<SubjectOperation>,
    ledger: Recorder<LedgerEntry>,
}

impl Group {
    pub(crate) fn new(
        workload: SubjectWorkload,
        number: u32,
        seed: u64,
        history: Recorder<SubjectOperation>,
        ledger: Recorder<LedgerEntry>,
    ) -> Self {
        let owner = match workload {
            SubjectWorkload::Rich => Owner::Rich,
            SubjectWorkload::Deleting => Owner::Deleting,
            SubjectWorkload::Append => Owner::Append,
        };
        let subjects = Rotation::new(owner, number, seed, OPS_PER_SUBJECT);
        Self { workload, subjects, contents: AtomicU32::new(0), history, ledger }
    }
}

pub(crate) async fn run_process(context: Arc<ClientContext>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(context.seed().wrapping_mul(10_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !context.is_stopped() {
        number += 1;
        let Assignment { object: subject, number: subject_number, .. } = group.subjects.next_assignment();
        let contents = group.contents.load(Ordering::Relaxed);
        let next = next_op(group.workload, &OpWeights::default(), contents, &mut random);
        let op = next.into_op(|| group.contents.fetch_add(1, Ordering::Relaxed));
        let key = format!("{}-{process}-{number}", context.seed());
        let principal = format!("client-{process}");
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        let begin = |api: &Api| {
            let call = begin_call(api, &subject, subject_number, op);
            call.header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &principal)
        };
        let completion = context.complete(&mut random, attempts_max, begin, |answer| read_answer(&subject, op, answer));
        let completion = completion.await;
        let (node, attempts) = (completion.node, completion.attempts);
        let (invoked, returned) = (completion.invoked, completion.returned);
        let Understood { output, id, guid } = completion.output.unwrap_or_default();
        if output.is_none() && op.is_write() {
            group.subjects.count_unknown();
        }
        if attempts == 0 || (output.is_none() && !op.is_write()) {
            continue;
        }
        if op.is_write() {
            let outcome = write_outcome(op, output.as_ref(), attempts);
            group.ledger.record(LedgerEntry { key, principal, subject: subject.clone(), invoked, returned, outcome });
        }
        let workload = group.workload;
        let operation =
            SubjectOperation { workload, process, node, subject, op, invoked, returned, output, id, guid, attempts };
        group.history.record(operation);
        context.rest_between().await;
    }
}

/// What the audit log must say of a write.
fn write_outcome(op: Op, output: Option<&Output>, attempts: u32) -> WriteOutcome {
    let is_register = matches!(op, Op::Register { .. });
    match output {
        // An unexpected refusal is a fault by itself.
        None | Some(Output::Unexpected { .. }) => WriteOutcome::Info,
        Some(Output::Incompatible | Output::NotFound) => WriteOutcome::Fail { definite: !is_register || attempts == 1 },
        Some(_) => WriteOutcome::Ok { logged: !is_register },
    }
}

fn begin_call(api: &Api, subject: &str, number: u64, op: Op) -> Call {
    let name = segment(subject);
    let format = format_of(number);
    // Reads that are linearizable by default are read by default; the others ask for linearizability.
    let linearizable = |call: Call| call.header("X-Registry-Consistency", "linearizable");
    let permanently = |permanent: bool| if permanent { "?permanent=true" } else { "" };
    match op {
        Op::Register { content } => api.register(subject, &schema(subject, format, content)),
        Op::Latest => api.get(&format!("/subjects/{name}/versions/latest")),
        Op::Get { version } => linearizable(api.get(&format!("/subjects/{name}/versions/{version}"))),
        Op::Lookup { content } => linearizable(api.lookup(subject, &schema(subject, format, content))),
        Op::List { deleted } => api.get(&format!("/subjects/{name}/versions?deleted={deleted}")),
        Op::Contents => api.get(&format!("/schemas?subjectPrefix={name}")),
        Op::DeleteVersion { version, permanent } => {
            api.delete(&format!("/subjects/{name}/versions/{version}{}", permanently(permanent)))
        }
        Op::DeleteSubject { permanent } => api.delete(&format!("/subjects/{name}{}", permanently(permanent))),
        Op::SetLevel { level } => api.put(&format!("/config/{name}")).json(&json!({"compatibility": level.name()})),
    }
}

/// What an answer says.
#[derive(Debug, Default)]
struct Understood {
    output: Option<Output>,
    id: Option<u32>,
    guid: Option<String>,
}

impl Understood {
    fn without_id(output: Output) -> Self {
        Self { output: Some(output), id: None, guid: None }
    }
}

/// Reads an answer; `None` for one that says nothing of the operation (429).
fn read_answer(subject: &str, op: Op, answer: &Answer) -> Option<Understood> {
    if answer.status >= 300 {
        return read_refusal(answer).map(Understood::without_id);
    }
    let numbers = || {
        let list = answer.list();
        list.iter().filter_map(serde_json::Value::as_u64).filter_map(|number| u32::try_from(number).ok()).collect()
    };
    Some(match op {
        Op::Register { content } => {
            let body = answer.schema();
            let version = body.version.unwrap_or(0);
            let stored = body.schema.as_deref().map(|text| content_of(subject, text).unwrap_or(FOREIGN_CONTENT));
            let content = stored.unwrap_or(content);
            Understood { output: Some(Output::Version { version, content }), id: body.id, guid: body.guid }
        }
        Op::Latest | Op::Get { .. } | Op::Lookup { .. } => {
            let body = answer.schema();
            let content = body.schema.as_deref().and_then(|text| content_of(subject, text)).unwrap_or(FOREIGN_CONTENT);
            let version = body.version.unwrap_or(0);
            Understood { output: Some(Output::Version { version, content }), id: body.id, guid: body.guid }
        }
        Op::List { .. } | Op::DeleteSubject { .. } => Understood::without_id(Output::Versions(numbers())),
        Op::Contents => {
            let mut found: Vec<(u64, u32)> = Vec::new();
            for item in answer.list() {
                let text = item["schema"].as_str().unwrap_or_default();
                let content = content_of(subject, text).unwrap_or(FOREIGN_CONTENT);
                found.push((item["version"].as_u64().unwrap_or(0), content));
            }
            found.sort_unstable();
            Understood::without_id(Output::Contents(found.into_iter().map(|(_, content)| content).collect()))
        }
        Op::DeleteVersion { .. } | Op::SetLevel { .. } => Understood::without_id(Output::Done),
    })
}

/// A refusal as the model names it.
fn read_refusal(answer: &Answer) -> Option<Output> {
    match answer.status {
        409 => Some(Output::Incompatible),
        404 => Some(Output::NotFound),
        429 => None,
        status => Some(Output::Unexpected { status, code: answer.error_code() }),
    }
}
