//! May clients be sent to this node? One answer for `/readyz` and for `grpc.health.v1`.

use std::time::Duration;

use super::Phase;
use crate::service::Service;

/// A node that lags by more entries than this is not ready.
const LAG_MAX: u64 = 10_000;

/// What is said while there is nothing to be a member of.
pub(super) const NO_CLUSTER: &str = "no cluster has been made of these members, or this node is not one of it yet: start one \
                                     of its members with --bootstrap, once, or add this node (registryctl member add)";

/// What the answer depends on.
#[derive(Debug, Clone)]
struct Facts {
    started: bool,
    draining: bool,
    /// There are voters: a cluster that this node knows of.
    founded: bool,
    leader: Option<u64>,
    /// Since a quorum last confirmed what this node asked. The name of a leader alone says little: a node that is cut
    /// off goes on to know the last one.
    silence: Option<Duration>,
    silence_max: Duration,
    lag: u64,
    removed: bool,
    failed: Option<String>,
}

/// Why clients should not be sent here; empty if they should.
pub fn reasons_against(service: &Service, phase: &Phase) -> Vec<String> {
    let consensus = service.consensus();
    let standing = consensus.standing();
    unready_reasons(Facts {
        started: phase.has_started(),
        draining: phase.is_draining(),
        founded: !standing.voters.is_empty(),
        leader: standing.leader_id,
        silence: service.time_since_confirmation(),
        silence_max: service.silence_max(),
        lag: standing.committed_index.saturating_sub(standing.applied_index),
        removed: standing.removed,
        failed: standing.failed,
    })
}

fn unready_reasons(facts: Facts) -> Vec<String> {
    let mut reasons = Vec::new();
    if !facts.started {
        reasons.push("not recovered yet".to_owned());
    }
    if facts.removed {
        // All else follows from it.
        return vec!["this node was removed from its cluster".to_owned()];
    }
    if facts.draining {
        reasons.push("draining".to_owned());
    }
    match (facts.leader, facts.silence) {
        (None, _) if !facts.founded => reasons.push(NO_CLUSTER.to_owned()),
        (None, _) => reasons.push("no leader known".to_owned()),
        (Some(leader), None) => reasons.push(format!("node {leader}, the leader, has not answered yet")),
        (Some(leader), Some(silence)) if silence > facts.silence_max => {
            let seconds = silence.as_secs();
            reasons.push(format!("no quorum has answered for {seconds} s; the last leader known is node {leader}"));
        }
        (Some(_), Some(_)) => {}
    }
    if facts.lag > LAG_MAX {
        reasons.push(format!("lags by {} entries", facts.lag));
    }
    reasons.extend(facts.failed);
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Facts {
        Facts {
            started: true,
            draining: false,
            founded: true,
            leader: Some(2),
            silence: Some(Duration::from_secs(1)),
            silence_max: Duration::from_secs(10),
            lag: 3,
            removed: false,
            failed: None,
        }
    }

    #[test]
    fn each_fact_alone_keeps_clients_away() {
        assert_eq!(unready_reasons(well()), Vec::<String>::new());
        let cases = [
            (Facts { started: false, ..well() }, "not recovered yet"),
            (Facts { draining: true, ..well() }, "draining"),
            (Facts { removed: true, ..well() }, "this node was removed from its cluster"),
            (Facts { leader: None, ..well() }, "no leader known"),
            (Facts { leader: None, founded: false, ..well() }, NO_CLUSTER),
            (Facts { silence: None, ..well() }, "node 2, the leader, has not answered yet"),
            (
                Facts { silence: Some(Duration::from_secs(11)), ..well() },
                "no quorum has answered for 11 s; the last leader known is node 2",
            ),
            (Facts { lag: 10_001, ..well() }, "lags by 10001 entries"),
            (Facts { failed: Some("the disk is gone".to_owned()), ..well() }, "the disk is gone"),
        ];
        for (facts, reason) in cases {
            assert_eq!(unready_reasons(facts), [reason]);
        }
    }
}
