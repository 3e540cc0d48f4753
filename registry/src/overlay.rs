//! A view with changes on top that are not written yet, for an entry whose later steps must see its earlier ones.
//!
//! Never here: a decision. It shows the rows as they will be when the entry's changes are written.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::{Change, Key, KeyRange, Row, View, ViewError};

/// A view and the changes over it.
pub(crate) struct Overlay<'a, V> {
    below: &'a V,
    changed: BTreeMap<Vec<u8>, (Key, Option<Row>)>,
}

impl<'a, V: View> Overlay<'a, V> {
    pub(crate) fn new(below: &'a V) -> Self {
        Self { below, changed: BTreeMap::new() }
    }

    /// Puts changes on top; later ones win.
    pub(crate) fn add(&mut self, changes: &[Change]) {
        for (key, row) in changes {
            self.changed.insert(key.encode(), (key.clone(), row.clone()));
        }
    }
}

impl<V: View> View for Overlay<'_, V> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        match self.changed.get(&key.encode()) {
            Some((_, row)) => Ok(row.clone()),
            None => self.below.get(key),
        }
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        let mut merged = BTreeMap::new();
        self.below.scan(range, &mut |key, row| {
            merged.insert(key.encode(), (key, row));
            ControlFlow::Continue(())
        })?;
        for (bytes, (key, row)) in self.changed.range(range.start.clone()..range.end.clone()) {
            match row {
                Some(row) => drop(merged.insert(bytes.clone(), (key.clone(), row.clone()))),
                None => drop(merged.remove(bytes)),
            }
        }
        let mut rows = merged.into_values();
        while let Some((key, row)) = if range.reverse { rows.next_back() } else { rows.next() } {
            if visit(key, row).is_break() {
                break;
            }
        }
        Ok(())
    }
}
