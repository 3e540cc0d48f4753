//! Our own compaction: when to take a snapshot and how far to purge the log.
//!
//! openraft's policy counts entries only and purges without looking at slow followers, so it is switched off. What to do is
//! decided by a pure function; the loop around it only measures and acts.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;

use super::Consensus;
use crate::config::CompactionConfig;

const INTERVAL: Duration = Duration::from_secs(1);

/// What the decision is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    applied: u64,
    snapshot: u64,
    purged: u64,
    /// What the slowest member still needs, where this node leads and knows.
    slowest: Option<u64>,
}

/// What is to be done. Both may be due: where writes outrun the taking of snapshots, another one always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Due {
    /// Purge the log up to this index.
    purge: Option<u64>,
    snapshot: bool,
}

/// Followers that lag further than this get a snapshot anyway; the log is not kept for them.
const LAG_KEEPS: u64 = 10;

fn decide(config: &CompactionConfig, figures: Figures) -> Due {
    let mut upto = figures.snapshot.min(figures.applied.saturating_sub(config.keep_entries));
    if let Some(slowest) = figures.slowest
        && figures.applied.saturating_sub(slowest) < config.keep_entries.saturating_mul(LAG_KEEPS)
    {
        upto = upto.min(slowest);
    }
    // Purging in steps of a tenth saves work that would free next to nothing.
    let worth_it = upto.saturating_sub(figures.purged) >= (config.keep_entries / 10).max(1);
    Due {
        purge: worth_it.then_some(upto),
        snapshot: figures.applied.saturating_sub(figures.snapshot) >= config.snapshot_entries,
    }
}

impl Consensus {
    /// Runs until the task is dropped.
    pub async fn compact(self, config: CompactionConfig) {
        let mut asked = 0;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let figures = self.figures();
            let due = decide(&config, figures);
            if let Some(upto) = due.purge {
                tracing::info!(upto, "purge the log");
                if let Err(error) = self.raft.trigger().purge_log(upto).await {
                    tracing::warn!(%error, "purge the log");
                }
            }
            if due.snapshot && asked != figures.applied {
                asked = figures.applied;
                tracing::info!(index = figures.applied, "take a snapshot");
                if let Err(error) = self.raft.trigger().snapshot().await {
                    tracing::warn!(%error, "take a snapshot");
                }
            }
        }
    }

    /// Takes a snapshot now, and purges what it covers but the configured tail.
    ///
    /// # Errors
    /// A text for the operator if consensus has stopped.
    pub async fn snapshot_now(&self) -> Result<(), String> {
        self.raft.trigger().snapshot().await.map_err(|error| error.to_string())
    }

    fn figures(&self) -> Figures {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let index = |id: Option<raft_store::types::LogId>| id.map_or(0, |id| id.index());
        Figures {
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            slowest: metrics.replication.and_then(|peers| peers.values().map(|id| index(*id)).min()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(applied: u64, snapshot: u64, purged: u64, slowest: Option<u64>, purge: Option<u64>, due: bool) {
        let config = CompactionConfig { snapshot_entries: 100, keep_entries: 50 };
        assert_eq!(decide(&config, Figures { applied, snapshot, purged, slowest }), Due { purge, snapshot: due });
    }

    #[test]
    fn a_snapshot_is_taken_when_enough_was_applied() {
        check(99, 0, 0, None, None, false);
        check(100, 0, 0, None, None, true);
    }

    #[test]
    fn the_log_is_purged_behind_the_snapshot_but_for_the_tail() {
        check(150, 100, 0, None, Some(100), false);
        check(120, 100, 0, None, Some(70), false);
        check(150, 100, 98, None, None, false);
    }

    #[test]
    fn a_follower_that_lags_keeps_its_entries_up_to_a_limit() {
        check(190, 140, 0, Some(60), Some(60), false);
        check(1_000, 950, 0, Some(60), Some(950), false);
    }

    #[test]
    fn a_snapshot_that_is_due_does_not_keep_the_log_from_being_purged() {
        check(400, 100, 0, None, Some(100), true);
    }
}
