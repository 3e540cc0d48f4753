//! Errors as gRPC statuses: the only file that knows their codes.
//!
//! Each carries google.rpc.Status with one ErrorInfo: the registry's own code and a help page's anchor. The two messages
//! are declared here by their tags (google/rpc/status.proto, error_details.proto), for two structs need no crate.

use std::collections::HashMap;

use prost::Message;
use tonic::{Code, Status};

use crate::service::ServiceError;

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

/// An error as a status with details.
pub fn status_of(error: &ServiceError) -> Status {
    let code = match error.code.status() {
        400 | 406 | 415 | 422 => match error.code.0 {
            // The request is well formed; the state of the registry forbids it.
            42205 | 42206 | 42251 | 42254 | 42255 => Code::FailedPrecondition,
            _ => Code::InvalidArgument,
        },
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 => Code::Unimplemented,
        408 => Code::DeadlineExceeded,
        409 => Code::FailedPrecondition,
        410 => Code::OutOfRange,
        412 => Code::Aborted,
        413 | 429 | 507 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        _ => match error.code.0 {
            50002..=50004 => Code::Unavailable,
            _ => Code::Internal,
        },
    };
    let metadata = [("error_code".to_owned(), error.code.0.to_string())].into();
    let info = ErrorInfo { reason: format!("E{}", error.code.0), domain: "registry.v1".to_owned(), metadata };
    let detail = Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(), value: info.encode_to_vec() };
    let details = RpcStatus { code: i32::from(code), message: error.message.clone(), details: vec![detail] };
    Status::with_details(code, error.message.clone(), details.encode_to_vec().into())
}
