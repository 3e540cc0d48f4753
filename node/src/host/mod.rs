//! The life of a node in its process: from bound listeners over the checks at the start to serving and draining.

mod admission;
mod background;
mod error;
mod histogram;
mod identity;
mod listeners;
mod node;
mod phase;
pub mod readiness;
pub mod restore;
mod scrub;
mod starting;
mod supervisor;
pub mod telemetry;

pub use error::{End, StartError};
pub use listeners::{Addresses, Listeners};
pub use node::{Handle, OnFatal, Options, run};
pub use phase::Phase;
pub use supervisor::Supervisor;
