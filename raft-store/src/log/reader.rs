//! Reading entries: from the tail in memory where they are recent, from the database otherwise.
//!
//! A read takes its view of both under one lock, so it sees the log as it was at one moment, whatever is appended,
//! truncated or purged beside it. What the log holds comes out whole and in order, or as an error: never with a gap.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::vec;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use openraft::OptionalSend;
use openraft::errors::LeaderChanged;
use openraft::storage::{LeaderBoundedStreamError, LeaderBoundedStreamResult, RaftLogReader};

use super::config::READ_BYTES_MAX;
use super::shared::Shared;
use super::{LogStore, db};
use crate::codec::{decode_entry, encode_entry};
use crate::types::{Entry, LeaderId, TypeConfig, Vote};

/// Reads a log. It keeps the log open.
#[derive(Clone)]
pub struct LogReader {
    store: LogStore,
}

/// May a read give less than the whole range?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    Some,
}

impl LogReader {
    pub(super) fn new(store: LogStore) -> Self {
        Self { store }
    }

    fn shared(&self) -> &Shared {
        self.store.shared()
    }

    /// What the log holds of a range, at this moment.
    fn held_range(&self, range: &impl RangeBounds<u64>) -> Range<u64> {
        let indexes = self.shared().positions.read().index_range();
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(to) => *to,
            Bound::Unbounded => u64::MAX,
        };
        from.max(indexes.start)..to.min(indexes.end)
    }

    /// Reads entries; from the database on a thread that may block.
    async fn read(&self, range: Range<u64>, share: Share) -> io::Result<Vec<Entry>> {
        let in_memory = range.start >= self.shared().positions.read().tail_first();
        if in_memory || range.is_empty() {
            return read_range(self.shared(), range, share);
        }
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || read_range(store.shared(), range, share)).await.map_err(io::Error::other)?
    }

    fn vote(&self) -> Option<Vote> {
        self.shared().positions.read().vote
    }

    /// The leader's entries may be read only while it leads here: afterwards they may be truncated and replaced.
    fn check_leads(&self, leader: &LeaderId) -> Result<(), LeaderBoundedStreamError<TypeConfig>> {
        let vote = self.vote();
        if vote.is_some_and(|vote| vote.committed && vote.leader_id == *leader) {
            Ok(())
        } else {
            Err(LeaderChanged::new(*leader, vote).into())
        }
    }
}

impl LogStore {
    /// Entries of a range from its beginning on, as records: as many as one read gives, none where the log holds none of
    /// them. Blocks.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn some_records(&self, range: Range<u64>) -> io::Result<Vec<(u64, Bytes)>> {
        let entries = read_range(self.shared(), range, Share::Some)?;
        Ok(entries.iter().map(|entry| (entry.log_id.index(), encode_entry(entry))).collect())
    }
}

/// Reads what the log holds of a range, one moment of it.
fn read_range(shared: &Shared, range: Range<u64>, share: Share) -> io::Result<Vec<Entry>> {
    let db = shared.db.read();
    let db = db.as_ref().ok_or_else(|| shared.closed_error())?;
    let positions = shared.positions.read();
    let indexes = positions.index_range();
    let range = range.start.max(indexes.start)..range.end.min(indexes.end);
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let disk = range.start..range.end.min(positions.tail_first());
    let bytes_max = if share == Share::All { usize::MAX } else { READ_BYTES_MAX };
    if disk.is_empty() {
        return check_contiguous(positions.copy_tail(range.clone(), bytes_max), range.start);
    }
    // The iterator sees the database as it is now, while the state cannot change.
    let mut iterator = db::entries_from(db, disk.start, Some(disk.end));
    let tail = if share == Share::All { positions.copy_tail(disk.end..range.end, usize::MAX) } else { Vec::new() };
    drop(positions);

    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(record) = iterator.value() {
        bytes += record.len();
        if bytes > bytes_max && !entries.is_empty() {
            return check_contiguous(entries, range.start);
        }
        let entry = decode_entry(&Bytes::copy_from_slice(record)).map_err(|error| {
            let position = range.start + entries.len() as u64;
            io::Error::new(io::ErrorKind::InvalidData, format!("read entry {position} of the log: {error}"))
        })?;
        entries.push(entry);
        iterator.next();
    }
    iterator.status().map_err(io::Error::other)?;
    if entries.len() as u64 != disk.end - disk.start {
        let message = format!("read entries {disk:?} of the log: only {} are there", entries.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    entries.extend(tail);
    check_contiguous(entries, range.start)
}

/// Replication would send a gap to followers, which would then have another log.
fn check_contiguous(entries: Vec<Entry>, first: u64) -> io::Result<Vec<Entry>> {
    for (expected, entry) in (first..).zip(&entries) {
        if entry.log_id.index() != expected {
            let message = format!("read entry {expected} of the log: found {} in its place", entry.log_id);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(entries)
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(self.held_range(&range), Share::All).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.vote())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        let entries = self.read(start..end, Share::Some).await?;
        match entries.first() {
            Some(first) if first.log_id.index() == start => Ok(entries),
            None if start >= end => Ok(entries),
            first => {
                let found = first.map_or_else(|| "nothing".to_owned(), |entry| entry.log_id.to_string());
                let message = format!("read entries {start}..{end} of the log for replication: found {found} first");
                Err(io::Error::new(io::ErrorKind::NotFound, message))
            }
        }
    }

    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = Result<Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let range = self.held_range(&range);
        chunks_of(self.clone(), range, None).map(|item| item.map_err(into_io))
    }

    async fn leader_bounded_stream<RB>(
        &mut self,
        leader: LeaderId,
        range: RB,
    ) -> impl Stream<Item = LeaderBoundedStreamResult<TypeConfig>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let range = self.held_range(&range);
        chunks_of(self.clone(), range, Some(leader))
    }
}

fn into_io(error: LeaderBoundedStreamError<TypeConfig>) -> io::Error {
    match error {
        LeaderBoundedStreamError::IoError(error) => error,
        LeaderBoundedStreamError::LeaderChanged(error) => io::Error::other(error.to_string()),
    }
}

struct Chunks {
    reader: LogReader,
    /// What was read and is not handed out yet.
    buffer: vec::IntoIter<Entry>,
    /// What is to be read.
    rest: Range<u64>,
    leader: Option<LeaderId>,
    /// With a leader, even an empty range asks once whether it leads.
    asked: bool,
    ended: bool,
}

impl Chunks {
    /// Fills the buffer; leaves it empty at the end.
    async fn fill_next(&mut self) -> Result<(), LeaderBoundedStreamError<TypeConfig>> {
        if self.rest.is_empty() && self.asked {
            return Ok(());
        }
        self.asked = true;
        if let Some(leader) = &self.leader {
            self.reader.check_leads(leader)?;
        }
        if self.rest.is_empty() {
            return Ok(());
        }
        let entries = self.reader.limited_get_log_entries(self.rest.start, self.rest.end).await?;
        // A vote is stored before the entries of another leader are truncated: if this one still leads, they are its own.
        if let Some(leader) = &self.leader {
            self.reader.check_leads(leader)?;
        }
        self.rest.start += entries.len() as u64;
        self.buffer = entries.into_iter();
        Ok(())
    }
}

/// A range of entries in pieces of about [`READ_BYTES_MAX`]; the first error ends it.
fn chunks_of(
    reader: LogReader,
    range: Range<u64>,
    leader: Option<LeaderId>,
) -> impl Stream<Item = LeaderBoundedStreamResult<TypeConfig>> + Send {
    let asked = leader.is_none();
    let chunks = Chunks { reader, buffer: Vec::new().into_iter(), rest: range, leader, asked, ended: false };
    stream::unfold(chunks, |mut chunks| async move {
        if chunks.ended {
            return None;
        }
        if chunks.buffer.len() == 0
            && let Err(error) = chunks.fill_next().await
        {
            chunks.ended = true;
            return Some((Err(error), chunks));
        }
        chunks.buffer.next().map(|entry| (Ok(entry), chunks))
    })
    .boxed()
}
