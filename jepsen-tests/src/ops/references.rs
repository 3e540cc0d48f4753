//! Processes that register schemas which refer to others, and delete both sides meanwhile: no schema may refer to a version that is
//! not there, and no version that is referred to may be deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::rest::ReferenceBody;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::context::{ClientContext, Completion};
use super::generator::weighted_index;
use super::ledger::{LedgerEntry, WriteOutcome};
use super::names::Owner;
use super::rotation::Rotation;
use crate::client::{Answer, Api, Call, segment};
use crate::history::{self, IsWrite, Recorder};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::{Content, Format};

/// Operations on one pair of subjects before a fresh one follows.
const OPS_PER_PAIR: u32 = 90;
const ATTEMPTS_MAX: u32 = 3;
/// Versions back from the newest that processes name; some are not there yet.
const RECENT: u32 = 6;
/// The refusal of a node that does not see the version that is referred to while it prepares the registration.
const NO_REFERENCE: u32 = 42_201;

/// The side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// The subject that is referred to.
    Target,
    /// The subject whose schemas refer to the target.
    Referrer,
}

/// An operation on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Register a content that nobody sent before as the next version of the target.
    Define { content: u32 },
    /// Register a schema that refers to a version of the target.
    Refer { content: u32, version: u32 },
    /// Delete softly.
    Hide { side: Side, version: u32 },
    /// Delete for good.
    Drop { side: Side, version: u32 },
    /// How many live schemas refer to a version of the target?
    Count { version: u32 },
}

impl IsWrite for Op {
    fn is_write(&self) -> bool {
        !matches!(self, Self::Count { .. })
    }
}

impl Op {
    fn is_register(self) -> bool {
        matches!(self, Self::Define { .. } | Self::Refer { .. })
    }
}

/// The output of an operation: an answer or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    Version {
        version: u32,
    },
    Done,
    Count(usize),
    /// The registry's own code.
    Refused {
        code: u32,
    },
}

/// One operation of one process on a pair, named after the pair; its subjects are named after it.
pub type Operation = history::Operation<Op, Output>;

/// Processes that share pairs.
#[derive(Debug)]
pub(super) struct Group {
    pairs: Rotation,
    contents: AtomicU32,
    /// The highest version of each side of the current pair that any process was given.
    newest: [AtomicU32; 2],
    history: Recorder<Operation>,
    ledger: Recorder<LedgerEntry>,
}

impl Group {
    pub(super) fn new(number: u32, seed: u64, history: Recorder<Operation>, ledger: Recorder<LedgerEntry>) -> Self {
        let zero = || AtomicU32::new(0);
        let pairs = Rotation::new(Owner::References, number, seed, OPS_PER_PAIR);
        Self { pairs, contents: zero(), newest: [zero(), zero()], history, ledger }
    }

    fn current_pair(&self) -> String {
        let assignment = self.pairs.next_assignment();
        if assignment.is_first {
            self.newest.iter().for_each(|newest| newest.store(0, Ordering::Relaxed));
        }
        assignment.object
    }

    fn next_op(&self, random: &mut StdRng) -> Op {
        let version = |side: Side, random: &mut StdRng| {
            let newest = self.newest[side as usize].load(Ordering::Relaxed);
            random.random_range(newest.saturating_sub(RECENT).max(1)..=newest + 1)
        };
        let fresh = || self.contents.fetch_add(1, Ordering::Relaxed);
        match weighted_index(&[14, 30, 14, 8, 12, 8, 14], random) {
            0 => Op::Define { content: fresh() },
            1 => Op::Refer { content: fresh(), version: version(Side::Target, random) },
            2 => Op::Hide { side: Side::Target, version: version(Side::Target, random) },
            3 => Op::Drop { side: Side::Target, version: version(Side::Target, random) },
            4 => Op::Hide { side: Side::Referrer, version: version(Side::Referrer, random) },
            5 => Op::Drop { side: Side::Referrer, version: version(Side::Referrer, random) },
            _ => Op::Count { version: version(Side::Target, random) },
        }
    }

    fn note_version(&self, op: Op, output: Option<&Output>) {
        let side = if matches!(op, Op::Define { .. }) { Side::Target } else { Side::Referrer };
        if let Some(Output::Version { version }) = output {
            self.newest[side as usize].fetch_max(*version, Ordering::Relaxed);
        }
    }
}

pub(super) async fn run_process(context: Arc<ClientContext>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(context.seed().wrapping_mul(50_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !context.is_stopped() {
        number += 1;
        let (pair, op) = (group.current_pair(), group.next_op(&mut random));
        let (key, principal) = (format!("r{}-{process}-{number}", context.seed()), format!("references-{process}"));
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        let begin =
            |api: &Api| begin_call(api, &pair, op).header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &principal);
        let completion = context.complete(&mut random, attempts_max, begin, |answer| read_answer(op, answer)).await;
        let Completion { output, node, attempts, invoked, returned } = completion;
        if attempts == 0 {
            continue;
        }
        // A node refuses by what it sees while it prepares a write, also while an earlier attempt is on its way.
        let is_definite = |output: &Output| attempts == 1 || *output != Output::Refused { code: NO_REFERENCE };
        let output = output.filter(is_definite);
        group.note_version(op, output.as_ref());
        if op.is_write() {
            if output.is_none() {
                group.pairs.count_unknown();
            }
            let outcome = match output {
                Some(Output::Refused { .. }) => WriteOutcome::Fail { definite: true },
                Some(_) => WriteOutcome::Ok { logged: !op.is_register() },
                None => WriteOutcome::Info,
            };
            let subject = subject_of(&pair, side_of(op));
            group.ledger.record(LedgerEntry { key, principal, subject, invoked, returned, outcome });
        }
        let operation = Operation { process, node, object: pair, op, invoked, returned, output, attempts };
        if operation.says_something() {
            group.history.record(operation);
        }
        context.rest_between().await;
        context.rest_between().await;
    }
}

fn side_of(op: Op) -> Side {
    match op {
        Op::Define { .. } | Op::Count { .. } => Side::Target,
        Op::Refer { .. } => Side::Referrer,
        Op::Hide { side, .. } | Op::Drop { side, .. } => side,
    }
}

fn subject_of(pair: &str, side: Side) -> String {
    let side = match side {
        Side::Target => "target",
        Side::Referrer => "referrer",
    };
    format!("{pair}-{side}")
}

fn begin_call(api: &Api, pair: &str, op: Op) -> Call {
    let path = |side: Side, version: u32| format!("/subjects/{}/versions/{version}", segment(&subject_of(pair, side)));
    match op {
        Op::Define { content } => {
            let field = format!("{{\"name\":\"u{content}\",\"type\":\"string\",\"default\":\"\"}}");
            let text =
                format!("{{\"type\":\"record\",\"name\":\"Unit\",\"namespace\":\"jepsen\",\"fields\":[{field}]}}");
            api.register(&subject_of(pair, Side::Target), &avro_content(text, Vec::new()))
        }
        Op::Refer { content, version } => {
            let fields = format!(
                "{{\"name\":\"unit\",\"type\":\"jepsen.Unit\"}},\
                 {{\"name\":\"n{content}\",\"type\":\"string\",\"default\":\"\"}}"
            );
            let text =
                format!("{{\"type\":\"record\",\"name\":\"Bill\",\"namespace\":\"jepsen\",\"fields\":[{fields}]}}");
            let version = i32::try_from(version).unwrap_or(i32::MAX);
            let target = ReferenceBody {
                name: Some("jepsen.Unit".to_owned()),
                subject: Some(subject_of(pair, Side::Target)),
                version: Some(version),
            };
            api.register(&subject_of(pair, Side::Referrer), &avro_content(text, vec![target]))
        }
        Op::Hide { side, version } => api.delete(&path(side, version)),
        Op::Drop { side, version } => api.delete(&format!("{}?permanent=true", path(side, version))),
        Op::Count { version } => api.get(&format!("{}/referencedby", path(Side::Target, version))),
    }
}

fn avro_content(text: String, references: Vec<ReferenceBody>) -> Content {
    Content { format: Format::Avro, sent: text.clone(), canonical: text, references }
}

fn read_answer(op: Op, answer: &Answer) -> Option<Output> {
    if answer.status == 429 {
        return None;
    }
    if answer.status >= 300 {
        return Some(Output::Refused { code: answer.error_code() });
    }
    Some(match op {
        Op::Define { .. } | Op::Refer { .. } => Output::Version { version: answer.schema().version? },
        Op::Hide { .. } | Op::Drop { .. } => Output::Done,
        Op::Count { .. } => Output::Count(answer.list().len()),
    })
}
