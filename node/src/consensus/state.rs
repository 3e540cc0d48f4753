//! The replicated state as the service reads it, wherever it lies: in RocksDB in a node, in memory in a simulation.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

use raft_store::log::LogStore;
use raft_store::state::{AppliedIndex, Footprint, Revisions, StateStore};
use registry::{Key, KeyRange, LogIndex, Row, View, ViewError};

use crate::clock::Deadline;

/// One consistent state: what a request reads.
pub struct Snapshot<'a> {
    view: &'a dyn View,
    applied: LogIndex,
    /// What is read through it, where somebody wants to know.
    footprint: Option<RefCell<Footprint>>,
    /// Reading ends here; none where what is read is little.
    deadline: Option<Deadline>,
    rows: Cell<u64>,
}

/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 256;

impl<'a> Snapshot<'a> {
    /// A state in which at least the entries up to `applied` are applied.
    pub fn new(view: &'a dyn View, applied: LogIndex) -> Self {
        Self { view, applied, footprint: None, deadline: None, rows: Cell::new(0) }
    }

    /// The same state, which fails to be read at the deadline: what a list looks at may be long.
    #[must_use]
    pub fn with_deadline(&self, deadline: Deadline) -> Snapshot<'a> {
        Snapshot { deadline: Some(deadline), ..Snapshot::new(self.view, self.applied) }
    }

    /// Rows that were looked at.
    pub fn rows_read(&self) -> u64 {
        self.rows.get()
    }

    /// Has reading taken too long?
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(Deadline::has_passed)
    }

    fn count_row(&self) -> Result<(), ViewError> {
        let rows = self.rows.get() + 1;
        self.rows.set(rows);
        if rows.is_multiple_of(ROWS_PER_LOOK) && self.is_late() {
            return Err(ViewError(format!("the deadline has passed after {rows} rows")));
        }
        Ok(())
    }

    /// The index up to which entries are applied in it, at least.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }
}

impl View for Snapshot<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        if let Some(footprint) = &self.footprint {
            footprint.borrow_mut().add_key(key);
        }
        self.count_row()?;
        self.view.get(key)
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        if let Some(footprint) = &self.footprint {
            footprint.borrow_mut().add_range(range);
        }
        let mut counted = Ok(());
        self.view.scan(range, &mut |key, row| {
            counted = self.count_row();
            if counted.is_ok() { visit(key, row) } else { ControlFlow::Break(()) }
        })?;
        counted
    }

    fn scan_terms(
        &self,
        terms: &[String],
        after: Option<LogIndex>,
        visit: &mut dyn FnMut(LogIndex, bool) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        if let Some(footprint) = &self.footprint {
            footprint.borrow_mut().add_range(&KeyRange::terms());
        }
        let mut counted = Ok(());
        self.view.scan_terms(terms, after, &mut |since, has_all| {
            counted = self.count_row();
            if counted.is_ok() { visit(since, has_all) } else { ControlFlow::Break(()) }
        })?;
        counted
    }
}

/// Where a state lies.
pub trait Store: Send + Sync {
    /// Hands a consistent state to `read`, once.
    fn read(&self, read: &mut dyn FnMut(&Snapshot<'_>));
    /// The applied index. What it shows can be read.
    fn applied(&self) -> &AppliedIndex;
    /// What changed when. It is told of a change before that can be read.
    fn revisions(&self) -> &Revisions;
    /// The state digest after the entry at `index`, if it is remembered.
    fn digest_at(&self, index: LogIndex) -> Option<[u8; 32]>;
    /// The newest remembered digest with its index.
    fn newest_digest(&self) -> Option<(LogIndex, [u8; 32])>;
    /// Figures for metrics: name, meaning, value.
    fn figures(&self) -> Vec<(String, &'static str, u64)>;
    /// The databases, for backups; none where there are none.
    fn on_disk(&self) -> Option<(&StateStore, &LogStore)> {
        None
    }
}

/// The state of this node. Cheap to clone.
#[derive(Clone)]
pub struct State {
    store: Arc<dyn Store>,
}

impl State {
    /// A state in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Reads one consistent state.
    ///
    /// # Panics
    /// If the store calls the reader never.
    pub fn read<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        let (mut read, mut answer) = (Some(read), None);
        self.store.read(&mut |snapshot| answer = read.take().map(|read| read(snapshot)));
        answer.expect("a store hands out one state")
    }

    /// Reads one consistent state, and tells what the answer rests on.
    pub fn read_tracked<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> T) -> (T, Footprint) {
        self.read(|snapshot| {
            let footprint = Some(RefCell::new(Footprint::new(snapshot.applied)));
            let tracked = Snapshot { footprint, ..Snapshot::new(snapshot.view, snapshot.applied) };
            let answer = read(&tracked);
            (answer, tracked.footprint.map(RefCell::into_inner).unwrap_or_default())
        })
    }

    /// Would a read that rests on this find the same at this moment?
    pub fn is_current(&self, footprint: &Footprint) -> bool {
        self.store.revisions().is_current(footprint)
    }

    /// The applied index, to look at and to wait for.
    pub fn applied(&self) -> &AppliedIndex {
        self.store.applied()
    }

    /// The applied index now.
    pub fn applied_index(&self) -> LogIndex {
        LogIndex(self.store.applied().get())
    }

    /// The state digest after the entry at `index`, if it is remembered.
    pub fn digest_at(&self, index: LogIndex) -> Option<[u8; 32]> {
        self.store.digest_at(index)
    }

    /// The newest remembered digest with its index.
    pub fn newest_digest(&self) -> Option<(LogIndex, [u8; 32])> {
        self.store.newest_digest()
    }

    /// The databases, for backups; none where there are none.
    pub fn on_disk(&self) -> Option<(&StateStore, &LogStore)> {
        self.store.on_disk()
    }

    /// Figures for metrics: name, meaning, value.
    pub fn figures(&self) -> Vec<(String, &'static str, u64)> {
        self.store.figures()
    }
}

/// A node's state and log on its disk.
pub(super) struct OnDisk {
    pub(super) state: StateStore,
    pub(super) log: LogStore,
}

impl Store for OnDisk {
    fn read(&self, read: &mut dyn FnMut(&Snapshot<'_>)) {
        self.state.read(|view| read(&Snapshot::new(view, view.applied())));
    }

    fn applied(&self) -> &AppliedIndex {
        self.state.applied()
    }

    fn revisions(&self) -> &Revisions {
        self.state.revisions()
    }

    fn digest_at(&self, index: LogIndex) -> Option<[u8; 32]> {
        self.state.digest_at(index)
    }

    fn newest_digest(&self) -> Option<(LogIndex, [u8; 32])> {
        self.state.newest_digest()
    }

    fn on_disk(&self) -> Option<(&StateStore, &LogStore)> {
        Some((&self.state, &self.log))
    }

    fn figures(&self) -> Vec<(String, &'static str, u64)> {
        let (synced, scrubbed) = (self.log.stats(), self.state.scrub_stats());
        let mut figures = Vec::new();
        let mut gauge = |name: &str, meaning, value| figures.push((name.to_owned(), meaning, value));
        gauge("wal_syncs_total", "Groups of log writes synced to disk", synced.syncs());
        gauge("wal_operations_total", "Log operations written", synced.operations());
        let (tail, tail_max) = self.log.tail_bytes();
        gauge("log_tail_bytes", "Memory of recent log entries, decoded and as records", tail as u64);
        gauge("log_tail_bytes_max", "Limit of the memory of recent log entries", tail_max as u64);
        gauge("scrub_bytes_total", "Bytes on the disk that were verified", scrubbed.bytes());
        gauge("scrub_rounds_total", "Times that everything on the disk was verified", scrubbed.rounds_ended());
        for (name, value) in self.state.figures() {
            gauge(&format!("rocksdb_state_{name}"), "Figure of the state database", value);
        }
        figures
    }
}
