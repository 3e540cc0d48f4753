//! The read-only view of the state that apply and queries work on, and the view in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::{Key, KeyRange, LogIndex, Row};

/// A consistent state at one log index.
pub trait View {
    /// The row under a key.
    ///
    /// # Errors
    /// [`ViewError`] if the store cannot answer. The caller gives up; in apply the node stops.
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError>;

    /// Visits the rows of a range in key order (or against it) until `visit` breaks.
    ///
    /// # Errors
    /// As [`View::get`].
    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError>;

    /// Visits the contents that have all of these terms, each by the entry that brought it, oldest first, from behind
    /// `after` on, until `visit` breaks. A content that lacks some of them may be visited, too, with `false`, so that whoever
    /// looks can bound the work.
    ///
    /// A store with an index of its own answers from that. It must say what this says, which reads everything.
    ///
    /// # Errors
    /// As [`View::get`].
    fn scan_terms(
        &self,
        terms: &[String],
        after: Option<LogIndex>,
        visit: &mut dyn FnMut(LogIndex, bool) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        let range = after.map_or_else(KeyRange::terms, |after| KeyRange::terms().after(&Key::Terms(after)));
        self.scan(&range, &mut |key, row| match (key, row) {
            (Key::Terms(since), Row::Terms(row)) => visit(since, terms.iter().all(|term| row.terms.has(term))),
            _ => ControlFlow::Continue(()),
        })
    }
}

/// The store below a view failed, or holds what it cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the state: {0}")]
pub struct ViewError(pub String);

impl ViewError {
    /// The row under `key` is of another kind than the key says.
    pub fn wrong_row(key: &Key) -> Self {
        Self(format!("the row under {key:?} is of another kind"))
    }
}

/// One row to be written (`Some`) or removed (`None`).
pub type Change = (Key, Option<Row>);

/// The state in memory, for tests and simulation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryView {
    rows: BTreeMap<Vec<u8>, (Key, Row)>,
}

impl MemoryView {
    /// Writes the changes of one entry.
    pub fn write(&mut self, changes: &[Change]) {
        for (key, row) in changes {
            match row {
                Some(row) => self.rows.insert(key.encode(), (key.clone(), row.clone())),
                None => self.rows.remove(&key.encode()),
            };
        }
    }

    /// All rows in key order.
    pub fn rows(&self) -> impl Iterator<Item = &(Key, Row)> {
        self.rows.values()
    }
}

impl View for MemoryView {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        Ok(self.rows.get(&key.encode()).map(|(_, row)| row.clone()))
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        if range.start >= range.end {
            return Ok(());
        }
        let mut rows = self.rows.range(range.start.clone()..range.end.clone());
        while let Some((_, (key, row))) = if range.reverse { rows.next_back() } else { rows.next() } {
            if visit(key.clone(), row.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
