//! What the tests of the replicated state share: a replica in a directory, entries from scripts, and all rows of a state.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openraft::EntryPayload;
use openraft::storage::RaftStateMachine;
use parking_lot::Mutex;
use raft_store::state::{StateError, StateMachine, StateStore};
use raft_store::types::{Entry, Membership, Node, Proposal, log_id};
use registry::{Envelope, Key, KeyRange, LogIndex, LogPosition, Row, View};

use crate::support::script::LogEntry;

/// The state of one node in a test, with what it told when it could not go on.
pub(crate) struct Replica {
    pub store: StateStore,
    pub machine: StateMachine,
    pub fatal: Arc<Mutex<Vec<String>>>,
}

impl Replica {
    pub(crate) fn open(dir: &Path) -> Self {
        Self::try_open(dir).unwrap_or_else(|error| panic!("the state in {} opens: {error}", dir.display()))
    }

    pub(crate) fn try_open(dir: &Path) -> Result<Self, StateError> {
        let fatal = Arc::new(Mutex::new(Vec::new()));
        let told = fatal.clone();
        let store = StateStore::open(dir, Arc::new(move |message| told.lock().push(message.to_owned())))?;
        let machine = StateMachine::new(store.clone());
        Ok(Self { store, machine, fatal })
    }

    /// Hands entries over as openraft does.
    pub(crate) fn apply(&mut self, entries: &[Entry]) -> io::Result<()> {
        let entries: Vec<_> = entries.iter().map(|entry| Ok((entry.clone(), None))).collect();
        block_on(self.machine.apply(futures::stream::iter(entries)))
    }

    /// Applies what it lacks of a log, as a node does at its start.
    pub(crate) fn catch_up(&mut self, log: &[Entry]) {
        let next = self.store.applied_state().0.map_or(0, |id| id.index() + 1);
        let from = usize::try_from(next).unwrap();
        self.apply(&log[from..]).unwrap();
    }

    pub(crate) fn rows(&self) -> Vec<(Key, Row)> {
        self.store.read(|view| scan(view, &KeyRange::all(), usize::MAX))
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.store.read(|view| registry::query::machine(view).unwrap().digest)
    }
}

/// Runs a future of the state machine; snapshots are built and installed on threads of the runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The first rows of a range.
pub(crate) fn scan(view: &impl View, range: &KeyRange, limit: usize) -> Vec<(Key, Row)> {
    let mut rows = Vec::new();
    view.scan(range, &mut |key, row| {
        rows.push((key, row));
        if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .unwrap();
    rows
}

/// Entries as they stand in the log: entry 0 is the first membership, then the script.
pub(crate) fn entries_of(log: &[LogEntry]) -> Vec<Entry> {
    let first = Entry { log_id: log_id(1, 1, 0), payload: EntryPayload::Membership(membership(&[1])) };
    let rest = log.iter().map(|(position, envelope)| match envelope {
        Some(envelope) => entry(*position, envelope.clone()),
        None => blank(position.term, position.index.0),
    });
    std::iter::once(first).chain(rest).collect()
}

pub(crate) fn entry(position: LogPosition, envelope: Envelope) -> Entry {
    let LogPosition { index: LogIndex(index), term } = position;
    Entry { log_id: log_id(term, 1, index), payload: EntryPayload::Normal(Proposal::new(envelope)) }
}

pub(crate) fn blank(term: u64, index: u64) -> Entry {
    Entry { log_id: log_id(term, 1, index), payload: EntryPayload::Blank }
}

/// A membership of these voters and one learner.
pub(crate) fn membership(voters: &[u64]) -> Membership {
    let node = |id: u64| Node {
        peer_address: format!("127.0.0.1:{id}"),
        http_url: format!("http://127.0.0.1:{id}"),
        region: "eu".to_owned(),
        priority: 1,
    };
    let nodes: BTreeMap<_, _> = voters.iter().copied().chain([9]).map(|id| (id, node(id))).collect();
    Membership::new(vec![voters.iter().copied().collect::<BTreeSet<_>>()], nodes).unwrap()
}

/// The directory as it is now, as a crash would leave it: what is not flushed is not in it.
pub(crate) fn crash_image(of: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for found in fs::read_dir(of).unwrap() {
        let found = found.unwrap();
        let target = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            crash_image(&found.path(), &target);
        } else if found.file_name() != "LOCK" {
            fs::copy(found.path(), target).unwrap();
        }
    }
}

/// The names in a directory, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|found| found.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The directory of the live generation.
pub(crate) fn live_generation(dir: &Path) -> PathBuf {
    let sm = dir.join("sm");
    let name = fs::read_to_string(sm.join("CURRENT")).unwrap();
    sm.join(name.trim())
}
