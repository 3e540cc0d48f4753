//! All drills by name.

use super::Drill;
use crate::nemesis::{Ambient, Fault};
use crate::net::Network;
use crate::ops::clients::ClientCounts;

fn base_drill(name: &str, about: &'static str, nodes: u64, strikes: usize, faults: &[Fault]) -> Drill {
    Drill {
        name: name.to_owned(),
        about,
        nodes,
        profile: "lan",
        network: Network::Proxies,
        faults: faults.to_vec(),
        ambient: Vec::new(),
        strikes,
        compacting: false,
        clients: ClientCounts::default(),
        registering: 2,
    }
}

/// The drills that are meant for people, then one for every class of faults.
pub fn all_drills() -> Vec<Drill> {
    use Fault::*;
    let wan = |drill: Drill| Drill { profile: "wan", ..drill };
    let compacting = |drill: Drill| Drill { compacting: true, ..drill };
    let mut drills = vec![
        base_drill(
            "leader-loss",
            "The leader is killed again and again: nothing acknowledged is lost, ids go on.",
            3,
            5,
            &[KillLeader],
        ),
        wan(base_drill(
            "region-loss",
            "A region is lost and cut off, with 30 to 150 ms between regions.",
            5,
            4,
            &[RegionLoss, RegionCut],
        )),
        base_drill(
            "split-brain",
            "The network breaks in every shape: never two leaders' answers.",
            5,
            8,
            &[IsolateLeader, OneWayToLeader, OneWayFromLeader, Halves, Ring, Bridge, ClientsInMinority, IsolateOne],
        ),
        base_drill("disk-full", "A node's disk is full: the cluster goes on, the node comes back.", 3, 3, &[DiskFull]),
        base_drill(
            "power-loss",
            "All nodes lose power at once, with torn tails: nothing acknowledged is lost.",
            3,
            4,
            &[PowerLossAll],
        ),
        base_drill(
            "slow-follower",
            "A node behind a thin line and one with a slow disk hold nobody up.",
            3,
            4,
            &[SlowLink, SlowSync],
        ),
        base_drill(
            "clock-jump",
            "Clocks jump by an hour, strobe and run double: order does not come from clocks.",
            3,
            4,
            &[ClockJump, ClockStrobe, ClockRate],
        ),
        base_drill(
            "bad-disk",
            "Files rot, syncs fail, a disk is lost: the node is fenced and rebuilt, answers stay right.",
            3,
            4,
            &[Damage, FailingSync, DiskLost],
        ),
        Drill {
            network: Network::Namespaces,
            ..base_drill(
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
        compacting(base_drill(
            "operator",
            "Members come and go, the leadership moves, logs are purged, under load.",
            3,
            4,
            &[MembershipChurn, LeaderTransfer, SnapshotAndPurge, StopLeader],
        )),
    ];
    drills.push(Drill {
        ambient: Ambient::ALL.to_vec(),
        ..base_drill(
            "two-faults",
            "Slow syncs, short writes, clocks apart or a thin line, while leaders die, are cut off or lose power.",
            3,
            8,
            &[KillLeader, IsolateLeader, PowerLossAll, PauseLeader, OneWayToLeader],
        )
    });
    drills.push(hot(base_drill(
        "hot-subjects",
        "Hundreds of clients without rest on few subjects, while leaders die.",
        3,
        4,
        &[KillLeader, PauseLeader],
    )));
    drills.push(compacting(base_drill(
        "power-loss-purge",
        "All nodes lose power while logs are purged and snapshots are installed.",
        3,
        6,
        &[PowerLossAll, SnapshotAndPurge, PowerLossAll],
    )));
    for fault in Fault::ALL {
        let wide = matches!(
            fault,
            Ring | Bridge | Star | KillMinority | PauseMinority | PowerLossMinority | RegionLoss | RegionCut
        );
        let mut one =
            base_drill(&fault.name(), "One class of faults by itself.", if wide { 5 } else { 3 }, 3, &[fault]);
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

/// Hundreds of processes without rest on the twelve subjects of the registration workload.
fn hot(drill: Drill) -> Drill {
    Drill { registering: 200, ..drill }
}

/// The slice that every change runs: eleven drills, a few strikes each.
pub fn ci_slice() -> Vec<Drill> {
    use Fault::*;
    let wan = |drill: Drill| Drill { profile: "wan", ..drill };
    let compacting = |drill: Drill| Drill { compacting: true, ..drill };
    vec![
        base_drill("slice-kill", "", 3, 5, &[KillLeader, KillAll, KillLeader]),
        base_drill("slice-partition", "", 5, 6, &[IsolateLeader, OneWayToLeader, OneWayFromLeader]),
        base_drill("slice-pause", "", 3, 4, &[PauseLeader]),
        compacting(base_drill("slice-power", "", 3, 6, &[PowerLossAll])),
        base_drill("slice-disk", "", 3, 4, &[DiskFull, SlowSync]),
        base_drill("slice-rot", "", 3, 2, &[Damage]),
        compacting(base_drill("slice-operator", "", 3, 4, &[MembershipChurn, SnapshotAndPurge])),
        wan(base_drill("slice-region", "", 5, 2, &[RegionCut, RegionLoss])),
        base_drill("slice-clock", "", 3, 4, &[ClockJump, ClockStrobe]),
        Drill {
            ambient: vec![Ambient::SlowSyncs, Ambient::ShortWrites, Ambient::ClocksApart],
            ..base_drill("slice-overlap", "", 3, 3, &[KillLeader, PowerLossAll, IsolateLeader])
        },
        hot(base_drill("slice-hot", "", 3, 2, &[KillLeader, PauseLeader])),
    ]
}

/// A drill by its name.
pub fn find_drill(name: &str) -> Option<Drill> {
    all_drills().into_iter().chain(ci_slice()).find(|drill| drill.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drill_has_the_network_that_its_faults_need() {
        for drill in all_drills().into_iter().chain(ci_slice()) {
            for fault in &drill.faults {
                assert!(fault.strikes(drill.network), "{}: {}", drill.name, fault.name());
            }
        }
    }

    #[test]
    fn what_every_change_runs_needs_no_root() {
        for drill in ci_slice() {
            assert_eq!(drill.network, Network::Proxies, "{}", drill.name);
        }
    }
}
