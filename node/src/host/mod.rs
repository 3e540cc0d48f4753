//! The life of a node in its process: from bound listeners over the checks at the start to serving and draining.

mod admission;
mod background;
pub mod disk;
mod error;
mod histogram;
mod identity;
mod listeners;
pub mod logs;
mod node;
mod phase;
mod process;
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
