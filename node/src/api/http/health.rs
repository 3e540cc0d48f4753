//! Health: is the process alive, may it get traffic, has it started.
//!
//! Liveness looks at this process alone: a lost quorum must not restart every node.

use serde_json::json;

use super::Front;
use super::reply::Reply;

/// A node that lags by more entries than this is not ready.
const READY_LAG_MAX: u64 = 10_000;

pub(super) fn live(front: &Front) -> Reply {
    let failed = front.service.consensus().standing().failed;
    Reply::health(failed.is_none(), &json!({"alive": failed.is_none(), "reason": failed}))
}

pub(super) fn started(front: &Front) -> Reply {
    let started = front.phase.has_started();
    Reply::health(started, &json!({"started": started}))
}

pub(super) fn ready(front: &Front) -> Reply {
    let standing = front.service.consensus().standing();
    let mut reasons = Vec::new();
    if !front.phase.has_started() {
        reasons.push("not recovered yet".to_owned());
    }
    if front.phase.is_draining() {
        reasons.push("draining".to_owned());
    }
    if standing.leader_id.is_none() {
        reasons.push("no leader known".to_owned());
    }
    let lag = standing.committed_index.saturating_sub(standing.applied_index);
    if lag > READY_LAG_MAX {
        reasons.push(format!("lags by {lag} entries"));
    }
    reasons.extend(standing.failed);
    Reply::health(reasons.is_empty(), &json!({"ready": reasons.is_empty(), "reasons": reasons}))
}
