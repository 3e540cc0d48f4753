//! What the writer thread counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of a log since it was opened. They are only ever added to, except where a name says `last`.
#[derive(Debug, Default)]
pub struct LogStats {
    groups: AtomicU64,
    syncs: AtomicU64,
    operations: AtomicU64,
    bytes: AtomicU64,
    marks: AtomicU64,
    slow_syncs: AtomicU64,
    sync_micros_last: AtomicU64,
    sync_micros_max: AtomicU64,
    sync_micros_total: AtomicU64,
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        $($(#[$doc])*
        pub fn $name(&self) -> u64 {
            self.$name.load(Ordering::Relaxed)
        })+
    };
}

impl LogStats {
    getters! {
        /// Write batches, synced or not.
        groups,
        /// Synced write batches. `operations / syncs` is what group commit gains.
        syncs,
        /// Appends, votes, truncations and purges that were written.
        operations,
        /// Bytes of records that were written.
        bytes,
        /// Times the durable mark was written.
        marks,
        /// Syncs that took longer than 50 ms.
        slow_syncs,
        /// How long the last sync took, in microseconds, with the write before it.
        sync_micros_last,
        /// How long the longest sync took.
        sync_micros_max,
        /// How long all syncs took together.
        sync_micros_total,
    }

    pub(super) fn count_group(&self, operations: usize, bytes: usize) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(operations as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn count_sync(&self, took: Duration, slow: bool) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.slow_syncs.fetch_add(u64::from(slow), Ordering::Relaxed);
        self.sync_micros_last.store(micros, Ordering::Relaxed);
        self.sync_micros_max.fetch_max(micros, Ordering::Relaxed);
        self.sync_micros_total.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn count_mark(&self) {
        self.marks.fetch_add(1, Ordering::Relaxed);
    }
}
