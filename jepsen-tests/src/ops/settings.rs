//! Clients that change levels and modes of a subject, take them back, read them, and register meanwhile: each setting must hold
//! for what comes after it in the log, and for nothing before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Level;
use super::family::{FAMILIES, content_of, schema};
use super::ledger::{Came, Sent};
use super::mix::place;
use super::rotation::Rotation;
use super::shared::Shared;
use crate::client::{Answer, Api, Call, segment};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::Format;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 100;
const ATTEMPTS_MAX: u32 = 3;
/// A refusal that a preparer gives by what it sees.
const INCOMPATIBLE: u32 = 40_901;

/// A mode of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Mode {
    ReadOnly,
    ReadWrite,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Wish {
    SetLevel { level: Level },
    UnsetLevel,
    ReadLevel,
    SetMode { mode: Mode },
    UnsetMode,
    ReadMode,
    Register { content: u32 },
}

impl Wish {
    /// Does it change anything?
    pub fn is_write(self) -> bool {
        !matches!(self, Self::ReadLevel | Self::ReadMode)
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Granted {
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

/// One operation of one client. All attempts under one key are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Set {
    pub process: u32,
    pub node: u64,
    pub subject: String,
    pub wish: Wish,
    /// Nanoseconds since the beginning.
    pub invoked: u64,
    pub returned: u64,
    /// Nothing where the outcome is unknown.
    pub told: Option<Granted>,
}

/// Clients that share subjects.
#[derive(Debug)]
pub(super) struct Group {
    subjects: Rotation,
    contents: AtomicU32,
}

impl Group {
    pub(super) fn new(number: u32, seed: u64) -> Self {
        Self { subjects: Rotation::new('c', number, seed, OPS_PER_SUBJECT), contents: AtomicU32::new(0) }
    }
}

fn principal(process: u32) -> String {
    format!("settings-{process}")
}

pub(super) async fn run(shared: Arc<Shared>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(40_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !shared.stopped() {
        number += 1;
        let subject = group.subjects.turn().object;
        let wish = choose(&group.contents, &mut random);
        let (key, who) = (format!("c{}-{process}-{number}", shared.seed), principal(process));
        let invoked = shared.now();
        let attempts_max = if wish.is_write() { ATTEMPTS_MAX } else { 1 };
        let call = |api: &Api| call(api, &subject, wish).header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &who);
        let asked = shared.ask(&mut random, attempts_max, call, |answer| understand(&subject, wish, answer)).await;
        let returned = shared.now();
        shared.count(asked.told.is_some());
        if asked.attempts == 0 {
            continue;
        }
        // A preparer that compares refuses by what it sees, without asking what became of an earlier attempt.
        let is_register = matches!(wish, Wish::Register { .. });
        let is_sure = asked.attempts == 1 || !is_register;
        let told = asked.told.filter(|told| is_sure || !matches!(told, Granted::Refused { .. }));
        if wish.is_write() {
            if told.is_none() {
                group.subjects.count_unknown();
            }
            let came = match told {
                Some(Granted::Refused { .. }) => Came::Refused { sure: true },
                Some(_) => Came::Done { logged: !is_register },
                None => Came::Unknown,
            };
            shared.sent(Sent { key, who, subject: subject.clone(), invoked, returned, came });
        }
        if told.is_some() || wish.is_write() {
            shared.set(Set { process, node: asked.node, subject, wish, invoked, returned, told });
        }
        // Every change makes the registrations of others begin anew, so there are fewer of them.
        shared.rest().await;
        shared.rest().await;
    }
}

fn choose(contents: &AtomicU32, random: &mut StdRng) -> Wish {
    let levels = [Level::None, Level::Backward, Level::FullTransitive];
    match place(&[14, 5, 16, 10, 8, 12, 35], random) {
        0 => Wish::SetLevel { level: levels[random.random_range(0..levels.len())] },
        1 => Wish::UnsetLevel,
        2 => Wish::ReadLevel,
        // Mostly open, or nothing could be registered.
        3 => Wish::SetMode { mode: if random.random_bool(0.35) { Mode::ReadOnly } else { Mode::ReadWrite } },
        4 => Wish::UnsetMode,
        5 => Wish::ReadMode,
        _ => {
            let number = match random.random_bool(0.7) {
                true => contents.fetch_add(1, Ordering::Relaxed),
                false => contents.load(Ordering::Relaxed).saturating_sub(random.random_range(1..4)),
            };
            let family = if random.random_bool(0.3) { 1 } else { 0 };
            Wish::Register { content: number * FAMILIES + family }
        }
    }
}

fn call(api: &Api, subject: &str, wish: Wish) -> Call {
    let name = segment(subject);
    let (config, mode_path) = (format!("/config/{name}"), format!("/mode/{name}"));
    match wish {
        Wish::SetLevel { level } => api.put(&config).json(&json!({"compatibility": level.name()})),
        Wish::UnsetLevel => api.delete(&config),
        Wish::ReadLevel => api.get(&config),
        Wish::SetMode { mode } => api.put(&mode_path).json(&json!({"mode": mode})),
        Wish::UnsetMode => api.delete(&mode_path),
        Wish::ReadMode => api.get(&mode_path),
        Wish::Register { content } => api.register(subject, &schema(subject, Format::Avro, content)),
    }
}

fn understand(subject: &str, wish: Wish, answer: &Answer) -> Option<Granted> {
    if answer.status == 429 {
        return None;
    }
    if answer.status >= 300 {
        // Confluent's plain 409 is the same refusal.
        let code = if answer.status == 409 { INCOMPATIBLE } else { answer.error_code() };
        return Some(Granted::Refused { code });
    }
    Some(match wish {
        Wish::SetLevel { .. } | Wish::UnsetLevel | Wish::SetMode { .. } | Wish::UnsetMode => Granted::Done,
        Wish::ReadLevel => {
            let body = answer.json();
            let levels = [Level::None, Level::Backward, Level::FullTransitive];
            let name = body["compatibilityLevel"].as_str()?;
            Granted::Level(levels.into_iter().find(|level| level.name() == name)?)
        }
        Wish::ReadMode => Granted::Mode(serde_json::from_value(answer.json()["mode"].clone()).ok()?),
        Wish::Register { content } => {
            let body = answer.schema();
            // Another content than was sent is no version of it: number 0 fits no model.
            let same = body.schema.as_deref().is_none_or(|text| content_of(subject, text) == Some(content));
            Granted::Version { version: body.version.filter(|_| same).unwrap_or(0) }
        }
    })
}
