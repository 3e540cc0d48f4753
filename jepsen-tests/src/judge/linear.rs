//! Linearizability of registrations, deletions, settings and reads, subject by subject.

use super::model::Subject;
pub use super::search::Searched;
use super::search::{self, Machine, Timed};
use crate::ops::{Event, Op, Told};

impl Machine for Subject {
    type Op = Op;
    type Told = Told;

    fn step(&self, op: &Op, told: Option<&Told>) -> (bool, Self) {
        Self::step(self, *op, told)
    }
}

/// Judges resolved events; see [`super::unknowns`].
pub fn search(events: &[Event]) -> Searched {
    search::search(events.iter().map(|event| {
        let timed = Timed::<Subject> {
            process: event.process,
            node: event.node,
            invoked: event.invoked,
            returned: event.returned,
            op: event.op,
            told: event.told.clone(),
            is_write: event.op.is_write(),
        };
        (event.subject.as_str(), timed)
    }))
}
