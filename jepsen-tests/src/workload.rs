//! The registration workload: processes that register through all nodes: new content, repeated content, the same content under several subjects.
//!
//! An attempt whose outcome is unknown is tried again under its own key, through another node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;

use crate::client::{Api, Outcome};
use crate::history::{Registration, RegistrationHistory, RegistrationResult};
use crate::native::PRINCIPAL_HEADER;
use crate::ops::ledger::registering_principal;
use crate::ops::names::{BULK, registration_subject};
use crate::schemas::{Content, Format, unique, wide};
use crate::wait::until;

/// Subjects that all clients share, so that they meet.
const SUBJECTS: usize = 12;
/// Registrations at once, and fields of each: some 13 kB.
const BURST: u64 = 10;
const BURST_FIELDS: usize = 200;
/// Between two bursts.
const BURST_REST: Duration = Duration::from_millis(700);
/// Attempts under one key.
const ATTEMPTS_MAX: usize = 4;

/// Clients at work.
#[derive(Debug)]
pub struct Workload {
    shared: Arc<Shared>,
    clients: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    history: RegistrationHistory,
    nodes: Mutex<BTreeMap<u64, Api>>,
    stop: AtomicBool,
    /// Marks keys of this run.
    seed: u64,
}

impl Workload {
    /// Starts this many clients against these nodes.
    pub fn start(nodes: Vec<Api>, clients: usize, seed: u64) -> Self {
        let nodes = Mutex::new(nodes.into_iter().map(|api| (api.node_id, api)).collect());
        let shared =
            Arc::new(Shared { history: RegistrationHistory::default(), nodes, stop: AtomicBool::new(false), seed });
        let spawn = |process| tokio::spawn(run_process(shared.clone(), process));
        let clients = Mutex::new((0..clients).map(spawn).collect());
        Self { shared, clients }
    }

    /// One more client, which sends many large schemas at once, again and again.
    #[must_use]
    pub fn with_bulk(self) -> Self {
        {
            let mut clients = self.clients.lock();
            let process = clients.len();
            clients.push(tokio::spawn(run_bulk_process(self.shared.clone(), process)));
        }
        self
    }

    /// What was done so far.
    pub fn history(&self) -> &RegistrationHistory {
        &self.shared.history
    }

    /// A look at what was done so far, while clients go on.
    pub fn observer(&self) -> impl Fn() -> Vec<Registration> + Send + 'static {
        let shared = self.shared.clone();
        move || shared.history.records()
    }

    /// Lets clients use a node, too.
    pub fn add_node(&self, api: Api) {
        self.shared.nodes.lock().insert(api.node_id, api);
    }

    /// Lets clients use a node no more.
    pub fn drop_node(&self, id: u64) {
        self.shared.nodes.lock().remove(&id);
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
    pub async fn stop(&self) -> Vec<Registration> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let clients = std::mem::take(&mut *self.clients.lock());
        for client in clients {
            client.await.expect("a client ends in good order");
        }
        self.shared.history.records()
    }
}

/// Clients do not outlive a test that broke off: they would go on against whoever gets the ports next.
impl Drop for Workload {
    fn drop(&mut self) {
        self.clients.lock().iter().for_each(JoinHandle::abort);
    }
}

async fn run_process(shared: Arc<Shared>, process: usize) {
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
        let subject = registration_subject(content.format, random.random_range(0..SUBJECTS / 3));
        known.push(content.clone());
        let key = format!("{}-{process}-{number}", shared.seed);
        for _ in 0..ATTEMPTS_MAX {
            if !attempt_registration(&shared, process, &key, &subject, &content, &mut random).await {
                break;
            }
        }
    }
}

/// Bursts of large schemas in one subject, all under way at once.
async fn run_bulk_process(shared: Arc<Shared>, process: usize) {
    let mut number = process as u64 * 1_000_000;
    while !shared.stop.load(Ordering::Relaxed) {
        let burst = (number + 1..=number + BURST).map(|number| {
            let shared = &shared;
            async move {
                let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(50_000).wrapping_add(number));
                let content = wide(Format::Avro, number, BURST_FIELDS);
                let key = format!("{}-{process}-{number}", shared.seed);
                for _ in 0..ATTEMPTS_MAX {
                    if !attempt_registration(shared, process, &key, BULK, &content, &mut random).await {
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
async fn attempt_registration(
    shared: &Shared,
    process: usize,
    key: &str,
    subject: &str,
    content: &Content,
    random: &mut StdRng,
) -> bool {
    let api = {
        let nodes = shared.nodes.lock();
        let place = random.random_range(0..nodes.len());
        nodes.values().nth(place).expect("the place is in the map").clone()
    };
    let invoked = shared.history.now();
    let outcome = api
        .register(subject, content)
        .header("Idempotency-Key", key)
        .header(PRINCIPAL_HEADER, &registering_principal(process))
        .outcome()
        .await;
    let returned = shared.history.now();
    if let Outcome::Unknown(_) = outcome {
        // A node that is down refuses at once: without a breath the client would spin.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let result = RegistrationResult::from_outcome(&outcome);
    let unknown = matches!(result, RegistrationResult::Unknown(_));
    let record = Registration {
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
