//! Clients that register, read, delete and change levels: the operations of the model in `judge::model`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::family::{content_of, format_of, schema};
use super::ledger::{Came, Sent};
use super::mix::{Mix, choose};
use super::rotation::{Rotation, Turn};
use super::shared::{Asked, Shared};
use super::{Event, Op, Told, Work};
use crate::client::{Answer, Api, Call, segment};
use crate::native::PRINCIPAL_HEADER;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 150;
/// Attempts of a write under one key.
const ATTEMPTS_MAX: u32 = 3;
/// What no content is: a text that nobody of this subject sent.
const STRANGER: u32 = u32::MAX;

/// The subject that a group works on.
#[derive(Debug)]
pub(crate) struct Group {
    work: Work,
    subjects: Rotation,
    contents: AtomicU32,
}

impl Group {
    pub(crate) fn new(work: Work, number: u32, seed: u64) -> Self {
        let letter = match work {
            Work::Rich => 'm',
            Work::Deleting => 'd',
            Work::Append => 'a',
        };
        let subjects = Rotation::new(letter, number, seed, OPS_PER_SUBJECT);
        Self { work, subjects, contents: AtomicU32::new(0) }
    }
}

pub(crate) async fn run(shared: Arc<Shared>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(10_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !shared.stop.load(Ordering::Relaxed) {
        number += 1;
        let Turn { object: subject, number: subject_number, .. } = group.subjects.turn();
        let chosen = choose(group.work, &Mix::default(), group.contents.load(Ordering::Relaxed), &mut random);
        let op = chosen.op(|| group.contents.fetch_add(1, Ordering::Relaxed));
        let key = format!("{}-{process}-{number}", shared.seed);
        let invoked = shared.now();
        let who = principal(process);
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        let call = |api: &Api| {
            let call = begin(api, &subject, subject_number, op, group.work);
            call.header("Idempotency-Key", &key).header(PRINCIPAL_HEADER, &who)
        };
        let read = |answer: &Answer| {
            if answer.status < 300 {
                Some(understand(&subject, op, answer))
            } else {
                refusal(answer).map(Understood::of)
            }
        };
        let asked = shared.ask(&mut random, attempts_max, call, read).await;
        let Asked { told: understood, node, attempts } = asked;
        let Understood { told, id, guid } = understood.unwrap_or_default();
        if told.is_none() && op.is_write() {
            group.subjects.count_unknown();
        }
        let returned = shared.now();
        shared.count(told.is_some());
        if attempts == 0 || (told.is_none() && !op.is_write()) {
            continue;
        }
        if op.is_write() {
            let came = came_of(op, told.as_ref(), attempts);
            shared.sent(Sent { key, who, subject: subject.clone(), invoked, returned, came });
        }
        let work = group.work;
        let event = Event { work, process, node, subject, op, invoked, returned, told, id, guid, attempts };
        shared.done(event);
        shared.rest().await;
    }
}

/// The principal of a client.
fn principal(process: u32) -> String {
    format!("client-{process}")
}

/// What the audit log must say of a write.
fn came_of(op: Op, told: Option<&Told>, attempts: u32) -> Came {
    let is_register = matches!(op, Op::Register { .. });
    match told {
        None => Came::Unknown,
        Some(Told::Incompatible | Told::NotFound) => Came::Refused { sure: !is_register || attempts == 1 },
        // A code that the model has no name for is a fault by itself.
        Some(Told::Versions(_)) if !matches!(op, Op::DeleteSubject { .. }) => Came::Unknown,
        Some(Told::Versions(numbers)) if numbers.first().is_some_and(|number| *number >= 400) => Came::Unknown,
        Some(_) => Came::Done { logged: !is_register },
    }
}

fn begin(api: &Api, subject: &str, number: u64, op: Op, work: Work) -> Call {
    let name = segment(subject);
    let format = format_of(number);
    // What is promised by default is read by default; the rest asks for it.
    let confirmed = |call: Call| call.header("X-Registry-Consistency", "linearizable");
    let permanently = |permanent: bool| if permanent { "?permanent=true" } else { "" };
    match op {
        Op::Register { content } => api.register(subject, &schema(subject, format, content)),
        Op::Latest => api.get(&format!("/subjects/{name}/versions/latest")),
        Op::Get { version } => confirmed(api.get(&format!("/subjects/{name}/versions/{version}"))),
        Op::Lookup { content } => confirmed(api.lookup(subject, &schema(subject, format, content))),
        Op::List { deleted } => api.get(&format!("/subjects/{name}/versions?deleted={deleted}")),
        Op::Contents => {
            debug_assert_eq!(work, Work::Append);
            api.get(&format!("/schemas?subjectPrefix={name}"))
        }
        Op::DeleteVersion { version, permanent } => {
            api.delete(&format!("/subjects/{name}/versions/{version}{}", permanently(permanent)))
        }
        Op::DeleteSubject { permanent } => api.delete(&format!("/subjects/{name}{}", permanently(permanent))),
        Op::SetLevel { level } => api.put(&format!("/config/{name}")).json(&json!({"compatibility": level.name()})),
    }
}

/// What an answer tells.
#[derive(Debug, Default)]
struct Understood {
    told: Option<Told>,
    id: Option<u32>,
    guid: Option<String>,
}

impl Understood {
    fn of(told: Told) -> Self {
        Self { told: Some(told), id: None, guid: None }
    }
}

fn understand(subject: &str, op: Op, answer: &Answer) -> Understood {
    let numbers = || {
        let list = answer.list();
        list.iter().filter_map(serde_json::Value::as_u64).filter_map(|number| u32::try_from(number).ok()).collect()
    };
    match op {
        Op::Register { content } => {
            let body = answer.schema();
            let version = body.version.unwrap_or(0);
            let content = body.schema.as_deref().map_or(content, |text| content_of(subject, text).unwrap_or(STRANGER));
            Understood { told: Some(Told::Version { version, content }), id: body.id, guid: body.guid }
        }
        Op::Latest | Op::Get { .. } | Op::Lookup { .. } => {
            let body = answer.schema();
            let content = body.schema.as_deref().and_then(|text| content_of(subject, text)).unwrap_or(STRANGER);
            let version = body.version.unwrap_or(0);
            Understood { told: Some(Told::Version { version, content }), id: body.id, guid: body.guid }
        }
        Op::List { .. } | Op::DeleteSubject { .. } => Understood::of(Told::Versions(numbers())),
        Op::Contents => {
            let mut found: Vec<(u64, u32)> = Vec::new();
            for item in answer.list() {
                let text = item["schema"].as_str().unwrap_or_default();
                found.push((item["version"].as_u64().unwrap_or(0), content_of(subject, text).unwrap_or(STRANGER)));
            }
            found.sort_unstable();
            Understood::of(Told::Contents(found.into_iter().map(|(_, content)| content).collect()))
        }
        Op::DeleteVersion { .. } | Op::SetLevel { .. } => Understood::of(Told::Done),
    }
}

/// A refusal that the model knows. Any other is a fault of its own and stays unknown here; it is counted.
fn refusal(answer: &Answer) -> Option<Told> {
    match answer.status {
        409 => Some(Told::Incompatible),
        404 => Some(Told::NotFound),
        429 => None,
        _ => Some(Told::Versions(vec![u32::from(answer.status), answer.error_code()])),
    }
}
