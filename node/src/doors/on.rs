//! What the doors over HTTP work with: the front of the node, and one request on its way through its operation.

use proto::operations::{OperationId, Part};

use super::http::reply::Reply;
use super::http::request::Request;
use super::native::Native;
use crate::edge::Admitted;
use crate::host::Phase;
use crate::service::{Caller, Service, ServiceError};

pub(super) type Answer = Result<Reply, ServiceError>;

/// What the doors work with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) service: Service,
    pub(super) phase: Phase,
    pub(super) native: Native,
}

/// One request on its way through its operation.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub front: &'a Front,
    pub admitted: &'a Admitted,
    pub caller: &'a Caller,
    pub request: &'a Request,
}

impl On<'_> {
    /// A parameter of the path; a subject is qualified.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.admitted.place.path_parameter(name)
    }

    /// May the caller do this to what path and query name? Of the native API that is asked when the message is read.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn authorize(&self) -> Result<(), ServiceError> {
        let Admitted { operation, place, .. } = self.admitted;
        if matches!(operation.id, OperationId::Native(_)) {
            return Ok(());
        }
        self.front.service.authorize_operation(self.caller, operation, place.context(), |part| match part {
            Part::Path(name) => Some(place.path_parameter(name).to_owned()),
            Part::Query(name) | Part::Field(name) => self.request.query_value(name).map(str::to_owned),
            // What only a body names, each operation tests item by item.
            Part::Body(_) => None,
        })
    }
}
