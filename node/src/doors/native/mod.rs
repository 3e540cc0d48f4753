//! The operations of the native API, once for gRPC and HTTP/JSON: from a message to the service and back. No rule is here.

mod audit;
mod convert;
pub(super) mod json;
mod life;
mod schemas;

pub use audit::{csv_of, json_of};
pub use convert::{cloud_event, event_filter, watch_response};
pub use schemas::{data_request, verdict_message};

use std::sync::Arc;

use proto::v1;

use crate::service::{Answers, Service, Tracked};

/// Bytes of versions that are kept as messages, for HTTP and for gRPC each.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The operations over a service.
#[derive(Clone)]
pub struct Native {
    pub service: Service,
    /// Versions as they were answered, by subject and version as they were asked for.
    versions: Arc<Answers<Tracked<v1::Version>>>,
}

impl Native {
    /// The operations over a service.
    pub fn new(service: Service) -> Self {
        let versions = Arc::new(service.answers(KEPT_BYTES_MAX));
        Self { service, versions }
    }
}
