//! openraft's own conformance suite for storage, run on the log with a state machine in memory.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod log_support;

use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use openraft::type_config::alias::SnapshotOf;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageError};
use parking_lot::Mutex;
use raft_store::log::LogStore;
use raft_store::types::{LogId, SnapshotMeta, StoredMembership, TypeConfig};

/// Remembers positions only: the suite looks at nothing else.
#[derive(Clone, Default)]
struct MemoryMachine(Arc<Mutex<Machine>>);

#[derive(Clone, Default)]
struct Machine {
    applied: Option<LogId>,
    membership: StoredMembership,
    snapshot: Option<SnapshotMeta>,
}

impl RaftSnapshotBuilder<TypeConfig> for MemoryMachine {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<TypeConfig, ()>, io::Error> {
        let mut machine = self.0.lock();
        let meta = SnapshotMeta { last_log_id: machine.applied, last_membership: machine.membership.clone() };
        machine.snapshot = Some(meta.clone());
        Ok(SnapshotOf::<TypeConfig, ()> { meta, snapshot: () })
    }
}

impl RaftStateMachine<TypeConfig> for MemoryMachine {
    type SnapshotData = ();
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let machine = self.0.lock();
        Ok((machine.applied, machine.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(item) = entries.next().await {
            let (entry, _) = item?;
            let mut machine = self.0.lock();
            machine.applied = Some(entry.log_id);
            if let EntryPayload::Membership(membership) = entry.payload {
                machine.membership = StoredMembership::new(Some(entry.log_id), membership);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, (): ()) -> Result<(), io::Error> {
        let mut machine = self.0.lock();
        machine.applied = meta.last_log_id;
        machine.membership = meta.last_membership.clone();
        machine.snapshot = Some(meta.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<TypeConfig, ()>>, io::Error> {
        Ok(self.0.lock().snapshot.clone().map(|meta| SnapshotOf::<TypeConfig, ()> { meta, snapshot: () }))
    }
}

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, MemoryMachine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, MemoryMachine), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let store = log_support::open(dir.path()).expect("a new log opens");
        Ok((dir, store, MemoryMachine::default()))
    }
}

#[test]
fn the_suite_of_openraft_passes() {
    TypeConfig::run(async { Suite::test_all(Builder).await.expect("the suite passes") });
}
