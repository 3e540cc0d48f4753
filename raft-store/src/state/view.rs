//! The state in RocksDB as the registry sees it.

use std::ops::ControlFlow;

use registry::{Key, KeyRange, LogIndex, Row, View, ViewError};
use rocksdb::{ColumnFamily, DB, DBIteratorWithThreadMode, IteratorMode, ReadOptions};

use super::generation::Generation;
use super::rows::Rows;

/// A consistent state: a snapshot for readers, or the newest state for apply, which is the only writer.
pub struct StateView<'a> {
    generation: &'a Generation,
    rows: Rows<'a>,
    applied: LogIndex,
}

impl<'a> StateView<'a> {
    pub(super) fn snapshot_of(generation: &'a Generation, applied: LogIndex) -> Self {
        Self { generation, rows: Rows::snapshot_of(&generation.database), applied }
    }

    pub(super) fn newest_of(generation: &'a Generation, applied: LogIndex) -> Self {
        Self { generation, rows: Rows::newest_of(&generation.database), applied }
    }

    /// The index up to which entries are applied in this view, at least.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    /// The same state, of which the index is known exactly.
    pub(super) fn exactly_at(self, applied: LogIndex) -> Self {
        Self { applied, ..self }
    }

    /// What stands beside the rows.
    pub(super) fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, rocksdb::Error> {
        self.rows.read_meta(key)
    }

    pub(super) fn iterate(
        &self,
        family: &ColumnFamily,
        options: ReadOptions,
        mode: IteratorMode<'_>,
    ) -> DBIteratorWithThreadMode<'_, DB> {
        self.rows.iterate_family(family, options, mode)
    }
}

impl View for StateView<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        self.rows.get(key)
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        self.rows.scan(range, visit)
    }

    fn scan_terms(
        &self,
        terms: &[String],
        after: Option<LogIndex>,
        visit: &mut dyn FnMut(LogIndex, bool) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        self.generation.terms.scan(&self.rows, terms, after, visit)
    }
}
