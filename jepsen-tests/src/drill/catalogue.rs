//! All drills by name.

use super::Drill;
use crate::nemesis::Fault;
use crate::net::Network;
use crate::ops::clients::Crowd;

fn drill(name: &str, about: &'static str, nodes: u64, strikes: usize, faults: &[Fault]) -> Drill {
    Drill {
        name: name.to_owned(),
        about,
        nodes,
        profile: "lan",
        network: Network::Proxies,
        faults: faults.to_vec(),
        strikes,
        compacting: false,
        crowd: Crowd::default(),
        registering: 2,
    }
}

/// The drills that are meant for people, then one for every class of faults.
pub fn all() -> Vec<Drill> {
    use Fault::*;
    let wan = |drill: Drill| Drill { profile: "wan", ..drill };
    let compacting = |drill: Drill| Drill { compacting: true, ..drill };
    let mut drills = vec![
        drill(
            "leader-loss",
            "The leader is killed again and again: nothing acknowledged is lost, ids go on.",
            3,
            5,
            &[KillLeader],
        ),
        wan(drill(
            "region-loss",
            "A region is lost and cut off, with 30 to 150 ms between regions.",
            5,
            4,
            &[RegionLoss, RegionCut],
        )),
        drill(
            "split-brain",
            "The network breaks in every shape: never two leaders' answers.",
            5,
            8,
            &[IsolateLeader, OneWayToLeader, OneWayFromLeader, Halves, Ring, Bridge, ClientsInMinority, IsolateOne],
        ),
        drill("disk-full", "A node's disk is full: the cluster goes on, the node comes back.", 3, 3, &[DiskFull]),
        drill(
            "power-loss",
            "All nodes lose power at once, with torn tails: nothing acknowledged is lost.",
            3,
            4,
            &[PowerLossAll],
        ),
        drill(
            "slow-follower",
            "A node behind a thin line and one with a slow disk hold nobody up.",
            3,
            4,
            &[SlowLink, SlowSync],
        ),
        drill(
            "clock-jump",
            "Clocks jump by an hour, strobe and run double: order does not come from clocks.",
            3,
            4,
            &[ClockJump, ClockStrobe, ClockRate],
        ),
        drill(
            "bad-disk",
            "Files rot, syncs fail, a disk is lost: the node is fenced and rebuilt, answers stay right.",
            3,
            4,
            &[Damage, FailingSync, DiskLost],
        ),
        Drill {
            network: Network::Namespaces,
            ..drill(
                "namespaces",
                "The kernel breaks the network, a namespace for each node, no proxies. Needs root.",
                5,
                8,
                &[
                    OneWayFromLeader,
                    CablePulled,
                    OneWayToLeader,
                    Star,
                    IsolateLeader,
                    Ring,
                    PauseLeader,
                    Resets,
                    // With more strikes than it has by itself.
                    Halves,
                    IsolateOne,
                    Bridge,
                    Flap,
                    SlowLink,
                    KillLeader,
                    PowerLossOne,
                ],
            )
        },
        compacting(drill(
            "operator",
            "Members come and go, the leadership moves, logs are purged, under load.",
            3,
            4,
            &[MembershipChurn, LeaderTransfer, SnapshotAndPurge, StopLeader],
        )),
    ];
    for fault in Fault::ALL {
        let wide = matches!(
            fault,
            Ring | Bridge | Star | KillMinority | PauseMinority | PowerLossMinority | RegionLoss | RegionCut
        );
        let mut one = drill(&fault.name(), "One class of faults by itself.", if wide { 5 } else { 3 }, 3, &[fault]);
        one.compacting = matches!(fault, SnapshotAndPurge | Damage);
        if !fault.strikes(one.network) {
            one.network = Network::Namespaces;
        }
        if matches!(fault, RegionCut | Wan) {
            one.profile = "wan";
        }
        drills.push(one);
    }
    drills
}

/// The slice that every change runs: nine drills, a few strikes each.
pub fn slice() -> Vec<Drill> {
    use Fault::*;
    let wan = |drill: Drill| Drill { profile: "wan", ..drill };
    let compacting = |drill: Drill| Drill { compacting: true, ..drill };
    vec![
        drill("slice-kill", "", 3, 5, &[KillLeader, KillAll, KillLeader]),
        drill("slice-partition", "", 5, 6, &[IsolateLeader, OneWayToLeader, OneWayFromLeader]),
        drill("slice-pause", "", 3, 4, &[PauseLeader]),
        drill("slice-power", "", 3, 6, &[PowerLossAll]),
        drill("slice-disk", "", 3, 4, &[DiskFull, SlowSync]),
        drill("slice-rot", "", 3, 2, &[Damage]),
        compacting(drill("slice-operator", "", 3, 4, &[MembershipChurn, SnapshotAndPurge])),
        wan(drill("slice-region", "", 5, 2, &[RegionCut, RegionLoss])),
        drill("slice-clock", "", 3, 4, &[ClockJump, ClockStrobe]),
    ]
}

/// A drill by its name.
pub fn find(name: &str) -> Option<Drill> {
    all().into_iter().chain(slice()).find(|drill| drill.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drill_has_the_network_that_its_faults_need() {
        for drill in all().into_iter().chain(slice()) {
            for fault in &drill.faults {
                assert!(fault.strikes(drill.network), "{}: {}", drill.name, fault.name());
            }
        }
    }

    #[test]
    fn what_every_change_runs_needs_no_root() {
        for drill in slice() {
            assert_eq!(drill.network, Network::Proxies, "{}", drill.name);
        }
    }
}
