//! The state as openraft's state machine: applies entries, builds, gives and installs snapshots.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::alias::SnapshotOf;
use openraft::{EntryPayload, OptionalSend};
use registry::query;
use rocksdb::checkpoint::Checkpoint;

use super::StateStore;
use super::error::{SnapshotError, StateError, check_level};
use super::generation::{Generation, generation_name, generation_number, set_current, sync_dir};
use super::snapshot::{self, Manifest, SNAPSHOT_FORMAT, SnapshotDir};
use super::view::StateView;
use crate::codec;
use crate::types::{Entry, LogId, SnapshotMeta, StoredMembership, TypeConfig};

/// Entries that share a write batch at most: the first of them is not answered before the last is applied.
const GROUP_ENTRIES_MAX: usize = 128;
/// Bytes of their records, about.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of an entry's record.
fn record_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(proposal) => codec::command_body(proposal).bytes.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

/// What openraft drives. There is one per node.
pub struct StateMachine {
    store: StateStore,
}

impl StateMachine {
    /// The machine over a store.
    pub fn new(store: StateStore) -> Self {
        Self { store }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotDir;
    type SnapshotBuilder = StateMachineBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok(self.store.applied_state())
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: futures::Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut has_ended = false;
        while !has_ended {
            let Some(first) = entries.next().await.transpose()? else { break };
            let mut bytes = record_bytes(&first.0);
            let mut group = vec![first];
            let mut failed = Ok(());
            // Whatever is there already shares its batch; nothing is waited for.
            while group.len() < GROUP_ENTRIES_MAX && bytes < GROUP_BYTES_MAX {
                match entries.next().now_or_never() {
                    Some(Some(Ok(next))) => {
                        bytes += record_bytes(&next.0);
                        group.push(next);
                        continue;
                    }
                    Some(Some(Err(error))) => failed = Err(error),
                    Some(None) => has_ended = true,
                    None => {}
                }
                break;
            }
            let (responses, result) = self.store.apply_entries(group.iter().map(|(entry, _)| entry));
            for ((_, responder), response) in group.into_iter().zip(responses) {
                if let Some(responder) = responder {
                    responder.send(response);
                }
            }
            result.map_err(|error| self.store.fatal_error(&error))?;
            failed?;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<StateMachineBuilder> {
        // The checkpoint is taken here, in the state machine's worker, so that no apply runs beside it.
        match make_checkpoint(&self.store) {
            Ok(dir) => Some(StateMachineBuilder { store: self.store.clone(), dir }),
            // It may have been a sync that failed, and then nobody knows what the disk holds.
            Err(error) => {
                drop(self.store.fatal_error(&error));
                None
            }
        }
    }

    async fn get_snapshot_builder(&mut self) -> StateMachineBuilder {
        self.try_create_snapshot_builder(true)
            .await
            .unwrap_or_else(|| StateMachineBuilder { store: self.store.clone(), dir: PathBuf::new() })
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotDir) -> Result<(), io::Error> {
        let store = self.store.clone();
        let meta = meta.clone();
        let installed = tokio::task::spawn_blocking(move || install(&store, &meta, &snapshot)).await;
        match installed {
            Ok(Ok(())) => {
                // What was kept is older than what is installed now.
                if let Some(old) = self.store.inner.snapshot.lock().take() {
                    old.retire();
                }
                Ok(())
            }
            Ok(Err(error)) => Err(self.store.fatal_error(&error)),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<TypeConfig, SnapshotDir>>, io::Error> {
        let Some(found) = self.store.inner.snapshot.lock().clone() else { return Ok(None) };
        let dir = found.clone();
        let meta = tokio::task::spawn_blocking(move || meta_of(dir.dir())).await.map_err(io::Error::other)?;
        let meta = meta.map_err(|error| self.store.fatal_error(&error))?;
        Ok(Some(SnapshotOf::<TypeConfig, SnapshotDir> { meta, snapshot: found }))
    }
}

/// Builds one snapshot from a checkpoint that was taken when the builder was made.
pub struct StateMachineBuilder {
    store: StateStore,
    dir: PathBuf,
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachineBuilder {
    type SnapshotData = SnapshotDir;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<TypeConfig, SnapshotDir>, io::Error> {
        let (store, dir) = (self.store.clone(), self.dir.clone());
        let current = self.store.inner.snapshot.lock().clone();
        let built =
            tokio::task::spawn_blocking(move || build(&store, &dir, current)).await.map_err(io::Error::other)?;
        let (meta, snapshot) = built.map_err(|error| self.store.fatal_error(&error))?;
        if let Some(old) = self.store.inner.snapshot.lock().replace(snapshot.clone())
            && old.dir() != snapshot.dir()
        {
            old.retire();
        }
        Ok(SnapshotOf::<TypeConfig, SnapshotDir> { meta, snapshot })
    }
}

/// Takes a checkpoint of the live state into a directory of its own. Flushes first, so it is complete.
fn make_checkpoint(store: &StateStore) -> Result<PathBuf, StateError> {
    let generation = store.inner.generation.read().clone();
    let applied = store.applied_index();
    let dir = store.inner.dir.join("snap").join(format!("building-{applied}"));
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(|error| StateError::file_error("remove", &dir, error))?;
    }
    fail::fail_point!("snapshot::before_checkpoint");
    let made = Checkpoint::new(generation.database.db()).and_then(|checkpoint| checkpoint.create_checkpoint(&dir));
    made.map_err(|source| generation.database.database_error("checkpoint", source))?;
    store.inner.flushed.fetch_max(applied.0, std::sync::atomic::Ordering::Relaxed);
    Ok(dir)
}

fn build(
    store: &StateStore,
    dir: &Path,
    current: Option<SnapshotDir>,
) -> Result<(SnapshotMeta, SnapshotDir), StateError> {
    let meta = meta_of(dir)?;
    let last = meta.last_log_id.ok_or_else(|| snapshot::damaged_error(dir, "it covers no entry"))?;
    let leader = last.committed_leader_id();
    if let Some(current) = current
        && (current.manifest().term, current.manifest().index) == (leader.term, last.index())
    {
        // Nothing was applied since: the one that is there is as good, and it may be on its way to a peer.
        fs::remove_dir_all(dir).map_err(|error| StateError::file_error("remove", dir, error))?;
        return Ok((meta, current));
    }
    let machine = machine_of(dir)?;
    let manifest = Manifest {
        format: SNAPSHOT_FORMAT,
        cluster_id: machine.cluster_id,
        term: leader.term,
        node_id: leader.node_id,
        index: last.index(),
        digest: hex_text(&machine.digest),
        files: snapshot::describe_all(dir)?,
    };
    let place = store.inner.dir.join("snap").join(format!("{:020}-{}", last.index(), leader.term));
    if place.exists() {
        fs::remove_dir_all(&place).map_err(|error| StateError::file_error("remove", &place, error))?;
    }
    // RocksDB syncs what it copies; what it links was synced where it was written. Asked for again, because a sealed snapshot
    // is one that a power loss leaves whole.
    snapshot::sync_files(dir, &manifest)?;
    fail::fail_point!("snapshot::before_seal");
    fs::rename(dir, &place).map_err(|error| StateError::file_error("rename", dir, error))?;
    snapshot::seal_directory(&place, &manifest)?;
    let snap = store.inner.dir.join("snap");
    sync_dir(&snap).map_err(|error| StateError::file_error("sync", &snap, error))?;
    fail::fail_point!("snapshot::after_seal");
    Ok((meta, SnapshotDir::kept(place, manifest)))
}

/// What a snapshot directory covers, read from its own database.
fn meta_of(dir: &Path) -> Result<SnapshotMeta, StateError> {
    let (last_log_id, last_membership) = Generation::open_read_only(dir)?.database.read_applied()?;
    Ok(SnapshotMeta { last_log_id, last_membership })
}

fn machine_of(dir: &Path) -> Result<registry::MachineRow, StateError> {
    let generation = Generation::open_read_only(dir)?;
    let view = StateView::newest_of(&generation, registry::LogIndex(0));
    Ok(query::machine(&view)?)
}

/// Verifies a received snapshot and makes it the live state by an atomic switch of generations.
fn install(store: &StateStore, meta: &SnapshotMeta, snapshot: &SnapshotDir) -> Result<(), StateError> {
    let dir = snapshot.dir();
    snapshot.verify()?;
    let found = meta_of(dir)?;
    if found != *meta {
        return Err(snapshot::damaged_error(dir, "it does not cover what the leader says it covers").into());
    }
    let machine = machine_of(dir)?;
    if hex_text(&machine.digest) != snapshot.manifest().digest {
        return Err(snapshot::damaged_error(dir, "its state digest is not the one in its manifest").into());
    }
    check_level(machine.level)?;
    if machine.cluster_id != snapshot.manifest().cluster_id {
        return Err(snapshot::damaged_error(dir, "it is not of the cluster in its manifest").into());
    }
    let sm = store.inner.dir.join("sm");
    let old = store.inner.generation.read().clone();
    let ours = query::machine(&StateView::newest_of(&old, store.applied_index()))?.cluster_id;
    if !ours.is_empty() && ours != machine.cluster_id {
        return Err(SnapshotError::Cluster { found: machine.cluster_id, expected: ours }.into());
    }
    let name = generation_name(generation_number(&old.database.dir) + 1);
    let place = sm.join(&name);
    snapshot::unseal_directory(dir)?;
    snapshot::sync_files(dir, snapshot.manifest())?;
    fail::fail_point!("install::before_rename");
    fs::rename(dir, &place).map_err(|error| StateError::file_error("rename", dir, error))?;
    sync_dir(&sm).map_err(|error| StateError::file_error("sync", &sm, error))?;
    fail::fail_point!("install::before_current");
    set_current(&sm, &name)?;
    fail::fail_point!("install::after_current");

    let generation = Arc::new(Generation::open(&place)?);
    let applied = generation.database.read_applied()?;
    let index = applied.0.map_or(0, |id| id.index());
    store.inner.revisions.note_all(registry::LogIndex(index));
    *store.inner.generation.write() = generation;
    *store.inner.applied_id.lock() = applied;
    store.inner.digests.lock().clear();
    store.inner.digests.lock().push_back((index, machine.digest));
    store.inner.flushed.store(index, std::sync::atomic::Ordering::Relaxed);
    store.inner.applied.set(index);
    old.database.retire();
    Ok(())
}

fn hex_text(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
