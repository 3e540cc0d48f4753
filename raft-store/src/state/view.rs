//! The state in RocksDB as the registry sees it.

use std::ops::ControlFlow;

use registry::{Key, KeyRange, LogIndex, Row, Table, View, ViewError};
use rocksdb::{
    ColumnFamily, DB, DBIteratorWithThreadMode, DBRawIterator, Direction, IteratorMode, ReadOptions,
    SnapshotWithThreadMode,
};

use super::generation::Generation;
use crate::codec;

/// A consistent state: a snapshot for readers, or the newest state for apply, which is the only writer.
pub struct StateView<'a> {
    generation: &'a Generation,
    snapshot: Option<SnapshotWithThreadMode<'a, DB>>,
    applied: LogIndex,
}

impl<'a> StateView<'a> {
    pub(super) fn snapshot_of(generation: &'a Generation, applied: LogIndex) -> Self {
        Self { generation, snapshot: Some(generation.db().snapshot()), applied }
    }

    pub(super) fn newest_of(generation: &'a Generation, applied: LogIndex) -> Self {
        Self { generation, snapshot: None, applied }
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
        match &self.snapshot {
            Some(snapshot) => snapshot.get(key),
            None => self.generation.db().get(key),
        }
    }

    pub(super) fn iterate(
        &self,
        family: &ColumnFamily,
        options: ReadOptions,
        mode: IteratorMode<'_>,
    ) -> DBIteratorWithThreadMode<'_, DB> {
        match &self.snapshot {
            Some(snapshot) => snapshot.iterator_cf_opt(family, options, mode),
            None => self.generation.db().iterator_cf_opt(family, options, mode),
        }
    }

    /// A record of a column family that holds no tables.
    pub(super) fn get_raw(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let db = self.generation.db();
        let family = db.cf_handle(family).expect("every column family is opened");
        let found = match &self.snapshot {
            Some(snapshot) => snapshot.get_cf(family, key),
            None => db.get_cf(family, key),
        };
        found.map_err(|error| ViewError(format!("get {key:02x?}: {error}")))
    }

    /// The records of a column family that holds no tables.
    pub(super) fn raw_iterator(&self, family: &str, options: ReadOptions) -> DBRawIterator<'_> {
        let db = self.generation.db();
        let family = db.cf_handle(family).expect("every column family is opened");
        match &self.snapshot {
            Some(snapshot) => snapshot.raw_iterator_cf_opt(family, options),
            None => db.raw_iterator_cf_opt(family, options),
        }
    }

    fn scan_table(
        &self,
        table: Table,
        range: &KeyRange,
        visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ViewError> {
        let family = self.generation.family(table);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(range.start.clone());
        options.set_iterate_upper_bound(range.end.clone());
        let mode = if range.reverse {
            IteratorMode::From(&range.end, Direction::Reverse)
        } else {
            IteratorMode::From(&range.start, Direction::Forward)
        };
        for row in self.iterate(family, options, mode) {
            let (key, value) = row.map_err(|error| ViewError(format!("scan {table:?}: {error}")))?;
            let key = Key::decode(&key).ok_or_else(|| ViewError(format!("{table:?} holds the key {key:02x?}")))?;
            let row = codec::decode_row(&key, &value).map_err(|error| ViewError(format!("row {key:?}: {error}")))?;
            if visit(key, row).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl View for StateView<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        let family = self.generation.family(key.table());
        let bytes = key.encode();
        let found = match &self.snapshot {
            Some(snapshot) => snapshot.get_pinned_cf(family, bytes),
            None => self.generation.db().get_pinned_cf(family, bytes),
        };
        let found = found.map_err(|error| ViewError(format!("get {key:?}: {error}")))?;
        found
            .map(|bytes| codec::decode_row(key, &bytes).map_err(|error| ViewError(format!("row {key:?}: {error}"))))
            .transpose()
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        if range.start >= range.end {
            return Ok(());
        }
        let mut tables: Vec<_> = Table::ALL
            .iter()
            .copied()
            .filter(|table| {
                let byte = *table as u8;
                range.start.first().is_none_or(|first| *first <= byte) && range.end.as_slice() > [byte].as_slice()
            })
            .collect();
        if range.reverse {
            tables.reverse();
        }
        for table in tables {
            let byte = table as u8;
            let part = KeyRange {
                start: range.start.clone().max(vec![byte]),
                end: range.end.clone().min(vec![byte + 1]),
                reverse: range.reverse,
            };
            if self.scan_table(table, &part, visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_terms(
        &self,
        terms: &[String],
        after: Option<LogIndex>,
        visit: &mut dyn FnMut(LogIndex, bool) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        self.generation.terms.scan(self, terms, after, visit)
    }
}
