//! Starts the processes of all workloads, and gathers their histories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::context::ClientContext;
use super::freshness::AgedAnswer;
use super::ledger::LedgerEntry;
use super::runner::{self, Group};
use super::{
    SessionRead, SubjectOperation, SubjectWorkload, contexts, lifecycle, references, revisions, session, settings,
    subjects,
};
use crate::client::Api;
use crate::history::Recorder;

/// How many processes of each workload run. The processes of a group share an object.
#[derive(Debug, Clone, Copy)]
pub struct ClientCounts {
    pub rich_groups: u32,
    pub deleting_groups: u32,
    pub append_groups: u32,
    pub clients_per_group: u32,
    pub sessions: u32,
    /// Groups of reviewers and authors.
    pub lifecycle_groups: u32,
    /// Groups that change levels and modes.
    pub setting_groups: u32,
    /// Groups that make references and delete both sides of them.
    pub reference_groups: u32,
    /// Groups that work in contexts of their own.
    pub context_groups: u32,
    /// Groups that change things at revisions.
    pub revision_groups: u32,
    /// A process that registers many large schemas at once.
    pub bulk: bool,
    /// One watcher of events at home on every node.
    pub watching: bool,
    /// A process rests so long between operations; 0: not at all.
    pub rest_ms: u64,
}

impl ClientCounts {
    /// Only registrations, reads, deletions and sessions: for campaigns that judge nothing else.
    pub fn only_subjects() -> Self {
        let none = Self { lifecycle_groups: 0, setting_groups: 0, reference_groups: 0, ..Self::default() };
        Self { context_groups: 0, revision_groups: 0, bulk: false, watching: false, ..none }
    }
}

impl Default for ClientCounts {
    fn default() -> Self {
        Self {
            rich_groups: 1,
            deleting_groups: 1,
            append_groups: 1,
            clients_per_group: 3,
            sessions: 1,
            lifecycle_groups: 1,
            setting_groups: 1,
            reference_groups: 1,
            context_groups: 1,
            revision_groups: 1,
            bulk: true,
            watching: true,
            rest_ms: 5,
        }
    }
}

/// The histories of all workloads that are judged by operations.
#[derive(Debug, Default)]
pub struct ClientHistories {
    pub subjects: Vec<SubjectOperation>,
    pub session_reads: Vec<SessionRead>,
    pub lifecycle: Vec<lifecycle::Operation>,
    pub settings: Vec<settings::Operation>,
    pub references: Vec<references::Operation>,
    pub contexts: Vec<contexts::Operation>,
    pub revisions: Vec<revisions::Operation>,
    /// The ids of drafts, by subject and content.
    pub drafts: lifecycle::DraftIds,
    /// The writes of all workloads.
    pub ledger: Vec<LedgerEntry>,
    /// The age that answers claimed.
    pub aged_answers: Vec<AgedAnswer>,
}

/// One recorder for each workload.
#[derive(Debug, Default)]
struct Recorders {
    subjects: Recorder<SubjectOperation>,
    session_reads: Recorder<SessionRead>,
    lifecycle: Recorder<lifecycle::Operation>,
    drafts: Recorder<((String, u32), u64)>,
    settings: Recorder<settings::Operation>,
    references: Recorder<references::Operation>,
    contexts: Recorder<contexts::Operation>,
    revisions: Recorder<revisions::Operation>,
    ledger: Recorder<LedgerEntry>,
}

/// The processes of all workloads.
#[derive(Debug)]
pub struct Clients {
    context: Arc<ClientContext>,
    recorders: Recorders,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    processes: u32,
}

impl Clients {
    /// Starts processes against these nodes.
    pub fn start(nodes: Vec<Api>, counts: ClientCounts, seed: u64) -> Self {
        let context = Arc::new(ClientContext::new(nodes, Duration::from_millis(counts.rest_ms), seed));
        let mut clients = Self { context, recorders: Recorders::default(), tasks: Mutex::default(), processes: 0 };
        clients.start_subjects(counts, seed);
        for _ in 0..counts.sessions {
            let reads = clients.recorders.session_reads.clone();
            clients.spawn_process(|context, process| session::run_process(context, reads, process));
        }
        for number in 0..counts.lifecycle_groups {
            let Recorders { lifecycle, drafts, ledger, .. } = &clients.recorders;
            let group = lifecycle::Group::new(number, seed, lifecycle.clone(), drafts.clone(), ledger.clone());
            clients.spawn_group(counts, group, lifecycle::run_process);
        }
        for number in 0..counts.setting_groups {
            let Recorders { settings, ledger, .. } = &clients.recorders;
            let group = settings::Group::new(number, seed, settings.clone(), ledger.clone());
            clients.spawn_group(counts, group, settings::run_process);
        }
        for number in 0..counts.reference_groups {
            let Recorders { references, ledger, .. } = &clients.recorders;
            let group = references::Group::new(number, seed, references.clone(), ledger.clone());
            clients.spawn_group(counts, group, references::run_process);
        }
        for number in 0..counts.context_groups {
            let Recorders { contexts, ledger, .. } = &clients.recorders;
            let (history, ledger) = (contexts.clone(), ledger.clone());
            let group = Group::new(contexts::Contexts::default(), 60_000, number, seed, history, ledger);
            clients.spawn_group(counts, group, runner::run_process);
        }
        for number in 0..counts.revision_groups {
            let Recorders { revisions, ledger, .. } = &clients.recorders;
            let (history, ledger) = (revisions.clone(), ledger.clone());
            let group = Group::new(revisions::Revisions::default(), 70_000, number, seed, history, ledger);
            clients.spawn_group(counts, group, runner::run_process);
        }
        clients
    }

    fn start_subjects(&mut self, counts: ClientCounts, seed: u64) {
        let workloads = [
            (SubjectWorkload::Rich, counts.rich_groups),
            (SubjectWorkload::Deleting, counts.deleting_groups),
            (SubjectWorkload::Append, counts.append_groups),
        ];
        for (workload, groups) in workloads {
            for number in 0..groups {
                let Recorders { subjects, ledger, .. } = &self.recorders;
                let group = subjects::Group::new(workload, number, seed, subjects.clone(), ledger.clone());
                self.spawn_group(counts, group, subjects::run_process);
            }
        }
    }

    /// Starts the processes of one group.
    fn spawn_group<G, F>(&mut self, counts: ClientCounts, group: G, run: impl Fn(Arc<ClientContext>, Arc<G>, u32) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let group = Arc::new(group);
        for _ in 0..counts.clients_per_group {
            self.spawn_process(|context, process| run(context, group.clone(), process));
        }
    }

    fn spawn_process<F>(&mut self, run: impl FnOnce(Arc<ClientContext>, u32) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.processes += 1;
        self.tasks.lock().push(tokio::spawn(run(self.context.clone(), self.processes)));
    }

    /// Operations with an output, and of unknown outcome, so far.
    pub fn counts(&self) -> (u64, u64) {
        self.context.counts()
    }

    /// A look at the histories of subjects and sessions so far, while processes go on.
    pub fn observer(&self) -> impl Fn() -> (Vec<SubjectOperation>, Vec<SessionRead>) + Send + 'static {
        let (subjects, reads) = (self.recorders.subjects.clone(), self.recorders.session_reads.clone());
        move || (subjects.snapshot(), reads.snapshot())
    }

    /// Lets processes use a node, too.
    pub fn add_node(&self, api: Api) {
        self.context.add_node(api);
    }

    /// Lets processes use a node no more.
    pub fn drop_node(&self, id: u64) {
        self.context.drop_node(id);
    }

    /// Waits until so many more operations have an output.
    pub async fn wait_for_progress(&self, more: u64) {
        let wanted = self.counts().0 + more;
        crate::wait::until(&format!("{wanted} answered operations"), || {
            let count = self.counts().0;
            std::future::ready(if count >= wanted { Ok(()) } else { Err(count.to_string()) })
        })
        .await;
    }

    /// Ends the processes after the operation that each is at, and gives their histories.
    ///
    /// # Panics
    /// If a process panicked.
    pub async fn stop(&self) -> ClientHistories {
        self.context.stop_all();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.await.expect("a process ends in good order");
        }
        self.take_histories()
    }

    fn take_histories(&self) -> ClientHistories {
        let recorders = &self.recorders;
        ClientHistories {
            subjects: recorders.subjects.take_all(),
            session_reads: recorders.session_reads.take_all(),
            lifecycle: recorders.lifecycle.take_all(),
            settings: recorders.settings.take_all(),
            references: recorders.references.take_all(),
            contexts: recorders.contexts.take_all(),
            revisions: recorders.revisions.take_all(),
            drafts: recorders.drafts.take_all().into_iter().collect::<BTreeMap<_, _>>(),
            ledger: recorders.ledger.take_all(),
            aged_answers: self.context.aged_answers().take_all(),
        }
    }
}

/// Processes do not outlive a drill that broke off: they would go on against whoever gets the ports next.
impl Drop for Clients {
    fn drop(&mut self) {
        self.tasks.lock().iter().for_each(JoinHandle::abort);
    }
}
