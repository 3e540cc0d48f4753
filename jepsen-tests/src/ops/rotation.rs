//! The object that a group of clients works on, and when a fresh one follows: a search has to stay small.

use std::sync::atomic::{AtomicU32, Ordering};

/// Writes without outcome on one object before a fresh one follows: each doubles what the search has to try.
const UNKNOWN_MAX: u32 = 4;

/// Gives one object after the other.
#[derive(Debug)]
pub(crate) struct Rotation {
    name: String,
    ops_max: u32,
    ops: AtomicU32,
    unknown: AtomicU32,
}

/// What the next operation is on.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) object: String,
    pub(crate) number: u64,
    /// Has the group done as many operations as one object may have?
    pub(crate) is_fresh: bool,
}

impl Rotation {
    /// Objects of one group, named after its kind, its number and the run: a second crowd on the same cluster has others.
    pub(crate) fn new(letter: char, number: u32, seed: u64, ops_max: u32) -> Self {
        let name = format!("{letter}-{}-{number}", seed % 1_000_000);
        Self { name, ops_max, ops: AtomicU32::new(0), unknown: AtomicU32::new(0) }
    }

    pub(crate) fn turn(&self) -> Turn {
        let (ops, unknown) = (self.ops.fetch_add(1, Ordering::Relaxed), self.unknown.load(Ordering::Relaxed));
        // Every change of either number gives a fresh name.
        let number = u64::from(ops / self.ops_max) * 1_000 + u64::from(unknown / UNKNOWN_MAX);
        Turn { object: format!("{}-{number}-x", self.name), number, is_fresh: ops.is_multiple_of(self.ops_max) }
    }

    /// A write stayed without outcome.
    pub(crate) fn count_unknown(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }
}
