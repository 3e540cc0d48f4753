//! The checks that a log must pass before a node may vote with it.
//!
//! Nothing is repaired here. A log that lost something keeps its node out: it may have promised what it forgot.

use bytes::Bytes;
use rocksdb::{DB, WriteBatch, WriteOptions};

use super::config::{BOOT_ENTRIES_CHECKED, LogConfig};
use super::db::{self, META_COMMITTED, META_PURGED, META_STORE, META_VOTE};
use super::error::OpenError;
use super::mark;
use super::positions::next_index;
use super::sizes::Sizes;
use crate::codec::{CodecError, Mark, decode_entry, decode_log_id, decode_mark, decode_vote, encode_mark};
use crate::types::{LogId, Vote};

/// A log as it was found.
pub(super) struct Found {
    pub(super) vote: Option<Vote>,
    pub(super) purged: Option<LogId>,
    pub(super) last: Option<LogId>,
    pub(super) committed: Option<LogId>,
    pub(super) sizes: Sizes,
    /// The mark as it is on disk after the checks.
    pub(super) mark: Mark,
}

struct Check<'a> {
    db: &'a DB,
    config: &'a LogConfig,
}

/// Checks a log and brings its mark up to date.
pub(super) fn check_log(db: &DB, config: &LogConfig) -> Result<Found, OpenError> {
    let check = Check { db, config };
    let vote = check.read_meta(META_VOTE, "the vote", decode_vote)?;
    let purged = check.read_meta(META_PURGED, "the purged position", decode_log_id)?;
    let committed = check.read_meta(META_COMMITTED, "the committed position", decode_log_id)?;
    let store = check.read_meta(META_STORE, "the log's name", |bytes| decode_mark(bytes).map(|mark| mark.store))?;
    let (sizes, end) = check.scan_entries(purged.as_ref())?;
    let last = check.decode_entries(sizes.first(), end)?;
    check.check_vote(vote.as_ref(), last.as_ref())?;
    // What comes back from the WAL was flushed to tables while opening, so all of it is durable, and so may be marked.
    let last = last.max(purged);
    let store = check.check_mark(store, vote.as_ref(), purged.as_ref(), last.as_ref())?;
    let mark = Mark { store, vote, last };
    Ok(Found { vote, purged, last, committed, sizes, mark })
}

impl Check<'_> {
    fn read_meta<T>(
        &self,
        key: &[u8],
        what: &str,
        decode: impl Fn(&[u8]) -> Result<T, CodecError>,
    ) -> Result<Option<T>, OpenError> {
        let value = self
            .db
            .get_pinned_cf(db::meta_family(self.db), key)
            .map_err(|error| db::database_error(&self.config.dir, &error))?;
        value.map(|bytes| decode(&bytes)).transpose().map_err(|source| self.record_error(what.to_owned(), source))
    }

    fn record_error(&self, what: String, source: CodecError) -> OpenError {
        let path = self.config.dir.clone();
        match source {
            // After a downgrade the disk holds what it should.
            CodecError::Version { .. } => OpenError::Newer { path, what, source },
            _ => OpenError::Record { path, what, source },
        }
    }

    /// Indexes begin after what was purged and have no gap. Returns the sizes and the index after the last.
    fn scan_entries(&self, purged: Option<&LogId>) -> Result<(Sizes, u64), OpenError> {
        let path = || self.config.dir.clone();
        let mut sizes = Sizes::default();
        let mut expected = next_index(purged);
        let mut iterator = db::entries_from(self.db, 0, None);
        while let Some((key, value)) = iterator.item() {
            let key = <[u8; 8]>::try_from(key).map_err(|_| OpenError::Key { path: path(), key: key.to_vec() })?;
            let found = u64::from_be_bytes(key);
            if found != expected {
                return Err(match sizes.first() {
                    None => OpenError::FirstIndex { path: path(), expected, found },
                    Some(_) => OpenError::Gap { path: path(), expected, found },
                });
            }
            sizes.push(found, value.len() as u64);
            expected = found + 1;
            iterator.next();
        }
        iterator.status().map_err(|error| db::database_error(&self.config.dir, &error))?;
        Ok((sizes, expected))
    }

    /// The last entries (or all) are whole and are what their keys say, and leaders only follow one another. Returns the last.
    fn decode_entries(&self, first: Option<u64>, end: u64) -> Result<Option<LogId>, OpenError> {
        let Some(first) = first else { return Ok(None) };
        let from = if self.config.check_all { first } else { first.max(end.saturating_sub(BOOT_ENTRIES_CHECKED)) };
        let mut last: Option<LogId> = None;
        let mut expected = from;
        let mut iterator = db::entries_from(self.db, from, None);
        while let Some(value) = iterator.value() {
            let entry = decode_entry(&Bytes::copy_from_slice(value))
                .map_err(|source| self.record_error(format!("the entry {expected}"), source))?;
            let id = entry.log_id;
            if id.index() != expected || last.is_some_and(|last| last >= id) {
                return Err(OpenError::Misplaced { path: self.config.dir.clone(), key: expected, found: id });
            }
            last = Some(id);
            expected += 1;
            iterator.next();
        }
        iterator.status().map_err(|error| db::database_error(&self.config.dir, &error))?;
        Ok(last)
    }

    /// An entry is accepted only under a vote for its leader or a later one, which was synced before. Only the entry that
    /// initialises a cluster, under term 0, comes before the first vote.
    fn check_vote(&self, vote: Option<&Vote>, last: Option<&LogId>) -> Result<(), OpenError> {
        let path = || self.config.dir.clone();
        match (vote, last) {
            (_, None) => Ok(()),
            (None, Some(last)) if last.committed_leader_id().term == 0 => Ok(()),
            (None, Some(last)) => Err(OpenError::VoteMissing { path: path(), last: *last }),
            (Some(vote), Some(last)) if vote.leader_id < *last.committed_leader_id() => {
                Err(OpenError::VoteBehindLog { path: path(), vote: *vote, last: *last })
            }
            (Some(_), Some(_)) => Ok(()),
        }
    }

    /// The log is not behind its mark. A new log gets a name and its first mark. Returns the name.
    fn check_mark(
        &self,
        store: Option<[u8; 16]>,
        vote: Option<&Vote>,
        purged: Option<&LogId>,
        last: Option<&LogId>,
    ) -> Result<[u8; 16], OpenError> {
        let (path, mark_path) = (self.config.dir.clone(), self.config.mark.clone());
        let found = mark::read_mark(&mark_path)?;
        let empty = vote.is_none() && last.is_none();
        if let Some(found) = &found {
            let marked_nothing = found.vote.is_none() && found.last.is_none();
            if !marked_nothing && store != Some(found.store) {
                return Err(OpenError::MarkOfAnotherLog { mark: mark_path, path });
            }
            if let Some(marked) = found.vote
                && vote.is_none_or(|vote| *vote < marked)
            {
                return Err(OpenError::VoteBehindMark { path, mark: mark_path, marked, found: vote.copied() });
            }
            if let Some(marked) = found.last {
                self.check_holds_marked(&marked, purged, last)?;
            }
        } else if !empty {
            return Err(OpenError::MarkMissing { mark: mark_path });
        }
        let store = match store {
            Some(store) => store,
            None => self.name()?,
        };
        let mark = Mark { store, vote: vote.copied(), last: last.copied() };
        if found.as_ref() != Some(&mark) {
            mark::write(&mark_path, &mark).map_err(|source| OpenError::Io {
                doing: "write mark",
                path: mark_path,
                source,
            })?;
        }
        Ok(store)
    }

    /// The marked entry is in the log, or was purged. The mark is lowered before a truncation, so it cannot have been
    /// replaced.
    fn check_holds_marked(
        &self,
        marked: &LogId,
        purged: Option<&LogId>,
        last: Option<&LogId>,
    ) -> Result<(), OpenError> {
        if purged.is_some_and(|purged| purged.index() >= marked.index()) {
            return Ok(());
        }
        let behind = |found| OpenError::BehindMark {
            path: self.config.dir.clone(),
            mark: self.config.mark.clone(),
            marked: *marked,
            found,
        };
        if last.is_none_or(|last| last.index() < marked.index()) {
            return Err(behind(None));
        }
        let value = self
            .db
            .get_pinned_cf(db::logs_family(self.db), db::key(marked.index()))
            .map_err(|error| db::database_error(&self.config.dir, &error))?
            .ok_or_else(|| behind(None))?;
        let found = decode_entry(&Bytes::copy_from_slice(&value))
            .map_err(|source| self.record_error(format!("the entry {}", marked.index()), source))?
            .log_id;
        if found == *marked { Ok(()) } else { Err(behind(Some(found))) }
    }

    /// Names a new log.
    fn name(&self) -> Result<[u8; 16], OpenError> {
        let store = random_name().map_err(|source| OpenError::Io {
            doing: "read randomness for the name of log",
            path: self.config.dir.clone(),
            source,
        })?;
        let mut batch = WriteBatch::default();
        let record = encode_mark(&Mark { store, vote: None, last: None });
        batch.put_cf(db::meta_family(self.db), META_STORE, record);
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options).map_err(|error| db::database_error(&self.config.dir, &error))?;
        Ok(store)
    }
}

fn random_name() -> std::io::Result<[u8; 16]> {
    use std::io::Read;
    let mut name = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut name)?;
    Ok(name)
}
