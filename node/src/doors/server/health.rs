//! Health: is the process alive, may it get traffic, has it started.
//!
//! Liveness looks at this process alone: a lost quorum must not restart every node.

use serde_json::json;

use crate::doors::http::reply::Reply;
use crate::doors::on::Front;
use crate::host::readiness;

pub(super) fn live_reply(front: &Front) -> Reply {
    let failed = front.service.consensus_standing().failed;
    // A certificate that has run out closes its port, and is no reason to restart the process.
    let mut body = json!({"alive": failed.is_none(), "reason": failed});
    let warnings = front.service.metrics().certificate_warnings();
    if !warnings.is_empty() {
        body["warnings"] = json!(warnings);
    }
    Reply::health_body(failed.is_none(), &body)
}

pub(super) fn started_reply(front: &Front) -> Reply {
    let started = front.phase.has_started();
    Reply::health_body(started, &json!({"started": started}))
}

pub(super) fn ready_reply(front: &Front) -> Reply {
    let reasons = readiness::reasons_against(&front.service, &front.phase);
    // What does not keep clients away, and should be looked at: a full disk takes no writes and is read as ever.
    let metrics = front.service.metrics();
    let warnings: Vec<_> = metrics.disk().warning().into_iter().chain(metrics.certificate_warnings()).collect();
    Reply::health_body(
        reasons.is_empty(),
        &json!({"ready": reasons.is_empty(), "reasons": reasons, "warnings": warnings}),
    )
}
