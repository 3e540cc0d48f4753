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

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Nothing,
    Snapshot,
    Purge(u64),
}

/// Followers that lag further than this get a snapshot anyway; the log is not kept for them.
const LAG_KEEPS: u64 = 10;

fn decide(config: &CompactionConfig, figures: Figures) -> Action {
    if figures.applied.saturating_sub(figures.snapshot) >= config.snapshot_entries {
        return Action::Snapshot;
    }
    let mut upto = figures.snapshot.min(figures.applied.saturating_sub(config.keep_entries));
    if let Some(slowest) = figures.slowest
        && figures.applied.saturating_sub(slowest) < config.keep_entries.saturating_mul(LAG_KEEPS)
    {
        upto = upto.min(slowest);
    }
    // Purging in steps of a tenth saves work that would free next to nothing.
    if upto > figures.purged && upto - figures.purged >= (config.keep_entries / 10).max(1) {
        Action::Purge(upto)
    } else {
        Action::Nothing
    }
}

impl Consensus {
    /// Runs until the task is dropped.
    pub async fn compact(self, config: CompactionConfig) {
        let mut asked = 0;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let figures = self.figures();
            match decide(&config, figures) {
                Action::Nothing => {}
                Action::Snapshot if asked == figures.applied => {}
                Action::Snapshot => {
                    asked = figures.applied;
                    tracing::info!(index = figures.applied, "take a snapshot");
                    if let Err(error) = self.raft.trigger().snapshot().await {
                        tracing::warn!(%error, "take a snapshot");
                    }
                }
                Action::Purge(upto) => {
                    tracing::info!(upto, "purge the log");
                    if let Err(error) = self.raft.trigger().purge_log(upto).await {
                        tracing::warn!(%error, "purge the log");
                    }
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

    fn check(applied: u64, snapshot: u64, purged: u64, slowest: Option<u64>, expected: Action) {
        let config = CompactionConfig { snapshot_entries: 100, keep_entries: 50 };
        assert_eq!(decide(&config, Figures { applied, snapshot, purged, slowest }), expected);
    }

    #[test]
    fn a_snapshot_is_taken_when_enough_was_applied() {
        check(99, 0, 0, None, Action::Nothing);
        check(100, 0, 0, None, Action::Snapshot);
    }

    #[test]
    fn the_log_is_purged_behind_the_snapshot_but_for_the_tail() {
        check(150, 100, 0, None, Action::Purge(100));
        check(120, 100, 0, None, Action::Purge(70));
        check(150, 100, 98, None, Action::Nothing);
    }

    #[test]
    fn a_follower_that_lags_keeps_its_entries_up_to_a_limit() {
        check(190, 140, 0, Some(60), Action::Purge(60));
        check(1_000, 950, 0, Some(60), Action::Purge(950));
    }
}
