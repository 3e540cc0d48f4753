//! What the handles, the readers and the writer thread share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use rocksdb::DB;
use tokio::sync::Semaphore;

use super::config::QUEUE_BYTES_MAX;
use super::positions::Positions;
use super::stats::LogStats;
use crate::types::Vote;

pub(super) struct Shared {
    pub(super) dir: PathBuf,
    /// Taken before `positions` where both are needed. `None` once the log is closed.
    pub(super) db: RwLock<Option<Arc<DB>>>,
    pub(super) positions: RwLock<Positions>,
    /// Room in the queue, in bytes.
    pub(super) room: Arc<Semaphore>,
    pub(super) stats: Arc<LogStats>,
}

impl Shared {
    pub(super) fn new(dir: PathBuf, db: Arc<DB>, positions: Positions) -> Self {
        Self {
            dir,
            db: RwLock::new(Some(db)),
            positions: RwLock::new(positions),
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            stats: Arc::default(),
        }
    }

    /// From the writer thread: operations up to `sequence`, and this vote, are durable.
    pub(super) fn note_written(&self, sequence: Option<u64>, vote: Option<Vote>) {
        let mut positions = self.positions.write();
        if let Some(sequence) = sequence {
            positions.set_durable(sequence);
        }
        if vote.is_some() {
            positions.vote = vote;
        }
    }

    /// From now on nothing is accepted. The first reason is kept.
    pub(super) fn note_broken(&self, reason: &str) {
        self.room.close();
        self.positions.write().broken.get_or_insert_with(|| reason.to_owned());
    }

    pub(super) fn is_broken(&self) -> bool {
        self.positions.read().broken.is_some()
    }

    /// The error for whatever is refused because the log cannot write, or is closed.
    pub(super) fn broken_error(&self) -> io::Error {
        match &self.positions.read().broken {
            Some(reason) => io::Error::other(format!("the log takes no more writes after an error: {reason}")),
            None => self.closed_error(),
        }
    }

    pub(super) fn closed_error(&self) -> io::Error {
        io::Error::new(io::ErrorKind::NotConnected, format!("the log {} is closed", self.dir.display()))
    }
}
