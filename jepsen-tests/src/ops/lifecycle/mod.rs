//! Processes that take schemas through their lifecycle over the native API: drafts, reviews by several people at once, activations
//! against a latest version that has just changed, rollbacks, deletions. This file has the operations, their outputs, and both on the
//! wire.

mod clients;
mod hints;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use clients::DraftIds;
pub(super) use clients::{Group, run_process};

use super::family::schema;
use crate::client::{Answer, Api, Call, segment};
use crate::history::{self, IsWrite};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::Format;

/// A state of a draft or a version, by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Draft,
    PendingReview,
    ChangesRequested,
    Approved,
    Rejected,
    Active,
    Deprecated,
    Archived,
    RolledBack,
    Quarantined,
    Deleted,
}

/// The decision of a reviewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    Approve,
    RequestChanges,
    Reject,
}

/// A transition of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    Deprecate,
    Reinstate,
    Archive,
    Reactivate,
    Quarantine,
    Release,
}

impl Move {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Deprecate, Self::Reinstate, Self::Archive, Self::Reactivate, Self::Quarantine, Self::Release];

    fn path(self) -> &'static str {
        match self {
            Self::Deprecate => "deprecate",
            Self::Reinstate => "reinstate",
            Self::Archive => "archive",
            Self::Reactivate => "reactivate",
            Self::Quarantine => "quarantine",
            Self::Release => "release",
        }
    }
}

/// An action. A draft is named by the number of its content, which is unique in its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    Create { draft: u32 },
    Submit { draft: u32 },
    Review { draft: u32, decision: Decision },
    Activate { draft: u32 },
    ReadDraft { draft: u32 },
    Move { version: u32, how: Move },
    RollBack { target: u32 },
    Delete { version: u32 },
    ReadVersion { version: u32 },
}

impl Action {
    /// May the action change anything?
    pub fn is_write(self) -> bool {
        !matches!(self, Self::ReadDraft { .. } | Self::ReadVersion { .. })
    }

    /// Its kind, for counting.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Submit { .. } => "submit",
            Self::Review { decision: Decision::Approve, .. } => "approve",
            Self::Review { decision: Decision::RequestChanges, .. } => "request_changes",
            Self::Review { decision: Decision::Reject, .. } => "reject",
            Self::Activate { .. } => "activate",
            Self::ReadDraft { .. } => "read-draft",
            Self::Move { how, .. } => how.path(),
            Self::RollBack { .. } => "roll_back",
            Self::Delete { .. } => "delete",
            Self::ReadVersion { .. } => "read-version",
        }
    }
}

/// An action, by whom, and at which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Invocation {
    pub actor: u32,
    pub action: Action,
    /// The action is done only at this revision, which this process has read (`If-Match`).
    pub if_match: Option<u64>,
}

impl IsWrite for Invocation {
    fn is_write(&self) -> bool {
        self.action.is_write()
    }
}

/// The output of an operation: an answer or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    Done,
    Activated {
        version: u32,
    },
    RolledBack {
        versions: Vec<u32>,
    },
    Draft {
        state: State,
        approvals: Vec<u32>,
        version: u32,
        revision: u64,
    },
    Version {
        state: State,
        revision: u64,
    },
    /// The registry's own code.
    Refused {
        code: u32,
    },
}

/// One operation of one process on a subject.
pub type Operation = history::Operation<Invocation, Output>;

/// The principal of a process.
pub fn principal(process: u32) -> String {
    format!("life-{process}")
}

fn process_of(principal: &str) -> u32 {
    principal.strip_prefix("life-").and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

/// The request of an invocation; `id` is the id of its draft.
pub(crate) fn begin_call(api: &Api, subject: &str, id: u64, invocation: Invocation) -> Call {
    let name = segment(subject);
    let draft = |step: &str| api.post(&format!("/api/v1/subjects/{name}/drafts/{id}/{step}"));
    let version = |version: u32, step: &str| api.post(&format!("/api/v1/subjects/{name}/versions/{version}/{step}"));
    let because = json!({"reason": "jepsen"});
    let call = match invocation.action {
        Action::Create { draft } => {
            let text = schema(subject, Format::Avro, draft).sent;
            let body = json!({"schema": {"format": "AVRO", "text": text}, "reason": "jepsen"});
            api.post(&format!("/api/v1/subjects/{name}/drafts")).json(&body)
        }
        Action::Submit { .. } => draft("submit").json(&because),
        Action::Review { decision, .. } => {
            let decision = serde_json::to_value(decision).expect("a decision can be printed");
            draft("review").json(&json!({"decision": decision, "reason": "jepsen"}))
        }
        Action::Activate { .. } => draft("activate").json(&because),
        Action::ReadDraft { .. } => read_linearizably(api.get(&format!("/api/v1/subjects/{name}/drafts/{id}"))),
        Action::Move { version: number, how } => version(number, how.path()).json(&because),
        Action::RollBack { target } => version(target, "rollback").json(&because),
        Action::Delete { version } => api.delete(&format!("/subjects/{name}/versions/{version}")),
        Action::ReadVersion { version } => {
            read_linearizably(api.get(&format!("/api/v1/subjects/{name}/versions/{version}")))
        }
    };
    let call = match invocation.if_match {
        Some(revision) => call.header("If-Match", &revision.to_string()),
        None => call,
    };
    call.header(PRINCIPAL_HEADER, &principal(invocation.actor))
}

fn read_linearizably(call: Call) -> Call {
    call.header("X-Registry-Consistency", "linearizable")
}

/// Reads an answer: the output, and the id of a draft that was begun.
pub(crate) fn read_answer(action: Action, answer: &Answer) -> Option<(Output, u64)> {
    if answer.status == 429 {
        return None;
    }
    if answer.status >= 300 {
        return Some((Output::Refused { code: answer.error_code() }, 0));
    }
    let body = answer.json();
    let number = |name: &str| body[name].as_u64().unwrap_or(0);
    let short = |name: &str| u32::try_from(number(name)).unwrap_or(u32::MAX);
    let state = || serde_json::from_value::<State>(body["state"].clone());
    let output = match action {
        Action::Create { .. } => return Some((Output::Done, number("id"))),
        // The answer shows the draft as it is by then, which may be another state already.
        Action::Submit { .. } | Action::Review { .. } | Action::Move { .. } | Action::Delete { .. } => Output::Done,
        Action::Activate { .. } => Output::Activated { version: short("version") },
        Action::RollBack { .. } => {
            let versions = body["versions"].as_array().into_iter().flatten().filter_map(Value::as_u64);
            Output::RolledBack { versions: versions.filter_map(|version| u32::try_from(version).ok()).collect() }
        }
        Action::ReadDraft { .. } => {
            let approvals = body["approvals"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let mut approvals: Vec<u32> = approvals.map(process_of).collect();
            approvals.sort_unstable();
            let (version, revision) = (short("version"), number("revision"));
            Output::Draft { state: state().ok()?, approvals, version, revision }
        }
        Action::ReadVersion { .. } => Output::Version { state: state().ok()?, revision: number("revision") },
    };
    Some((output, 0))
}

/// Reads every draft and version of every subject, linearizably, when no other operation runs any more: the last operations of the
/// history.
///
/// # Panics
/// If the node does not answer.
pub async fn read_at_end(api: &Api, history: &mut Vec<Operation>, ids: &DraftIds) {
    let mut now = history.iter().map(|operation| operation.returned).max().unwrap_or(0) + 1_000;
    let mut reads: Vec<(String, Action, u64)> = Vec::new();
    for ((subject, draft), id) in ids {
        reads.push((subject.clone(), Action::ReadDraft { draft: *draft }, *id));
    }
    let mut highest: BTreeMap<&str, u32> = BTreeMap::new();
    for operation in history.iter() {
        let highest = highest.entry(&operation.object).or_default();
        if let Some(Output::Activated { version } | Output::Draft { version, .. }) = operation.output {
            *highest = version.max(*highest);
        }
    }
    for (subject, highest) in highest {
        // One more than the highest known: a version that nobody asked for would show.
        reads.extend((1..=highest + 1).map(|version| (subject.to_owned(), Action::ReadVersion { version }, 0)));
    }
    for (object, action, id) in reads {
        let op = Invocation { actor: 0, action, if_match: None };
        let what = format!("the last read of {object}");
        let output = crate::wait::until(&what, async || {
            let answer = begin_call(api, &object, id, op).send().await?;
            if answer.status >= 500 {
                return Err(answer.text());
            }
            read_answer(action, &answer).ok_or_else(|| answer.text())
        });
        let output = Some(output.await.0);
        now += 2_000;
        let (invoked, returned) = (now, now + 1_000);
        history.push(Operation { process: 0, node: api.node_id, object, op, invoked, returned, output, attempts: 1 });
    }
}
