//! The term index: from a search term to the contents that have it, in the order in which they came.
//!
//! A content has dozens of terms, and most of them are those of many others. A row for each would cost more than everything
//! else that a registration writes. So the terms of new contents are gathered in memory, and after every
//! [`CONTENTS_GATHERED`] of them each term gets one row that names all of its new contents. The state itself holds what is
//! indexed (`Key::Terms`), so nothing of this is replicated or part of the digest: what a crash took is gathered again from
//! the state, from the last row that was written on.
//!
//! | key (column family `terms`) | value |
//! |---|---|
//! | `00` | the cursor: the newest entry whose content is in rows |
//! | `01`, entry | terms of a content that is gone and whose postings are not removed yet |
//! | `02`, term, `00`, entry | a block of postings: ascending entries, the first of which is in the key |
//!
//! Blocks and cursor are written in the batch of the entries that fill them, so they are never of different moments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use parking_lot::RwLock;
use registry::{Key, KeyRange, LogIndex, Row, Terms, TermsRow, View, ViewError};
use rocksdb::{ColumnFamily, DB, DBRawIterator, ReadOptions, WriteBatch};

use super::database::{Database, TERMS};
use super::error::StateError;
use super::rows::Rows;
use crate::codec::{self, CodecError};

/// New contents that are gathered before their terms are written. A start gathers fewer than this again.
const CONTENTS_GATHERED: usize = 512;
/// Removed contents whose postings one batch removes; each changes a row for each of its terms.
const REMOVALS_PER_BATCH: usize = 2;

const CURSOR: &[u8] = &[0];
const REMOVED: u8 = 1;
const BLOCK: u8 = 2;

/// The index of one generation of the state.
#[derive(Default)]
pub(super) struct TermIndex {
    gathered: RwLock<Gathered>,
}

/// What is not in rows.
#[derive(Default)]
struct Gathered {
    /// Contents up to this entry are in rows.
    cursor: u64,
    /// Contents after it: by term, ascending.
    postings: HashMap<Box<str>, Vec<u64>>,
    contents: usize,
    /// Contents that are gone, and still have postings in rows.
    removed: BTreeSet<u64>,
}

impl Gathered {
    fn add(&mut self, since: u64, terms: &Terms) {
        for term in terms.iter() {
            match self.postings.get_mut(term) {
                Some(found) => found.push(since),
                None => drop(self.postings.insert(term.into(), vec![since])),
            }
        }
        self.contents += 1;
    }

    fn remove_content(&mut self, since: u64, terms: &Terms) {
        for term in terms.iter() {
            let Some(found) = self.postings.get_mut(term) else { continue };
            found.retain(|posting| *posting != since);
            if found.is_empty() {
                self.postings.remove(term);
            }
        }
        self.contents = self.contents.saturating_sub(1);
    }
}

/// What a batch does to the index.
#[derive(Default)]
pub(super) struct TermChanges {
    /// In the order of the entries: a content that came, or one that went.
    changes: Vec<(u64, Terms, bool)>,
}

impl TermChanges {
    pub(super) fn note_added(&mut self, since: LogIndex, row: &TermsRow) {
        self.changes.push((since.0, row.terms.clone(), true));
    }

    pub(super) fn note_removed(&mut self, since: LogIndex, row: TermsRow) {
        self.changes.push((since.0, row.terms, false));
    }
}

/// What has to be done in memory once the batch is written.
#[derive(Default)]
pub(super) struct Written {
    cursor: Option<u64>,
    cleaned: Vec<u64>,
}

fn block_key(term: &str, first: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(term.len() + 10);
    key.push(BLOCK);
    key.extend_from_slice(term.as_bytes());
    key.push(0);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

fn removed_key(since: u64) -> Vec<u8> {
    let mut key = vec![REMOVED];
    key.extend_from_slice(&since.to_be_bytes());
    key
}

fn terms_family(db: &DB) -> &ColumnFamily {
    db.cf_handle(TERMS).expect("every column family is opened")
}

fn damaged_error(error: &CodecError) -> StateError {
    StateError::damaged_record("of the term index", error)
}

impl TermIndex {
    /// The index of an opened database. What is not in its rows is gathered from the state.
    pub(super) fn open(database: &Database) -> Result<Self, StateError> {
        let db = database.db();
        let cursor = db.get_cf(terms_family(db), CURSOR).map_err(|source| database.database_error("read", source))?;
        let cursor =
            cursor.map(|bytes| codec::decode_postings(&bytes)).transpose().map_err(|error| damaged_error(&error))?;
        let mut gathered =
            Gathered { cursor: cursor.and_then(|found| found.last().copied()).unwrap_or(0), ..Gathered::default() };
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound([REMOVED]);
        options.set_iterate_upper_bound([BLOCK]);
        let mut rows = db.raw_iterator_cf_opt(terms_family(db), options);
        rows.seek_to_first();
        while let Some(key) = rows.key() {
            gathered.removed.extend(key.get(1..).and_then(|since| since.try_into().ok()).map(u64::from_be_bytes));
            rows.next();
        }
        rows.status().map_err(|source| database.database_error("scan", source))?;
        let view = Rows::newest_of(database);
        let rest = KeyRange::terms().after(&Key::Terms(LogIndex(gathered.cursor)));
        view.scan(&rest, &mut |key, row| {
            if let (Key::Terms(since), Row::Terms(row)) = (key, row) {
                gathered.add(since.0, &row.terms);
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self { gathered: RwLock::new(gathered) })
    }

    /// Puts what a batch of entries does to the index into their write batch. Readers may see contents of it already that
    /// the state does not show yet.
    pub(super) fn put(
        &self,
        database: &Database,
        changes: TermChanges,
        batch: &mut WriteBatch,
    ) -> Result<Written, StateError> {
        let db = database.db();
        let mut written = Written { cursor: None, cleaned: self.clean_some(database, batch)? };
        if changes.changes.is_empty() {
            return Ok(written);
        }
        let mut gathered = self.gathered.write();
        let mut newest = 0;
        for (since, terms, is_added) in changes.changes {
            newest = newest.max(since);
            if is_added {
                gathered.add(since, &terms);
            } else if since > gathered.cursor {
                gathered.remove_content(since, &terms);
            } else {
                let row = Row::Terms(TermsRow { guid: schema::Guid([0; 16]), format: schema::Format::Avro, terms });
                batch.put_cf(terms_family(db), removed_key(since), codec::encode_row(&row));
                gathered.removed.insert(since);
            }
        }
        if gathered.contents >= CONTENTS_GATHERED {
            let mut terms: Vec<_> = gathered.postings.iter().collect();
            terms.sort_unstable();
            let mut cursor = gathered.cursor;
            for (term, since) in terms {
                let (Some(first), Some(last)) = (since.first(), since.last()) else { continue };
                cursor = cursor.max(*last);
                batch.put_cf(terms_family(db), block_key(term, *first), codec::encode_postings(since));
            }
            batch.put_cf(terms_family(db), CURSOR, codec::encode_postings(&[cursor.max(newest)]));
            written.cursor = Some(cursor.max(newest));
        }
        Ok(written)
    }

    /// Contents and postings that are in memory only.
    pub(super) fn gathered_counts(&self) -> (u64, u64) {
        let gathered = self.gathered.read();
        (gathered.contents as u64, gathered.postings.values().map(|found| found.len() as u64).sum())
    }

    /// The batch is written.
    pub(super) fn note_written(&self, written: Written) {
        if written.cursor.is_none() && written.cleaned.is_empty() {
            return;
        }
        let mut gathered = self.gathered.write();
        if let Some(cursor) = written.cursor {
            gathered.cursor = cursor;
            gathered.postings.clear();
            gathered.contents = 0;
        }
        for since in written.cleaned {
            gathered.removed.remove(&since);
        }
    }

    /// Removes the postings of a few contents that are gone.
    fn clean_some(&self, database: &Database, batch: &mut WriteBatch) -> Result<Vec<u64>, StateError> {
        let removed: Vec<u64> = self.gathered.read().removed.iter().take(REMOVALS_PER_BATCH).copied().collect();
        let db = database.db();
        let mut blocks: BTreeMap<Vec<u8>, Vec<u64>> = BTreeMap::new();
        for since in &removed {
            let row = db
                .get_cf(terms_family(db), removed_key(*since))
                .map_err(|source| database.database_error("read", source))?;
            // Another place in the same batch may have put it there: the next batch sees it.
            let Some(row) = row else { continue };
            let row = codec::decode_row(&Key::Terms(LogIndex(*since)), &row).map_err(|error| damaged_error(&error))?;
            let Row::Terms(row) = row else { continue };
            for term in row.terms.iter() {
                let mut found = db.raw_iterator_cf(terms_family(db));
                found.seek_for_prev(block_key(term, *since));
                let Some(key) = found.key().filter(|key| key.starts_with(&block_key(term, 0)[..term.len() + 2])) else {
                    continue;
                };
                let block = match blocks.get_mut(key) {
                    Some(block) => block,
                    None => {
                        let bytes = found.value().unwrap_or_default();
                        let block = codec::decode_postings(bytes).map_err(|error| damaged_error(&error))?;
                        blocks.entry(key.to_vec()).or_insert(block)
                    }
                };
                block.retain(|posting| posting != since);
            }
            batch.delete_cf(terms_family(db), removed_key(*since));
        }
        for (key, block) in blocks {
            if block.is_empty() {
                batch.delete_cf(terms_family(db), key);
            } else {
                batch.put_cf(terms_family(db), key, codec::encode_postings(&block));
            }
        }
        Ok(removed)
    }

    /// Visits the contents that have all of these terms; see [`View::scan_terms`].
    pub(super) fn scan(
        &self,
        view: &Rows<'_>,
        terms: &[String],
        after: Option<LogIndex>,
        visit: &mut dyn FnMut(LogIndex, bool) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        // The view's own cursor says what is in the rows that it sees; memory may be ahead of it, or behind.
        let cursor = match view.get_raw(TERMS, CURSOR)? {
            Some(bytes) => view_error(codec::decode_postings(&bytes))?.last().copied().unwrap_or(0),
            None => 0,
        };
        let mut newer = vec![Vec::new(); terms.len()];
        let (gap_end, removed) = {
            let gathered = self.gathered.read();
            for (term, newer) in terms.iter().zip(&mut newer) {
                let found = gathered.postings.get(term.as_str()).map(Vec::as_slice).unwrap_or_default();
                newer.extend_from_slice(&found[found.partition_point(|since| *since <= cursor)..]);
            }
            (gathered.cursor, gathered.removed.clone())
        };
        if gap_end > cursor {
            // Rows were written since the view was taken: it has what they were made of.
            let gap = KeyRange::terms().after(&Key::Terms(LogIndex(cursor)));
            let mut between = vec![Vec::new(); terms.len()];
            view.scan(&gap, &mut |key, row| match (key, row) {
                (Key::Terms(since), Row::Terms(row)) if since.0 <= gap_end => {
                    for (term, between) in terms.iter().zip(&mut between) {
                        if row.terms.has(term) {
                            between.push(since.0);
                        }
                    }
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            })?;
            for (newer, mut between) in newer.iter_mut().zip(between) {
                between.append(newer);
                *newer = between;
            }
        }
        let mut walks: Vec<_> =
            terms.iter().zip(newer).map(|(term, newer)| Walk::new(view, term, cursor, newer)).collect();
        let Some((first, others)) = walks.split_first_mut() else { return Ok(()) };
        let mut from = after.map_or(0, |after| after.0.saturating_add(1));
        while let Some(since) = first.seek(from)? {
            from = since.saturating_add(1);
            let mut has_all = true;
            for other in &mut *others {
                match other.seek(since)? {
                    None => return Ok(()),
                    Some(found) if found == since => {}
                    Some(found) => {
                        // Nothing before that has all of them.
                        (has_all, from) = (false, found);
                        break;
                    }
                }
            }
            if !removed.contains(&since) && visit(LogIndex(since), has_all).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn view_error<T>(decoded: Result<T, CodecError>) -> Result<T, ViewError> {
    decoded.map_err(|error| ViewError(format!("the term index: {error}")))
}

/// The postings of a term, ascending.
struct Walk<'a> {
    rows: DBRawIterator<'a>,
    /// All keys of its blocks begin with this.
    prefix: Vec<u8>,
    /// The block at hand; empty before the first.
    block: Vec<u64>,
    /// Contents that are not in rows as the view sees them.
    newer: Vec<u64>,
    cursor: u64,
    rows_ended: bool,
}

impl<'a> Walk<'a> {
    fn new(view: &'a Rows<'_>, term: &str, cursor: u64, newer: Vec<u64>) -> Self {
        let mut prefix = block_key(term, 0);
        prefix.truncate(term.len() + 2);
        let mut end = prefix.clone();
        // The prefix ends in a zero byte.
        *end.last_mut().expect("the prefix is not empty") = 1;
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(prefix.clone());
        options.set_iterate_upper_bound(end);
        let rows = view.raw_iterator(TERMS, options);
        Self { rows, prefix, block: Vec::new(), newer, cursor, rows_ended: false }
    }

    /// The first posting from `from` on. Calls ascend.
    fn seek(&mut self, from: u64) -> Result<Option<u64>, ViewError> {
        while !self.rows_ended && from <= self.cursor {
            if let Some(found) = self.block.get(self.block.partition_point(|since| *since < from)) {
                return Ok(Some(*found));
            }
            self.next_block(from)?;
        }
        Ok(self.newer.get(self.newer.partition_point(|since| *since < from)).copied())
    }

    /// The next block, or the one that may hold `from` if that is further.
    fn next_block(&mut self, from: u64) -> Result<(), ViewError> {
        let was_empty = self.block.is_empty();
        if !was_empty {
            self.rows.next();
            if self.load_block()? && self.block.last().is_some_and(|last| *last >= from) {
                return Ok(());
            }
        }
        let mut key = self.prefix.clone();
        key.extend_from_slice(&from.to_be_bytes());
        self.rows.seek_for_prev(&key);
        if !self.rows.valid() {
            self.rows.seek_to_first();
        }
        if self.load_block()? && self.block.last().is_some_and(|last| *last < from) {
            self.rows.next();
            self.load_block()?;
        }
        Ok(())
    }

    fn load_block(&mut self) -> Result<bool, ViewError> {
        self.block.clear();
        match self.rows.value() {
            Some(bytes) => self.block = view_error(codec::decode_postings(bytes))?,
            None => self.rows_ended = true,
        }
        self.rows.status().map_err(|error| ViewError(format!("scan the term index: {error}")))?;
        Ok(!self.rows_ended)
    }
}
