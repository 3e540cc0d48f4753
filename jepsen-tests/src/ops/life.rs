//! Clients that take schemas through their lives over the native API: drafts, reviews by several people at once, activations
//! against a latest version that has just changed, rollbacks, ends. Everybody may try everything, most often what should work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clients::Shared;
use super::family::{FAMILIES, schema};
use super::ledger::{Came, Sent};
use super::mix::place;
use crate::client::{Answer, Api, Call, segment};
use crate::native::PRINCIPAL_HEADER;
use crate::schemas::Format;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 110;
/// Steps without outcome on one subject before a fresh one follows.
const UNKNOWN_MAX: u32 = 4;
/// Attempts of a step under one key.
const ATTEMPTS_MAX: u32 = 3;
/// Drafts that clients work on: the newest.
const DRAFTS_IN_WORK: usize = 3;

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

/// What clients of a group have heard of a subject: hints for what to try next, nothing that anybody is judged by.
#[derive(Debug, Clone, Default)]
struct Heard {
    drafts: Vec<HeardDraft>,
    versions: BTreeMap<u32, (State, Option<u64>)>,
    ids: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone)]
struct HeardDraft {
    draft: u32,
    state: State,
    revision: Option<u64>,
}

/// Clients that share subjects.
#[derive(Debug)]
pub(super) struct Group {
    name: String,
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    ops: u32,
    unknown: u32,
    contents: u32,
    heard: BTreeMap<String, Heard>,
}

impl Group {
    pub(super) fn new(number: u32, seed: u64) -> Self {
        Self { name: format!("l-{}-{number}", seed % 1_000_000), work: Mutex::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Work) -> T) -> T {
        change(&mut self.work.lock().expect("no panic under the lock"))
    }

    /// The subject of the next operation.
    fn subject(&self) -> String {
        self.with(|work| {
            work.ops += 1;
            let number = (work.ops / OPS_PER_SUBJECT) * 1_000 + work.unknown / UNKNOWN_MAX;
            format!("{}-{number}-x", self.name)
        })
    }
}

pub(super) async fn run(shared: Arc<Shared>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(30_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    let mut prepared = String::new();
    while !shared.stopped() {
        let subject = group.subject();
        if prepared != subject {
            if !prepare(&shared, &subject, process, &mut random).await {
                continue;
            }
            prepared.clone_from(&subject);
        }
        number += 1;
        let (deed, id) = group.with(|work| {
            let fresh = work.contents + 1;
            let heard = work.heard.entry(subject.clone()).or_default();
            let deed = choose(heard, process, fresh, &mut random);
            let id = deed_draft(deed.step).and_then(|draft| heard.ids.get(&draft).copied()).unwrap_or(0);
            if let Step::Create { .. } = deed.step {
                work.contents = fresh;
            }
            (deed, id)
        });
        let key = format!("l{}-{process}-{number}", shared.seed);
        let invoked = shared.now();
        let attempts_max = if deed.step.is_write() { ATTEMPTS_MAX } else { 1 };
        let asked = shared
            .ask(
                &mut random,
                attempts_max,
                |api| call(api, &subject, id, deed).header("Idempotency-Key", &key),
                |answer| understand(deed.step, answer),
            )
            .await;
        let returned = shared.now();
        shared.count(asked.told.is_some());
        if asked.attempts == 0 {
            continue;
        }
        let (told, answer_id) = asked.told.map_or((None, 0), |(told, id)| (Some(told), id));
        // A preparer that compares refuses by what it sees, without asking what became of an earlier attempt.
        let is_sure =
            asked.attempts == 1 || !matches!(told, Some(Told::Refused { code: crate::judge::life::INCOMPATIBLE }));
        let told = told.filter(|told| is_sure || !matches!(told, Told::Refused { .. }));
        if let (Step::Create { draft }, Some(Told::Done)) = (deed.step, &told) {
            shared.drafted(&subject, draft, answer_id);
        }
        group.with(|work| {
            work.unknown += u32::from(told.is_none() && deed.step.is_write());
            let heard = work.heard.entry(subject.clone()).or_default();
            hear(heard, deed.step, told.as_ref(), answer_id);
        });
        if deed.step.is_write() {
            let came = match told {
                Some(Told::Refused { .. }) => Came::Refused { sure: true },
                Some(_) => Came::Done { logged: true },
                None => Came::Unknown,
            };
            let who = principal(process);
            shared.sent(Sent { key, who, subject: subject.clone(), invoked, returned, came });
        }
        if told.is_some() || deed.step.is_write() {
            let (node, attempts) = (asked.node, asked.attempts);
            shared.lived(Lived { process, node, subject, deed, invoked, returned, told, attempts });
        }
        shared.rest().await;
    }
}

fn deed_draft(step: Step) -> Option<u32> {
    match step {
        Step::Submit { draft } | Step::Review { draft, .. } | Step::Activate { draft } | Step::ReadDraft { draft } => {
            Some(draft)
        }
        _ => None,
    }
}

/// The subject asks for reviews and for compatibility, as every client makes sure of before its first step there.
async fn prepare(shared: &Shared, subject: &str, process: u32, random: &mut StdRng) -> bool {
    let name = segment(subject);
    let policy = json!({"policy": {"review": true, "approvals": 1, "deprecationNoticeMs": 0}});
    for (path, body) in
        [(format!("/api/v1/policy/{name}"), policy), (format!("/config/{name}"), json!({"compatibility": "BACKWARD"}))]
    {
        let who = principal(process);
        let call = |api: &Api| api.put(&path).header(PRINCIPAL_HEADER, &who).json(&body);
        while shared.ask(random, ATTEMPTS_MAX, call, |answer| (answer.status == 200).then_some(())).await.told.is_none()
        {
            if shared.stopped() {
                return false;
            }
        }
    }
    true
}

/// What a client tries next, by what it has heard. Mostly what should work; sometimes anything.
fn choose(heard: &Heard, who: u32, fresh: u32, random: &mut StdRng) -> Deed {
    let create = |random: &mut StdRng| {
        // One of another family now and then: it cannot become active beside the others, and needs two reviewers.
        let family = if random.random_bool(0.2) { 1 } else { 0 };
        Deed { who, step: Step::Create { draft: fresh * FAMILIES + family }, if_match: None }
    };
    let drafts: Vec<&HeardDraft> = heard.drafts.iter().rev().take(DRAFTS_IN_WORK).collect();
    let open = drafts.iter().filter(|draft| !matches!(draft.state, State::Active | State::Rejected)).count();
    let sometimes = random.random_bool(0.35);
    let at = |revision: Option<u64>| revision.filter(|_| sometimes);
    match random.random_range(0..100) {
        _ if open == 0 => create(random),
        0..8 => create(random),
        8..62 => {
            let HeardDraft { draft, state, revision } = *drafts[random.random_range(0..drafts.len())];
            let review = |decision| Step::Review { draft, decision };
            let state = if random.random_bool(0.25) { random_state(random) } else { state };
            let step = match state {
                State::Draft | State::ChangesRequested => Step::Submit { draft },
                State::PendingReview => match place(&[80, 13, 7], random) {
                    0 => review(Decision::Approve),
                    1 => review(Decision::RequestChanges),
                    _ => review(Decision::Reject),
                },
                State::Approved => Step::Activate { draft },
                _ => Step::ReadDraft { draft },
            };
            Deed { who, step, if_match: at(revision).filter(|_| step.is_write()) }
        }
        62..68 => {
            let draft = drafts[random.random_range(0..drafts.len())].draft;
            Deed { who, step: Step::ReadDraft { draft }, if_match: None }
        }
        roll => {
            let known: Vec<_> = heard.versions.iter().collect();
            let (version, state, revision) = match known.len() {
                0 => (1, State::Active, None),
                _ if random.random_bool(0.08) => (random.random_range(1..9), random_state(random), None),
                count => {
                    let (version, (state, revision)) = known[random.random_range(0..count)];
                    (*version, *state, *revision)
                }
            };
            let step = if roll < 90 { of_version(version, state, random) } else { Step::ReadVersion { version } };
            let if_match = at(revision).filter(|_| matches!(step, Step::Move { .. }));
            Deed { who, step, if_match }
        }
    }
}

fn of_version(version: u32, state: State, random: &mut StdRng) -> Step {
    let go = |how| Step::Move { version, how };
    if random.random_bool(0.15) {
        return go(Move::ALL[random.random_range(0..Move::ALL.len())]);
    }
    match state {
        State::Active => match place(&[45, 20, 35], random) {
            0 => go(Move::Deprecate),
            1 => go(Move::Quarantine),
            _ => Step::RollBack { target: version },
        },
        State::Deprecated => go(if random.random_bool(0.6) { Move::Reinstate } else { Move::Archive }),
        State::RolledBack => go(Move::Reactivate),
        State::Quarantined => go(Move::Release),
        State::Archived => Step::Delete { version },
        _ => Step::ReadVersion { version },
    }
}

fn random_state(random: &mut StdRng) -> State {
    [State::Draft, State::PendingReview, State::Approved, State::Active][random.random_range(0..4)]
}

/// Takes in what an answer tells.
fn hear(heard: &mut Heard, step: Step, told: Option<&Told>, id: u64) {
    let mut now = |draft: u32, state: State, revision: Option<u64>| {
        if let Some(known) = heard.drafts.iter_mut().find(|known| known.draft == draft) {
            (known.state, known.revision) = (state, revision);
        }
    };
    match (step, told) {
        (Step::Create { draft }, Some(Told::Done)) => {
            heard.ids.insert(draft, id);
            heard.drafts.push(HeardDraft { draft, state: State::Draft, revision: None });
        }
        (Step::Submit { draft }, Some(Told::Done)) => now(draft, State::PendingReview, None),
        (Step::Review { draft, decision }, Some(Told::Done)) => {
            let state = match decision {
                // Perhaps not yet: a breaking change needs two.
                Decision::Approve => State::Approved,
                Decision::RequestChanges => State::ChangesRequested,
                Decision::Reject => State::Rejected,
            };
            now(draft, state, None);
        }
        (Step::ReadDraft { draft }, Some(Told::Draft { state, revision, .. })) => now(draft, *state, Some(*revision)),
        (Step::Activate { draft }, Some(Told::Activated { version })) => {
            now(draft, State::Active, None);
            heard.versions.insert(*version, (State::Active, None));
        }
        // It is not approved, whatever was heard: approve it.
        (Step::Activate { draft }, Some(Told::Refused { .. })) => now(draft, State::PendingReview, None),
        (Step::Review { draft, .. }, Some(Told::Refused { .. })) => now(draft, State::Approved, None),
        (Step::Move { version, how }, Some(Told::Done)) => {
            let state = match how {
                Move::Deprecate => State::Deprecated,
                Move::Reinstate | Move::Reactivate | Move::Release => State::Active,
                Move::Archive => State::Archived,
                Move::Quarantine => State::Quarantined,
            };
            heard.versions.insert(version, (state, None));
        }
        (Step::RollBack { .. }, Some(Told::RolledBack { versions })) => {
            for version in versions {
                heard.versions.insert(*version, (State::RolledBack, None));
            }
        }
        (Step::Delete { version }, Some(Told::Done)) => drop(heard.versions.insert(version, (State::Deleted, None))),
        (Step::ReadVersion { version }, Some(Told::Version { state, revision })) => {
            heard.versions.insert(version, (*state, Some(*revision)));
        }
        _ => {}
    }
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
