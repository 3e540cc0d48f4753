//! The state machine: the product's own `registry::apply` over the state in memory. Every entry that is applied anywhere is
//! compared with what the other nodes applied at that index.

use std::io;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use raft_store::state::{AppliedIndex, Revisions};
use registry::{Basis, Key, KeyRange, LogIndex, LogPosition, View};

use super::disk::Disk;
use super::rows::Rows;
use super::types::{Bug, LogId, Response, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use super::world::World;

/// The state at one index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub view: Rows,
    pub applied: Option<LogId>,
    pub membership: StoredMembership,
}

impl Image {
    pub(crate) fn index(&self) -> u64 {
        self.applied.map_or(0, |id| id.index())
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone() }
    }
}

/// One node's state, shared with the service that reads it.
#[derive(Clone)]
pub(crate) struct State {
    pub image: Arc<Mutex<Image>>,
    pub applied: AppliedIndex,
    pub revisions: Arc<Revisions>,
}

impl node::consensus::Store for State {
    fn read(&self, read: &mut dyn FnMut(&node::consensus::Snapshot<'_>)) {
        // A copy costs a few pointers, and the lock is not held while somebody reads.
        let (view, applied) = {
            let image = self.image.lock().expect("no panic under the lock");
            (image.view.clone(), LogIndex(image.index()))
        };
        read(&node::consensus::Snapshot::new(&view, applied));
    }

    fn applied(&self) -> &AppliedIndex {
        &self.applied
    }

    fn revisions(&self) -> &Revisions {
        &self.revisions
    }

    fn digest_at(&self, _: LogIndex) -> Option<[u8; 32]> {
        // Every entry's digest is compared by the world.
        None
    }

    fn newest_digest(&self) -> Option<(LogIndex, [u8; 32])> {
        None
    }

    fn figures(&self) -> Vec<(String, &'static str, u64)> {
        Vec::new()
    }
}

/// What openraft drives.
pub(crate) struct Machine {
    id: u64,
    disk: Disk,
    world: World,
    state: State,
    flushed: u64,
}

impl Machine {
    /// Begins with what the disk has.
    pub(crate) fn open(id: u64, disk: Disk, world: World) -> Self {
        let image = disk.state();
        let flushed = image.index();
        let state = State {
            image: Arc::new(Mutex::new(image)),
            applied: AppliedIndex::new(flushed),
            revisions: Arc::default(),
        };
        Self { id, disk, world, state, flushed }
    }

    pub(crate) fn state(&self) -> State {
        self.state.clone()
    }

    fn apply_entry(&mut self, entry: &super::types::Entry) -> Response {
        let mut image = self.state.image.lock().expect("no panic under the lock");
        let id = entry.log_id;
        let index = LogIndex(id.index());
        assert_eq!(id.index(), image.applied.map_or(0, |id| id.index() + 1), "entries are applied one after the other");
        let mut response = Response { outcome: None, effective: index };
        let mut digest = [0; 32];
        match &entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Membership(membership) => {
                image.membership = StoredMembership::new(Some(id), membership.clone());
            }
            EntryPayload::Normal(proposal) => {
                let position = LogPosition { index, term: id.committed_leader_id().term };
                let mut envelope = proposal.envelope().clone();
                if self.world.bug() == Some(Bug::BasisIgnored) {
                    envelope.basis = Basis::default();
                }
                let applied = registry::apply(&image.view, position, &envelope);
                let applied = applied.expect("the state in memory answers, and the command is of this version");
                applied.changes.iter().for_each(|(key, _)| self.state.revisions.note_change(key, index));
                image.view.write(&applied.changes);
                digest = applied.digest;
                response = Response { outcome: Some(applied.outcome), effective: applied.effective };
                self.world.took_effect(&envelope, &response, index);
            }
        }
        image.applied = Some(id);
        self.world.applied(self.id, id, digest);
        if id.index() >= self.flushed + self.world.compaction.flush {
            self.flushed = id.index();
            self.disk.keep_state(image.clone());
        }
        drop(image);
        self.state.applied.set(id.index());
        response
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Image;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let image = self.state.image.lock().expect("no panic under the lock");
        Ok((image.applied, image.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: futures::Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let response = self.apply_entry(&entry);
            if let Some(responder) = responder {
                responder.send(response);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let image = self.state.image.lock().expect("no panic under the lock").clone();
        Builder { disk: self.disk.clone(), image }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, mut snapshot: Image) -> Result<(), io::Error> {
        assert_eq!(*meta, snapshot.meta(), "a snapshot covers what its sender says");
        if self.world.bug() == Some(Bug::SnapshotWithoutRequests) {
            forget_requests(&mut snapshot.view);
        }
        self.world.installed(self.id, snapshot.index());
        self.disk.keep_state(snapshot.clone());
        self.disk.keep_snapshot(snapshot.clone());
        self.flushed = snapshot.index();
        let index = snapshot.index();
        self.state.revisions.note_all(LogIndex(index));
        *self.state.image.lock().expect("no panic under the lock") = snapshot;
        self.state.applied.set(index);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        Ok(self.disk.snapshot().map(|snapshot| Snapshot { meta: snapshot.meta(), snapshot }))
    }
}

fn forget_requests(view: &mut Rows) {
    let mut gone: Vec<Key> = Vec::new();
    let found = view.scan(&KeyRange::requests_by_age(), &mut |key, row| {
        if let registry::Row::RequestAge(id) = row {
            gone.push(Key::Request(id));
        }
        gone.push(key);
        std::ops::ControlFlow::Continue(())
    });
    found.expect("the state in memory answers");
    view.write(&gone.into_iter().map(|key| (key, None)).collect::<Vec<_>>());
}

/// Builds a snapshot of the state as it was when it was asked for.
pub(crate) struct Builder {
    disk: Disk,
    image: Image,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Image;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        // A checkpoint is durable before it counts, and so is the state that it was taken from.
        self.disk.keep_state(self.image.clone());
        self.disk.keep_snapshot(self.image.clone());
        Ok(Snapshot { meta: self.image.meta(), snapshot: self.image.clone() })
    }
}
