//! Clients at work: groups that share a subject for a while, each client through its own choice of nodes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::JoinHandle;

use super::family::{content_of, format_of, schema};
use super::ledger::{Came, Sent};
use super::life::Lived;
use super::mix::{Mix, choose};
use super::settings::Set;
use super::{Event, Glimpse, Op, Told, Work, life, settings};
use crate::client::{Answer, Api, Call, Outcome, segment};
use crate::native::PRINCIPAL_HEADER;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 150;
/// Attempts of a write under one key.
const ATTEMPTS_MAX: u32 = 3;
/// After a failure a client rests, longer each time, so that it does not spin while nobody can answer.
const BREATH: Duration = Duration::from_millis(15);
const BREATH_MAX: Duration = Duration::from_millis(240);
/// Writes without outcome on one subject before a fresh one follows: each doubles what the search has to try.
const UNKNOWN_MAX: u32 = 4;
/// The bound of a bounded read.
const BOUND: Duration = Duration::from_millis(1_000);
/// What no content is: a text that nobody of this subject sent.
const STRANGER: u32 = u32::MAX;

/// Clients of all workloads.
#[derive(Debug)]
pub struct Clients {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

/// How many clients of each kind. A group shares a subject.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Crowd {
    pub rich_groups: u32,
    pub deleting_groups: u32,
    pub append_groups: u32,
    pub clients_per_group: u32,
    pub sessions: u32,
    /// Groups of reviewers and authors.
    pub life_groups: u32,
    /// Groups that change levels and modes.
    pub setting_groups: u32,
    /// A client that registers many large schemas at once.
    pub bulk: bool,
    /// One watcher of events at home on every node.
    pub watching: bool,
    /// A client rests so long between operations; 0: not at all.
    pub rest_ms: u64,
}

impl Crowd {
    /// Only registrations, reads, deletions and sessions: for campaigns that judge nothing else.
    pub fn plain() -> Self {
        Self { life_groups: 0, setting_groups: 0, bulk: false, watching: false, ..Self::default() }
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            rich_groups: 1,
            deleting_groups: 1,
            append_groups: 1,
            clients_per_group: 3,
            sessions: 1,
            life_groups: 1,
            setting_groups: 1,
            bulk: true,
            watching: true,
            rest_ms: 5,
        }
    }
}

/// What the clients did and saw.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Did {
    pub events: Vec<Event>,
    pub glimpses: Vec<Glimpse>,
    pub lived: Vec<Lived>,
    pub settings: Vec<Set>,
    /// The ids of drafts, by subject and content.
    pub drafts: BTreeMap<(String, u32), u64>,
    /// The writes of all workloads that are judged by operations.
    pub ledger: Vec<Sent>,
}

/// What an operation came to after its attempts.
#[derive(Debug)]
pub(super) struct Asked<T> {
    pub(super) told: Option<T>,
    /// The node that was asked last.
    pub(super) node: u64,
    pub(super) attempts: u32,
}

#[derive(Debug)]
pub(super) struct Shared {
    begun: Instant,
    events: Mutex<Vec<Event>>,
    glimpses: Mutex<Vec<Glimpse>>,
    lived: Mutex<Vec<Lived>>,
    settings: Mutex<Vec<Set>>,
    drafts: Mutex<BTreeMap<(String, u32), u64>>,
    ledger: Mutex<Vec<Sent>>,
    nodes: Mutex<BTreeMap<u64, Api>>,
    stop: AtomicBool,
    pub(super) seed: u64,
    rest: Duration,
    good: AtomicU64,
    unknown: AtomicU64,
    /// When an operation was last acknowledged, and the longest gap in nanoseconds.
    last_good: AtomicU64,
}

/// The subject that a group works on.
#[derive(Debug)]
struct Group {
    work: Work,
    name: String,
    ops: AtomicU32,
    unknown: AtomicU32,
    contents: AtomicU32,
}

impl Group {
    fn new(work: Work, number: u32, seed: u64) -> Self {
        let letter = match work {
            Work::Rich => 'm',
            Work::Deleting => 'd',
            Work::Append => 'a',
        };
        // Marked by the run: a second crowd on the same cluster has subjects of its own.
        let name = format!("{letter}-{}-{number}", seed % 1_000_000);
        Self { work, name, ops: AtomicU32::new(0), unknown: AtomicU32::new(0), contents: AtomicU32::new(0) }
    }

    fn subject(&self) -> (String, u64) {
        let (ops, unknown) = (self.ops.fetch_add(1, Ordering::Relaxed), self.unknown.load(Ordering::Relaxed));
        // Every change of either number gives a fresh name.
        let number = u64::from(ops / OPS_PER_SUBJECT) * 1_000 + u64::from(unknown / UNKNOWN_MAX);
        (format!("{}-{number}-x", self.name), number)
    }
}

impl Clients {
    /// Starts clients against these nodes.
    pub fn start(nodes: Vec<Api>, crowd: Crowd, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            events: Mutex::default(),
            glimpses: Mutex::default(),
            lived: Mutex::default(),
            settings: Mutex::default(),
            drafts: Mutex::default(),
            ledger: Mutex::default(),
            nodes: Mutex::new(nodes.into_iter().map(|api| (api.node_id, api)).collect()),
            stop: AtomicBool::new(false),
            seed,
            rest: Duration::from_millis(crowd.rest_ms),
            good: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            last_good: AtomicU64::new(0),
        });
        let mut tasks = Vec::new();
        let mut process = 0;
        let kinds = [
            (Work::Rich, crowd.rich_groups),
            (Work::Deleting, crowd.deleting_groups),
            (Work::Append, crowd.append_groups),
        ];
        for (work, count) in kinds {
            for number in 0..count {
                let group = Arc::new(Group::new(work, number, seed));
                for _ in 0..crowd.clients_per_group {
                    process += 1;
                    tasks.push(tokio::spawn(run(shared.clone(), group.clone(), process)));
                }
            }
        }
        for _ in 0..crowd.sessions {
            process += 1;
            tasks.push(tokio::spawn(session(shared.clone(), process)));
        }
        for number in 0..crowd.life_groups {
            let group = Arc::new(life::Group::new(number, seed));
            for _ in 0..crowd.clients_per_group {
                process += 1;
                tasks.push(tokio::spawn(life::run(shared.clone(), group.clone(), process)));
            }
        }
        for number in 0..crowd.setting_groups {
            let group = Arc::new(settings::Group::new(number, seed));
            for _ in 0..crowd.clients_per_group {
                process += 1;
                tasks.push(tokio::spawn(settings::run(shared.clone(), group.clone(), process)));
            }
        }
        Self { shared, tasks }
    }

    /// Operations with an answer, and with none, so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.good.load(Ordering::Relaxed), self.shared.unknown.load(Ordering::Relaxed))
    }

    /// A look at what clients were told so far, while they go on.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn peek(&self) -> impl Fn() -> (Vec<Event>, Vec<Glimpse>) + Send + 'static {
        let shared = self.shared.clone();
        move || {
            let events = shared.events.lock().expect("no panic under the lock").clone();
            (events, shared.glimpses.lock().expect("no panic under the lock").clone())
        }
    }

    /// Time since the clients began.
    pub fn elapsed(&self) -> Duration {
        self.shared.begun.elapsed()
    }

    /// Lets clients use a node, too.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn add_node(&self, api: Api) {
        self.shared.nodes.lock().expect("no panic under the lock").insert(api.node_id, api);
    }

    /// Lets clients use a node no more.
    ///
    /// # Panics
    /// If another thread panicked.
    pub fn drop_node(&self, id: u64) {
        self.shared.nodes.lock().expect("no panic under the lock").remove(&id);
    }

    /// Waits until so many more operations were answered.
    pub async fn progress(&self, more: u64) {
        let wanted = self.counts().0 + more;
        crate::wait::until(&format!("{wanted} answered operations"), || {
            let count = self.counts().0;
            std::future::ready(if count >= wanted { Ok(()) } else { Err(count.to_string()) })
        })
        .await;
    }

    /// Ends the clients after what they are doing, and gives what they did and saw.
    ///
    /// # Panics
    /// If a client panicked.
    pub async fn stop(mut self) -> Did {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in std::mem::take(&mut self.tasks) {
            task.await.expect("a client ends in good order");
        }
        let shared = &self.shared;
        Did {
            events: taken(&shared.events),
            glimpses: taken(&shared.glimpses),
            lived: taken(&shared.lived),
            settings: taken(&shared.settings),
            drafts: taken(&shared.drafts),
            ledger: taken(&shared.ledger),
        }
    }
}

fn taken<T: Default>(kept: &Mutex<T>) -> T {
    std::mem::take(&mut *kept.lock().expect("no panic under the lock"))
}

/// Clients do not outlive a drill that broke off: they would go on against whoever gets the ports next.
impl Drop for Clients {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Asks one node after the other until one gives an answer that `read` understands.
    pub(super) async fn ask<T>(
        &self,
        random: &mut StdRng,
        attempts_max: u32,
        begin: impl Fn(&Api) -> Call,
        read: impl Fn(&Answer) -> Option<T>,
    ) -> Asked<T> {
        let mut asked = Asked { told: None, node: 0, attempts: 0 };
        let mut breath = BREATH;
        while asked.attempts < attempts_max && asked.told.is_none() && !self.stopped() {
            asked.attempts += 1;
            let api = self.any_node(random);
            asked.node = api.node_id;
            match begin(&api).outcome().await {
                Outcome::Done(answer) | Outcome::Refused(answer) => asked.told = read(&answer),
                Outcome::Unknown(_) => {}
            }
            if asked.told.is_none() {
                tokio::time::sleep(breath).await;
                breath = (breath * 4).min(BREATH_MAX);
            }
        }
        asked
    }

    pub(super) fn sent(&self, sent: Sent) {
        self.ledger.lock().expect("no panic under the lock").push(sent);
    }

    pub(super) fn lived(&self, lived: Lived) {
        self.lived.lock().expect("no panic under the lock").push(lived);
    }

    pub(super) fn set(&self, set: Set) {
        self.settings.lock().expect("no panic under the lock").push(set);
    }

    /// A draft has this id.
    pub(super) fn drafted(&self, subject: &str, draft: u32, id: u64) {
        self.drafts.lock().expect("no panic under the lock").insert((subject.to_owned(), draft), id);
    }

    pub(super) async fn rest(&self) {
        if !self.rest.is_zero() {
            tokio::time::sleep(self.rest).await;
        }
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn any_node(&self, random: &mut StdRng) -> Api {
        let nodes = self.nodes.lock().expect("no panic under the lock");
        let place = random.random_range(0..nodes.len());
        nodes.values().nth(place).expect("the place is in the map").clone()
    }

    pub(super) fn count(&self, good: bool) {
        if good { &self.good } else { &self.unknown }.fetch_add(1, Ordering::Relaxed);
        if good {
            self.last_good.store(self.now(), Ordering::Relaxed);
        }
    }
}

async fn run(shared: Arc<Shared>, group: Arc<Group>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(10_000).wrapping_add(u64::from(process)));
    let mut number = 0_u64;
    while !shared.stop.load(Ordering::Relaxed) {
        number += 1;
        let (subject, subject_number) = group.subject();
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
            group.unknown.fetch_add(1, Ordering::Relaxed);
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
        shared.events.lock().expect("no panic under the lock").push(event);
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

/// A client that stays with one node reads there what it wrote there, from the replica as it is.
async fn own_write(shared: &Shared, api: &Api, subject: &str, version: u32) {
    let Ok(answer) = api.local(&format!("/subjects/{subject}/versions/{version}")).send().await else { return };
    if answer.status >= 500 {
        return;
    }
    let seen = if answer.status == 200 { version } else { 0 };
    let (node, promise, index) = (api.node_id, "own".to_owned(), answer.index());
    let glimpse = Glimpse { node, subject: subject.to_owned(), promise, at_least: version, seen, token: 0, index };
    shared.glimpses.lock().expect("no panic under the lock").push(glimpse);
}

/// Registers through one node, then reads at another at its token, or later within a bound.
async fn session(shared: Arc<Shared>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(20_000).wrapping_add(u64::from(process)));
    let subject = format!("s-{}-{process}-x", shared.seed % 1_000_000);
    let mut acknowledged: Vec<(Instant, u32)> = Vec::new();
    let mut content = 0;
    let mut token = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let api = shared.any_node(&mut random);
        if acknowledged.is_empty() || random.random_bool(0.3) {
            content += 3;
            let call = api.register(&subject, &schema(&subject, format_of(1), content));
            if let Outcome::Done(answer) = call.outcome().await {
                let version = answer.schema().version.unwrap_or(0);
                acknowledged.push((Instant::now(), version));
                token = token.max(answer.index());
                shared.count(true);
                own_write(&shared, &api, &subject, version).await;
            } else {
                shared.count(false);
                tokio::time::sleep(BREATH).await;
            }
            continue;
        }
        let bounded = random.random_bool(0.5);
        let begun = Instant::now();
        let promise = if bounded { format!("bounded:{}", BOUND.as_millis()) } else { format!("session:{token}") };
        let must = |(at, _): &&(Instant, u32)| !bounded || *at + BOUND < begun;
        let at_least = acknowledged.iter().rev().find(must).map_or(0, |(_, version)| *version);
        let call = api.get(&format!("/subjects/{subject}/versions")).header("X-Registry-Consistency", &promise);
        let answer = match call.send().await {
            Ok(answer) if answer.status == 200 || answer.status == 404 => answer,
            Ok(_) | Err(_) => {
                shared.count(false);
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let seen = if answer.status == 200 {
            answer.list().iter().filter_map(serde_json::Value::as_u64).max().unwrap_or(0)
        } else {
            0
        };
        shared.count(true);
        let glimpse = Glimpse {
            node: api.node_id,
            subject: subject.clone(),
            promise: if bounded { "bounded" } else { "session" }.to_owned(),
            at_least,
            seen: u32::try_from(seen).unwrap_or(u32::MAX),
            token: if bounded { 0 } else { token },
            index: answer.index(),
        };
        shared.glimpses.lock().expect("no panic under the lock").push(glimpse);
        if !shared.rest.is_zero() {
            tokio::time::sleep(shared.rest).await;
        }
    }
}
