//! Faults that last while another one strikes: two faults at a time.

use rand::RngExt;

use super::{Evidence, NemesisTarget, all_but};
use crate::disk::shim::ShimControl;
use crate::net::Network;

/// A fault that is set once and lasts until everything is healed. None of them takes a node away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ambient {
    /// Every sync of every node takes some milliseconds longer.
    SlowSyncs,
    /// Writes of every node take only half of what they are given, now and then.
    ShortWrites,
    /// Wall clocks are up to an hour apart.
    ClocksApart,
    /// One follower is behind a thin line.
    ThinLine,
}

impl Ambient {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SlowSyncs, Self::ShortWrites, Self::ClocksApart, Self::ThinLine];

    /// Its name, in words with hyphens.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowSyncs => "slow-syncs",
            Self::ShortWrites => "short-writes",
            Self::ClocksApart => "clocks-apart",
            Self::ThinLine => "thin-line",
        }
    }

    /// The counter of the preloaded library that shows the fault.
    fn counter(self) -> Option<ShimControl> {
        match self {
            Self::SlowSyncs => Some(ShimControl::SyncsDelayed),
            Self::ShortWrites => Some(ShimControl::WritesShortened),
            Self::ClocksApart => Some(ShimControl::ClocksBent),
            Self::ThinLine => None,
        }
    }
}

/// An ambient fault that has begun.
#[derive(Debug)]
pub(super) struct Running {
    ambient: Ambient,
    nodes: Vec<u64>,
    /// The counters before it began.
    before: i64,
}

fn sum_of(target: &NemesisTarget<'_>, counter: ShimControl, nodes: &[u64]) -> i64 {
    nodes.iter().map(|id| target.cluster.shim(*id).get(counter)).sum()
}

/// Begins an ambient fault.
pub(super) async fn begin_ambient(ambient: Ambient, target: &mut NemesisTarget<'_>) -> Running {
    let nodes = target.cluster.ids();
    let before = ambient.counter().map_or(0, |counter| sum_of(target, counter, &nodes));
    for id in &nodes {
        let shim = target.cluster.shim(*id);
        match ambient {
            Ambient::SlowSyncs => shim.set(ShimControl::SyncDelayUs, target.random.random_range(2_000..25_000)),
            Ambient::ShortWrites => shim.set(ShimControl::ShortWriteEvery, target.random.random_range(2..9)),
            Ambient::ClocksApart => {
                shim.set(ShimControl::WallOffsetNs, target.random.random_range(-1..=1) * super::clock::HOUR_NS);
            }
            Ambient::ThinLine => {}
        }
    }
    if ambient == Ambient::ClocksApart {
        let first = target.cluster.shim(nodes[0]);
        first.set(ShimControl::WallOffsetNs, super::clock::HOUR_NS);
    }
    if ambient == Ambient::ThinLine && target.cluster.spec().network != Network::Loopback {
        let one = target.cluster.follower().await;
        target.cluster.mesh().thin(one, &all_but(&nodes, &[one]), 60_000);
    }
    Running { ambient, nodes, before }
}

/// Did the ambient fault touch anything?
pub(super) fn prove_ambient(running: &Running, target: &NemesisTarget<'_>) -> Evidence {
    let name = running.ambient.name();
    let Some(counter) = running.ambient.counter() else { return Ok(format!("with {name}")) };
    match sum_of(target, counter, &running.nodes) - running.before {
        0 => Err(format!("{name} touched nothing")),
        count => Ok(format!("with {name}, {count} times")),
    }
}
