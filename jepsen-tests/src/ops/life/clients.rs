//! The clients: each makes sure that its subject asks for reviews, then takes one step after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::hints::{Heard, choose, hear};
use super::{Lived, Step, Told, call, principal, understand};
use crate::client::{Api, segment};
use crate::judge::life::INCOMPATIBLE;
use crate::native::PRINCIPAL_HEADER;
use crate::ops::ledger::{Came, Sent};
use crate::ops::rotation::Rotation;
use crate::ops::shared::Shared;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 110;
/// Attempts of a step under one key.
const ATTEMPTS_MAX: u32 = 3;

/// Clients that share subjects.
#[derive(Debug)]
pub(crate) struct Group {
    subjects: Rotation,
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    contents: u32,
    heard: BTreeMap<String, Heard>,
}

impl Group {
    pub(crate) fn new(number: u32, seed: u64) -> Self {
        Self { subjects: Rotation::new('l', number, seed, OPS_PER_SUBJECT), work: Mutex::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Work) -> T) -> T {
        change(&mut self.work.lock().expect("no panic under the lock"))
    }
}

pub(crate) async fn run(shared: Arc<Shared>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(30_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    let mut prepared = String::new();
    while !shared.stopped() {
        let subject = group.subjects.turn().object;
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
        let is_sure = asked.attempts == 1 || !matches!(told, Some(Told::Refused { code: INCOMPATIBLE }));
        let told = told.filter(|told| is_sure || !matches!(told, Told::Refused { .. }));
        if let (Step::Create { draft }, Some(Told::Done)) = (deed.step, &told) {
            shared.drafted(&subject, draft, answer_id);
        }
        if told.is_none() && deed.step.is_write() {
            group.subjects.count_unknown();
        }
        group.with(|work| {
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
