//! Everything that leaves the process: gRPC messages, REST bodies, error codes.
//!
//! Depends on no crate of ours, so that clients and tests can use it without the server. Never here: behaviour.

pub mod associations;
pub mod error_code;
pub mod rest;

/// gRPC between the nodes of a cluster.
#[allow(clippy::all, clippy::unwrap_used, unreachable_pub, unused_qualifications, missing_docs)]
pub mod peer {
    tonic::include_proto!("registry.peer.v1");
}
