//! The object that a group of processes works on, and when a fresh one follows: the search of a checker has to stay small.

use std::sync::atomic::{AtomicU32, Ordering};

use super::names::{self, Owner};

/// Writes of unknown outcome on one object before a fresh one follows: each doubles what the search has to try.
const UNKNOWN_MAX: u32 = 4;

/// Gives one object after the other.
#[derive(Debug)]
pub(crate) struct Rotation {
    owner: Owner,
    group: u32,
    seed: u64,
    ops_max: u32,
    ops: AtomicU32,
    unknown: AtomicU32,
}

/// The object that the next operation is on.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) object: String,
    pub(crate) number: u64,
    /// Is it the first operation on this object, as far as the count of operations says?
    pub(crate) is_first: bool,
}

impl Rotation {
    /// Objects of one group of a workload. A second run on the same cluster has others.
    pub(crate) fn new(owner: Owner, group: u32, seed: u64, ops_max: u32) -> Self {
        Self { owner, group, seed, ops_max, ops: AtomicU32::new(0), unknown: AtomicU32::new(0) }
    }

    pub(crate) fn next_assignment(&self) -> Assignment {
        let (ops, unknown) = (self.ops.fetch_add(1, Ordering::Relaxed), self.unknown.load(Ordering::Relaxed));
        // Every change of either number gives a fresh name.
        let number = u64::from(ops / self.ops_max) * 1_000 + u64::from(unknown / UNKNOWN_MAX);
        let object = names::object_name(self.owner, self.seed, self.group, number);
        Assignment { object, number, is_first: ops.is_multiple_of(self.ops_max) }
    }

    /// A write completed without an output.
    pub(crate) fn count_unknown(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }
}
