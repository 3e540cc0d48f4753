//! How old what a replica shows is at most, and the rounds to the leader that tell it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::clock::{self, Deadline, Instant};
use crate::consensus::{Consensus, ReadIndexError};

/// How often a node that nobody reads from asks for a read index.
pub(super) const FRESHNESS_INTERVAL: Duration = Duration::from_secs(1);
/// The same until the first answer: only then is the node ready.
pub(super) const FIRST_FRESHNESS_INTERVAL: Duration = Duration::from_millis(50);
/// A node whose questions no quorum answered for this long knows of none; longer where elections take longer. An election
/// must not take all nodes out of service at once.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Reads that may wait for one round.
const WAITING_READS_MAX: usize = 65_536;

/// The longest silence in which a quorum is still taken to be there, where elections may take this long.
pub(super) fn silence_max(election_time_max: Duration) -> Duration {
    SILENCE_MAX.max(election_time_max * 4)
}

/// Remembers when the others were last asked for all there is: a bound on staleness that needs no clock but our own. Every
/// request reads it, so it is a number and no lock.
pub struct Freshness {
    begun: Instant,
    /// When the newest question was asked whose answer this replica has applied: nanoseconds since the beginning; 0 is never.
    asked_ns: AtomicU64,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { begun: clock::now(), asked_ns: AtomicU64::new(0) }
    }
}

impl Freshness {
    /// What a quorum knew at `asked_at` is applied here.
    pub(super) fn note_confirmation(&self, asked_at: Instant) {
        let since = asked_at.saturating_duration_since(self.begun).as_nanos();
        self.asked_ns.fetch_max(u64::try_from(since).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// How old what this replica shows is at most: what is applied stays applied, so only time makes it older.
    pub fn age_of_confirmation(&self) -> Option<Duration> {
        let asked_ns = self.asked_ns.load(Ordering::Relaxed);
        let asked_at = self.begun + Duration::from_nanos(asked_ns);
        (asked_ns > 0).then(|| clock::now().saturating_duration_since(asked_at))
    }

    /// The same in milliseconds.
    pub fn staleness_ms(&self) -> Option<u64> {
        self.age_of_confirmation().and_then(|age| u64::try_from(age.as_millis()).ok())
    }
}

/// Reads that wait for an index share the next round to the leader.
pub(super) struct ReadBatches {
    waiting: mpsc::Sender<oneshot::Sender<Result<Instant, ReadIndexError>>>,
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
                    drop(waiting.send(answer.clone().map(|_| asked_at)));
                }
            }
        });
        Self { waiting }
    }

    /// Waits for a round that begins after this call: when it was asked.
    pub(super) async fn join_next(&self) -> Result<Instant, ReadIndexError> {
        let stopped = || ReadIndexError::Unavailable("the node is stopping".to_owned());
        let (answer, waiting) = oneshot::channel();
        self.waiting.send(answer).await.map_err(|_| stopped())?;
        waiting.await.map_err(|_| stopped())?
    }
}
