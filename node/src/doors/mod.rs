//! The doors: they translate between a transport and the service, and decide nothing.
//!
//! Every request has passed the edge, which found its operation; a door matches on it.

mod access;
mod cluster;
mod confluent;
pub mod grpc;
pub mod http;
mod llm;
mod native;
mod on;
mod server;
mod streams;
