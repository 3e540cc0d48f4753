//! A node of the LLM Schema Registry as a library: [`run`] starts one on bound [`Listeners`], with the [`Clock`] and the
//! [`Seed`] that it is given, and hands back a [`Handle`]. Several nodes can run in one process.
//!
//! `main.rs` adds what belongs to a process of its own: arguments, signals, exit codes.

#![warn(missing_docs)]
#![allow(
    unreachable_pub,
    reason = "pub marks what a module offers to the others; this crate is no published interface"
)]

pub mod auth;
pub mod clock;
pub mod config;
pub mod consensus;
pub mod consistency;
pub mod doors;
pub mod edge;
pub mod host;
pub mod random;
pub mod service;
pub mod sockets;
pub mod tls;
pub mod trace;

pub use clock::{Clock, Deadline};
pub use config::Config;
pub use host::{Addresses, End, Handle, Listeners, Options, StartError, run};
pub use random::Seed;
