//! Clocks that jump, strobe and run at another speed; each node by itself.

use std::time::Duration;

use rand::RngExt;

use super::{Evidence, NemesisTarget, hold_fault};
use crate::disk::shim::ShimControl;

pub(super) const HOUR_NS: i64 = 3_600_000_000_000;

fn count_bent(target: &NemesisTarget<'_>) -> i64 {
    target.cluster.ids().into_iter().map(|id| target.cluster.shim(id).get(ShimControl::ClocksBent)).sum()
}

fn prove_bent(target: &NemesisTarget<'_>, before: i64, what: String) -> Evidence {
    let count = count_bent(target) - before;
    if count == 0 { Err(format!("{what}: no clock was read")) } else { Ok(format!("{what}: {count} readings bent")) }
}

/// Some nodes an hour ahead, some an hour behind.
pub(super) async fn clock_jump(target: &mut NemesisTarget<'_>) -> Evidence {
    let before = count_bent(target);
    for id in target.cluster.ids() {
        let offset = target.random.random_range(-1..=1) * HOUR_NS;
        target.cluster.shim(id).set(ShimControl::WallOffsetNs, offset);
    }
    let leader = target.cluster.leader().await;
    let offset = if target.random.random_bool(0.5) { HOUR_NS } else { -HOUR_NS };
    target.cluster.shim(leader).set(ShimControl::WallOffsetNs, offset);
    hold_fault(target).await;
    target.load.wait_for_progress(20).await;
    prove_bent(target, before, format!("wall clocks up to an hour apart, leader {leader} by {} h", offset / HOUR_NS))
}

/// The wall clock jumps to and fro many times a second.
pub(super) async fn clock_strobe(target: &mut NemesisTarget<'_>) -> Evidence {
    let before = count_bent(target);
    let ids = target.cluster.ids();
    for turn in 0..60_i64 {
        for id in &ids {
            let sign = if turn % 2 == 0 { 1 } else { -1 };
            let offset = sign * target.random.random_range(1_000_000..300_000_000_000);
            target.cluster.shim(*id).set(ShimControl::WallOffsetNs, offset);
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    target.load.wait_for_progress(10).await;
    prove_bent(target, before, "wall clocks strobed by up to five minutes".to_owned())
}

/// One node's clocks, the monotonic one too, run at double or half speed.
pub(super) async fn clock_rate(target: &mut NemesisTarget<'_>) -> Evidence {
    let before = count_bent(target);
    let leader = target.cluster.leader().await;
    let follower = target.cluster.follower().await;
    let chosen = if target.random.random_bool(0.5) { leader } else { follower };
    // Only ever faster: back at its own speed, the monotonic clock would run backwards, which no kernel does. So the node is
    // restarted before the fault is taken back.
    let uptime = std::fs::read_to_string("/proc/uptime").map_err(|error| format!("read the uptime: {error}"))?;
    let seconds: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).ok_or("no uptime")?;
    #[allow(clippy::cast_possible_truncation)]
    let base = (seconds * 1e9) as i64;
    target.cluster.shim(chosen).set(ShimControl::RateBaseNs, base);
    target.cluster.shim(chosen).set(ShimControl::RatePermille, 2_000);
    hold_fault(target).await;
    target.load.wait_for_progress(20).await;
    let evidence = prove_bent(target, before, format!("clocks of node {chosen} at double speed"));
    target.cluster.kill(chosen);
    evidence
}
