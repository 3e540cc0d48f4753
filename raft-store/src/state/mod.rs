//! The replicated state of a node, on RocksDB without a WAL.
//!
//! Entries are applied in groups: whatever is committed already shares one write batch, which holds the rows of whole entries
//! and the index of the last of them, so the two cannot come back from different moments. After a crash the log is replayed
//! from the last flushed batch. A snapshot is a checkpoint of the database; installing one switches to a new generation of
//! the directory:
//!
//! ```text
//! sm/CURRENT       names the live generation
//! sm/g-000012/     the database
//! snap/<index>-<term>/   a checkpoint with MANIFEST.json; snap/incoming-* is a transfer that has not finished
//! ```

mod applied;
mod database;
mod error;
mod export;
mod generation;
mod hot;
mod machine;
mod mutants;
mod pending;
mod rebuild;
mod revisions;
mod rows;
mod snapshot;
mod terms;
mod view;

pub use applied::AppliedIndex;
pub use error::{SnapshotError, StateError};
pub use export::StateExport;
pub use machine::{StateMachine, StateMachineBuilder};
pub use rebuild::{Claim, EntriesIn, RebuildError, Rebuilt, RowsIn};
pub use revisions::{Footprint, Revisions};
pub use snapshot::{FileEntry, Manifest, SNAPSHOT_FORMAT, SnapshotDir, describe, is_plain_file_name};
pub use view::StateView;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::EntryPayload;
use parking_lot::{Mutex, RwLock};
use registry::{LogIndex, LogPosition, query};
use rocksdb::WriteBatch;

use crate::stretch::{Damage, ScrubStats, Stretch};
use crate::types::{Entry, LogId, Response, StoredMembership};
use error::check_level;
use generation::Generation;
use pending::Pending;

/// Entries between two flushes of the state: bounds what a restart replays.
const FLUSH_ENTRIES: u64 = 30_000;
/// Digests of recent entries kept in memory for comparison with other replicas.
const DIGEST_RING_LENGTH: usize = 65_536;

/// Told once when the node cannot go on; it must end the process.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// The state of a node. Cheap to clone.
#[derive(Clone)]
pub struct StateStore {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    generation: RwLock<Arc<Generation>>,
    /// Highest applied index; readers may rely on it before they look.
    applied: AppliedIndex,
    /// What changed when, so that answers can be kept.
    revisions: Revisions,
    applied_id: Mutex<(Option<LogId>, StoredMembership)>,
    flushed: AtomicU64,
    digests: Mutex<VecDeque<(u64, [u8; 32])>>,
    /// The newest snapshot on disk.
    snapshot: Mutex<Option<SnapshotDir>>,
    scrubbed: Arc<ScrubStats>,
    on_fatal: OnFatal,
}

impl StateStore {
    /// Opens the state under `dir` (the node's data directory), or creates an empty one.
    ///
    /// # Errors
    /// [`StateError`] if a database does not open or holds what it cannot hold.
    pub fn open(dir: &Path, on_fatal: OnFatal) -> Result<Self, StateError> {
        let generation = Generation::open_current(&dir.join("sm"))?;
        snapshot::clean_leftovers(&dir.join("snap"))?;
        let snapshot = snapshot::newest_snapshot(&dir.join("snap"))?;
        let applied = generation.database.read_applied()?;
        let index = applied.0.map_or(0, |id| id.index());
        let machine = query::machine(&StateView::newest_of(&generation, LogIndex(index)))?;
        check_level(machine.level)?;
        // A node that has nothing to replay can be compared with the others all the same.
        let digest = applied.0.map(|_| (index, machine.digest));
        Ok(Self {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                generation: RwLock::new(Arc::new(generation)),
                applied: AppliedIndex::new(index),
                revisions: Revisions::default(),
                applied_id: Mutex::new(applied),
                flushed: AtomicU64::new(index),
                digests: Mutex::new(VecDeque::from_iter(digest)),
                snapshot: Mutex::new(snapshot),
                scrubbed: Arc::default(),
                on_fatal,
            }),
        })
    }

    /// Reads one consistent state. The view's `applied` is a lower bound of what it holds.
    pub fn read<T>(&self, read: impl FnOnce(&StateView<'_>) -> T) -> T {
        // The index first: an installed snapshot becomes the live generation before its index is told, so what is read
        // below it is never older than the index.
        let applied = self.inner.applied.get();
        let generation = self.inner.generation.read().clone();
        read(&StateView::snapshot_of(&generation, LogIndex(applied)))
    }

    /// The applied index, to look at and to wait for.
    pub fn applied(&self) -> &AppliedIndex {
        &self.inner.applied
    }

    /// What changed when.
    pub fn revisions(&self) -> &Revisions {
        &self.inner.revisions
    }

    /// The applied index now.
    pub fn applied_index(&self) -> LogIndex {
        LogIndex(self.inner.applied.get())
    }

    /// The last applied entry and the membership in force.
    pub fn applied_state(&self) -> (Option<LogId>, StoredMembership) {
        self.inner.applied_id.lock().clone()
    }

    /// The state digest after the entry at `index`, if it is remembered.
    pub fn digest_at(&self, index: LogIndex) -> Option<[u8; 32]> {
        let digests = self.inner.digests.lock();
        let (first, _) = digests.front()?;
        let position = usize::try_from(index.0.checked_sub(*first)?).ok()?;
        digests.get(position).filter(|(found, _)| *found == index.0).map(|(_, digest)| *digest)
    }

    /// The newest remembered digest with its index.
    pub fn newest_digest(&self) -> Option<(LogIndex, [u8; 32])> {
        self.inner.digests.lock().back().map(|(index, digest)| (LogIndex(*index), *digest))
    }

    /// Flushes everything, so that a restart replays nothing.
    ///
    /// # Errors
    /// [`StateError`] if the disk fails.
    pub fn flush(&self) -> Result<(), StateError> {
        let applied = self.applied_index();
        self.inner.generation.read().database.flush(true)?;
        self.inner.flushed.fetch_max(applied.0, Ordering::Relaxed);
        Ok(())
    }

    /// Figures of the database for metrics: name and value.
    pub fn figures(&self) -> Vec<(&'static str, u64)> {
        self.inner.generation.read().figures()
    }

    /// The newest snapshot on disk.
    pub(crate) fn snapshot(&self) -> Option<SnapshotDir> {
        self.inner.snapshot.lock().clone()
    }

    /// Reads a stretch of a column family with its checksums.
    pub(crate) fn scrub(&self, family: usize, from: &[u8], bytes_max: u64) -> Result<Stretch, Damage> {
        let generation = self.inner.generation.read().clone();
        generation.database.scrub(family, from, bytes_max)
    }

    /// What scrubbing has done.
    pub fn scrub_stats(&self) -> Arc<ScrubStats> {
        self.inner.scrubbed.clone()
    }

    /// Applies entries, one after the other: one write batch for all of them, then the answers. If one fails, those before it
    /// are applied, and their answers come with the error.
    fn apply_entries<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e Entry>,
    ) -> (Vec<Response>, Result<(), StateError>) {
        let generation = self.inner.generation.read().clone();
        let mut group = Group::default();
        let mut pending = Pending::new(&generation);
        let newest = self.inner.digests.lock().back().map(|(_, digest)| *digest);
        // Entries without a command leave the digest as it is.
        let mut digest = match newest.map_or_else(|| query::machine(&pending).map(|machine| machine.digest), Ok) {
            Ok(digest) => digest,
            Err(error) => return (Vec::new(), Err(error.into())),
        };
        let next = self.inner.applied_id.lock().0.map_or(0, |id| id.index() + 1);
        let mut result = Ok(());
        for (next, entry) in (next..).zip(entries) {
            assert_eq!(entry.log_id.index(), next, "entries are applied one after the other");
            match apply_entry(&self.inner.revisions, &mut pending, entry, &mut group) {
                Ok(changed) => digest = changed.unwrap_or(digest),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            group.digests.push(digest);
        }
        let Some(last) = group.last else { return (Vec::new(), result) };
        match self.write_pending(&generation, pending, &group, &last) {
            Ok(()) => (group.responses, result),
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    fn write_pending(
        &self,
        generation: &Generation,
        pending: Pending<'_>,
        group: &Group,
        last: &LogId,
    ) -> Result<(), StateError> {
        let mut batch = WriteBatch::default();
        generation.database.put_applied(&mut batch, last);
        if let Some(membership) = &group.membership {
            generation.database.put_membership(&mut batch, membership);
        }
        let finished = pending.finish(&mut batch)?;
        fail::fail_point!("state::before_write");
        generation.database.write_batch(batch)?;
        fail::fail_point!("state::after_write");
        finished.note_written();
        self.remember_digests(&group.digests, last.index());
        {
            let mut applied = self.inner.applied_id.lock();
            applied.0 = Some(*last);
            if let Some(membership) = &group.membership {
                applied.1 = membership.clone();
            }
        }
        self.inner.applied.set(last.index());
        self.flush_if_due(generation, LogIndex(last.index()))
    }

    fn remember_digests(&self, group: &[[u8; 32]], last: u64) {
        let mut digests = self.inner.digests.lock();
        let first = last + 1 - group.len() as u64;
        for entry in (first..).zip(group.iter().copied()) {
            if digests.len() == DIGEST_RING_LENGTH {
                digests.pop_front();
            }
            digests.push_back(entry);
        }
    }

    fn flush_if_due(&self, generation: &Generation, index: LogIndex) -> Result<(), StateError> {
        let flushed = self.inner.flushed.load(Ordering::Relaxed);
        if index.0.saturating_sub(flushed) >= FLUSH_ENTRIES {
            generation.database.flush(false)?;
            self.inner.flushed.store(index.0, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Reports an error after which the node must not go on, and hands it to openraft.
    fn fatal_error(&self, error: &StateError) -> std::io::Error {
        tracing::error!(%error, "the state cannot go on");
        (self.inner.on_fatal)(&error.to_string());
        std::io::Error::other(error.to_string())
    }
}

/// What entries come to that share a write batch.
#[derive(Default)]
struct Group {
    responses: Vec<Response>,
    /// The state digest after each of them.
    digests: Vec<[u8; 32]>,
    membership: Option<StoredMembership>,
    last: Option<LogId>,
}

/// Applies one entry on top of those before it; the state digest, if it changes.
fn apply_entry(
    revisions: &Revisions,
    pending: &mut Pending<'_>,
    entry: &Entry,
    group: &mut Group,
) -> Result<Option<[u8; 32]>, StateError> {
    let index = LogIndex(entry.log_id.index());
    let (response, digest) = match &entry.payload {
        EntryPayload::Blank => (Response { outcome: None, effective: index }, None),
        EntryPayload::Membership(membership) => {
            group.membership = Some(StoredMembership::new(Some(entry.log_id), membership.clone()));
            (Response { outcome: None, effective: index }, None)
        }
        EntryPayload::Normal(proposal) => {
            let position = LogPosition { index, term: entry.log_id.committed_leader_id().term };
            let altered = mutants::altered_envelope(proposal.envelope(), index);
            let envelope = altered.as_ref().unwrap_or(proposal.envelope());
            let mut applied = registry::apply(pending, position, envelope)?;
            mutants::alter_applied(&mut applied);
            // Before it can be read: see `Revisions::note_change`.
            applied.changes.iter().for_each(|(key, _)| revisions.note_change(key, index));
            pending.add(applied.changes)?;
            (Response { outcome: Some(applied.outcome), effective: applied.effective }, Some(applied.digest))
        }
    };
    group.responses.push(response);
    group.last = Some(entry.log_id);
    Ok(digest)
}
