//! The Raft log on RocksDB: entries, vote, and how far the log is purged and committed.
//!
//! **What it promises.** A vote, a truncation and an append are on disk before they are answered. Entries can be read as
//! soon as append returns. After a failed write or sync nothing is acknowledged any more and the process ends. A log that
//! lost anything that it had promised does not open.
//!
//! **How.** One writer thread (`writer`) owns all writes and groups them: one batch, one sync, then the answers. The
//! state in memory (`positions`) runs ahead of it and holds the tail of the log, decoded. Readers (`reader`) see both as
//! of one moment. A mark beside the database (`mark`) and the checks at the start (`boot`) notice what was lost.
//!
//! **Never here:** repairing a damaged log (a last record that a power loss tore is none, see `crate::torn`), trying a failed
//! sync again, a decision about what may be purged.

mod boot;
mod clock;
mod config;
mod db;
mod error;
mod mark;
mod op;
mod positions;
mod reader;
mod shared;
mod sizes;
mod stats;
mod storage;
mod writer;

use std::fs;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

pub use config::{BOOT_ENTRIES_CHECKED, CACHE_BYTES_MAX, GROUP_OPS_MAX, LogConfig, OnFatal, READ_BYTES_MAX};
pub use error::OpenError;
pub use reader::LogReader;
pub use stats::LogStats;

use positions::Positions;
use shared::Shared;
use writer::Writer;

use crate::stretch::{self, Damage, Stretch};
use crate::torn;
use crate::types::{LogId, Vote};

/// The log of a node. A handle: clones are the same log.
#[derive(Clone)]
pub struct LogStore {
    core: Arc<Core>,
}

struct Core {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where a log stands: for compaction, and for the checks against the state machine when a node starts. There,
/// `purged <= applied` must hold: what is purged must be in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// The last vote that is durable.
    pub vote: Option<Vote>,
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// The index of the first entry, if there is one.
    pub first: Option<u64>,
    /// The last entry, or what was purged last if there is none.
    pub last: Option<LogId>,
    /// The last entry that was told to be committed.
    pub committed: Option<LogId>,
    /// How many entries there are.
    pub entries: u64,
    /// Bytes of their records, about.
    pub bytes: u64,
}

impl LogStore {
    /// Opens a log, or makes a new one, and starts its writer thread. Blocks: it reads the whole log once.
    ///
    /// # Errors
    /// [`OpenError`]: the log cannot be read, lost something, or is damaged. Nothing was repaired; the message says what
    /// to do.
    pub fn open(config: LogConfig) -> Result<Self, OpenError> {
        create_dir(&config.dir)?;
        create_dir(mark::parent_of(&config.mark))?;
        let db = Arc::new(open_database(&config.dir)?);
        let found = boot::check_log(&db, &config)?;

        let (sender, receiver) = mpsc::channel();
        let mut positions = Positions::new(sender, config.cache_bytes_max);
        positions.vote = found.vote;
        positions.purged = found.purged;
        positions.last = found.last;
        positions.committed = found.committed;
        positions.sizes = found.sizes;
        let shared = Arc::new(Shared::new(config.dir.clone(), Arc::clone(&db), positions));
        let dir = config.dir.clone();
        let writer = Writer::new(db, Arc::clone(&shared), config, receiver, found.mark, found.last, found.committed);
        let thread = thread::Builder::new()
            .name("raft-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Io { doing: "start the writer thread of", path: dir, source })?;
        Ok(Self { core: Arc::new(Core { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Writes what is queued, ends the writer thread and closes the database. Later calls are answered with an error.
    /// Blocks. Dropping the last handle does the same.
    pub fn close(&self) {
        self.core.close();
    }

    /// Where the log stands.
    pub fn report(&self) -> LogReport {
        let positions = self.shared().positions.read();
        let indexes = positions.index_range();
        LogReport {
            vote: positions.vote,
            purged: positions.purged,
            first: (!indexes.is_empty()).then_some(indexes.start),
            last: positions.last,
            committed: positions.committed,
            entries: indexes.end - indexes.start,
            bytes: positions.sizes.bytes(),
        }
    }

    /// The last entry, or what was purged last if there is none.
    pub fn last_log_id(&self) -> Option<LogId> {
        self.shared().positions.read().last
    }

    /// The last vote that is durable.
    pub fn vote(&self) -> Option<Vote> {
        self.shared().positions.read().vote
    }

    /// The last entry that was purged.
    pub fn last_purged(&self) -> Option<LogId> {
        self.shared().positions.read().purged
    }

    /// Bytes of the log's records, about.
    pub fn log_bytes_estimate(&self) -> u64 {
        self.shared().positions.read().sizes.bytes()
    }

    /// Bytes of recent entries in memory: now, and at most but for those that are not durable yet.
    pub fn tail_bytes(&self) -> (usize, usize) {
        self.shared().positions.read().tail_bytes()
    }

    /// Counters of the writer thread.
    pub fn stats(&self) -> Arc<LogStats> {
        Arc::clone(&self.shared().stats)
    }

    /// Reads a stretch of a column family with its checksums.
    pub(crate) fn scrub(&self, family: usize, from: &[u8], bytes_max: u64) -> Result<Stretch, Damage> {
        let open = self.shared().db.read();
        // A closed log has nothing that could be damaged.
        let Some(db) = open.as_deref() else { return Ok(Stretch { bytes: 0, rest: None, more: 0 }) };
        let place = || format!("the log database {}", self.shared().dir.display());
        stretch::read_stretch(db, &db::FAMILIES, family, from, bytes_max, place)
    }

    fn shared(&self) -> &Shared {
        &self.core.shared
    }
}

impl Core {
    fn close(&self) {
        let mut thread = self.thread.lock();
        // Without a sender the thread ends when the queue is empty.
        self.shared.positions.write().sender = None;
        if let Some(thread) = thread.take() {
            // A panic of the thread was told when it happened.
            drop(thread.join());
        }
        // Waits for readers; the last user of the database closes it.
        drop(self.shared.db.write().take());
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens the database; a last record that a power loss tore is cut off first. The checks at the start say whether it was marked.
fn open_database(dir: &Path) -> Result<rocksdb::DB, OpenError> {
    let mut damaged = match db::open(dir) {
        Err(error @ OpenError::Corrupt { .. }) => error,
        opened => return opened,
    };
    // A power loss may tear both.
    for cut in [torn::cut_manifest, torn::cut_wal] {
        let torn =
            cut(dir).map_err(|source| OpenError::Io { doing: "look at the end of", path: dir.to_owned(), source })?;
        if !torn {
            continue;
        }
        match db::open(dir) {
            Err(error @ OpenError::Corrupt { .. }) => damaged = error,
            opened => return opened,
        }
    }
    Err(damaged)
}

/// Makes a directory whose name is durable.
fn create_dir(path: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(path).and_then(|()| mark::sync_dir(mark::parent_of(path))).map_err(|source| OpenError::Io {
        doing: "create directory",
        path: path.to_owned(),
        source,
    })
}
