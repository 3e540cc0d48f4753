//! The load of a drill: the processes of all workloads as one thing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::client::{Api, Http};
use crate::cluster::Cluster;
use crate::disk::power::Loss;
use crate::history::Registration;
use crate::ops::clients::{ClientCounts, ClientHistories, Clients};
use crate::ops::watchers::{NodeAddresses, WatcherHistory, Watchers};
use crate::ops::{SessionRead, SubjectOperation};
use crate::workload::Workload;

/// A client gives up on a call after this long: above the nodes' own bound would hide nothing and cost time.
const PATIENCE: Duration = Duration::from_secs(6);

/// The processes of all workloads.
#[derive(Debug)]
pub struct Load {
    /// Registrations in all formats, the same content under several subjects, retries.
    registrations: Workload,
    clients: Clients,
    watchers: Mutex<Option<Watchers>>,
    http: [Http; 2],
    members: Mutex<BTreeSet<u64>>,
    next_id: AtomicU64,
    loss: Mutex<Loss>,
    faults: Mutex<Vec<String>>,
    numbers: AtomicU64,
    seed: u64,
}

/// The histories of registrations, subjects and sessions so far.
pub type Observed = (Vec<Registration>, Vec<SubjectOperation>, Vec<SessionRead>);

/// The histories of all workloads.
#[derive(Debug, Default)]
pub struct LoadHistory {
    pub registrations: Vec<Registration>,
    /// All other workloads.
    pub clients: ClientHistories,
    /// The events that watchers saw, and the subject of the last event.
    pub watchers: Vec<WatcherHistory>,
    pub last_event: String,
    pub loss: Loss,
    /// Promises that a nemesis saw broken.
    pub faults: Vec<String>,
}

impl Load {
    /// Starts clients against all nodes of a cluster, each workload through the proxies of one group.
    pub fn start(cluster: &Cluster, registering: usize, counts: ClientCounts, seed: u64) -> Self {
        let http = [Http::patient(PATIENCE), Http::patient(PATIENCE)];
        let ids = cluster.ids();
        let apis = |group: usize| {
            let group_number = u8::try_from(group).expect("there are two groups");
            ids.iter().map(|id| cluster.api_of(&http[group], group_number, *id)).collect::<Vec<_>>()
        };
        let addresses = || ids.iter().map(|id| (*id, watcher_addresses(cluster, &http[1], *id))).collect();
        let registrations = Workload::start(apis(0), registering, seed);
        Self {
            watchers: Mutex::new(counts.watching.then(|| Watchers::start(addresses(), seed))),
            registrations: if counts.bulk { registrations.with_bulk() } else { registrations },
            clients: Clients::start(apis(1), counts, seed),
            members: Mutex::new(ids.iter().copied().collect()),
            next_id: AtomicU64::new(ids.iter().max().copied().unwrap_or(0) + 1),
            loss: Mutex::default(),
            faults: Mutex::default(),
            numbers: AtomicU64::new(0),
            seed,
            http,
        }
    }

    /// The members that the cluster should have.
    pub fn members(&self) -> Vec<u64> {
        self.members.lock().iter().copied().collect()
    }

    /// A node id that was never used.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets clients use a node, and counts it as a member.
    pub fn add_node(&self, cluster: &Cluster, id: u64) {
        self.members.lock().insert(id);
        self.registrations.add_node(cluster.api_of(&self.http[0], 0, id));
        self.clients.add_node(cluster.api_of(&self.http[1], 1, id));
        if let Some(watchers) = &*self.watchers.lock() {
            watchers.add_node(id, watcher_addresses(cluster, &self.http[1], id));
        }
    }

    /// Lets clients use a node no more; it stays a member.
    pub fn drop_node(&self, id: u64) {
        self.registrations.drop_node(id);
        self.clients.drop_node(id);
        if let Some(watchers) = &*self.watchers.lock() {
            watchers.drop_node(id);
        }
    }

    /// A node is a member no more.
    pub fn remove_member(&self, id: u64) {
        self.drop_node(id);
        self.members.lock().remove(&id);
    }

    /// Waits until so many more operations were answered.
    pub async fn wait_for_progress(&self, more: u64) {
        self.clients.wait_for_progress(more).await;
    }

    /// Operations answered, and without an outcome.
    pub fn operation_counts(&self) -> (u64, u64) {
        let (good, unknown) = self.clients.counts();
        (good + self.registrations.history().acknowledged() as u64, unknown)
    }

    /// A look at the histories so far, while processes go on.
    pub fn observer(&self) -> impl Fn() -> Observed + Send + 'static {
        let (registrations, clients) = (self.registrations.observer(), self.clients.observer());
        move || {
            let (events, session_reads) = clients();
            (registrations(), events, session_reads)
        }
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number that was not given before, for the name of an object.
    pub fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Remembers a broken promise that a nemesis saw.
    pub fn note_fault(&self, fault: String) {
        self.faults.lock().push(fault);
    }

    /// Remembers what a power loss destroyed.
    pub fn note_loss(&self, loss: Loss) {
        self.loss.lock().add(loss);
    }

    /// Ends all processes and gives their histories; `api` is a node that is up.
    pub async fn stop(&self, api: &Api) -> LoadHistory {
        let mut history = self.stop_clients().await;
        let watchers = self.watchers.lock().take();
        if let Some(watchers) = watchers {
            (history.last_event, history.watchers) = watchers.stop(api).await;
        }
        history
    }

    /// Ends all processes but the watchers, whatever state the cluster is in: an operation that is under way completes as unknown.
    pub async fn stop_clients(&self) -> LoadHistory {
        let registrations = self.registrations.stop().await;
        let clients = self.clients.stop().await;
        let (loss, faults) = (*self.loss.lock(), std::mem::take(&mut *self.faults.lock()));
        LoadHistory { registrations, clients, loss, faults, ..LoadHistory::default() }
    }
}

/// Where watchers find a node: HTTP through the proxy of the second group of clients, gRPC as it is.
fn watcher_addresses(cluster: &Cluster, http: &Http, id: u64) -> NodeAddresses {
    (cluster.api_of(http, 1, id).address, cluster.grpc_address(id))
}
