//! Clients that take schemas through their lives over the native API: drafts, reviews by several people at once, activations
//! against a latest version that has just changed, rollbacks, ends. What can be asked and answered, and how that looks on the wire.

pub(super) mod clients;
mod hints;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::family::schema;
use crate::client::{Answer, Api, Call, segment};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::Format;

/// A state of a draft or a version, by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
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

/// What a reviewer decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
pub enum Decision {
    Approve,
    RequestChanges,
    Reject,
}

/// A transition of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
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

/// What is asked. A draft is named by the number of its content, which is unique in its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Step {
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

impl Step {
    /// Does it change anything?
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

/// What somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Deed {
    pub who: u32,
    pub step: Step,
    /// Only at this revision, which this client has read.
    pub if_match: Option<u64>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Told {
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

/// One step of one client. All attempts under one key are one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Lived {
    pub process: u32,
    pub node: u64,
    pub subject: String,
    pub deed: Deed,
    /// Nanoseconds since the beginning.
    pub invoked: u64,
    pub returned: u64,
    /// Nothing where the outcome is unknown.
    pub told: Option<Told>,
    pub attempts: u32,
}

/// The principal of a client.
pub fn principal(process: u32) -> String {
    format!("life-{process}")
}

fn process_of(principal: &str) -> u32 {
    principal.strip_prefix("life-").and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

/// The call for a deed; `id` is that of its draft.
pub(crate) fn call(api: &Api, subject: &str, id: u64, deed: Deed) -> Call {
    let name = segment(subject);
    let draft = |step: &str| api.post(&format!("/api/v1/subjects/{name}/drafts/{id}/{step}"));
    let version = |version: u32, step: &str| api.post(&format!("/api/v1/subjects/{name}/versions/{version}/{step}"));
    let because = json!({"reason": "jepsen"});
    let call = match deed.step {
        Step::Create { draft } => {
            let text = schema(subject, Format::Avro, draft).sent;
            let body = json!({"schema": {"format": "AVRO", "text": text}, "reason": "jepsen"});
            api.post(&format!("/api/v1/subjects/{name}/drafts")).json(&body)
        }
        Step::Submit { .. } => draft("submit").json(&because),
        Step::Review { decision, .. } => {
            let decision = serde_json::to_value(decision).expect("a decision can be printed");
            draft("review").json(&json!({"decision": decision, "reason": "jepsen"}))
        }
        Step::Activate { .. } => draft("activate").json(&because),
        Step::ReadDraft { .. } => confirmed(api.get(&format!("/api/v1/subjects/{name}/drafts/{id}"))),
        Step::Move { version: number, how } => version(number, how.path()).json(&because),
        Step::RollBack { target } => version(target, "rollback").json(&because),
        Step::Delete { version } => api.delete(&format!("/subjects/{name}/versions/{version}")),
        Step::ReadVersion { version } => confirmed(api.get(&format!("/api/v1/subjects/{name}/versions/{version}"))),
    };
    let call = match deed.if_match {
        Some(revision) => call.header("If-Match", &revision.to_string()),
        None => call,
    };
    call.header(PRINCIPAL_HEADER, &principal(deed.who))
}

fn confirmed(call: Call) -> Call {
    call.header("X-Registry-Consistency", "linearizable")
}

/// What an answer says, and the id of a draft that was begun.
pub(crate) fn understand(step: Step, answer: &Answer) -> Option<(Told, u64)> {
    if answer.status == 429 {
        return None;
    }
    if answer.status >= 300 {
        return Some((Told::Refused { code: answer.error_code() }, 0));
    }
    let body = answer.json();
    let number = |name: &str| body[name].as_u64().unwrap_or(0);
    let short = |name: &str| u32::try_from(number(name)).unwrap_or(u32::MAX);
    let state = || serde_json::from_value::<State>(body["state"].clone());
    let told = match step {
        Step::Create { .. } => return Some((Told::Done, number("id"))),
        // The answer shows the draft as it is by then, which may be another state already.
        Step::Submit { .. } | Step::Review { .. } | Step::Move { .. } | Step::Delete { .. } => Told::Done,
        Step::Activate { .. } => Told::Activated { version: short("version") },
        Step::RollBack { .. } => {
            let versions = body["versions"].as_array().into_iter().flatten().filter_map(Value::as_u64);
            Told::RolledBack { versions: versions.filter_map(|version| u32::try_from(version).ok()).collect() }
        }
        Step::ReadDraft { .. } => {
            let approvals = body["approvals"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let mut approvals: Vec<u32> = approvals.map(process_of).collect();
            approvals.sort_unstable();
            let (version, revision) = (short("version"), number("revision"));
            Told::Draft { state: state().ok()?, approvals, version, revision }
        }
        Step::ReadVersion { .. } => Told::Version { state: state().ok()?, revision: number("revision") },
    };
    Some((told, 0))
}

/// Reads every draft and version of every subject, confirmed, when nothing moves any more: the last operations of the history.
///
/// # Panics
/// If the node does not answer.
pub async fn read_at_end(api: &Api, lived: &mut Vec<Lived>, ids: &BTreeMap<(String, u32), u64>) {
    let mut now = lived.iter().map(|lived| lived.returned).max().unwrap_or(0) + 1_000;
    let mut reads: Vec<(String, Step, u64)> = Vec::new();
    for ((subject, draft), id) in ids {
        reads.push((subject.clone(), Step::ReadDraft { draft: *draft }, *id));
    }
    let mut highest: BTreeMap<&str, u32> = BTreeMap::new();
    for lived in lived.iter() {
        let highest = highest.entry(&lived.subject).or_default();
        if let Some(Told::Activated { version } | Told::Draft { version, .. }) = lived.told {
            *highest = version.max(*highest);
        }
    }
    for (subject, highest) in highest {
        // One more than anybody was told of: a version that nobody asked for would show.
        reads.extend((1..=highest + 1).map(|version| (subject.to_owned(), Step::ReadVersion { version }, 0)));
    }
    for (subject, step, id) in reads {
        let deed = Deed { who: 0, step, if_match: None };
        let what = format!("the last read of {subject}");
        let told = crate::wait::until(&what, async || {
            let answer = call(api, &subject, id, deed).send().await?;
            if answer.status >= 500 {
                return Err(answer.text());
            }
            understand(step, &answer).ok_or_else(|| answer.text())
        });
        let told = Some(told.await.0);
        now += 2_000;
        let (invoked, returned) = (now, now + 1_000);
        lived.push(Lived { process: 0, node: api.node_id, subject, deed, invoked, returned, told, attempts: 1 });
    }
}
