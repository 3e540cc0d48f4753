//! What the log knows in memory: its positions, and the tail of decoded entries.
//!
//! It runs ahead of the disk: an entry is here as soon as its append returns. The tail keeps at least every entry
//! that is not durable yet, so whatever is not in the tail is in the database. Each operation has a sequence number, in
//! the order of the channel to the writer thread; an entry may leave the tail once its operation is durable.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::Sender;

use super::op::Op;
use super::sizes::Sizes;
use crate::types::{Entry, LogId, Vote};

/// What an entry in the tail costs beside its bytes, about.
const ENTRY_OVERHEAD_BYTES: usize = size_of::<Cached>();
/// An entry is kept decoded and as its record.
const COPIES_KEPT: usize = 2;

struct Cached {
    entry: Entry,
    bytes: usize,
    sequence: u64,
}

impl Cached {
    /// Bytes that it takes, about.
    fn weight(&self) -> usize {
        self.bytes * COPIES_KEPT + ENTRY_OVERHEAD_BYTES
    }
}

/// The positions and the tail, behind the lock.
pub(super) struct Positions {
    /// The way to the writer thread; `None` once the log is closed.
    pub(super) sender: Option<Sender<Op>>,
    /// Why the log cannot write any more.
    pub(super) broken: Option<String>,
    /// The last vote that is durable.
    pub(super) vote: Option<Vote>,
    /// The last entry that was purged.
    pub(super) purged: Option<LogId>,
    /// The last entry, or what was purged last if there is none.
    pub(super) last: Option<LogId>,
    /// The last committed entry that was told.
    pub(super) committed: Option<LogId>,
    /// Bytes of the log's entries.
    pub(super) sizes: Sizes,
    tail: VecDeque<Cached>,
    tail_bytes: usize,
    tail_bytes_max: usize,
    submitted: u64,
    durable: u64,
}

/// The index after a log id; the index of the first entry ever is 0.
pub(super) fn next_index(id: Option<&LogId>) -> u64 {
    id.map_or(0, |id| id.index() + 1)
}

impl Positions {
    pub(super) fn new(sender: Sender<Op>, tail_bytes_max: usize) -> Self {
        Self {
            sender: Some(sender),
            broken: None,
            vote: None,
            purged: None,
            last: None,
            committed: None,
            sizes: Sizes::default(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            tail_bytes_max,
            submitted: 0,
            durable: 0,
        }
    }

    /// The first and last index, if there are entries.
    pub(super) fn index_range(&self) -> Range<u64> {
        // An append to a log that holds nothing and has purged nothing may begin anywhere; the sizes know where.
        let from = self.sizes.first().unwrap_or_else(|| next_index(self.purged.as_ref()));
        from..next_index(self.last.as_ref()).max(from)
    }

    /// Bytes of the tail, about, and its limit.
    pub(super) fn tail_bytes(&self) -> (usize, usize) {
        (self.tail_bytes, self.tail_bytes_max)
    }

    /// Where the tail in memory begins; the database answers for what is before.
    pub(super) fn tail_first(&self) -> u64 {
        self.tail.front().map_or_else(|| next_index(self.last.as_ref()), |cached| cached.entry.log_id.index())
    }

    /// The number of the next operation.
    pub(super) fn next_sequence(&mut self) -> u64 {
        self.submitted += 1;
        self.submitted
    }

    /// Adds entries with the lengths of their records. They follow the last entry.
    pub(super) fn append(&mut self, entries: Vec<(Entry, usize)>, sequence: u64) {
        for (entry, bytes) in entries {
            assert!(
                self.last.as_ref().is_none_or(|last| last.index() + 1 == entry.log_id.index()),
                "append checks that entries are contiguous"
            );
            self.last = Some(entry.log_id);
            self.sizes.push(entry.log_id.index(), bytes as u64);
            let cached = Cached { entry, bytes, sequence };
            self.tail_bytes += cached.weight();
            self.tail.push_back(cached);
        }
        self.shrink_tail();
    }

    /// Forgets the entries after `keep`; what was purged stays so.
    pub(super) fn truncate(&mut self, keep: Option<LogId>) {
        let to = next_index(keep.as_ref());
        while self.tail.back().is_some_and(|cached| cached.entry.log_id.index() >= to) {
            let cached = self.tail.pop_back().expect("the tail has a last entry");
            self.tail_bytes -= cached.weight();
        }
        self.sizes.truncate(to);
        self.last = keep.max(self.purged);
    }

    /// Forgets the entries up to `upto`.
    pub(super) fn purge(&mut self, upto: LogId) {
        while self.tail.front().is_some_and(|cached| cached.entry.log_id.index() <= upto.index()) {
            self.pop_front();
        }
        self.sizes.purge(upto.index());
        self.purged = Some(upto);
        if next_index(self.last.as_ref()) <= upto.index() {
            self.last = Some(upto);
        }
    }

    /// Everything up to this operation is on disk, so that the tail may shrink to its limit.
    pub(super) fn set_durable(&mut self, sequence: u64) {
        self.durable = self.durable.max(sequence);
        self.shrink_tail();
    }

    /// Copies entries of the tail, at least one if there is one, up to about `bytes_max`.
    pub(super) fn copy_tail(&self, range: Range<u64>, bytes_max: usize) -> Vec<Entry> {
        let skip = usize::try_from(range.start.saturating_sub(self.tail_first())).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let mut entries = Vec::new();
        for cached in self.tail.iter().skip(skip) {
            bytes += cached.bytes;
            if cached.entry.log_id.index() >= range.end || (bytes > bytes_max && !entries.is_empty()) {
                break;
            }
            entries.push(cached.entry.clone());
        }
        entries
    }

    fn shrink_tail(&mut self) {
        while self.tail_bytes > self.tail_bytes_max
            && self.tail.front().is_some_and(|cached| cached.sequence <= self.durable)
        {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(cached) = self.tail.pop_front() {
            self.tail_bytes -= cached.weight();
        }
    }
}
