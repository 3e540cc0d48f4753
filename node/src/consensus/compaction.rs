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

/// A tail of the log that is kept for members which are being sent a snapshot: behind it they go on with entries. Without
/// it the log is purged past the snapshot while it travels, the member installs the next one, and so on for as long as
/// there is load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    /// The entry after which they go on.
    from: u64,
    /// Looks that are left before the log is not kept any longer.
    looks: u32,
}

/// The log is kept this long for a snapshot that is on its way, in looks of [`INTERVAL`]: some 30 GB at half the default rate.
const HOLD_LOOKS: u32 = 900;
/// ... and for so many entries, as a multiple of the configured tail.
const HOLD_KEEPS: u64 = 100;

/// The hold from now on. One begins when a member needs what is purged, and ends when it has come as far as the snapshot,
/// when the patience is used up, or when the log has grown too long.
fn next_hold(config: &CompactionConfig, figures: Figures, hold: Option<Hold>) -> Option<Hold> {
    let slowest = figures.slowest?;
    let hold = match hold {
        Some(Hold { from, .. }) if slowest >= from => None,
        Some(Hold { from, looks }) => Some(Hold { from, looks: looks.saturating_sub(1) }),
        None => None,
    };
    let needs_snapshot = slowest < figures.purged;
    let hold = hold.or_else(|| needs_snapshot.then_some(Hold { from: figures.snapshot, looks: HOLD_LOOKS }))?;
    let is_bounded = figures.applied.saturating_sub(hold.from) <= config.keep_entries.saturating_mul(HOLD_KEEPS);
    // One that has ended stays, used up, until the member is there: it is not begun again for the same silence.
    Some(if is_bounded { hold } else { Hold { looks: 0, ..hold } })
}

/// Followers that lag further than this get a snapshot anyway; the log is not kept for them.
const LAG_KEEPS: u64 = 10;

fn decide_compaction(config: &CompactionConfig, figures: Figures, hold: Option<Hold>) -> Due {
    let mut upto = figures.snapshot.min(figures.applied.saturating_sub(config.keep_entries));
    if let Some(slowest) = figures.slowest
        && figures.applied.saturating_sub(slowest) < config.keep_entries.saturating_mul(LAG_KEEPS)
    {
        upto = upto.min(slowest);
    }
    if let Some(Hold { from, looks: 1.. }) = hold {
        upto = upto.min(from);
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
    pub async fn run_compaction(self, config: CompactionConfig) {
        let (mut asked, mut hold) = (0, None);
        loop {
            tokio::time::sleep(INTERVAL).await;
            let figures = self.compaction_figures();
            hold = next_hold(&config, figures, hold);
            let due = decide_compaction(&config, figures, hold);
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

    fn compaction_figures(&self) -> Figures {
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

    #[test]
    fn the_log_is_kept_behind_a_snapshot_that_is_on_its_way_and_not_for_ever() {
        let config = CompactionConfig { snapshot_entries: 100, keep_entries: 50 };
        let figures = |applied, snapshot, purged, slowest| Figures { applied, snapshot, purged, slowest };
        let upto = |figures, hold| decide_compaction(&config, figures, hold).purge;
        // A learner that has nothing: the log is purged up to 900, the snapshot at 950 is sent to it.
        let begun = next_hold(&config, figures(1_000, 950, 900, Some(0)), None);
        assert_eq!(begun, Some(Hold { from: 950, looks: HOLD_LOOKS }));
        // Under load there are newer snapshots; without the hold the entries behind 950 would go.
        let later = figures(3_000, 2_900, 950, Some(0));
        assert_eq!(upto(later, None), Some(2_900));
        let hold = next_hold(&config, later, begun);
        assert_eq!((hold, upto(later, hold)), (Some(Hold { from: 950, looks: HOLD_LOOKS - 1 }), None));
        // It has installed it and goes on with entries: the hold ends, and it is an ordinary follower that lags.
        assert_eq!(next_hold(&config, figures(3_000, 2_900, 950, Some(950)), hold), None);
        // It never comes: the patience ends, and does not begin again.
        let spent = (0..=HOLD_LOOKS).fold(begun, |hold, _| next_hold(&config, later, hold));
        assert_eq!(spent, Some(Hold { from: 950, looks: 0 }));
        assert_eq!(upto(later, spent), Some(2_900));
        // The log grows too long for it.
        let long = figures(950 + 50 * HOLD_KEEPS + 1, 5_900, 950, Some(0));
        assert_eq!(next_hold(&config, long, begun), Some(Hold { from: 950, looks: 0 }));
        assert_eq!(next_hold(&config, long, next_hold(&config, long, begun)), Some(Hold { from: 950, looks: 0 }));
        // Nobody lacks anything, or this node does not lead.
        assert_eq!(next_hold(&config, figures(1_000, 950, 900, Some(990)), None), None);
        assert_eq!(next_hold(&config, figures(1_000, 950, 900, None), begun), None);
    }

    fn check(applied: u64, snapshot: u64, purged: u64, slowest: Option<u64>, purge: Option<u64>, due: bool) {
        let config = CompactionConfig { snapshot_entries: 100, keep_entries: 50 };
        let figures = Figures { applied, snapshot, purged, slowest };
        assert_eq!(decide_compaction(&config, figures, None), Due { purge, snapshot: due });
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
