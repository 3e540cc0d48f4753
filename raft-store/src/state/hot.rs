//! Rows that are kept in memory for apply.

use std::collections::HashMap;

use registry::{Row, Table};

/// Rows kept, those included that are known not to be there. Each takes some 200 bytes.
const HOT_ROWS_MAX: usize = 8_192;

/// Rows that apply reads again and again, as they are in the database.
#[derive(Default)]
pub(super) struct HotRows(HashMap<Vec<u8>, Option<Box<Row>>>);

impl HotRows {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What is known of a row: that it is not there, too.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&Row>> {
        self.0.get(key).map(Option::as_deref)
    }

    pub(super) fn put(&mut self, key: Vec<u8>, row: Option<Row>) {
        if self.0.len() >= HOT_ROWS_MAX {
            // What is read all the time is back with the next entry.
            self.0.clear();
        }
        self.0.insert(key, row.map(Box::new));
    }
}

/// Is a table's row small, and read for many entries?
pub(super) fn is_hot(table: Table) -> bool {
    matches!(
        table,
        Table::Machine
            | Table::Context
            | Table::Subject
            | Table::Config
            | Table::Mode
            | Table::Policy
            | Table::AuditNode
    )
}
