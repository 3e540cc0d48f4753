//! How old what a replica shows is at most, and the rounds to the leader that tell it.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use registry::LogIndex;
use tokio::sync::{mpsc, oneshot};

use crate::clock::{self, Deadline, Instant};
use crate::consensus::{Consensus, ReadIndexError};

/// How often a node that nobody reads from asks for a read index.
pub(super) const FRESHNESS_INTERVAL: Duration = Duration::from_secs(1);
/// The same until the first answer: only then is the node ready.
pub(super) const FIRST_FRESHNESS_INTERVAL: Duration = Duration::from_millis(50);
/// Reads that may wait for one round.
const WAITING_READS_MAX: usize = 65_536;

/// Remembers when which index was known to be all there is: a bound on staleness that needs no clock but our own.
#[derive(Default)]
pub struct Freshness {
    marks: Mutex<VecDeque<(Instant, u64)>>,
}

impl Freshness {
    pub(super) fn confirmed(&self, asked_at: Instant, index: LogIndex) {
        let mut marks = self.marks.lock();
        if marks.back().is_none_or(|(_, newest)| *newest <= index.0) {
            marks.push_back((asked_at, index.0));
        }
        while marks.len() > 64 {
            marks.pop_front();
        }
    }

    pub(super) fn age(&self, applied: LogIndex) -> Option<Duration> {
        let marks = self.marks.lock();
        let (asked_at, _) = marks.iter().rev().find(|(_, index)| *index <= applied.0)?;
        Some(clock::now().saturating_duration_since(*asked_at))
    }

    /// How long ago this node last asked something that a quorum confirmed.
    pub fn silence(&self) -> Option<Duration> {
        let (asked_at, _) = *self.marks.lock().back()?;
        Some(clock::now().saturating_duration_since(asked_at))
    }

    /// How old what this replica shows is at most, in milliseconds.
    pub fn staleness_ms(&self, applied: LogIndex) -> Option<u64> {
        self.age(applied).and_then(|age| u64::try_from(age.as_millis()).ok())
    }
}

/// Reads that wait for an index share the next round to the leader.
pub(super) struct ReadBatches {
    waiting: mpsc::Sender<oneshot::Sender<Result<(Instant, LogIndex), ReadIndexError>>>,
}

impl ReadBatches {
    pub(super) fn start(consensus: Consensus) -> Self {
        let (waiting, mut queue) = mpsc::channel::<oneshot::Sender<_>>(WAITING_READS_MAX);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while queue.recv_many(&mut batch, WAITING_READS_MAX).await > 0 {
                let asked_at = clock::now();
                // A leader that hangs must not hold up the next round, which may find another one.
                let limit = consensus.election_time_max() * 2;
                let answer = consensus.read_index(Deadline::after(limit)).await;
                for waiting in batch.drain(..) {
                    // Whoever waited may have given up.
                    drop(waiting.send(answer.clone().map(|index| (asked_at, index))));
                }
            }
        });
        Self { waiting }
    }

    pub(super) async fn join(&self) -> Result<(Instant, LogIndex), ReadIndexError> {
        let stopped = || ReadIndexError::Unavailable("the node is stopping".to_owned());
        let (answer, waiting) = oneshot::channel();
        self.waiting.send(answer).await.map_err(|_| stopped())?;
        waiting.await.map_err(|_| stopped())?
    }
}
