//! What stands above the nodes: what each of them did, compared as it happens, and what they are told to do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use jepsen_tests::ops::{SessionRead, SubjectOperation};
use openraft::RaftMetrics;
use openraft::async_runtime::WatchReceiver;
use openraft::type_config::alias::WatchReceiverOf;
use registry::{Envelope, LogIndex, Outcome};

use tokio::sync::Notify;

use super::disk::Disk;
use super::machine::State;
use super::types::{Bug, Compaction, LogId, NODES, Response, Timing, TypeConfig, Vote};

/// Faults that are kept; the first one tells most.
const FAULTS_MAX: usize = 10;

/// What the plan wants a node to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Snapshot,
    Purge,
    Elect,
    Transfer(u64),
    AddLearner(u64),
    Promote(u64),
    Demote(u64),
    Remove(u64),
}

type Metrics = WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>;

#[derive(Default)]
struct Inner {
    faults: Vec<String>,
    /// What was applied at an index, by whoever came first.
    ledger: BTreeMap<u64, (LogId, [u8; 32])>,
    /// The entry that had the effect of a request.
    effects: BTreeMap<String, u64>,
    /// What clients were told took effect, and where.
    acknowledged: BTreeMap<String, u64>,
    probes: BTreeMap<u64, Metrics>,
    states: BTreeMap<u64, State>,
    seen: BTreeMap<u64, Seen>,
    orders: BTreeMap<u64, VecDeque<Order>>,
    events: Vec<SubjectOperation>,
    session_reads: Vec<SessionRead>,
    stopping: bool,
    /// Clients rest so many times as long as in busy times.
    pace: u64,
    /// See [`World::stamp`].
    stamp: u64,
    clients_running: u32,
    begun: bool,
    founded: bool,
    /// Nodes whose process is gone while their machine runs: it refuses connections.
    killed: BTreeSet<u64>,
    /// Links that are cut, from one node to another.
    cut: BTreeSet<(u64, u64)>,
    /// Wakes who looks after the leader. Nothing of a node itself is kept here: its socket must go with it.
    doubts: BTreeMap<u64, Arc<Notify>>,
    trace: u64,
    figures: Figures,
}

/// The highest that was seen of a node in one life.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    vote: Option<Vote>,
    applied: u64,
}

/// What happened in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub applied: u64,
    pub snapshots_installed: u64,
    pub repeated_requests: u64,
    pub stale: u64,
    pub forwarded: u64,
    /// Questions of leaders whether they still lead.
    pub confirmations: u64,
    /// Leaders whose processes were found gone.
    pub found_gone: u64,
    pub changes_of_members: u64,
    pub unknown: u64,
}

/// Everything that the nodes of one run share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct World {
    pub timing: Timing,
    pub compaction: Compaction,
    /// Do nodes ask for an index now and then, without a client?
    pub watches_freshness: bool,
    bug: Option<Bug>,
    disks: Arc<BTreeMap<u64, Disk>>,
    inner: Arc<Mutex<Inner>>,
}

impl World {
    pub(crate) fn new(
        seed: u64,
        timing: Timing,
        compaction: Compaction,
        watches_freshness: bool,
        bug: Option<Bug>,
    ) -> Self {
        let disk = |id: u64| (id, Disk::new(seed.wrapping_mul(1_000).wrapping_add(id), timing.sync_max(), bug));
        let inner = Inner { pace: 1, ..Inner::default() };
        let disks = (1..=NODES).map(disk).collect();
        Self { timing, compaction, watches_freshness, bug, disks: Arc::new(disks), inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn bug(&self) -> Option<Bug> {
        self.bug
    }

    pub(crate) fn disk(&self, id: u64) -> Disk {
        self.disks[&id].clone()
    }

    pub(crate) fn fault(&self, text: String) {
        let mut inner = self.lock();
        if inner.faults.len() < FAULTS_MAX {
            inner.faults.push(text);
        }
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.lock().faults.clone()
    }

    pub(crate) fn has_faults(&self) -> bool {
        !self.lock().faults.is_empty()
    }

    pub(crate) fn figure(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.lock().figures);
    }

    pub(crate) fn figures(&self) -> Figures {
        self.lock().figures
    }

    /// A fingerprint of everything that happened, in order.
    pub(crate) fn trace(&self) -> u64 {
        self.lock().trace
    }

    fn mark(inner: &mut Inner, what: u64) {
        inner.trace = (inner.trace ^ what).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
    }

    /// An entry was applied: whoever applies one at this index, in whatever life, must have the same entry and the same state.
    pub(crate) fn applied(&self, node: u64, id: LogId, digest: [u8; 32]) {
        let mut inner = self.lock();
        inner.figures.applied += 1;
        Self::mark(&mut inner, id.index() ^ (node << 48) ^ u64::from(digest[0]) << 40);
        let known = *inner.ledger.entry(id.index()).or_insert((id, digest));
        drop(inner);
        if known.0 != id {
            self.fault(format!("node {node} applied {id} where {} was applied before", known.0));
        } else if known.1 != digest {
            self.fault(format!("I15: after {id} the state of node {node} differs from the others'"));
        }
    }

    /// A command took effect, or was a repetition of one that had.
    pub(crate) fn took_effect(&self, envelope: &Envelope, response: &Response, index: LogIndex) {
        let mut inner = self.lock();
        if matches!(response.outcome, Some(Outcome::Stale { .. })) {
            inner.figures.stale += 1;
            return;
        }
        let name = envelope.request_id.to_string();
        let at = response.effective.0;
        if at < index.0 {
            inner.figures.repeated_requests += 1;
        }
        let known = *inner.effects.entry(name.clone()).or_insert(at);
        drop(inner);
        if known != at {
            self.fault(format!("I21: request {name} took effect at {known} and at {at}"));
        }
    }

    /// A client was told that its request took effect: some node has applied it by then.
    pub(crate) fn acknowledged(&self, request: &str) {
        let mut inner = self.lock();
        let index = inner.effects.get(request).copied();
        if let Some(index) = index {
            inner.acknowledged.insert(request.to_owned(), index);
            return;
        }
        drop(inner);
        self.fault(format!("I4: {request} was acknowledged, and nobody has applied it"));
    }

    /// A snapshot was installed.
    pub(crate) fn installed(&self, node: u64, index: u64) {
        let mut inner = self.lock();
        inner.figures.snapshots_installed += 1;
        Self::mark(&mut inner, index ^ (node << 52));
    }

    pub(crate) fn event(&self, event: SubjectOperation) {
        let mut inner = self.lock();
        Self::mark(
            &mut inner,
            event.returned ^ u64::from(event.process) << 40 ^ u64::from(event.output.is_some()) << 60,
        );
        inner.figures.unknown += u64::from(event.output.is_none());
        inner.events.push(event);
    }

    pub(crate) fn session_read(&self, session_read: SessionRead) {
        self.lock().session_reads.push(session_read);
    }

    pub(crate) fn history(&self) -> (Vec<SubjectOperation>, Vec<SessionRead>) {
        let mut inner = self.lock();
        (std::mem::take(&mut inner.events), std::mem::take(&mut inner.session_reads))
    }

    /// A node lives (again); what is given wakes it when a connection to another node breaks.
    pub(crate) fn probe(&self, node: u64, metrics: Metrics, state: State) -> Arc<Notify> {
        let mut inner = self.lock();
        inner.killed.remove(&node);
        inner.states.insert(node, state);
        inner.probes.insert(node, metrics);
        inner.seen.remove(&node);
        Arc::clone(inner.doubts.entry(node).or_default())
    }

    /// The state of a node as it is now.
    pub(crate) fn state(&self, node: u64) -> Option<State> {
        self.lock().states.get(&node).cloned()
    }

    /// A node is gone; what it had promised durably stays promised.
    pub(crate) fn gone(&self, node: u64) {
        let mut inner = self.lock();
        inner.doubts.remove(&node);
        inner.probes.remove(&node);
        inner.seen.remove(&node);
    }

    /// The process of a node is gone, and its machine tells those that it was connected to.
    pub(crate) fn killed(&self, node: u64) {
        let mut inner = self.lock();
        inner.killed.insert(node);
        for (id, doubt) in &inner.doubts {
            if !inner.cut.contains(&(node, *id)) {
                doubt.notify_one();
            }
        }
    }

    /// Does the machine of a node tell another one that nobody listens there?
    pub(crate) fn refuses(&self, node: u64, asked_by: u64) -> bool {
        let inner = self.lock();
        inner.killed.contains(&node) && !inner.cut.contains(&(asked_by, node)) && !inner.cut.contains(&(node, asked_by))
    }

    /// Nothing comes from one node to another any more.
    pub(crate) fn cut(&self, from: u64, to: u64) {
        self.lock().cut.insert((from, to));
    }

    /// All links are whole.
    pub(crate) fn mend(&self) {
        self.lock().cut.clear();
    }

    /// The cluster has its identity and its settings.
    pub(crate) fn founded(&self) {
        self.lock().founded = true;
    }

    pub(crate) fn is_founded(&self) -> bool {
        self.lock().founded
    }

    /// The first cluster is made once.
    pub(crate) fn begin(&self) -> bool {
        !std::mem::replace(&mut self.lock().begun, true)
    }

    pub(crate) fn order(&self, node: u64, order: Order) {
        self.lock().orders.entry(node).or_default().push_back(order);
    }

    pub(crate) fn next_order(&self, node: u64) -> Option<Order> {
        self.lock().orders.get_mut(&node)?.pop_front()
    }

    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// The time of an edge of an operation: the clock of its host, and in the order in which edges really come. In a step the
    /// hosts run one after the other, each over the whole step, so that their clocks alone tell an order to a step only.
    pub(crate) fn stamp(&self, now: u64) -> u64 {
        let mut inner = self.lock();
        inner.stamp = now.max(inner.stamp + 1);
        inner.stamp
    }

    pub(crate) fn pace(&self) -> u64 {
        self.lock().pace
    }

    pub(crate) fn set_pace(&self, pace: u64) {
        self.lock().pace = pace;
    }

    pub(crate) fn client(&self, more: bool) {
        let mut inner = self.lock();
        inner.clients_running = if more { inner.clients_running + 1 } else { inner.clients_running - 1 };
    }

    pub(crate) fn clients_running(&self) -> u32 {
        self.lock().clients_running
    }

    /// The node that leads in the highest term, as far as nodes say.
    pub(crate) fn leader(&self) -> Option<u64> {
        let inner = self.lock();
        let leading = inner.probes.iter().filter_map(|(id, probe)| {
            let metrics = probe.borrow_watched();
            (metrics.state == openraft::ServerState::Leader).then_some((metrics.current_term, *id))
        });
        leading.max().map(|(_, id)| id)
    }

    /// Voters and learners as the leader knows them.
    pub(crate) fn members(&self) -> Option<(Vec<u64>, Vec<u64>)> {
        let leader = self.leader()?;
        let inner = self.lock();
        let metrics = inner.probes.get(&leader)?.borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        Some((membership.voter_ids().collect(), membership.learner_ids().collect()))
    }

    /// What must hold at every moment.
    pub(crate) fn check(&self) {
        let mut inner = self.lock();
        let mut found = Vec::new();
        let Inner { probes, seen, .. } = &mut *inner;
        for (node, probe) in probes.iter() {
            let metrics = probe.borrow_watched();
            if let Err(error) = &metrics.running_state {
                found.push(format!("consensus of node {node} has ended: {error}"));
            }
            let before = seen.entry(*node).or_default();
            let applied = metrics.last_applied.map_or(0, |id| id.index());
            if before.vote.is_some_and(|vote| metrics.vote < vote) {
                found
                    .push(format!("I22: the vote of node {node} went from {:?} back to {}", before.vote, metrics.vote));
            }
            if applied < before.applied {
                found.push(format!("I22: node {node} had applied {}, now {applied}", before.applied));
            }
            *before = Seen { vote: Some(metrics.vote), applied };
        }
        drop(inner);
        found.into_iter().for_each(|fault| self.fault(fault));
    }

    /// The index of the last write that a client was told of.
    pub(crate) fn last_acknowledged(&self) -> u64 {
        self.lock().acknowledged.values().max().copied().unwrap_or(0)
    }

    /// How far each member of the cluster has applied its log, if all have come to `needed`.
    pub(crate) fn applied_by_all(&self, needed: u64) -> Result<BTreeMap<u64, u64>, String> {
        let Some((voters, learners)) = self.members() else { return Err("nobody leads".to_owned()) };
        let inner = self.lock();
        let mut applied = BTreeMap::new();
        for id in voters.iter().chain(&learners) {
            let Some(probe) = inner.probes.get(id) else { return Err(format!("node {id} is down")) };
            applied.insert(*id, probe.borrow_watched().last_applied.map_or(0, |id| id.index()));
        }
        let lags = applied.values().any(|index| *index < needed);
        if lags { Err(format!("acknowledged up to {needed}, applied {applied:?}")) } else { Ok(applied) }
    }

    /// After the healing: every member of the cluster has applied the same, and every acknowledged write is in it.
    pub(crate) fn has_converged(&self) -> Result<(), String> {
        let applied = self.applied_by_all(self.last_acknowledged())?;
        let agree = applied.values().min() == applied.values().max();
        if agree { Ok(()) } else { Err(format!("applied {applied:?}")) }
    }

    /// The term of whoever leads.
    pub(crate) fn reign(&self) -> Option<(u64, u64)> {
        let leader = self.leader()?;
        let inner = self.lock();
        Some((inner.probes.get(&leader)?.borrow_watched().current_term, leader))
    }

    /// Acknowledged writes that are not where they were said to be.
    pub(crate) fn lost(&self) -> Vec<String> {
        let inner = self.lock();
        let gone = |(request, index): (&String, &u64)| {
            let found = inner.effects.get(request);
            (found != Some(index)).then(|| format!("I4: {request} was acknowledged at {index}, and is at {found:?}"))
        };
        inner.acknowledged.iter().filter_map(gone).collect()
    }

    /// Writes that clients were told of.
    pub(crate) fn acknowledged_count(&self) -> usize {
        self.lock().acknowledged.len()
    }
}
