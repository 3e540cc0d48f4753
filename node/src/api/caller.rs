//! Who asks, under which id, until when, how fresh, at which revision: the same headers for HTTP and gRPC.

use http::HeaderMap;
use proto::error_code as code;
use registry::limits::{PRINCIPAL_BYTES_MAX, REQUEST_ID_BYTES_MAX};
use registry::{Actor, Authentication, LogIndex, Principal, RequestId};

use crate::clock::Deadline;
use crate::service::{Caller, Consistency, Service, ServiceError, UNKEYED};

/// Reads the headers of a request. `consistency` is what the query asks for; `fingerprint` tells equal keys of different
/// requests apart.
///
/// # Errors
/// 422 for a header that makes no sense.
pub fn caller_of(
    headers: &HeaderMap,
    consistency: Option<&str>,
    fingerprint: impl FnOnce() -> String,
    service: &Service,
    default: Consistency,
) -> Result<Caller, ServiceError> {
    let bad = |message: &str| ServiceError::new(code::UNPROCESSABLE, message);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = match header("idempotency-key") {
        Some(key) if key.is_empty() || key.len() > REQUEST_ID_BYTES_MAX => {
            return Err(bad("Idempotency-Key must have 1 to 128 characters"));
        }
        Some(key) => format!("client:{key}:{}", fingerprint()),
        None => format!("{UNKEYED}{}", service.random().uuid()),
    };
    let consistency = match header("x-registry-consistency").or(consistency) {
        Some(text) => Consistency::parse(text).ok_or_else(|| {
            bad("consistency is one of default, local, linearizable, bounded:<milliseconds>, session:<index>")
        })?,
        None => default,
    };
    let index = |name: &str, what: &str| {
        header(name).map(|text| text.trim_matches('"').parse().map(LogIndex).map_err(|_| bad(what))).transpose()
    };
    let config = service.config();
    // A header names the principal only where the operator says that a proxy sets it and no client can.
    let principal = match config.http.principal_header.as_str() {
        "" => None,
        name => header(name).filter(|name| !name.is_empty() && name.len() <= PRINCIPAL_BYTES_MAX),
    };
    Ok(Caller {
        actor: Actor {
            principal: principal
                .map_or_else(Principal::anonymous, |name| Principal::user(name, Authentication::TrustedHeader)),
            node_id: config.node.id,
        },
        request_id: RequestId(request_id),
        deadline: Deadline::after(config.limits.request_time_max()),
        consistency,
        // A client that sends back the index of an earlier answer reads at least that, whatever else it asks for.
        at_least: index("x-registry-index", "X-Registry-Index is a log index")?,
        if_revision: index("if-match", "If-Match is a revision: the number that the API gave")?,
    })
}
