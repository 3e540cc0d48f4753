//! A state that is built anew from a backup: row by row, then entry by entry, into a data directory without one.
//!
//! The new state stands where the backup stood: its applied index, its digest and its audit tree go on from there, so that
//! no index and no id is ever given twice. It is that of a new cluster with one voter: the node that it is built for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use openraft::storage::RaftLogStorage;
use registry::{Key, LogIndex, LogPosition, MachineRow, Row, Table, audit, query};
use rocksdb::WriteBatch;

use super::StateStore;
use super::error::{StateError, check_level};
use super::generation::{Generation, generation_name, set_current};
use super::view::StateView;
use crate::codec::{self, CodecError};
use crate::log::{LogConfig, LogStore, OpenError};
use crate::types::{Entry, LogId, Membership, Node, StoredMembership, Vote, log_id};

/// Bytes of rows in one write batch.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A state that cannot be built.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RebuildError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error("{place} holds data: a restore needs an empty data directory")]
    NotEmpty { place: String },
    #[error("the row {key} of the backup cannot be read: {source}")]
    Row { key: String, source: CodecError },
    #[error("the backup holds the row {key}, which this program does not know: a newer program wrote it")]
    Key { key: String },
    #[error("the entry {index} of the backup cannot be read: {source}")]
    Entry { index: u64, source: CodecError },
    #[error("the entry {found} of the backup does not follow: {expected} is the next one")]
    Order { found: u64, expected: u64 },
    #[error("the backup does not hold what it says of itself: {what}")]
    Differs { what: String },
    #[error("{doing}: {source}")]
    Io { doing: &'static str, source: std::io::Error },
}

impl RebuildError {
    fn claim_differs(what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display) -> Self {
        Self::Differs { what: format!("{what} is {found}, it says {expected}") }
    }
}

/// What a state has to be when all of a backup is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its digest.
    pub digest: [u8; 32],
    /// Its cluster.
    pub cluster_id: String,
    /// The level of its cluster.
    pub level: u8,
    /// Records of its audit log.
    pub audit_size: u64,
    /// The root of its audit tree.
    pub audit_root: [u8; 32],
}

/// A state whose rows are being put in.
pub struct RowsIn {
    dir: PathBuf,
    generation: Generation,
    batch: WriteBatch,
    rows: u64,
}

impl RowsIn {
    /// Begins a state under `dir`, which must not have one.
    ///
    /// # Errors
    /// [`RebuildError`] if there is one, or the disk fails.
    pub fn begin(dir: &Path) -> Result<Self, RebuildError> {
        for part in ["sm", "raft", "snap", "MARK", "NODE"] {
            if dir.join(part).exists() {
                return Err(RebuildError::NotEmpty { place: dir.display().to_string() });
            }
        }
        let sm = dir.join("sm");
        fs::create_dir_all(&sm).map_err(|error| StateError::file_error("create", &sm, error))?;
        let name = generation_name(1);
        let generation = Generation::open(&sm.join(&name))?;
        set_current(&sm, &name)?;
        Ok(Self { dir: dir.to_owned(), generation, batch: WriteBatch::default(), rows: 0 })
    }

    /// Puts a row in, when it has been read as a row of its table.
    ///
    /// # Errors
    /// [`RebuildError`] for what is no row that this program knows.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), RebuildError> {
        let shown = || key.iter().take(64).map(|byte| format!("{byte:02x}")).collect::<String>();
        let decoded = Key::decode(key).ok_or_else(|| RebuildError::Key { key: shown() })?;
        let row = codec::decode_row(&decoded, value).map_err(|source| RebuildError::Row { key: shown(), source })?;
        if row.kind() != decoded.table().row() {
            return Err(RebuildError::Differs { what: format!("the row {} is of another kind", shown()) });
        }
        self.batch.put_cf(self.generation.database.family_of(decoded.table()), key, value);
        self.rows += 1;
        if self.batch.size_in_bytes() >= BATCH_BYTES { self.write_batch() } else { Ok(()) }
    }

    fn write_batch(&mut self) -> Result<(), RebuildError> {
        Ok(self.generation.database.write_batch(std::mem::take(&mut self.batch))?)
    }

    /// All rows are in: they stand at this place in the log, and are what the backup says.
    ///
    /// # Errors
    /// [`RebuildError`] if they are not, or the disk fails.
    pub fn finish(mut self, at: LogPosition, leader_id: u64, claim: &Claim) -> Result<EntriesIn, RebuildError> {
        let last = log_id(at.term, leader_id, at.index.0);
        self.generation.database.put_applied(&mut self.batch, &last);
        self.generation.database.put_membership(&mut self.batch, &StoredMembership::default());
        self.write_batch()?;
        self.generation.database.flush(true)?;
        let Self { dir, generation, .. } = self;
        check_claim(&StateView::newest_of(&generation, at.index), claim)?;
        drop(generation);
        let store = StateStore::open(&dir, Arc::new(|_| {}))?;
        Ok(EntriesIn { dir, store })
    }
}

/// Compares a state with what the backup says of it: the machine's row, the audit tree, and every record that is still there
/// with its leaf.
fn check_claim(view: &StateView<'_>, claim: &Claim) -> Result<(), RebuildError> {
    let machine = query::machine(view).map_err(StateError::from)?;
    let MachineRow { digest, cluster_id, level, audit_size, audit_from, .. } = &machine;
    check_level(*level)?;
    let hex = |bytes: &[u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if *digest != claim.digest {
        return Err(RebuildError::claim_differs("its state digest", &hex(digest), &hex(&claim.digest)));
    }
    if *cluster_id != claim.cluster_id {
        return Err(RebuildError::claim_differs("its cluster", cluster_id, &claim.cluster_id));
    }
    if *level != claim.level {
        return Err(RebuildError::claim_differs("its level", level, &claim.level));
    }
    if *audit_size != claim.audit_size {
        return Err(RebuildError::claim_differs("the number of its audit records", audit_size, &claim.audit_size));
    }
    let root = audit::root(view, *audit_size).map_err(StateError::from)?;
    if root != claim.audit_root {
        return Err(RebuildError::claim_differs("the root of its audit tree", &hex(&root), &hex(&claim.audit_root)));
    }
    for position in *audit_from..*audit_size {
        let found = registry::View::get(view, &Key::Audit(position)).map_err(StateError::from)?;
        let leaf = registry::View::get(view, &Key::AuditNode(0, position)).map_err(StateError::from)?;
        let (Some(Row::Audit(record)), Some(Row::AuditNode(leaf))) = (found, leaf) else {
            return Err(RebuildError::Differs { what: format!("the audit record {position} is missing") });
        };
        if audit::leaf_hash(&record) != leaf {
            return Err(RebuildError::Differs {
                what: format!("the audit record {position} is not the one in its tree"),
            });
        }
    }
    Ok(())
}

/// A state that stands, and on which entries are applied.
pub struct EntriesIn {
    dir: PathBuf,
    store: StateStore,
}

impl EntriesIn {
    /// Where the state stands.
    pub fn applied(&self) -> LogIndex {
        self.store.applied_index()
    }

    /// The digest of the state.
    ///
    /// # Errors
    /// [`RebuildError`] if the disk fails.
    pub fn digest(&self) -> Result<[u8; 32], RebuildError> {
        Ok(self.store.read(|view| query::machine(view)).map_err(StateError::from)?.digest)
    }

    /// Applies the next entry, as a node does.
    ///
    /// # Errors
    /// [`RebuildError`] for an entry that does not follow, or that this program does not know.
    pub fn apply(&mut self, index: u64, record: &[u8]) -> Result<(), RebuildError> {
        let entry: Entry = codec::decode_entry(&Bytes::copy_from_slice(record))
            .map_err(|source| RebuildError::Entry { index, source })?;
        let expected = self.applied().0 + 1;
        if entry.log_id.index() != expected || index != expected {
            return Err(RebuildError::Order { found: entry.log_id.index(), expected });
        }
        Ok(self.store.apply_entries([&entry]).1?)
    }

    /// Compares the state with what the backup says of it.
    ///
    /// # Errors
    /// [`RebuildError`] if it differs.
    pub fn check(&self, claim: &Claim) -> Result<(), RebuildError> {
        self.store.read(|view| check_claim(view, claim))
    }

    /// Makes the state that of a new cluster with one voter, and begins a log behind it.
    ///
    /// # Errors
    /// [`RebuildError`] if the disk fails.
    pub fn finish(self, cluster_id: &str, node_id: u64, node: Node) -> Result<Rebuilt, RebuildError> {
        let Self { dir, store } = self;
        let last = store.applied_state().0;
        let last = last.ok_or_else(|| RebuildError::Differs { what: "nothing is applied".to_owned() })?;
        let machine = store.read(|view| query::machine(view)).map_err(StateError::from)?;
        let generation = store.inner.generation.read().clone();
        let mut batch = WriteBatch::default();
        // The digest does not tell of the machine's own row. The first command of the new cluster leaves the record of it.
        // What was under way there is not under way here.
        let renamed = MachineRow { cluster_id: cluster_id.to_owned(), under_way: None, ..machine };
        generation.database.put_row(&mut batch, Table::Machine, &Key::Machine.encode(), Some(&Row::Machine(renamed)));
        let membership = Membership::new(vec![BTreeSet::from([node_id])], BTreeMap::from([(node_id, node)]))
            .map_err(|error| RebuildError::Differs { what: error.to_string() })?;
        generation.database.put_membership(&mut batch, &StoredMembership::new(Some(last), membership));
        generation.database.write_batch(batch)?;
        generation.database.flush(true)?;
        drop((generation, store));
        begin_log(&dir, node_id, last)?;
        Ok(Rebuilt { index: LogIndex(last.index()), term: last.committed_leader_id().term, machine })
    }
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last entry that is in the state; the new log begins behind it.
    pub index: LogIndex,
    /// Its term; every new one is higher.
    pub term: u64,
    /// The machine's row as it was in the old cluster.
    pub machine: MachineRow,
}

/// A log that begins behind `last`: everything up to there is purged, and no term up to there comes again.
fn begin_log(dir: &Path, node_id: u64, last: LogId) -> Result<(), RebuildError> {
    let mut config = LogConfig::in_data_dir(dir);
    config.on_fatal = Arc::new(|_| {});
    let mut log = LogStore::open(config)?;
    let vote = Vote::new(last.committed_leader_id().term + 1, node_id);
    let begun = futures::executor::block_on(async {
        log.purge(last).await?;
        log.save_committed(Some(last)).await?;
        // Last, because it alone is answered when it is on the disk, and everything before it then is, too.
        log.save_vote(&vote).await
    });
    // Closing writes what is queued.
    log.close();
    begun.map_err(|source| RebuildError::Io { doing: "begin the log", source })
}
