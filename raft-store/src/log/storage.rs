//! What openraft asks of a log: each change goes into the state in memory and into the writer thread's queue, under one lock,
//! so that both have the same order.

use std::io;

use bytes::Bytes;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::config::{PROVE_BYTES_MIN, QUEUE_APPEND_BYTES, QUEUE_BYTES_MAX};
use super::op::Op;
use super::positions::{Positions, next_index};
use super::reader::LogReader;
use super::{LogStore, shared::Shared};
use crate::codec::RECORD_BYTES_MAX;
use crate::codec::{decode_entry, encode_entry};
use crate::types::{Entry, LogId, TypeConfig, Vote};

/// Puts an operation into the queue, if the log still takes any.
fn send_op(shared: &Shared, positions: &Positions, op: Op) -> io::Result<()> {
    let sender = positions.sender.as_ref().ok_or_else(|| shared.closed_error())?;
    sender.send(op).map_err(|_| shared.closed_error())
}

fn check_open(positions: &Positions) -> io::Result<()> {
    match &positions.broken {
        Some(reason) => Err(io::Error::other(format!("the log takes no more writes after an error: {reason}"))),
        None => Ok(()),
    }
}

fn refused_error(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Entries follow one another and the last one of the log.
fn check_order(last: Option<LogId>, entries: &[Entry]) -> io::Result<()> {
    let mut last = last;
    for entry in entries {
        let id = entry.log_id;
        if let Some(last) = last
            && (id.index() != last.index() + 1 || id < last)
        {
            return Err(refused_error(format!("append entry {id} to the log: the last entry is {last}")));
        }
        last = Some(id);
    }
    Ok(())
}

fn encode_checked(entry: &Entry) -> io::Result<Bytes> {
    let record = encode_entry(entry);
    if record.len() > RECORD_BYTES_MAX {
        return Err(refused_error(format!(
            "append entry {} to the log: its record has {} bytes",
            entry.log_id,
            record.len()
        )));
    }
    if record.len() >= PROVE_BYTES_MIN {
        decode_entry(&record).map_err(|error| {
            refused_error(format!(
                "append entry {} to the log: its record could not be read back: {error}",
                entry.log_id
            ))
        })?;
    }
    Ok(record)
}

impl LogStore {
    /// Room in the queue for this many bytes; waits while the disk is too far behind.
    async fn wait_for_room(&self, bytes: usize) -> io::Result<OwnedSemaphorePermit> {
        let bytes = (bytes + QUEUE_APPEND_BYTES).min(QUEUE_BYTES_MAX);
        let bytes = u32::try_from(bytes).expect("the queue's limit is far below u32::MAX");
        self.shared().room.clone().acquire_many_owned(bytes).await.map_err(|_| self.shared().broken_error())
    }

    async fn wait_for_answer(&self, answer: oneshot::Receiver<io::Result<()>>) -> io::Result<()> {
        answer.await.map_err(|_| self.shared().broken_error())?
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let positions = self.shared().positions.read();
        Ok(LogState { last_purged_log_id: positions.purged, last_log_id: positions.last })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        LogReader::new(self.clone())
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let (done, answer) = oneshot::channel();
        {
            let positions = self.shared().positions.write();
            check_open(&positions)?;
            if let Some(stored) = positions.vote.filter(|stored| vote < stored) {
                return Err(refused_error(format!("save vote {vote}: the vote {stored} was promised already")));
            }
            send_op(self.shared(), &positions, Op::Vote { vote: *vote, done })?;
        }
        self.wait_for_answer(answer).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let mut positions = self.shared().positions.write();
        check_open(&positions)?;
        if positions.sender.is_none() {
            return Err(self.shared().closed_error());
        }
        // The writer looks for it when it writes something else, and when it has caught up: waking it would cost more.
        positions.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.shared().positions.read().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let records = entries
            .iter()
            .map(|entry| Ok((entry.log_id.index(), encode_checked(entry)?)))
            .collect::<io::Result<Vec<(u64, Bytes)>>>()?;
        let room = self.wait_for_room(records.iter().map(|(_, record)| record.len()).sum()).await?;

        let mut positions = self.shared().positions.write();
        check_open(&positions)?;
        check_order(positions.last, &entries)?;
        let sequence = positions.next_sequence();
        let last = entries.last().map(|entry| entry.log_id);
        let lengths: Vec<usize> = records.iter().map(|(_, record)| record.len()).collect();
        send_op(self.shared(), &positions, Op::Append { sequence, records, last, callback, room })?;
        positions.append(entries.into_iter().zip(lengths).collect(), sequence);
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        let (done, answer) = oneshot::channel();
        {
            let mut positions = self.shared().positions.write();
            check_open(&positions)?;
            let to = next_index(positions.last.as_ref());
            let from = next_index(last_log_id.as_ref()).max(positions.index_range().start);
            if from >= to {
                return Ok(());
            }
            positions.truncate(last_log_id);
            let keep = positions.last;
            send_op(self.shared(), &positions, Op::Truncate { keep, from, to, done })?;
        }
        self.wait_for_answer(answer).await
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        let mut positions = self.shared().positions.write();
        check_open(&positions)?;
        if positions.purged.is_some_and(|purged| purged.index() >= log_id.index()) {
            return Ok(());
        }
        positions.purge(log_id);
        send_op(self.shared(), &positions, Op::Purge { upto: log_id })
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: std::ops::RangeBounds<u64> + Clone + std::fmt::Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        LogReader::new(self.clone()).try_get_log_entries(range).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.vote())
    }
}
