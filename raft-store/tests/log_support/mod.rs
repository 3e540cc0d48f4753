//! What the tests of the log share: entries, a log in a directory of its own, and blocking calls.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use openraft::EntryPayload;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use parking_lot::Mutex;
use raft_store::log::{LogConfig, LogStore, OpenError};
use raft_store::types::{Entry, LogId, Proposal, TypeConfig, Vote, log_id};
use registry::{
    Actor, Authentication, Basis, ClusterCommand, Command, Envelope, LogIndex, Principal, RequestId, level,
};

/// An entry of node 1 whose record has about `bytes` bytes.
pub(crate) fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let envelope = Envelope {
        request_id: RequestId(format!("request-{term}-{index}")),
        time_ms: 1_700_000_000_000 + index,
        actor: Actor { principal: Principal::user("tester", Authentication::Basic), node_id: 1 },
        level: level::BASE,
        trace: None,
        if_revision: None,
        source: None,
        basis: Basis { read_index: LogIndex(index), keys: BTreeSet::new() },
        command: Command::Cluster(ClusterCommand::Found { cluster_id: "x".repeat(bytes) }),
    };
    Entry { log_id: log_id(term, 1, index), payload: EntryPayload::Normal(Proposal::new(envelope)) }
}

/// Entries `from..to`.
pub(crate) fn entries(term: u64, from: u64, to: u64) -> Vec<Entry> {
    (from..to).map(|index| entry(term, index, 40)).collect()
}

/// What a log told when it could not go on.
pub(crate) type Fatal = Arc<Mutex<Vec<String>>>;

/// A configuration that records a fatal error instead of ending the test.
pub(crate) fn config(data: &Path) -> (LogConfig, Fatal) {
    let fatal = Fatal::default();
    let mut config = LogConfig::in_data_dir(data);
    let seen = Arc::clone(&fatal);
    config.on_fatal = Arc::new(move |message| seen.lock().push(message.to_owned()));
    (config, fatal)
}

/// Opens the log of a data directory.
pub(crate) fn open(data: &Path) -> Result<LogStore, OpenError> {
    LogStore::open(config(data).0)
}

/// Why the log of a data directory does not open.
pub(crate) fn refusal(data: &Path) -> OpenError {
    match open(data) {
        Ok(store) => panic!("the log opened: {:?}", store.report()),
        Err(error) => error,
    }
}

/// Appends and waits until it is durable.
pub(crate) async fn append(store: &mut LogStore, entries: Vec<Entry>) -> io::Result<()> {
    submit(store, entries).await?.await.map_err(io::Error::other)?
}

/// Appends without waiting; gives what tells when it is durable.
pub(crate) async fn submit(
    store: &mut LogStore,
    entries: Vec<Entry>,
) -> io::Result<impl Future<Output = Result<io::Result<()>, String>> + Send + use<>> {
    let (sender, receiver) = TypeConfig::oneshot();
    store.append(entries, IOFlushed::signal(sender)).await?;
    Ok(async move { receiver.await.map_err(|_| "the callback was dropped".to_owned()) })
}

/// All entries.
pub(crate) async fn all(store: &LogStore) -> Vec<Entry> {
    store.clone().try_get_log_entries(..).await.expect("the log can be read")
}

/// A vote for node 1.
pub(crate) fn vote(term: u64) -> Vote {
    Vote::new_committed(term, 1)
}

/// The ids of entries.
pub(crate) fn ids(entries: &[Entry]) -> Vec<LogId> {
    entries.iter().map(|entry| entry.log_id).collect()
}

/// Runs a test with a runtime like the node's.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built")
        .block_on(future)
}
