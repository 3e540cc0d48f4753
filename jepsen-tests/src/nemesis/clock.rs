//! Clocks that jump, strobe and run at another speed; each node by itself.

use std::time::Duration;

use rand::RngExt;

use super::{Evidence, Field, hold};
use crate::disk::shim::Field as Control;

const HOUR_NS: i64 = 3_600_000_000_000;

fn bent(field: &Field<'_>) -> i64 {
    field.cluster.ids().into_iter().map(|id| field.cluster.shim(id).get(Control::ClocksBent)).sum()
}

fn proof(field: &Field<'_>, before: i64, what: String) -> Evidence {
    let count = bent(field) - before;
    if count == 0 { Err(format!("{what}: no clock was read")) } else { Ok(format!("{what}: {count} readings bent")) }
}

/// Some nodes an hour ahead, some an hour behind.
pub(super) async fn jump(field: &mut Field<'_>) -> Evidence {
    let before = bent(field);
    for id in field.cluster.ids() {
        let offset = field.random.random_range(-1..=1) * HOUR_NS;
        field.cluster.shim(id).set(Control::WallOffsetNs, offset);
    }
    let leader = field.cluster.leader().await;
    let offset = if field.random.random_bool(0.5) { HOUR_NS } else { -HOUR_NS };
    field.cluster.shim(leader).set(Control::WallOffsetNs, offset);
    hold(field).await;
    field.load.progress(20).await;
    proof(field, before, format!("wall clocks up to an hour apart, leader {leader} by {} h", offset / HOUR_NS))
}

/// The wall clock jumps to and fro many times a second.
pub(super) async fn strobe(field: &mut Field<'_>) -> Evidence {
    let before = bent(field);
    let ids = field.cluster.ids();
    for turn in 0..60_i64 {
        for id in &ids {
            let sign = if turn % 2 == 0 { 1 } else { -1 };
            let offset = sign * field.random.random_range(1_000_000..300_000_000_000);
            field.cluster.shim(*id).set(Control::WallOffsetNs, offset);
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    field.load.progress(10).await;
    proof(field, before, "wall clocks strobed by up to five minutes".to_owned())
}

/// One node's clocks, the monotonic one too, run at double or half speed.
pub(super) async fn rate(field: &mut Field<'_>) -> Evidence {
    let before = bent(field);
    let leader = field.cluster.leader().await;
    let follower = field.cluster.follower().await;
    let chosen = if field.random.random_bool(0.5) { leader } else { follower };
    // Only ever faster: back at its own speed, the monotonic clock would run backwards, which no kernel does. So the node is
    // restarted before the fault is taken back.
    let uptime = std::fs::read_to_string("/proc/uptime").map_err(|error| format!("read the uptime: {error}"))?;
    let seconds: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).ok_or("no uptime")?;
    #[allow(clippy::cast_possible_truncation)]
    let base = (seconds * 1e9) as i64;
    field.cluster.shim(chosen).set(Control::RateBaseNs, base);
    field.cluster.shim(chosen).set(Control::RatePermille, 2_000);
    hold(field).await;
    field.load.progress(20).await;
    let evidence = proof(field, before, format!("clocks of node {chosen} at double speed"));
    field.cluster.kill(chosen);
    evidence
}
