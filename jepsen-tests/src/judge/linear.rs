//! Linearizability of registrations, deletions, settings and reads, subject by subject.

use std::collections::BTreeMap;

use super::model::Subject;
pub use super::search::Searched;
use super::search::{Machine, Timed};
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
    let mut subjects: BTreeMap<&str, Vec<Timed<Subject>>> = BTreeMap::new();
    for event in events {
        subjects.entry(&event.subject).or_default().push(Timed {
            process: event.process,
            node: event.node,
            invoked: event.invoked,
            returned: event.returned,
            op: event.op,
            told: event.told.clone(),
            is_write: event.op.is_write(),
        });
    }
    let mut searched = Searched::default();
    for (subject, history) in subjects {
        searched.look(subject, &history);
    }
    searched
}
