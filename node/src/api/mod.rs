//! The front ends: they translate between a transport and the service, and decide nothing.

mod caller;
pub mod grpc;
pub mod http;
mod native;
