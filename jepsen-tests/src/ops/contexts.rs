//! Processes that work in contexts of their own: two subjects each, a level and a mode of the context, imports with ids of their own,
//! and reads by id, by number and of `latest`, all at the default level, as clients read.

use std::sync::atomic::{AtomicU32, Ordering};

use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Level;
use super::family::{FAMILIES, content_of, schema};
use super::generator::weighted_index;
use super::names::Owner;
use super::runner::{Claim, ObjectWorkload};
use crate::client::{Answer, Api, Call, segment};
use crate::history::{self, IsWrite};
use crate::schemas::Format;

/// Subjects of a context.
pub const SUBJECTS: u8 = 2;
/// The least id of an import.
const IMPORT_ID_BASE: u32 = 100_000;
/// Ids between those of two imports: after an import the registry counts on from its id, and must not reach the next one.
const IMPORT_ID_STEP: u32 = 1_000;
/// The code of a refusal by comparison (`docs/errors.md`).
const INCOMPATIBLE: u32 = 40_901;
/// Versions and ids that processes name beyond the newest: they are not there yet.
const BEYOND: u32 = 2;

/// The id of the import of a content.
pub fn import_id(content: u32) -> u32 {
    IMPORT_ID_BASE + content * IMPORT_ID_STEP
}

/// A mode of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    ReadOnly,
    ReadWrite,
    Import,
}

/// An operation on a context. Subjects are numbered; a content is the same schema in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Registers a content, perhaps only if it becomes this version.
    Register {
        subject: u8,
        content: u32,
        expected: Option<u32>,
    },
    /// Imports a content, which no other operation registers, under the id that belongs to it.
    Import {
        subject: u8,
        content: u32,
    },
    SetLevel {
        level: Level,
    },
    SetMode {
        mode: Mode,
    },
    /// The level in force for a subject.
    EffectiveLevel {
        subject: u8,
    },
    /// The mode in force for a subject.
    EffectiveMode {
        subject: u8,
    },
    ById {
        id: u32,
    },
    Get {
        subject: u8,
        version: u32,
    },
    Latest {
        subject: u8,
    },
    /// The subjects of the context.
    Subjects,
}

impl IsWrite for Op {
    fn is_write(&self) -> bool {
        matches!(self, Self::Register { .. } | Self::Import { .. } | Self::SetLevel { .. } | Self::SetMode { .. })
    }
}

/// The output of an operation: an answer or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    Done,
    Level(Level),
    Mode(Mode),
    Registered {
        version: u32,
        id: u32,
    },
    Shown {
        version: u32,
        id: u32,
        content: u32,
    },
    Content(u32),
    Subjects(Vec<u8>),
    /// The registry's own code.
    Refused {
        code: u32,
    },
}

/// One operation of one process on a context.
pub type Operation = history::Operation<Op, Output>;

/// The workload.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    contents: AtomicU32,
    imports: AtomicU32,
    newest_version: AtomicU32,
    newest_id: AtomicU32,
}

impl ObjectWorkload for Contexts {
    type Op = Op;
    type Output = Output;

    const OWNER: Owner = Owner::Contexts;
    const NAME: &'static str = "contexts";
    const OPS_PER_OBJECT: u32 = 120;

    fn next_op(&self, is_first: bool, random: &mut StdRng) -> Op {
        if is_first {
            self.newest_version.store(0, Ordering::Relaxed);
            self.newest_id.store(0, Ordering::Relaxed);
        }
        let subject = random.random_range(0..SUBJECTS);
        let near = |newest: &AtomicU32, random: &mut StdRng| {
            random.random_range(1..=newest.load(Ordering::Relaxed).saturating_add(BEYOND))
        };
        match weighted_index(&[34, 9, 6, 11, 6, 5, 12, 8, 6, 5], random) {
            0 => {
                let number = match random.random_bool(0.6) {
                    true => self.contents.fetch_add(1, Ordering::Relaxed),
                    false => self.contents.load(Ordering::Relaxed).saturating_sub(random.random_range(1..4)),
                };
                // Contents of imports have odd numbers, those of registrations even ones.
                let family = if random.random_bool(0.2) { 1 } else { 0 };
                // A registration that expects a version has that version in its metadata, and later ones take the metadata over: the
                // content is another one then. The model does not know that, so none is expected.
                Op::Register { subject, content: number * 2 * FAMILIES + family, expected: None }
            }
            1 => {
                let number = self.imports.fetch_add(1, Ordering::Relaxed);
                Op::Import { subject, content: (number * 2 + 1) * FAMILIES }
            }
            2 => {
                let levels = [Level::None, Level::Backward, Level::FullTransitive];
                Op::SetLevel { level: levels[random.random_range(0..levels.len())] }
            }
            3 => {
                let modes = [Mode::ReadWrite, Mode::ReadOnly, Mode::Import];
                Op::SetMode { mode: modes[weighted_index(&[55, 15, 30], random)] }
            }
            4 => Op::EffectiveLevel { subject },
            5 => Op::EffectiveMode { subject },
            6 => match random.random_bool(0.3) {
                true => {
                    let number = self.imports.load(Ordering::Relaxed).saturating_sub(random.random_range(0..4));
                    Op::ById { id: import_id((number * 2 + 1) * FAMILIES) }
                }
                false => Op::ById { id: near(&self.newest_id, random) },
            },
            7 => Op::Get { subject, version: near(&self.newest_version, random) },
            8 => Op::Latest { subject },
            _ => Op::Subjects,
        }
    }

    fn begin_call(&self, api: &Api, object: &str, process: u32, op: &Op) -> Call {
        let scope = format!(":.{object}:");
        // Half of the processes name the context in the subject, the others in the path.
        let subject_path = |subject: u8| match process % 2 {
            0 => format!("/subjects/{}", segment(&format!("{scope}s{subject}"))),
            _ => format!("/contexts/.{object}/subjects/s{subject}"),
        };
        let schema_of = |content: u32| schema(object, Format::Avro, content).request();
        match *op {
            Op::Register { subject, content, expected } => {
                let mut body = schema_of(content);
                if let Some(expected) = expected {
                    body["version"] = json!(expected);
                }
                api.post(&format!("{}/versions", subject_path(subject))).json(&body)
            }
            Op::Import { subject, content } => {
                let mut body = schema_of(content);
                body["id"] = json!(import_id(content));
                api.post(&format!("{}/versions", subject_path(subject))).json(&body)
            }
            Op::SetLevel { level } => {
                api.put(&format!("/config/{scope}")).json(&json!({"compatibility": level.name()}))
            }
            Op::SetMode { mode } => api.put(&format!("/mode/{scope}?force=true")).json(&json!({"mode": mode})),
            Op::EffectiveLevel { subject } => api.get(&format!("/config/{scope}s{subject}?defaultToGlobal=true")),
            Op::EffectiveMode { subject } => api.get(&format!("/mode/{scope}s{subject}?defaultToGlobal=true")),
            Op::ById { id } => match process % 2 {
                0 => api.get(&format!("/schemas/ids/{id}?subject={scope}")),
                _ => api.get(&format!("/contexts/.{object}/schemas/ids/{id}")),
            },
            Op::Get { subject, version } => api.get(&format!("{}/versions/{version}", subject_path(subject))),
            Op::Latest { subject } => api.get(&format!("{}/versions/latest", subject_path(subject))),
            Op::Subjects => api.get(&format!("/subjects?subjectPrefix={scope}")),
        }
    }

    fn read_answer(&self, object: &str, op: &Op, answer: &Answer) -> Option<Output> {
        if answer.status >= 300 {
            // Confluent's plain 409 is the same refusal.
            let code = if answer.status == 409 { INCOMPATIBLE } else { answer.error_code() };
            return Some(Output::Refused { code });
        }
        let body = answer.json();
        let number = |name: &str| body[name].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        // A text that no process sent to this context becomes the highest number, which fits no model.
        let content = || body["schema"].as_str().and_then(|text| content_of(object, text)).unwrap_or(u32::MAX);
        Some(match *op {
            Op::Register { .. } | Op::Import { .. } => {
                Output::Registered { version: number("version"), id: number("id") }
            }
            Op::SetLevel { .. } | Op::SetMode { .. } => Output::Done,
            Op::EffectiveLevel { .. } => {
                let levels = [Level::None, Level::Backward, Level::FullTransitive];
                let name = body["compatibilityLevel"].as_str()?;
                Output::Level(levels.into_iter().find(|level| level.name() == name)?)
            }
            Op::EffectiveMode { .. } => Output::Mode(serde_json::from_value(body["mode"].clone()).ok()?),
            Op::ById { .. } => Output::Content(content()),
            Op::Get { .. } | Op::Latest { .. } => {
                Output::Shown { version: number("version"), id: number("id"), content: content() }
            }
            Op::Subjects => {
                let names = body.as_array()?.iter().filter_map(|name| name.as_str());
                // A name of another context becomes the highest number.
                let number = |name: &str| {
                    name.strip_prefix(&format!(":.{object}:s")).and_then(|rest| rest.parse().ok()).unwrap_or(u8::MAX)
                };
                let mut subjects: Vec<u8> = names.map(number).collect();
                subjects.sort_unstable();
                Output::Subjects(subjects)
            }
        })
    }

    fn claim_of(&self, op: &Op, output: &Output) -> Claim {
        let registers = matches!(op, Op::Register { .. } | Op::Import { .. });
        match (output, registers) {
            (Output::Refused { .. }, true) => Claim::RefusedByPreparer,
            (Output::Refused { .. }, false) => Claim::Refused,
            (_, true) => Claim::Known,
            (_, false) => Claim::Logged,
        }
    }

    fn subject_of(&self, object: &str, op: &Op) -> String {
        match op {
            Op::Register { subject, .. } | Op::Import { subject, .. } => format!(":.{object}:s{subject}"),
            _ => format!(":.{object}:"),
        }
    }

    fn note_output(&self, _: &Op, output: &Output) {
        if let Output::Registered { version, id } | Output::Shown { version, id, .. } = *output {
            self.newest_version.fetch_max(version, Ordering::Relaxed);
            if id < IMPORT_ID_BASE {
                self.newest_id.fetch_max(id, Ordering::Relaxed);
            }
        }
    }
}
