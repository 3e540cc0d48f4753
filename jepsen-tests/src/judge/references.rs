//! A pair of subjects, one of which refers to versions of the other, one operation after another.

use super::search::{self, Machine, Searched, Timed};
use super::unknowns::NEVER;
use crate::ops::references::{Link, Side, Tie, Tied};

const NO_SUBJECT: u32 = 40_401;
const NO_VERSION: u32 = 40_402;
const HIDDEN: u32 = 40_406;
const NOT_HIDDEN: u32 = 40_407;
const NO_REFERENCE: u32 = 42_201;
const REFERENCED: u32 = 42_206;

/// A version that is there, hidden or not.
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
    fn find(&self, version: u32) -> Option<Row> {
        self.rows.iter().find(|row| row.number == version).copied()
    }

    fn push(&mut self, refers: Option<u32>) -> Tied {
        self.last += 1;
        self.rows.push(Row { number: self.last, is_live: true, refers });
        Tied::Version { version: self.last }
    }

    fn hide(&mut self, version: u32) {
        self.rows.iter_mut().filter(|row| row.number == version).for_each(|row| row.is_live = false);
    }

    /// A subject without versions is none: it begins again.
    fn remove(&mut self, version: u32) {
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
    fn side(&self, side: Side) -> &Rows {
        match side {
            Side::Target => &self.target,
            Side::Referrer => &self.referrer,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Rows {
        match side {
            Side::Target => &mut self.target,
            Side::Referrer => &mut self.referrer,
        }
    }

    /// Schemas that refer to a version of this side; of all, or of those that are not hidden.
    fn referrers(&self, side: Side, version: u32, only_live: bool) -> usize {
        let refers = |row: &&Row| row.refers == Some(version) && (row.is_live || !only_live);
        if side == Side::Target { self.referrer.rows.iter().filter(refers).count() } else { 0 }
    }

    /// The code that it is refused with; without one it is done.
    fn refusal(&self, tie: Tie) -> Option<u32> {
        let find = |side: Side, version: u32| {
            let rows = self.side(side);
            if rows.rows.is_empty() { Err(NO_SUBJECT) } else { rows.find(version).ok_or(NO_VERSION) }
        };
        match tie {
            Tie::Define { .. } => None,
            Tie::Refer { version, .. } => {
                let is_there = self.target.find(version).is_some_and(|row| row.is_live);
                (!is_there).then_some(NO_REFERENCE)
            }
            Tie::Hide { side, version } => match find(side, version) {
                Err(code) => Some(code),
                Ok(row) if !row.is_live => Some(HIDDEN),
                Ok(_) => (self.referrers(side, version, true) > 0).then_some(REFERENCED),
            },
            Tie::Drop { side, version } => match find(side, version) {
                Err(code) => Some(code),
                Ok(row) if row.is_live => Some(NOT_HIDDEN),
                Ok(_) => (self.referrers(side, version, false) > 0).then_some(REFERENCED),
            },
            // Who refers to a hidden version may be asked, too.
            Tie::Count { version } => find(Side::Target, version).err(),
        }
    }

    fn after(&self, tie: Tie) -> (Tied, Self) {
        let mut after = self.clone();
        let tied = match tie {
            Tie::Define { .. } => after.target.push(None),
            Tie::Refer { version, .. } => after.referrer.push(Some(version)),
            Tie::Hide { side, version } => {
                after.side_mut(side).hide(version);
                Tied::Done
            }
            Tie::Drop { side, version } => {
                after.side_mut(side).remove(version);
                Tied::Done
            }
            Tie::Count { version } => Tied::Count(self.referrers(Side::Target, version, true)),
        };
        (tied, after)
    }
}

impl Machine for Pair {
    type Op = Tie;
    type Told = Tied;

    fn step(&self, tie: &Tie, told: Option<&Tied>) -> (bool, Self) {
        match (self.refusal(*tie), told) {
            (Some(code), Some(Tied::Refused { code: found })) => (code == *found, self.clone()),
            (Some(_), told) => (told.is_none(), self.clone()),
            (None, told) => {
                let (expected, after) = self.after(*tie);
                (told.is_none_or(|told| *told == expected), after)
            }
        }
    }
}

/// Judges all operations, pair by pair. What has no known outcome counts as possible for ever.
pub fn search(history: &[Link]) -> Searched {
    search::search(history.iter().map(|link| {
        let timed = Timed::<Pair> {
            process: link.process,
            node: link.node,
            invoked: link.invoked,
            returned: if link.told.is_some() { link.returned } else { NEVER },
            op: link.tie,
            told: link.told.clone(),
            is_write: link.tie.is_write(),
        };
        (link.pair.as_str(), timed)
    }))
}

/// References that were made, and deletions that were refused because of one: without either the workload did nothing.
pub fn liveliness(history: &[Link]) -> (usize, usize) {
    let made = |link: &&Link| matches!((link.tie, &link.told), (Tie::Refer { .. }, Some(Tied::Version { .. })));
    let kept = |link: &&Link| link.told == Some(Tied::Refused { code: REFERENCED });
    (history.iter().filter(made).count(), history.iter().filter(kept).count())
}
