//! The writer thread: everything that changes the log's database goes through it, in order.
//!
//! It waits for an operation, takes what else is waiting, writes one batch with one sync, and then answers, in order. So a
//! lone write is synced at once and a burst shares a sync. After the first failed write or sync nothing is written any
//! more: every operation from then on is answered with an error, and the process is ended. A sync is never tried again,
//! because the kernel may have dropped what it could not write.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use fail::fail_point;
use rocksdb::{DB, WriteBatch, WriteOptions};

use super::clock::now;
use super::config::{GROUP_BYTES_MAX, LogConfig, MARK_INTERVAL, SLOW_SYNC};
use super::db::{self, META_COMMITTED, META_PURGED, META_VOTE};
use super::mark;
use super::op::{Done, Op};
use super::shared::Shared;
use crate::bugs::planted;
use crate::codec::{Mark, encode_log_id, encode_vote};
use crate::types::LogId;

/// Operations that share a batch.
#[derive(Default)]
struct Group {
    ops: Vec<Op>,
    bytes: usize,
}

impl Group {
    fn push(&mut self, op: Op) {
        self.bytes += op.size_bytes();
        self.ops.push(op);
    }
}

/// When the committed position may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Not before its entry is.
    IfWritten,
    /// Whatever it is: nothing is left in the queue.
    InAnyCase,
}

/// What the thread owns.
pub(super) struct Writer {
    db: Arc<DB>,
    shared: Arc<Shared>,
    config: LogConfig,
    receiver: Receiver<Op>,
    /// The mark as it is on disk.
    mark: Mark,
    /// When it was written last because of appends.
    marked_at: Option<Instant>,
    /// The last entry that was written; durable, unless only a purge was written since the last sync.
    written: Option<LogId>,
    /// The last entry that is durable, and the vote that is: what the mark should say.
    durable: Mark,
    /// The committed position as it is on disk.
    committed: Option<LogId>,
    /// Something was written since the writer has last caught up.
    is_fresh: bool,
    /// A purge up to this index was written and is not durable yet.
    purging: Option<u64>,
    /// A purge up to this index is durable: whole files before it may go.
    purge_files: Option<u64>,
    /// An operation that was taken from the queue and did not fit into the group.
    held: Option<Op>,
}

/// Tells the process when the thread dies of a bug: nobody would be answered any more.
struct Watch(Arc<Shared>, LogConfig);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            stop_node(&self.0, &self.1, "the log's writer thread panicked");
        }
    }
}

/// Lets nobody write any more, and ends the process.
fn stop_node(shared: &Shared, config: &LogConfig, message: &str) {
    shared.note_broken(message);
    tracing::error!(log = %config.dir.display(), "{message}; the process ends, because a write may be lost");
    (config.on_fatal)(message);
}

impl Writer {
    /// The writer of a log that was found with this mark, and this last entry.
    pub(super) fn new(
        db: Arc<DB>,
        shared: Arc<Shared>,
        config: LogConfig,
        receiver: Receiver<Op>,
        mark: Mark,
        last: Option<LogId>,
        committed: Option<LogId>,
    ) -> Self {
        Self {
            db,
            shared,
            config,
            receiver,
            durable: mark.clone(),
            mark,
            marked_at: None,
            written: last,
            committed,
            is_fresh: false,
            purging: None,
            purge_files: None,
            held: None,
        }
    }

    /// Serves the queue until every sender is gone.
    pub(super) fn run(mut self) {
        let _watch = Watch(Arc::clone(&self.shared), self.config.clone());
        while let Some(op) = self.next() {
            match op {
                Some(op) if self.shared.is_broken() => op.answer_with(Err(self.shared.broken_error())),
                Some(Op::Truncate { keep, from, to, done }) => self.truncate_log(keep, from, to, done),
                Some(op) => {
                    let group = self.collect_group(op);
                    self.commit_group(group);
                }
                None => self.catch_up(Told::IfWritten),
            }
        }
        if !self.shared.is_broken() {
            self.catch_up(Told::InAnyCase);
        }
    }

    /// The next operation; `Some(None)` when it is time to catch up, `None` at the end.
    fn next(&mut self) -> Option<Option<Op>> {
        if let Some(op) = self.held.take() {
            return Some(Some(op));
        }
        if self.shared.is_broken() || !self.is_behind() {
            return self.receiver.recv().ok().map(Some);
        }
        match self.receiver.recv_timeout(self.until_mark()) {
            Ok(op) => Some(Some(op)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Is there anything that waits for its time to be written?
    fn is_behind(&self) -> bool {
        self.mark != self.durable || self.is_fresh
    }

    fn until_mark(&self) -> Duration {
        self.marked_at.map_or(Duration::ZERO, |marked_at| MARK_INTERVAL.saturating_sub(now() - marked_at))
    }

    /// Takes what is waiting. A truncation goes alone: the mark must be lowered before it, but not before what precedes it
    /// is durable.
    fn collect_group(&mut self, first: Op) -> Group {
        let mut group = Group::default();
        group.push(first);
        while group.ops.len() < self.config.group_ops_max && group.bytes < GROUP_BYTES_MAX {
            match self.receiver.try_recv() {
                Ok(op @ Op::Truncate { .. }) => {
                    self.held = Some(op);
                    break;
                }
                Ok(op) => group.push(op),
                Err(_) => break,
            }
        }
        group
    }

    /// Writes a group, makes it durable, answers.
    fn commit_group(&mut self, group: Group) {
        fail_point!("log-before-group");
        match self.write_group(&group) {
            Ok(()) => {
                fail_point!("log-before-answers");
                for op in group.ops {
                    op.answer_with(Ok(()));
                }
                fail_point!("log-after-answers");
                if planted("sync-late") {
                    drop(self.db.flush_wal(true));
                }
                self.after_group();
            }
            Err(error) => self.fail_all(group.ops, &error),
        }
    }

    fn write_group(&mut self, group: &Group) -> io::Result<()> {
        let mut batch = WriteBatch::default();
        let (mut sync, mut voted, mut sequence, mut operations) = (false, None, None, 0);
        for op in &group.ops {
            match op {
                Op::Append { sequence: number, records, last, .. } => {
                    for (index, record) in records {
                        batch.put_cf(db::logs_family(&self.db), db::key(*index), record);
                    }
                    sync |= !records.is_empty();
                    sequence = Some(*number);
                    self.written = last.or(self.written);
                }
                Op::Vote { vote, .. } => {
                    fail_point!("log-before-vote");
                    voted = Some(*vote);
                    if planted("vote-lost") {
                        continue;
                    }
                    batch.put_cf(db::meta_family(&self.db), META_VOTE, encode_vote(vote));
                    sync = true;
                }
                Op::Purge { upto } => {
                    fail_point!("log-before-purge");
                    batch.put_cf(db::meta_family(&self.db), META_PURGED, encode_log_id(upto));
                    batch.delete_range_cf(db::logs_family(&self.db), db::key(0), db::key(upto.index() + 1));
                    self.purging = Some(upto.index());
                    self.written = self.written.filter(|written| written.index() > upto.index()).or(Some(*upto));
                }
                Op::Truncate { .. } => unreachable!("a truncation goes alone"),
            }
            operations += 1;
        }
        if operations == 0 {
            return Ok(());
        }
        self.is_fresh = true;
        self.put_committed(&mut batch, Told::IfWritten);
        self.write_batch(batch, sync)?;
        self.shared.stats.count_group(operations, group.bytes);
        if !sync {
            fail_point!("log-after-purge");
            return Ok(());
        }
        self.durable.last = self.written;
        if let Some(vote) = voted {
            fail_point!("log-after-vote");
            self.durable.vote = Some(vote);
            // Before the vote is answered: a log that loses it must be noticed, or the node could vote twice.
            self.write_mark()?;
        }
        self.shared.note_written(sequence, voted);
        Ok(())
    }

    /// Removes entries at the end. The mark first says less, so that it is never ahead of the log.
    fn truncate_log(&mut self, keep: Option<LogId>, from: u64, to: u64, done: Done) {
        let result = self.write_truncation(keep, from, to);
        match result {
            Ok(()) => {
                fail_point!("log-before-answers");
                drop(done.send(Ok(())));
                self.after_group();
            }
            Err(error) => self.fail_all(vec![Op::Truncate { keep, from, to, done }], &error),
        }
    }

    fn write_truncation(&mut self, keep: Option<LogId>, from: u64, to: u64) -> io::Result<()> {
        fail_point!("log-before-truncate");
        // What is kept is durable: everything before a truncation in the queue has been written, and synced but for purges.
        self.durable.last = keep;
        if self.mark.last.is_some_and(|marked| marked.index() >= from) {
            self.write_mark()?;
        }
        fail_point!("log-truncate-marked");
        let mut batch = WriteBatch::default();
        batch.delete_range_cf(db::logs_family(&self.db), db::key(from), db::key(to));
        self.is_fresh = true;
        self.put_committed(&mut batch, Told::IfWritten);
        self.write_batch(batch, true)?;
        self.written = keep;
        self.shared.stats.count_group(1, 0);
        self.shared.note_written(None, None);
        fail_point!("log-after-truncate");
        Ok(())
    }

    /// Puts the committed position into a batch if it has changed; true if it has.
    fn put_committed(&mut self, batch: &mut WriteBatch, told: Told) -> bool {
        let committed = self.shared.positions.read().committed;
        // What is told may still be in the queue: a log must not say that an entry is committed which it lacks.
        let is_written = committed.is_none_or(|id| self.written.is_some_and(|written| id.index() <= written.index()));
        if committed == self.committed || (told == Told::IfWritten && !is_written) {
            return false;
        }
        match &committed {
            Some(committed) => batch.put_cf(db::meta_family(&self.db), META_COMMITTED, encode_log_id(committed)),
            None => batch.delete_cf(db::meta_family(&self.db), META_COMMITTED),
        }
        self.committed = committed;
        true
    }

    /// The one place that writes to the database.
    fn write_batch(&mut self, batch: WriteBatch, sync: bool) -> io::Result<()> {
        fail_point!("log-write", |message| Err(io::Error::other(message.unwrap_or_default())));
        fail_point!("log-before-write");
        let mut options = WriteOptions::default();
        options.set_sync(sync && !planted("no-sync") && !planted("sync-late"));
        let began = now();
        self.db.write_opt(batch, &options).map_err(io::Error::other)?;
        // A failure after the write stands for a failed sync: the bytes are there, but nobody may rely on them.
        fail_point!("log-sync", |message| Err(io::Error::other(message.unwrap_or_default())));
        fail_point!("log-after-write");
        if sync {
            self.purge_files = self.purging.take().or(self.purge_files);
            let took = now() - began;
            self.shared.stats.count_sync(took, took > SLOW_SYNC);
            if took > SLOW_SYNC {
                tracing::warn!(log = %self.config.dir.display(), took_ms = took.as_millis(), "slow sync of the log");
            }
        }
        Ok(())
    }

    /// What need not delay an answer: file removal once the purge is durable, and the mark when it is due.
    fn after_group(&mut self) {
        let result = self.remove_files().and_then(|()| {
            if self.mark != self.durable && self.until_mark().is_zero() { self.write_mark() } else { Ok(()) }
        });
        if let Err(error) = result {
            self.fail_all(Vec::new(), &error);
        }
    }

    /// Nothing is in the queue, or the log is being closed: the mark and the committed position are brought up to date.
    fn catch_up(&mut self, told: Told) {
        let mut batch = WriteBatch::default();
        let mut result = Ok(());
        self.is_fresh = false;
        if self.put_committed(&mut batch, told) {
            result = self.write_batch(batch, false);
        }
        let result = result.and_then(|()| if self.mark == self.durable { Ok(()) } else { self.write_mark() });
        self.marked_at = Some(now());
        if let Err(error) = result {
            self.fail_all(Vec::new(), &error);
        }
    }

    fn write_mark(&mut self) -> io::Result<()> {
        mark::write(&self.config.mark, &self.durable)
            .map_err(|error| io::Error::new(error.kind(), format!("mark {}: {error}", self.config.mark.display())))?;
        self.mark = self.durable.clone();
        self.marked_at = Some(now());
        self.shared.stats.count_mark();
        Ok(())
    }

    /// Drops whole files of purged entries. Their removal is durable at once, so the purge must be, too: otherwise a crash
    /// would leave a log that begins with a gap.
    fn remove_files(&mut self) -> io::Result<()> {
        let Some(upto) = self.purge_files.take() else { return Ok(()) };
        fail_point!("log-before-files");
        self.db
            .delete_file_in_range_cf(db::logs_family(&self.db), db::key(0), db::key(upto))
            .map_err(io::Error::other)?;
        fail_point!("log-after-files");
        Ok(())
    }

    /// Answers with the error, and ends everything.
    fn fail_all(&self, ops: Vec<Op>, error: &io::Error) {
        let message = format!("write {} operations to log {}: {error}", ops.len(), self.config.dir.display());
        self.shared.note_broken(&message);
        for op in ops {
            op.answer_with(Err(self.shared.broken_error()));
        }
        stop_node(&self.shared, &self.config, &message);
    }
}
