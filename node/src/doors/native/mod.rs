//! The operations of the native API, once for gRPC and HTTP/JSON: from a message to the service and back. No rule is here.

mod audit;
mod convert;
pub(super) mod json;
mod life;
mod schemas;

pub use audit::{csv_of, json_of};
pub use convert::{cloud_event, filter, watched};
pub use schemas::{data_request, verdict_message};

use crate::service::Service;

/// The operations over a service.
#[derive(Clone)]
pub struct Native {
    pub service: Service,
}
