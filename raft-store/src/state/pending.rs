//! Several entries on their way into one write batch: each reads what those before it have changed.
//!
//! Apply reads the same few rows for every entry (the machine's own, contexts, settings of wide scopes, settings that are not
//! there). It is the only writer, so what it has read once stays true until it writes it: [`HotRows`] keeps those.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use parking_lot::MutexGuard;
use registry::{Change, Key, KeyRange, LogIndex, Row, View, ViewError};
use rocksdb::WriteBatch;

use super::error::StateError;
use super::generation::Generation;
use super::hot::{HotRows, is_hot};
use super::terms::{TermChanges, Written};
use super::view::StateView;

/// The state with the changes of the entries so far.
pub(super) struct Pending<'a> {
    generation: &'a Generation,
    below: StateView<'a>,
    /// Boxed: a row is large, and a tree moves its entries.
    changed: BTreeMap<Vec<u8>, Box<(Key, Option<Row>)>>,
    hot: RefCell<MutexGuard<'a, HotRows>>,
    terms: TermChanges,
}

impl<'a> Pending<'a> {
    pub(super) fn new(generation: &'a Generation) -> Self {
        let below = StateView::newest_of(generation, LogIndex(0));
        let hot = RefCell::new(generation.hot.lock());
        Self { generation, below, changed: BTreeMap::new(), hot, terms: TermChanges::default() }
    }

    /// Adds the changes of an entry; later ones win.
    pub(super) fn add(&mut self, changes: Vec<Change>) -> Result<(), ViewError> {
        for (key, row) in changes {
            assert!(
                row.as_ref().is_none_or(|row| row.kind() == key.table().row()),
                "the row under {key:?} is of its kind"
            );
            if let Key::Terms(since) = key {
                match &row {
                    Some(Row::Terms(row)) => self.terms.note_added(since, row),
                    Some(_) => return Err(ViewError::wrong_row(&key)),
                    None => {
                        if let Some(Row::Terms(row)) = self.get(&key)? {
                            self.terms.note_removed(since, row);
                        }
                    }
                }
            }
            self.changed.insert(key.encode(), Box::new((key, row)));
        }
        Ok(())
    }

    /// Puts everything into a batch. Afterwards, [`Finished::note_written`] must be told that it was written.
    pub(super) fn finish(self, batch: &mut WriteBatch) -> Result<Finished<'a>, StateError> {
        let Self { generation, below: _, changed, hot, terms } = self;
        for (bytes, changed) in &changed {
            let (key, row) = &**changed;
            generation.database.put_row(batch, key.table(), bytes, row.as_ref());
        }
        let terms = generation.terms.put(&generation.database, terms, batch)?;
        Ok(Finished { generation, changed, hot: hot.into_inner(), terms })
    }
}

/// What is in a batch and has to be remembered once it is written.
pub(super) struct Finished<'a> {
    generation: &'a Generation,
    changed: BTreeMap<Vec<u8>, Box<(Key, Option<Row>)>>,
    hot: MutexGuard<'a, HotRows>,
    terms: Written,
}

impl Finished<'_> {
    pub(super) fn note_written(mut self) {
        for (bytes, changed) in self.changed {
            let (key, row) = *changed;
            if is_hot(key.table()) {
                self.hot.put(bytes, row);
            }
        }
        self.generation.terms.note_written(self.terms);
    }
}

impl View for Pending<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        let bytes = key.encode();
        if let Some(changed) = self.changed.get(&bytes) {
            return Ok(changed.1.clone());
        }
        if !is_hot(key.table()) {
            return self.below.get(key);
        }
        if let Some(row) = self.hot.borrow().get(&bytes) {
            return Ok(row.cloned());
        }
        let row = self.below.get(key)?;
        self.hot.borrow_mut().put(bytes, row.clone());
        Ok(row)
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        if range.start >= range.end {
            return Ok(());
        }
        let bounds = (Bound::Included(range.start.clone()), Bound::Excluded(range.end.clone()));
        let mut changed: Vec<_> = self.changed.range::<Vec<u8>, _>(bounds).collect();
        if changed.is_empty() {
            return self.below.scan(range, visit);
        }
        // The next one is at the end.
        if !range.reverse {
            changed.reverse();
        }
        let mut ended = false;
        self.below.scan(range, &mut |key, row| {
            let bytes = key.encode();
            while let Some((next, (changed_key, changed_row))) =
                changed.last().map(|(next, changed)| (next, &***changed))
            {
                let is_before = if range.reverse { **next > bytes } else { **next < bytes };
                if !is_before && **next != bytes {
                    break;
                }
                let is_same = **next == bytes;
                let visited = changed_row.as_ref().map(|row| visit(changed_key.clone(), row.clone()));
                changed.pop();
                if visited.is_some_and(|visited| visited.is_break()) {
                    ended = true;
                    return ControlFlow::Break(());
                }
                if is_same {
                    return ControlFlow::Continue(());
                }
            }
            let visited = visit(key, row);
            ended = visited.is_break();
            visited
        })?;
        while let (false, Some((_, changed))) = (ended, changed.pop()) {
            let (key, row) = &**changed;
            ended = row.as_ref().is_some_and(|row| visit(key.clone(), row.clone()).is_break());
        }
        Ok(())
    }
}
