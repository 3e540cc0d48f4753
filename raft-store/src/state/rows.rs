//! The rows of an open database, of one moment or the newest.

use std::ops::ControlFlow;

use registry::{Key, KeyRange, Row, Table, View, ViewError};
use rocksdb::{
    ColumnFamily, DB, DBIteratorWithThreadMode, DBRawIterator, Direction, IteratorMode, ReadOptions,
    SnapshotWithThreadMode,
};

use super::database::Database;
use crate::codec;

/// Reads a database: a snapshot of it, or what is newest for apply, which is the only writer.
pub(super) struct Rows<'a> {
    database: &'a Database,
    snapshot: Option<SnapshotWithThreadMode<'a, DB>>,
}

impl<'a> Rows<'a> {
    pub(super) fn snapshot_of(database: &'a Database) -> Self {
        Self { database, snapshot: Some(database.db().snapshot()) }
    }

    pub(super) fn newest_of(database: &'a Database) -> Self {
        Self { database, snapshot: None }
    }

    /// What stands beside the rows.
    pub(super) fn read_meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, rocksdb::Error> {
        match &self.snapshot {
            Some(snapshot) => snapshot.get(key),
            None => self.database.db().get(key),
        }
    }

    pub(super) fn iterate_family(
        &self,
        family: &ColumnFamily,
        options: ReadOptions,
        mode: IteratorMode<'_>,
    ) -> DBIteratorWithThreadMode<'_, DB> {
        match &self.snapshot {
            Some(snapshot) => snapshot.iterator_cf_opt(family, options, mode),
            None => self.database.db().iterator_cf_opt(family, options, mode),
        }
    }

    /// A record of a column family that holds no tables.
    pub(super) fn get_raw(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        let db = self.database.db();
        let family = db.cf_handle(family).expect("every column family is opened");
        let found = match &self.snapshot {
            Some(snapshot) => snapshot.get_cf(family, key),
            None => db.get_cf(family, key),
        };
        found.map_err(|error| ViewError(format!("get {key:02x?}: {error}")))
    }

    /// The records of a column family that holds no tables.
    pub(super) fn raw_iterator(&self, family: &str, options: ReadOptions) -> DBRawIterator<'_> {
        let db = self.database.db();
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
        let family = self.database.family_of(table);
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(range.start.clone());
        options.set_iterate_upper_bound(range.end.clone());
        let mode = if range.reverse {
            IteratorMode::From(&range.end, Direction::Reverse)
        } else {
            IteratorMode::From(&range.start, Direction::Forward)
        };
        for row in self.iterate_family(family, options, mode) {
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

impl View for Rows<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        let family = self.database.family_of(key.table());
        let bytes = key.encode();
        let found = match &self.snapshot {
            Some(snapshot) => snapshot.get_pinned_cf(family, bytes),
            None => self.database.db().get_pinned_cf(family, bytes),
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
}
