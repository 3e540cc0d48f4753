//! Which pages of other origins a browser lets read the answers (CORS): none, unless the operator names them.

use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// How long a browser may keep what it was told.
const KEPT: Duration = Duration::from_secs(600);
/// Headers of our answers that pages may read, besides those that they always may.
const SHOWN: [&str; 9] = [
    "etag",
    "retry-after",
    "x-request-id",
    "x-registry-index",
    "x-registry-node",
    "x-registry-region",
    "x-registry-staleness-ms",
    "x-registry-term",
    "deprecation",
];

/// The layer for these origins; none where there are none. `*` is every origin.
pub(super) fn cors_layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        // What a page asks to send, it may send: the answer is decided by who asks, not by what headers there are.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(SHOWN.map(HeaderName::from_static))
        .max_age(KEPT);
    Some(if origins.iter().any(|origin| origin == "*") {
        layer.allow_origin(Any)
    } else {
        layer.allow_origin(origins.iter().filter_map(|origin| origin.parse().ok()).collect::<Vec<HeaderValue>>())
    })
}
