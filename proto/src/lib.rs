//! Everything that leaves the process: gRPC messages, REST bodies, error codes, and the one table of operations.
//!
//! Depends on no crate of ours, so that clients and tests can use it without the server. Never here: behaviour.

#![warn(missing_docs)]

pub mod access;
pub mod associations;
pub mod error_code;
pub mod llm;
pub mod operations;
pub mod raw;
pub mod rest;
pub mod time;

/// gRPC between the nodes of a cluster.
#[allow(
    clippy::all,
    clippy::unwrap_used,
    unreachable_pub,
    unused_qualifications,
    missing_docs,
    reason = "made by tonic and prost"
)]
pub mod peer {
    tonic::include_proto!("registry.peer.v1");
}

/// The native API, over gRPC and as HTTP/JSON.
#[allow(
    clippy::all,
    clippy::unwrap_used,
    unreachable_pub,
    unused_qualifications,
    missing_docs,
    reason = "made by tonic and prost"
)]
pub mod v1 {
    tonic::include_proto!("registry.v1");

    /// The descriptors of the native API, with comments: a FileDescriptorSet.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/registry.v1.bin"));
}
