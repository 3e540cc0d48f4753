//! Clients that register through all nodes: new content, repeated content, the same content under several subjects.
//!
//! An attempt whose outcome is unknown is tried again under its own key, through another node.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;

use crate::client::{Api, Outcome};
use crate::history::{History, Record, Result};
use crate::native::PRINCIPAL_HEADER;
use crate::ops::ledger::writer;
use crate::schemas::{Content, Format, unique, wide};
use crate::wait::until;

/// Subjects that all clients share, so that they meet.
const SUBJECTS: usize = 12;
/// The subject of schemas that are large and come many at once.
pub const BULK: &str = "avro-bulk";
/// Registrations at once, and fields of each: some 13 kB.
const BURST: u64 = 10;
const BURST_FIELDS: usize = 200;
/// Between two bursts.
const BURST_REST: Duration = Duration::from_millis(700);
/// Attempts under one key.
const ATTEMPTS_MAX: usize = 4;

/// Is it a subject of this workload?
pub fn is_ours(subject: &str) -> bool {
    Format::ALL.iter().any(|format| subject.starts_with(&format!("{}-", format.name().to_lowercase())))
}

/// Clients at work.
#[derive(Debug)]
pub struct Workload {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    history: History,
    nodes: Mutex<BTreeMap<u64, Api>>,
    stop: AtomicBool,
    /// Marks keys of this run.
    seed: u64,
}

impl Workload {
    /// Starts this many clients against these nodes.
    pub fn start(nodes: Vec<Api>, clients: usize, seed: u64) -> Self {
        let nodes = Mutex::new(nodes.into_iter().map(|api| (api.node_id, api)).collect());
        let shared = Arc::new(Shared { history: History::default(), nodes, stop: AtomicBool::new(false), seed });
        let spawn = |process| tokio::spawn(run(shared.clone(), process));
        let clients = (0..clients).map(spawn).collect();
        Self { shared, clients }
    }

    /// One more client, which sends many large schemas at once, again and again.
    #[must_use]
    pub fn with_bulk(mut self) -> Self {
        self.clients.push(tokio::spawn(bulk(self.shared.clone(), self.clients.len())));
        self
    }

    /// What was done so far.
    pub fn history(&self) -> &History {
        &self.shared.history
    }

    /// A look at what was done so far, while clients go on.
    pub fn peek(&self) -> impl Fn() -> Vec<Record> + Send + 'static {
        let shared = self.shared.clone();
        move || shared.history.records()
    }

    /// Lets clients use a node, too.
    pub fn add_node(&self, api: Api) {
        self.shared.nodes.lock().expect("no panic under the lock").insert(api.node_id, api);
    }

    /// Lets clients use a node no more.
    pub fn drop_node(&self, id: u64) {
        self.shared.nodes.lock().expect("no panic under the lock").remove(&id);
    }

    /// Waits until so many more registrations were acknowledged.
    pub async fn progress(&self, more: usize) {
        let wanted = self.history().acknowledged() + more;
        until(&format!("{wanted} acknowledged registrations"), || {
            let count = self.history().acknowledged();
            std::future::ready(if count >= wanted { Ok(()) } else { Err(count.to_string()) })
        })
        .await;
    }

    /// Ends the clients after what they are doing, and gives the history.
    ///
    /// # Panics
    /// If a client panicked.
    pub async fn stop(mut self) -> Vec<Record> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for client in std::mem::take(&mut self.clients) {
            client.await.expect("a client ends in good order");
        }
        self.shared.history.records()
    }
}

/// Clients do not outlive a test that broke off: they would go on against whoever gets the ports next.
impl Drop for Workload {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

async fn run(shared: Arc<Shared>, process: usize) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(1_000).wrapping_add(process as u64));
    let mut known: Vec<Content> = Vec::new();
    let mut number = process as u64 * 1_000_000;
    while !shared.stop.load(Ordering::Relaxed) {
        number += 1;
        let content = if known.is_empty() || random.random_bool(0.6) {
            unique(Format::ALL[random.random_range(0..3)], number, &mut random)
        } else {
            // Most often one that some subject has already; which one is chosen anew.
            known[random.random_range(0..known.len())].clone()
        };
        // A subject holds one format, as in real use.
        let subject = format!("{}-{}", content.format.name().to_lowercase(), random.random_range(0..SUBJECTS / 3));
        known.push(content.clone());
        let key = format!("{}-{process}-{number}", shared.seed);
        for _ in 0..ATTEMPTS_MAX {
            if !attempt(&shared, process, &key, &subject, &content, &mut random).await {
                break;
            }
        }
    }
}

/// Bursts of large schemas in one subject, all under way at once.
async fn bulk(shared: Arc<Shared>, process: usize) {
    let mut number = process as u64 * 1_000_000;
    while !shared.stop.load(Ordering::Relaxed) {
        let burst = (number + 1..=number + BURST).map(|number| {
            let shared = &shared;
            async move {
                let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(50_000).wrapping_add(number));
                let content = wide(Format::Avro, number, BURST_FIELDS);
                let key = format!("{}-{process}-{number}", shared.seed);
                for _ in 0..ATTEMPTS_MAX {
                    if !attempt(shared, process, &key, BULK, &content, &mut random).await {
                        break;
                    }
                }
            }
        });
        futures::future::join_all(burst).await;
        number += BURST;
        tokio::time::sleep(BURST_REST).await;
    }
}

/// One attempt; true if its outcome is unknown.
async fn attempt(
    shared: &Shared,
    process: usize,
    key: &str,
    subject: &str,
    content: &Content,
    random: &mut StdRng,
) -> bool {
    let api = {
        let nodes = shared.nodes.lock().expect("no panic under the lock");
        let place = random.random_range(0..nodes.len());
        nodes.values().nth(place).expect("the place is in the map").clone()
    };
    let invoked = shared.history.now();
    let outcome = api
        .register(subject, content)
        .header("Idempotency-Key", key)
        .header(PRINCIPAL_HEADER, &writer(process))
        .outcome()
        .await;
    let returned = shared.history.now();
    if let Outcome::Unknown(_) = outcome {
        // A node that is down refuses at once: without a breath the client would spin.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let result = Result::of(&outcome);
    let unknown = matches!(result, Result::Unknown(_));
    let record = Record {
        process,
        node_id: api.node_id,
        key: key.to_owned(),
        subject: subject.to_owned(),
        content: content.clone(),
        invoked,
        returned,
        result,
    };
    shared.history.add(record);
    unknown
}
