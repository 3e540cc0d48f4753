//! Linearizability of registrations, deletions, levels and reads, subject by subject.

use super::model::Subject;
pub use super::search::SearchResult;
use super::search::{self, Model};
use crate::history::Operation;
use crate::ops::{Op, Output, SubjectOperation};

impl Model for Subject {
    type Op = Op;
    type Output = Output;

    fn step(&self, op: &Op, output: Option<&Output>) -> (bool, Self) {
        Self::step(self, *op, output)
    }
}

/// Searches resolved operations; see [`super::unknowns`].
pub fn search_subjects(history: &[SubjectOperation]) -> SearchResult {
    search::search_resolved::<Subject>(history.iter().map(|operation| Operation {
        process: operation.process,
        node: operation.node,
        object: operation.subject.clone(),
        op: operation.op,
        invoked: operation.invoked,
        returned: operation.returned,
        output: operation.output.clone(),
        attempts: operation.attempts,
    }))
}
