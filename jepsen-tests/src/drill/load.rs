//! Everything that clients do during a drill, as one thing.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::client::{Api, Http};
use crate::cluster::Cluster;
use crate::disk::power::Loss;
use crate::history::Record;
use crate::ops::clients::{Clients, Crowd, Did};
use crate::ops::watchers::{Place, Watched, Watchers};
use crate::ops::{Event, Glimpse};
use crate::workload::Workload;

/// A client gives up on a call after this long: above the nodes' own bound would hide nothing and cost time.
const PATIENCE: Duration = Duration::from_secs(6);

/// Clients of all workloads.
#[derive(Debug)]
pub struct Load {
    /// Registrations in all formats, the same content under several subjects, retries.
    registrations: Workload,
    clients: Clients,
    watchers: Option<Watchers>,
    http: [Http; 2],
    members: Mutex<BTreeSet<u64>>,
    next_id: AtomicU64,
    loss: Mutex<Loss>,
}

/// What the clients did.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Done {
    pub registrations: Vec<Record>,
    /// All other workloads.
    pub did: Did,
    /// What watchers of events saw, and the subject of the last event.
    pub watched: Vec<Watched>,
    pub last_event: String,
    pub loss: Loss,
}

impl Load {
    /// Starts clients against all nodes of a cluster, each workload through the proxies of one group.
    pub fn start(cluster: &Cluster, registering: usize, crowd: Crowd, seed: u64) -> Self {
        let http = [Http::patient(PATIENCE), Http::patient(PATIENCE)];
        let ids = cluster.ids();
        let apis = |group: usize| {
            let group_number = u8::try_from(group).expect("there are two groups");
            ids.iter().map(|id| cluster.api_of(&http[group], group_number, *id)).collect::<Vec<_>>()
        };
        let places = || ids.iter().map(|id| (*id, place(cluster, &http[1], *id))).collect();
        let registrations = Workload::start(apis(0), registering, seed);
        Self {
            watchers: crowd.watching.then(|| Watchers::start(places(), seed)),
            registrations: if crowd.bulk { registrations.with_bulk() } else { registrations },
            clients: Clients::start(apis(1), crowd, seed),
            members: Mutex::new(ids.iter().copied().collect()),
            next_id: AtomicU64::new(ids.iter().max().copied().unwrap_or(0) + 1),
            loss: Mutex::default(),
            http,
        }
    }

    /// The members that the cluster should have.
    pub fn members(&self) -> Vec<u64> {
        self.members.lock().expect("no panic under the lock").iter().copied().collect()
    }

    /// A node id that was never used.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets clients use a node, and counts it as a member.
    pub fn add_node(&self, cluster: &Cluster, id: u64) {
        self.members.lock().expect("no panic under the lock").insert(id);
        self.registrations.add_node(cluster.api_of(&self.http[0], 0, id));
        self.clients.add_node(cluster.api_of(&self.http[1], 1, id));
        if let Some(watchers) = &self.watchers {
            watchers.add_node(id, place(cluster, &self.http[1], id));
        }
    }

    /// Lets clients use a node no more; it stays a member.
    pub fn drop_node(&self, id: u64) {
        self.registrations.drop_node(id);
        self.clients.drop_node(id);
        if let Some(watchers) = &self.watchers {
            watchers.drop_node(id);
        }
    }

    /// A node is a member no more.
    pub fn leave(&self, id: u64) {
        self.drop_node(id);
        self.members.lock().expect("no panic under the lock").remove(&id);
    }

    /// Waits until so many more operations were answered.
    pub async fn progress(&self, more: u64) {
        self.clients.progress(more).await;
    }

    /// Operations answered, and without an outcome.
    pub fn counts(&self) -> (u64, u64) {
        let (good, unknown) = self.clients.counts();
        (good + self.registrations.history().acknowledged() as u64, unknown)
    }

    /// A look at what clients were told so far, while they go on.
    pub fn peek(&self) -> impl Fn() -> (Vec<Record>, Vec<Event>, Vec<Glimpse>) + Send + 'static {
        let (registrations, clients) = (self.registrations.peek(), self.clients.peek());
        move || {
            let (events, glimpses) = clients();
            (registrations(), events, glimpses)
        }
    }

    /// Remembers what a power loss destroyed.
    pub fn note_loss(&self, loss: Loss) {
        self.loss.lock().expect("no panic under the lock").add(loss);
    }

    /// Ends all clients; `api` is a node that is up.
    pub async fn stop(self, api: &Api) -> Done {
        let registrations = self.registrations.stop().await;
        let did = self.clients.stop().await;
        let (last_event, watched) = match self.watchers {
            Some(watchers) => watchers.stop(api).await,
            None => Default::default(),
        };
        let loss = *self.loss.lock().expect("no panic under the lock");
        Done { registrations, did, watched, last_event, loss }
    }
}

/// Where watchers find a node: HTTP through the proxy of the second group of clients, gRPC as it is.
fn place(cluster: &Cluster, http: &Http, id: u64) -> Place {
    (cluster.api_of(http, 1, id).address, cluster.grpc_address(id))
}
