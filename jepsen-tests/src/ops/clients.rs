//! Clients at work: groups that share a subject for a while, each client through its own choice of nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::ledger::Sent;
use super::life::Lived;
use super::references::Link;
use super::settings::Set;
use super::shared::{Shared, taken};
use super::{Event, Glimpse, Work, life, operations, references, session, settings};
use crate::client::Api;

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
    /// Groups that make references and delete both sides of them.
    pub reference_groups: u32,
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
        Self { life_groups: 0, setting_groups: 0, reference_groups: 0, bulk: false, watching: false, ..Self::default() }
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
            reference_groups: 1,
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
    pub links: Vec<Link>,
    /// The ids of drafts, by subject and content.
    pub drafts: BTreeMap<(String, u32), u64>,
    /// The writes of all workloads that are judged by operations.
    pub ledger: Vec<Sent>,
}

impl Clients {
    /// Starts clients against these nodes.
    pub fn start(nodes: Vec<Api>, crowd: Crowd, seed: u64) -> Self {
        let shared = Arc::new(Shared::new(nodes, &crowd, seed));
        let mut tasks = Vec::new();
        let mut process = 0;
        let kinds = [
            (Work::Rich, crowd.rich_groups),
            (Work::Deleting, crowd.deleting_groups),
            (Work::Append, crowd.append_groups),
        ];
        for (work, count) in kinds {
            for number in 0..count {
                let group = Arc::new(operations::Group::new(work, number, seed));
                for _ in 0..crowd.clients_per_group {
                    process += 1;
                    tasks.push(tokio::spawn(operations::run(shared.clone(), group.clone(), process)));
                }
            }
        }
        for _ in 0..crowd.sessions {
            process += 1;
            tasks.push(tokio::spawn(session::run(shared.clone(), process)));
        }
        for number in 0..crowd.life_groups {
            let group = Arc::new(life::clients::Group::new(number, seed));
            for _ in 0..crowd.clients_per_group {
                process += 1;
                tasks.push(tokio::spawn(life::clients::run(shared.clone(), group.clone(), process)));
            }
        }
        for number in 0..crowd.setting_groups {
            let group = Arc::new(settings::Group::new(number, seed));
            for _ in 0..crowd.clients_per_group {
                process += 1;
                tasks.push(tokio::spawn(settings::run(shared.clone(), group.clone(), process)));
            }
        }
        for number in 0..crowd.reference_groups {
            let group = Arc::new(references::Group::new(number, seed));
            for _ in 0..crowd.clients_per_group {
                process += 1;
                tasks.push(tokio::spawn(references::run(shared.clone(), group.clone(), process)));
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
            links: taken(&shared.links),
            drafts: taken(&shared.drafts),
            ledger: taken(&shared.ledger),
        }
    }
}

/// Clients do not outlive a drill that broke off: they would go on against whoever gets the ports next.
impl Drop for Clients {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
