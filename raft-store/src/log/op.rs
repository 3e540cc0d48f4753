//! The changes of a log on their way from openraft to the writer thread.

use std::io;

use bytes::Bytes;
use openraft::storage::IOFlushed;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::types::{LogId, TypeConfig, Vote};

/// Answers whoever waits for an operation.
pub(super) type Done = oneshot::Sender<io::Result<()>>;

/// A change of the log, on its way to the disk.
pub(super) enum Op {
    /// Add entries: their keys and records. `last` is the last of them.
    Append {
        sequence: u64,
        records: Vec<(u64, Bytes)>,
        last: Option<LogId>,
        callback: IOFlushed<TypeConfig>,
        /// Their share of the queue; it is given back when the operation is answered.
        room: OwnedSemaphorePermit,
    },
    /// Promise a vote.
    Vote { vote: Vote, done: Done },
    /// Remove the entries `from..to`, the last ones; `keep` is the last that stays.
    Truncate { keep: Option<LogId>, from: u64, to: u64, done: Done },
    /// Remove the entries up to this one.
    Purge { upto: LogId },
}

impl Op {
    /// Bytes of its records.
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::Append { records, .. } => records.iter().map(|(_, record)| record.len()).sum(),
            Self::Vote { .. } | Self::Truncate { .. } | Self::Purge { .. } => 0,
        }
    }

    /// Tells whoever waits for it what became of it.
    pub(super) fn answer_with(self, result: io::Result<()>) {
        match self {
            Self::Append { callback, room, .. } => {
                callback.io_completed(result);
                drop(room);
            }
            // Whoever asked may have gone away.
            Self::Vote { done, .. } | Self::Truncate { done, .. } => drop(done.send(result)),
            Self::Purge { .. } => {}
        }
    }
}
