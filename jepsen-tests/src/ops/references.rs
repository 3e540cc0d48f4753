//! Clients that make schemas which refer to others, and hide and delete both sides meanwhile: nothing may refer to what is not there,
//! and nothing that is referred to may go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::rest::ReferenceBody;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::ledger::{Came, Sent};
use super::mix::place;
use super::rotation::Rotation;
use super::shared::Shared;
use crate::client::{Answer, Api, Call, segment};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::{Content, Format};

/// Operations on one pair of subjects before a fresh one follows.
const OPS_PER_PAIR: u32 = 90;
const ATTEMPTS_MAX: u32 = 3;
/// Versions back from the newest that clients name; some are not there yet.
const RECENT: u32 = 6;
/// What a preparer says that does not see the version that is referred to.
const NO_REFERENCE: u32 = 42_201;

/// The side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Side {
    /// What is referred to.
    Target,
    /// What refers to it.
    Referrer,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Tie {
    /// Register a content that nobody sent before as the next version of the target.
    Define {
        content: u32,
    },
    /// Register one that refers to a version of the target.
    Refer {
        content: u32,
        version: u32,
    },
    Hide {
        side: Side,
        version: u32,
    },
    /// Delete for good.
    Drop {
        side: Side,
        version: u32,
    },
    /// How many live schemas refer to a version of the target?
    Count {
        version: u32,
    },
}

impl Tie {
    /// Does it change anything?
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Count { .. })
    }

    fn is_register(self) -> bool {
        matches!(self, Self::Define { .. } | Self::Refer { .. })
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Tied {
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

/// One operation of one client. All attempts under one key are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Link {
    pub process: u32,
    pub node: u64,
    /// The pair; its subjects are named after it.
    pub pair: String,
    pub tie: Tie,
    /// Nanoseconds since the beginning.
    pub invoked: u64,
    pub returned: u64,
    /// Nothing where the outcome is unknown.
    pub told: Option<Tied>,
}

/// Is it a subject of this workload?
pub fn is_ours(subject: &str) -> bool {
    subject.starts_with("r-")
}

/// Clients that share pairs.
#[derive(Debug)]
pub(super) struct Group {
    pairs: Rotation,
    contents: AtomicU32,
    /// The highest version that anybody was told of each side, in the pair of now.
    newest: [AtomicU32; 2],
}

impl Group {
    pub(super) fn new(number: u32, seed: u64) -> Self {
        let zero = || AtomicU32::new(0);
        let pairs = Rotation::new('r', number, seed, OPS_PER_PAIR);
        Self { pairs, contents: zero(), newest: [zero(), zero()] }
    }

    fn pair(&self) -> String {
        let turn = self.pairs.turn();
        if turn.is_fresh {
            self.newest.iter().for_each(|newest| newest.store(0, Ordering::Relaxed));
        }
        turn.object
    }

    fn choose(&self, random: &mut StdRng) -> Tie {
        let version = |side: Side, random: &mut StdRng| {
            let newest = self.newest[side as usize].load(Ordering::Relaxed);
            random.random_range(newest.saturating_sub(RECENT).max(1)..=newest + 1)
        };
        let fresh = || self.contents.fetch_add(1, Ordering::Relaxed);
        match place(&[14, 30, 14, 8, 12, 8, 14], random) {
            0 => Tie::Define { content: fresh() },
            1 => Tie::Refer { content: fresh(), version: version(Side::Target, random) },
            2 => Tie::Hide { side: Side::Target, version: version(Side::Target, random) },
            3 => Tie::Drop { side: Side::Target, version: version(Side::Target, random) },
            4 => Tie::Hide { side: Side::Referrer, version: version(Side::Referrer, random) },
            5 => Tie::Drop { side: Side::Referrer, version: version(Side::Referrer, random) },
            _ => Tie::Count { version: version(Side::Target, random) },
        }
    }

    fn note(&self, tie: Tie, told: Option<&Tied>) {
        let side = if matches!(tie, Tie::Define { .. }) { Side::Target } else { Side::Referrer };
        if let Some(Tied::Version { version }) = told {
            self.newest[side as usize].fetch_max(*version, Ordering::Relaxed);
        }
    }
}

pub(super) async fn run(shared: Arc<Shared>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(50_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !shared.stopped() {
        number += 1;
        let (pair, tie) = (group.pair(), group.choose(&mut random));
        let (key, who) = (format!("r{}-{process}-{number}", shared.seed), format!("references-{process}"));
        let invoked = shared.now();
        let attempts_max = if tie.is_write() { ATTEMPTS_MAX } else { 1 };
        let call = |api: &Api| call(api, &pair, tie).header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &who);
        let asked = shared.ask(&mut random, attempts_max, call, |answer| understand(tie, answer)).await;
        let returned = shared.now();
        shared.count(asked.told.is_some());
        if asked.attempts == 0 {
            continue;
        }
        // A preparer refuses by what it sees, also while an earlier attempt is on its way.
        let is_sure = |told: &Tied| asked.attempts == 1 || *told != Tied::Refused { code: NO_REFERENCE };
        let told = asked.told.filter(is_sure);
        group.note(tie, told.as_ref());
        if tie.is_write() {
            if told.is_none() {
                group.pairs.count_unknown();
            }
            let came = match told {
                Some(Tied::Refused { .. }) => Came::Refused { sure: true },
                Some(_) => Came::Done { logged: !tie.is_register() },
                None => Came::Unknown,
            };
            let subject = subject(&pair, side_of(tie));
            shared.sent(Sent { key, who, subject, invoked, returned, came });
        }
        if told.is_some() || tie.is_write() {
            shared.link(Link { process, node: asked.node, pair, tie, invoked, returned, told });
        }
        shared.rest().await;
        shared.rest().await;
    }
}

fn side_of(tie: Tie) -> Side {
    match tie {
        Tie::Define { .. } | Tie::Count { .. } => Side::Target,
        Tie::Refer { .. } => Side::Referrer,
        Tie::Hide { side, .. } | Tie::Drop { side, .. } => side,
    }
}

fn subject(pair: &str, side: Side) -> String {
    let side = match side {
        Side::Target => "target",
        Side::Referrer => "referrer",
    };
    format!("{pair}-{side}")
}

fn call(api: &Api, pair: &str, tie: Tie) -> Call {
    let path = |side: Side, version: u32| format!("/subjects/{}/versions/{version}", segment(&subject(pair, side)));
    match tie {
        Tie::Define { content } => {
            let field = format!("{{\"name\":\"u{content}\",\"type\":\"string\",\"default\":\"\"}}");
            let text =
                format!("{{\"type\":\"record\",\"name\":\"Unit\",\"namespace\":\"jepsen\",\"fields\":[{field}]}}");
            api.register(&subject(pair, Side::Target), &avro(text, Vec::new()))
        }
        Tie::Refer { content, version } => {
            let fields = format!(
                "{{\"name\":\"unit\",\"type\":\"jepsen.Unit\"}},\
                 {{\"name\":\"n{content}\",\"type\":\"string\",\"default\":\"\"}}"
            );
            let text =
                format!("{{\"type\":\"record\",\"name\":\"Bill\",\"namespace\":\"jepsen\",\"fields\":[{fields}]}}");
            let version = i32::try_from(version).unwrap_or(i32::MAX);
            let target = ReferenceBody {
                name: Some("jepsen.Unit".to_owned()),
                subject: Some(subject(pair, Side::Target)),
                version: Some(version),
            };
            api.register(&subject(pair, Side::Referrer), &avro(text, vec![target]))
        }
        Tie::Hide { side, version } => api.delete(&path(side, version)),
        Tie::Drop { side, version } => api.delete(&format!("{}?permanent=true", path(side, version))),
        Tie::Count { version } => api.get(&format!("{}/referencedby", path(Side::Target, version))),
    }
}

fn avro(text: String, references: Vec<ReferenceBody>) -> Content {
    Content { format: Format::Avro, sent: text.clone(), canonical: text, references }
}

fn understand(tie: Tie, answer: &Answer) -> Option<Tied> {
    if answer.status == 429 {
        return None;
    }
    if answer.status >= 300 {
        return Some(Tied::Refused { code: answer.error_code() });
    }
    Some(match tie {
        Tie::Define { .. } | Tie::Refer { .. } => Tied::Version { version: answer.schema().version? },
        Tie::Hide { .. } | Tie::Drop { .. } => Tied::Done,
        Tie::Count { .. } => Tied::Count(answer.list().len()),
    })
}
