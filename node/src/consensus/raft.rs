//! What consensus asks of openraft, whatever state machine that drives: RocksDB in a node, memory in a simulation.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use openraft::errors::{ClientWriteError, Fatal, InitializeError, LinearizableReadError, RaftError};
use openraft::metrics::{RaftServerMetrics, Wait};
use openraft::raft::linearizable_read::Linearizer;
use openraft::raft::trigger::Trigger;
use openraft::raft::{ClientWriteResponse, Precondition, TransferLeaderRequest, TransferLeaderResponse};
use openraft::storage::RaftStateMachine;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{ChangeMembers, LinearizerOption, RaftMetrics};
use raft_store::types::{Node, Proposal, TypeConfig};

type Written = Result<ClientWriteResponse<TypeConfig>, RaftError<TypeConfig, ClientWriteError<TypeConfig>>>;

/// What a read has to wait for.
pub type Linearized = Result<Linearizer<TypeConfig>, RaftError<TypeConfig, LinearizableReadError<TypeConfig>>>;

/// A running openraft. Its futures are boxed: each stands for at least one message to its core or to another node.
pub trait Raft: Send + Sync {
    /// Everything that it shows of itself.
    fn metrics(&self) -> WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>;
    /// What changes with votes and members only.
    fn server_metrics(&self) -> WatchReceiverOf<TypeConfig, RaftServerMetrics<TypeConfig>>;
    /// Waits for what metrics show, at most this long.
    fn wait(&self, limit: Duration) -> Wait<TypeConfig>;
    /// Elections, transfers, snapshots and purges on demand.
    fn trigger(&self) -> Trigger<'_, TypeConfig>;
    /// Proposes a command.
    fn write(&self, proposal: Proposal) -> BoxFuture<'_, Written>;
    /// The index that a read has to wait for, on a leader.
    fn read_linearizer(&self, option: LinearizerOption) -> BoxFuture<'_, Linearized>;
    /// Waits until this node has applied what a read has to see; false if the time passes first.
    fn await_ready(
        &self,
        linearizer: Linearizer<TypeConfig>,
        limit: Duration,
    ) -> BoxFuture<'_, Result<bool, Fatal<TypeConfig>>>;
    /// Takes notice of a transfer of the leadership.
    fn handle_transfer_leader(
        &self,
        request: TransferLeaderRequest<TypeConfig>,
    ) -> BoxFuture<'_, Result<TransferLeaderResponse<TypeConfig>, Fatal<TypeConfig>>>;
    /// Changes the membership, unless a precondition does not hold any more.
    fn change_membership(
        &self,
        change: ChangeMembers<u64, Node>,
        retain: bool,
        only_if: Precondition<TypeConfig>,
    ) -> BoxFuture<'_, Written>;
    /// Makes a new cluster of these members.
    fn initialize(
        &self,
        members: BTreeMap<u64, Node>,
    ) -> BoxFuture<'_, Result<(), RaftError<TypeConfig, InitializeError<TypeConfig>>>>;
    /// Has this node ever been part of a cluster?
    fn is_initialized(&self) -> BoxFuture<'_, Result<bool, Fatal<TypeConfig>>>;
    /// Waits until what was committed before the last stop is applied again; false if the time passes first.
    fn wait_for_recovery(&self, limit: Duration) -> BoxFuture<'_, bool>;
    /// Stops it.
    fn shutdown(&self) -> BoxFuture<'_, Result<(), String>>;
}

impl<M: RaftStateMachine<TypeConfig>> Raft for openraft::Raft<TypeConfig, M> {
    fn metrics(&self) -> WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>> {
        self.metrics()
    }

    fn server_metrics(&self) -> WatchReceiverOf<TypeConfig, RaftServerMetrics<TypeConfig>> {
        self.server_metrics()
    }

    fn wait(&self, limit: Duration) -> Wait<TypeConfig> {
        self.wait(Some(limit))
    }

    fn trigger(&self) -> Trigger<'_, TypeConfig> {
        self.trigger()
    }

    fn write(&self, proposal: Proposal) -> BoxFuture<'_, Written> {
        Box::pin(self.client_write(proposal))
    }

    fn read_linearizer(&self, option: LinearizerOption) -> BoxFuture<'_, Linearized> {
        Box::pin(self.get_read_linearizer(option))
    }

    fn await_ready(
        &self,
        linearizer: Linearizer<TypeConfig>,
        limit: Duration,
    ) -> BoxFuture<'_, Result<bool, Fatal<TypeConfig>>> {
        Box::pin(async move { Ok(linearizer.try_await_ready(self, Some(limit)).await?.is_ok()) })
    }

    fn handle_transfer_leader(
        &self,
        request: TransferLeaderRequest<TypeConfig>,
    ) -> BoxFuture<'_, Result<TransferLeaderResponse<TypeConfig>, Fatal<TypeConfig>>> {
        Box::pin(self.handle_transfer_leader(request))
    }

    fn change_membership(
        &self,
        change: ChangeMembers<u64, Node>,
        retain: bool,
        only_if: Precondition<TypeConfig>,
    ) -> BoxFuture<'_, Written> {
        Box::pin(self.change_membership_if(change, retain, [only_if]))
    }

    fn initialize(
        &self,
        members: BTreeMap<u64, Node>,
    ) -> BoxFuture<'_, Result<(), RaftError<TypeConfig, InitializeError<TypeConfig>>>> {
        Box::pin(self.initialize(members))
    }

    fn is_initialized(&self) -> BoxFuture<'_, Result<bool, Fatal<TypeConfig>>> {
        Box::pin(self.is_initialized())
    }

    fn wait_for_recovery(&self, limit: Duration) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.wait_for_recovery(Some(limit)).await.is_ok() })
    }

    fn shutdown(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.shutdown().await.map_err(|error| error.to_string()) })
    }
}
