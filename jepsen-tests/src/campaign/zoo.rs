//! The bug zoo: every planted bug must be found by a short drill, and how long that takes is published.
//!
//! A drill that passes says little unless the same drill fails where it must.

use std::time::{Duration, Instant};

use crate::checker::verdict::Verdict;
use crate::drill::run::{self, Options};
use crate::drill::{Drill, catalogue};
use crate::nemesis::Fault;
use crate::ops::clients::ClientCounts;

/// A bug has to be found in this time.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A planted bug: its name, what it is, and the faults that bring it out.
pub type PlantedBug = (&'static str, &'static str, &'static [Fault]);

/// All of them; the names are those of the product's test-only build.
pub const ZOO: [PlantedBug; 16] = [
    ("no-sync", "an append is acknowledged without a sync", &[Fault::PowerLossAll]),
    ("sync-late", "the sync comes after the acknowledgement", &[Fault::PowerLossAll]),
    ("vote-lost", "a vote is not written down", &[Fault::KillAll, Fault::KillLeader]),
    ("local-read", "a read that promises linearizability trusts its replica", &[Fault::SlowLink]),
    ("lease-read", "the leader answers without asking the quorum", &[Fault::ClientsInMinority, Fault::PauseLeader]),
    ("session-ignored", "a session's token is not looked at", &[Fault::SlowLink]),
    ("bound-ignored", "a bound on staleness is not looked at", &[Fault::IsolateOne, Fault::SlowLink]),
    ("own-writes-unseen", "a forwarded write is answered before it is applied here", &[Fault::SlowLink]),
    ("basis-ignored", "apply does not look at what a verdict rested on", &[Fault::SlowLink]),
    ("level-ignored", "an incompatible schema is let in", &[Fault::KillFollower]),
    ("id-local", "ids come from a counter in the process", &[Fault::KillLeader]),
    ("version-reused", "a version is numbered by counting the live ones", &[Fault::KillFollower]),
    ("dedup-off", "request ids are not remembered", &[Fault::LostAnswers]),
    ("retry-renamed", "a retry has a new request id", &[Fault::LostAnswers]),
    ("digest-unstable", "the digest depends on the process", &[Fault::KillFollower]),
    ("delete-kept", "a permanent deletion leaves the row", &[Fault::KillFollower]),
];

/// The result of the hunt for one bug.
#[derive(Debug, Clone)]
pub struct Hunt {
    pub bug: &'static str,
    pub about: &'static str,
    pub faults: String,
    pub found: bool,
    pub took: Duration,
    pub by: String,
}

/// The drill that hunts with these faults.
fn hunting_drill(faults: &[Fault]) -> Drill {
    let mut drill = catalogue::find_drill(&faults[0].name()).expect("every fault has a drill");
    drill.faults = faults.to_vec();
    drill.strikes = faults.len().max(2);
    drill.name = format!("zoo-{}", drill.name);
    // A session has to read at just the node that lags, soon after a write.
    drill.clients.sessions = 12;
    // The looks at what was acknowledged read all of it.
    drill.clients.bulk = false;
    // Only what is deleted twice shows that a request took effect twice.
    drill.clients.deleting_groups = 2;
    if faults.contains(&Fault::PowerLossAll) {
        // Each node keeps a random part of what it had not synced, so not every loss takes what was acknowledged. What is lost is
        // seen right after it: many losses, and mostly clients whose acknowledged writes are looked for all the time.
        drill.strikes = 8;
        drill.registering = 8;
        drill.clients = ClientCounts {
            rich_groups: 0,
            deleting_groups: 0,
            append_groups: 1,
            sessions: 2,
            ..ClientCounts::only_subjects()
        };
    }
    drill
}

/// The exhibits that a run hunts for: all, one by its name, or so many, others with every seed.
pub fn chosen_bugs(bug: Option<&str>, some: Option<usize>, seed: u64) -> Vec<PlantedBug> {
    let named = ZOO.into_iter().filter(|exhibit| bug.is_none_or(|bug| bug == exhibit.0));
    let some = some.unwrap_or(ZOO.len());
    let first = usize::try_from(seed % ZOO.len() as u64).expect("a small number") * some;
    let named: Vec<_> = named.collect();
    let from = first % named.len().max(1);
    named.iter().cycle().skip(from).take(some.min(named.len())).copied().collect()
}

/// Hunts for one bug with fresh seeds until it is found or the time is over.
pub async fn hunt_bug(exhibit: PlantedBug, first_seed: u64, limit: Duration) -> Hunt {
    let (bug, about, faults) = exhibit;
    let names: Vec<String> = faults.iter().map(|fault| fault.name()).collect();
    let begun = Instant::now();
    let mut hunt = Hunt { bug, about, faults: names.join(", "), found: false, took: Duration::ZERO, by: String::new() };
    for seed in first_seed.. {
        let options = Options { seed, bug: Some(bug.to_owned()), artefacts: None, live: false, hunt: true };
        let ended = tokio::time::timeout(limit * 2, run::run_drill(&hunting_drill(faults), &options)).await;
        hunt.took = begun.elapsed();
        if let Ok(report) = ended
            && report.results.verdict == Verdict::Invalid
        {
            hunt.found = true;
            hunt.by = report.results.faults.first().map(|fault| fault.chars().take(90).collect()).unwrap_or_default();
            return hunt;
        }
        if hunt.took >= limit {
            break;
        }
    }
    hunt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_its_turn() {
        let names = |exhibits: Vec<PlantedBug>| exhibits.into_iter().map(|exhibit| exhibit.0).collect::<Vec<_>>();
        assert_eq!(names(chosen_bugs(None, None, 7)).len(), ZOO.len());
        assert_eq!(names(chosen_bugs(Some("id-local"), None, 7)), ["id-local"]);
        assert_eq!(names(chosen_bugs(None, Some(3), 0)), ["no-sync", "sync-late", "vote-lost"]);
        assert_eq!(names(chosen_bugs(None, Some(3), 5)), ["delete-kept", "no-sync", "sync-late"]);
        let mut seen: Vec<_> = (0..16).flat_map(|seed| names(chosen_bugs(None, Some(3), seed))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), ZOO.len());
    }
}
