//! A disk in memory that is honest about durability: what was not synced when a node lost power is lost, in part or in whole,
//! and what was synced is there.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{AsyncRuntime, OptionalSend};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Notify, oneshot};

use super::machine::Image;
use super::types::{Bug, Entry, LogId, Runtime, TypeConfig, Vote};

/// The log as it is, or as it would be found after a power loss.
#[derive(Debug, Clone, Default)]
struct Log {
    vote: Option<Vote>,
    entries: BTreeMap<u64, Entry>,
    purged: Option<LogId>,
    committed: Option<LogId>,
}

impl Log {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Vote(vote) => self.vote = Some(*vote),
            Change::Append(entries) => {
                self.entries.extend(entries.iter().map(|entry| (entry.log_id.index(), entry.clone())));
            }
            Change::Truncate(from) => drop(self.entries.split_off(from)),
            Change::Purge(upto) => {
                self.entries = self.entries.split_off(&(upto.index() + 1));
                self.purged = Some(*upto);
            }
            Change::Committed(committed) => self.committed = *committed,
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Vote(Vote),
    Append(Vec<Entry>),
    Truncate(u64),
    Purge(LogId),
    Committed(Option<LogId>),
}

/// Who is told when a change is durable.
enum Waiter {
    Nobody,
    Call(oneshot::Sender<()>),
    Raft(IOFlushed<TypeConfig>),
}

struct Inner {
    now: Log,
    durable: Log,
    /// Not yet durable, in order.
    pending: VecDeque<(Change, Waiter)>,
    /// The state that a restart begins with, and the newest snapshot.
    state: Image,
    snapshot: Option<Image>,
    random: StdRng,
    /// The longest that a sync takes, in milliseconds.
    sync_ms_max: u64,
    bug: Option<Bug>,
    lost: u64,
    torn: u64,
}

/// One node's disk. It outlives the node.
#[derive(Clone)]
pub(crate) struct Disk {
    inner: Arc<Mutex<Inner>>,
    wake: Arc<Notify>,
}

impl Disk {
    pub(crate) fn new(seed: u64, sync_ms_max: u64, bug: Option<Bug>) -> Self {
        let inner = Inner {
            now: Log::default(),
            durable: Log::default(),
            pending: VecDeque::new(),
            state: Image::default(),
            snapshot: None,
            random: StdRng::seed_from_u64(seed),
            sync_ms_max,
            bug,
            lost: 0,
            torn: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)), wake: Arc::new(Notify::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic under the lock")
    }

    /// The power goes: some of what was not synced has reached the disk, in order, and the rest is gone; the last append may
    /// have reached it in part.
    pub(crate) fn lose_power(&self) {
        let mut inner = self.lock();
        let pending = std::mem::take(&mut inner.pending);
        let kept = if pending.is_empty() { 0 } else { inner.random.random_range(0..=pending.len()) };
        inner.lost += (pending.len() - kept) as u64;
        for (number, (change, _)) in pending.iter().enumerate() {
            if number < kept {
                inner.durable.apply(change);
            } else if let Change::Append(entries) = change {
                let part = inner.random.random_range(0..=entries.len());
                if 0 < part && part < entries.len() {
                    inner.torn += 1;
                }
                inner.durable.apply(&Change::Append(entries[..part].to_vec()));
                break;
            } else {
                break;
            }
        }
        inner.now = inner.durable.clone();
    }

    /// How slow syncs are.
    pub(crate) fn set_sync_ms_max(&self, ms: u64) {
        self.lock().sync_ms_max = ms;
    }

    /// Changes that a power loss destroyed, and appends that it tore.
    pub(crate) fn losses(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.lost, inner.torn)
    }

    pub(crate) fn state(&self) -> Image {
        self.lock().state.clone()
    }

    pub(crate) fn keep_state(&self, image: Image) {
        let mut inner = self.lock();
        if image.index() >= inner.state.index() {
            inner.state = image;
        }
    }

    pub(crate) fn snapshot(&self) -> Option<Image> {
        self.lock().snapshot.clone()
    }

    pub(crate) fn keep_snapshot(&self, image: Image) {
        let mut inner = self.lock();
        if inner.snapshot.as_ref().is_none_or(|known| known.index() <= image.index()) {
            inner.snapshot = Some(image);
        }
    }

    /// A random number for whoever stands on this node.
    pub(crate) fn random(&self, below: u64) -> u64 {
        self.lock().random.random_range(0..below.max(1))
    }

    /// Syncs what is pending, group by group, for as long as the node runs.
    pub(crate) async fn sync(self) {
        loop {
            self.wake.notified().await;
            loop {
                let (count, ms) = {
                    let mut inner = self.lock();
                    let limit = inner.sync_ms_max;
                    (inner.pending.len(), inner.random.random_range(0..=limit))
                };
                if count == 0 {
                    break;
                }
                Runtime::sleep(Duration::from_millis(ms)).await;
                let mut output = Vec::new();
                {
                    let mut inner = self.lock();
                    for _ in 0..count {
                        let Some((change, waiter)) = inner.pending.pop_front() else { break };
                        inner.durable.apply(&change);
                        output.push(waiter);
                    }
                }
                for waiter in output {
                    tell(waiter);
                }
            }
        }
    }

    fn put(&self, change: Change, waiter: Waiter) {
        let mut inner = self.lock();
        inner.now.apply(&change);
        let early = matches!(
            (&change, inner.bug),
            (Change::Append(_), Some(Bug::NoSync)) | (Change::Vote(_), Some(Bug::VoteLost))
        );
        if early {
            if inner.bug == Some(Bug::NoSync) {
                inner.pending.push_back((change, Waiter::Nobody));
            }
            drop(inner);
            tell(waiter);
            return;
        }
        inner.pending.push_back((change, waiter));
        drop(inner);
        self.wake.notify_one();
    }

    async fn put_durably(&self, change: Change) {
        let (done, answer) = oneshot::channel();
        self.put(change, Waiter::Call(done));
        // The sync task lives as long as the node does.
        drop(answer.await);
    }
}

fn tell(waiter: Waiter) {
    match waiter {
        Waiter::Nobody => {}
        Waiter::Call(done) => drop(done.send(())),
        Waiter::Raft(callback) => callback.io_completed(Ok(())),
    }
}

impl RaftLogReader<TypeConfig> for Disk {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        Ok(self.lock().now.entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.lock().now.vote)
    }
}

impl RaftLogStorage<TypeConfig> for Disk {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let inner = self.lock();
        let last = inner.now.entries.values().next_back().map(|entry| entry.log_id).or(inner.now.purged);
        Ok(LogState { last_purged_log_id: inner.now.purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.put_durably(Change::Vote(*vote)).await;
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.put(Change::Committed(committed), Waiter::Nobody);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.lock().now.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.put(Change::Append(entries.into_iter().collect()), Waiter::Raft(callback));
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        self.put_durably(Change::Truncate(last_log_id.map_or(0, |id| id.index() + 1))).await;
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        self.put(Change::Purge(log_id), Waiter::Nobody);
        Ok(())
    }
}
