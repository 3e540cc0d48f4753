//! The model of a pair of subjects, one of which refers to versions of the other.

use super::search::{self, Model, SearchResult};
use crate::ops::references::{Op, Operation, Output, Side};

const NO_SUBJECT: u32 = 40_401;
const NO_VERSION: u32 = 40_402;
const HIDDEN: u32 = 40_406;
const NOT_HIDDEN: u32 = 40_407;
const NO_REFERENCE: u32 = 42_201;
const REFERENCED: u32 = 42_206;

/// A version that is there, soft-deleted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    number: u32,
    is_live: bool,
    /// The version of the target that it refers to.
    refers: Option<u32>,
}

/// The versions of a subject that has not been deleted for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Rows {
    rows: Vec<Row>,
    last: u32,
}

impl Rows {
    fn find_row(&self, version: u32) -> Option<Row> {
        self.rows.iter().find(|row| row.number == version).copied()
    }

    fn push_row(&mut self, refers: Option<u32>) -> Output {
        self.last += 1;
        self.rows.push(Row { number: self.last, is_live: true, refers });
        Output::Version { version: self.last }
    }

    fn hide_row(&mut self, version: u32) {
        self.rows.iter_mut().filter(|row| row.number == version).for_each(|row| row.is_live = false);
    }

    /// A subject whose last version was deleted for good begins again at version 1.
    fn remove_row(&mut self, version: u32) {
        self.rows.retain(|row| row.number != version);
        if self.rows.is_empty() {
            self.last = 0;
        }
    }
}

/// Both subjects.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pair {
    target: Rows,
    referrer: Rows,
}

impl Pair {
    fn rows_of(&self, side: Side) -> &Rows {
        match side {
            Side::Target => &self.target,
            Side::Referrer => &self.referrer,
        }
    }

    fn rows_of_mut(&mut self, side: Side) -> &mut Rows {
        match side {
            Side::Target => &mut self.target,
            Side::Referrer => &mut self.referrer,
        }
    }

    /// Schemas that refer to a version of this side; of all, or of those that are not hidden.
    fn count_referrers(&self, side: Side, version: u32, only_live: bool) -> usize {
        let refers = |row: &&Row| row.refers == Some(version) && (row.is_live || !only_live);
        if side == Side::Target { self.referrer.rows.iter().filter(refers).count() } else { 0 }
    }

    /// The code that an operation is refused with; without one it is done.
    fn refusal_code(&self, op: Op) -> Option<u32> {
        let find = |side: Side, version: u32| {
            let rows = self.rows_of(side);
            if rows.rows.is_empty() { Err(NO_SUBJECT) } else { rows.find_row(version).ok_or(NO_VERSION) }
        };
        match op {
            Op::Define { .. } => None,
            Op::Refer { version, .. } => {
                let is_there = self.target.find_row(version).is_some_and(|row| row.is_live);
                (!is_there).then_some(NO_REFERENCE)
            }
            Op::Hide { side, version } => match find(side, version) {
                Err(code) => Some(code),
                Ok(row) if !row.is_live => Some(HIDDEN),
                Ok(_) => (self.count_referrers(side, version, true) > 0).then_some(REFERENCED),
            },
            Op::Drop { side, version } => match find(side, version) {
                Err(code) => Some(code),
                Ok(row) if row.is_live => Some(NOT_HIDDEN),
                Ok(_) => (self.count_referrers(side, version, false) > 0).then_some(REFERENCED),
            },
            // The referrers of a soft-deleted version can be counted, too.
            Op::Count { version } => find(Side::Target, version).err(),
        }
    }

    fn apply_op(&self, op: Op) -> (Output, Self) {
        let mut after = self.clone();
        let output = match op {
            Op::Define { .. } => after.target.push_row(None),
            Op::Refer { version, .. } => after.referrer.push_row(Some(version)),
            Op::Hide { side, version } => {
                after.rows_of_mut(side).hide_row(version);
                Output::Done
            }
            Op::Drop { side, version } => {
                after.rows_of_mut(side).remove_row(version);
                Output::Done
            }
            Op::Count { version } => Output::Count(self.count_referrers(Side::Target, version, true)),
        };
        (output, after)
    }
}

impl Model for Pair {
    type Op = Op;
    type Output = Output;

    fn step(&self, op: &Op, output: Option<&Output>) -> (bool, Self) {
        match (self.refusal_code(*op), output) {
            (Some(code), Some(Output::Refused { code: found })) => (code == *found, self.clone()),
            (Some(_), output) => (output.is_none(), self.clone()),
            (None, output) => {
                let (expected, after) = self.apply_op(*op);
                (output.is_none_or(|output| *output == expected), after)
            }
        }
    }
}

/// Searches all operations, pair by pair.
pub fn search_references(history: &[Operation]) -> SearchResult {
    search::search_history::<Pair>(history.iter().cloned())
}

/// References that were made, and deletions that were refused because of one: without either the workload did nothing.
pub fn count_activity(history: &[Operation]) -> (usize, usize) {
    let made = |operation: &&Operation| {
        matches!((operation.op, &operation.output), (Op::Refer { .. }, Some(Output::Version { .. })))
    };
    let kept = |operation: &&Operation| operation.output == Some(Output::Refused { code: REFERENCED });
    (history.iter().filter(made).count(), history.iter().filter(kept).count())
}
