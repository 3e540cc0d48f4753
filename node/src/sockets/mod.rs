//! How connections are accepted, watched and closed, whatever is spoken on them: HTTP, gRPC, the peer protocol.
//!
//! Each listener has one loop (`serve_listener`). It gives every connection a place among a bounded number; where all are taken,
//! the one that has rested longest makes room, so that a thousand clients that say nothing keep nobody from asking. What a
//! connection does is marked on the way, and looked at a few times a second: heads that do not come, answers that are not
//! taken and silence end it. `descriptors` shares what the operating system gives among clients, peers and the disk.
//!
//! Never here: what a request means.

mod activity;
mod clockwork;
mod connections;
pub mod descriptors;
mod listener;
mod request;
mod serve;
mod socket;

pub use activity::{Cause, Patience};
pub use connections::Connections;
pub use request::ClientAddress;
pub use serve::{Handshake, Protocol, Secured, Serve, Stage, serve_listener};
pub use socket::Socket;
