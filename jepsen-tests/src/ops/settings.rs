//! Processes that set, remove and read the level and the mode of a subject, and register meanwhile: each setting must hold for every
//! entry of the log after it, and for none before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Level;
use super::context::{ClientContext, Completion};
use super::family::{FAMILIES, content_of, schema};
use super::generator::weighted_index;
use super::ledger::{LedgerEntry, WriteOutcome};
use super::names::Owner;
use super::rotation::Rotation;
use crate::client::{Answer, Api, Call, segment};
use crate::history::{self, IsWrite, Recorder};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::Format;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 100;
const ATTEMPTS_MAX: u32 = 3;
/// The code of a refusal by comparison.
const INCOMPATIBLE: u32 = 40_901;

/// A mode of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    ReadOnly,
    ReadWrite,
}

/// An operation on the settings of a subject, or a registration between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    SetLevel { level: Level },
    UnsetLevel,
    ReadLevel,
    SetMode { mode: Mode },
    UnsetMode,
    ReadMode,
    Register { content: u32 },
}

impl IsWrite for Op {
    fn is_write(&self) -> bool {
        !matches!(self, Self::ReadLevel | Self::ReadMode)
    }
}

/// The output of an operation: an answer or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    Done,
    Level(Level),
    Mode(Mode),
    Version {
        version: u32,
    },
    /// The registry's own code.
    Refused {
        code: u32,
    },
}

/// One operation of one process on a subject.
pub type Operation = history::Operation<Op, Output>;

/// Processes that share subjects.
#[derive(Debug)]
pub(super) struct Group {
    subjects: Rotation,
    contents: AtomicU32,
    history: Recorder<Operation>,
    ledger: Recorder<LedgerEntry>,
}

impl Group {
    pub(super) fn new(number: u32, seed: u64, history: Recorder<Operation>, ledger: Recorder<LedgerEntry>) -> Self {
        let subjects = Rotation::new(Owner::Settings, number, seed, OPS_PER_SUBJECT);
        Self { subjects, contents: AtomicU32::new(0), history, ledger }
    }
}

pub(super) async fn run_process(context: Arc<ClientContext>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(context.seed().wrapping_mul(40_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !context.is_stopped() {
        number += 1;
        let subject = group.subjects.next_assignment().object;
        let op = next_op(&group.contents, &mut random);
        let (key, principal) = (format!("c{}-{process}-{number}", context.seed()), format!("settings-{process}"));
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        let begin = |api: &Api| {
            begin_call(api, &subject, op).header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &principal)
        };
        let completion = context.complete(&mut random, attempts_max, begin, |answer| read_answer(&subject, op, answer));
        let Completion { output, node, attempts, invoked, returned } = completion.await;
        if attempts == 0 {
            continue;
        }
        // A node that compares while it prepares a write refuses by what it sees, without asking how an earlier attempt ended.
        let is_register = matches!(op, Op::Register { .. });
        let is_definite = attempts == 1 || !is_register;
        let output = output.filter(|output| is_definite || !matches!(output, Output::Refused { .. }));
        if op.is_write() {
            if output.is_none() {
                group.subjects.count_unknown();
            }
            let outcome = match output {
                Some(Output::Refused { .. }) => WriteOutcome::Fail { definite: true },
                Some(_) => WriteOutcome::Ok { logged: !is_register },
                None => WriteOutcome::Info,
            };
            group.ledger.record(LedgerEntry { key, principal, subject: subject.clone(), invoked, returned, outcome });
        }
        let operation = Operation { process, node, object: subject, op, invoked, returned, output, attempts };
        if operation.says_something() {
            group.history.record(operation);
        }
        // Every change makes nodes prepare the registrations of others anew, so this workload is slower than the others.
        context.rest_between().await;
        context.rest_between().await;
    }
}

fn next_op(contents: &AtomicU32, random: &mut StdRng) -> Op {
    let levels = [Level::None, Level::Backward, Level::FullTransitive];
    match weighted_index(&[14, 5, 16, 10, 8, 12, 35], random) {
        0 => Op::SetLevel { level: levels[random.random_range(0..levels.len())] },
        1 => Op::UnsetLevel,
        2 => Op::ReadLevel,
        // Mostly open, or nothing could be registered.
        3 => Op::SetMode { mode: if random.random_bool(0.35) { Mode::ReadOnly } else { Mode::ReadWrite } },
        4 => Op::UnsetMode,
        5 => Op::ReadMode,
        _ => {
            let number = match random.random_bool(0.7) {
                true => contents.fetch_add(1, Ordering::Relaxed),
                false => contents.load(Ordering::Relaxed).saturating_sub(random.random_range(1..4)),
            };
            let family = if random.random_bool(0.3) { 1 } else { 0 };
            Op::Register { content: number * FAMILIES + family }
        }
    }
}

fn begin_call(api: &Api, subject: &str, op: Op) -> Call {
    let name = segment(subject);
    let (config, mode_path) = (format!("/config/{name}"), format!("/mode/{name}"));
    match op {
        Op::SetLevel { level } => api.put(&config).json(&json!({"compatibility": level.name()})),
        Op::UnsetLevel => api.delete(&config),
        Op::ReadLevel => api.get(&config),
        Op::SetMode { mode } => api.put(&mode_path).json(&json!({"mode": mode})),
        Op::UnsetMode => api.delete(&mode_path),
        Op::ReadMode => api.get(&mode_path),
        Op::Register { content } => api.register(subject, &schema(subject, Format::Avro, content)),
    }
}

fn read_answer(subject: &str, op: Op, answer: &Answer) -> Option<Output> {
    if answer.status == 429 {
        return None;
    }
    if answer.status >= 300 {
        // Confluent's plain 409 is the same refusal.
        let code = if answer.status == 409 { INCOMPATIBLE } else { answer.error_code() };
        return Some(Output::Refused { code });
    }
    Some(match op {
        Op::SetLevel { .. } | Op::UnsetLevel | Op::SetMode { .. } | Op::UnsetMode => Output::Done,
        Op::ReadLevel => {
            let body = answer.json();
            let levels = [Level::None, Level::Backward, Level::FullTransitive];
            let name = body["compatibilityLevel"].as_str()?;
            Output::Level(levels.into_iter().find(|level| level.name() == name)?)
        }
        Op::ReadMode => Output::Mode(serde_json::from_value(answer.json()["mode"].clone()).ok()?),
        Op::Register { content } => {
            let body = answer.schema();
            // An answer with another content than the one sent becomes version 0, which fits no model.
            let same = body.schema.as_deref().is_none_or(|text| content_of(subject, text) == Some(content));
            Output::Version { version: body.version.filter(|_| same).unwrap_or(0) }
        }
    })
}
