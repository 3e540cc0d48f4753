//! Load generation and benchmarks of the registry. Figures, never pass or fail: those belong into tests.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark reads the clock and prints figures")]

pub mod catalogue;
pub mod failover;
pub mod history;
pub mod load;
pub mod validate;
