//! Processes that change things only at a revision (`If-Match`): the right one, an older one, and one that lies in the future. On versions,
//! policies, registrations and levels of a subject.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
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

/// A revision that no log of a drill reaches.
pub const FUTURE: u64 = 1 << 60;
/// Versions beyond the newest that processes name.
const BEYOND: u32 = 1;

/// An operation on a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    Register { content: u32 },
    DeleteVersion { version: u32, permanent: bool },
    SetLevel { level: Level },
    SetPolicy { approvals: u32 },
    ReadVersion { version: u32 },
    ReadPolicy,
}

/// An action, and the revision at which it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Op {
    pub action: Action,
    /// The revision that `If-Match` names: one that a process has read, or [`FUTURE`].
    pub if_match: Option<u64>,
}

impl IsWrite for Op {
    fn is_write(&self) -> bool {
        !matches!(self.action, Action::ReadVersion { .. } | Action::ReadPolicy)
    }
}

/// The output of an operation: an answer or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    Done,
    Registered {
        version: u32,
    },
    /// A version as the native API shows it.
    Version {
        is_deleted: bool,
        content: u32,
        revision: u64,
    },
    Policy {
        approvals: u32,
        revision: u64,
    },
    /// The registry's own code.
    Refused {
        code: u32,
    },
}

/// One operation of one process on a subject.
pub type Operation = history::Operation<Op, Output>;

/// The workload.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    contents: AtomicU32,
    newest_version: AtomicU32,
    /// The revisions that were read last, by version; version 0 is the policy.
    seen: Mutex<BTreeMap<u32, u64>>,
}

impl Revisions {
    /// A revision for a change of a version (0: of the policy): mostly one that was read, which may be old by now.
    fn choose_revision(&self, version: u32, random: &mut StdRng) -> Option<u64> {
        match weighted_index(&[25, 65, 10], random) {
            0 => None,
            1 => self.seen.lock().get(&version).copied(),
            _ => Some(FUTURE),
        }
    }
}

impl ObjectWorkload for Revisions {
    type Op = Op;
    type Output = Output;

    const OWNER: Owner = Owner::Revisions;
    const NAME: &'static str = "revisions";
    const OPS_PER_OBJECT: u32 = 100;

    fn next_op(&self, is_first: bool, random: &mut StdRng) -> Op {
        if is_first {
            self.newest_version.store(0, Ordering::Relaxed);
            self.seen.lock().clear();
        }
        let version = random.random_range(1..=self.newest_version.load(Ordering::Relaxed).saturating_add(BEYOND));
        let (action, key) = match weighted_index(&[22, 16, 6, 14, 28, 14], random) {
            0 => {
                let content = self.contents.fetch_add(1, Ordering::Relaxed) * FAMILIES;
                // A registration changes the subject, whose revision nobody reads here: none, or one in the future.
                let if_match = random.random_bool(0.25).then_some(FUTURE);
                return Op { action: Action::Register { content }, if_match };
            }
            1 => (Action::DeleteVersion { version, permanent: random.random_bool(0.4) }, version),
            2 => {
                let if_match = random.random_bool(0.5).then_some(FUTURE);
                return Op { action: Action::SetLevel { level: Level::None }, if_match };
            }
            3 => (Action::SetPolicy { approvals: random.random_range(1..5) }, 0),
            4 => return Op { action: Action::ReadVersion { version }, if_match: None },
            _ => return Op { action: Action::ReadPolicy, if_match: None },
        };
        Op { action, if_match: self.choose_revision(key, random) }
    }

    fn begin_call(&self, api: &Api, object: &str, _: u32, op: &Op) -> Call {
        let name = segment(object);
        let linearizably = |call: Call| call.header("X-Registry-Consistency", "linearizable");
        let call = match op.action {
            Action::Register { content } => api.register(object, &schema(object, Format::Avro, content)),
            Action::DeleteVersion { version, permanent } => {
                let query = if permanent { "?permanent=true" } else { "" };
                api.delete(&format!("/subjects/{name}/versions/{version}{query}"))
            }
            Action::SetLevel { level } => {
                api.put(&format!("/config/{name}")).json(&json!({"compatibility": level.name()}))
            }
            Action::SetPolicy { approvals } => {
                api.put(&format!("/api/v1/policy/{name}")).json(&json!({"policy": {"approvals": approvals}}))
            }
            Action::ReadVersion { version } => {
                linearizably(api.get(&format!("/api/v1/subjects/{name}/versions/{version}")))
            }
            Action::ReadPolicy => linearizably(api.get(&format!("/api/v1/policy/{name}"))),
        };
        match op.if_match {
            Some(revision) => call.header("If-Match", &revision.to_string()),
            None => call,
        }
    }

    fn read_answer(&self, object: &str, op: &Op, answer: &Answer) -> Option<Output> {
        if answer.status >= 300 {
            return Some(Output::Refused { code: answer.error_code() });
        }
        let body = answer.json();
        let number = |name: &str| body[name].as_u64().unwrap_or(0);
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Some(match op.action {
            Action::Register { .. } => Output::Registered { version: short(number("version")) },
            Action::DeleteVersion { .. } | Action::SetLevel { .. } | Action::SetPolicy { .. } => Output::Done,
            Action::ReadVersion { .. } => Output::Version {
                is_deleted: body["state"] == "DELETED",
                content: body["schema"]["text"].as_str().and_then(|text| content_of(object, text)).unwrap_or(u32::MAX),
                revision: number("revision"),
            },
            Action::ReadPolicy => Output::Policy {
                approvals: short(body["own"]["approvals"].as_u64().unwrap_or(0)),
                revision: number("revision"),
            },
        })
    }

    fn claim_of(&self, op: &Op, output: &Output) -> Claim {
        match output {
            Output::Refused { .. } => Claim::Refused,
            _ if matches!(op.action, Action::Register { .. }) => Claim::Known,
            _ => Claim::Logged,
        }
    }

    fn subject_of(&self, object: &str, _: &Op) -> String {
        object.to_owned()
    }

    fn note_output(&self, op: &Op, output: &Output) {
        match (op.action, output) {
            (_, Output::Registered { version }) => {
                self.newest_version.fetch_max(*version, Ordering::Relaxed);
            }
            (Action::ReadVersion { version }, Output::Version { revision, .. }) => {
                self.seen.lock().insert(version, *revision);
            }
            (_, Output::Policy { revision, .. }) => {
                self.seen.lock().insert(0, *revision);
            }
            _ => {}
        }
    }
}
