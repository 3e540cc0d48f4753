//! The front ends: they translate between a transport and the service, and decide nothing.

pub mod grpc;
pub mod http;
