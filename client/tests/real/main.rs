//! The client against clusters of real node processes.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

#[path = "../support/mod.rs"]
mod support;

mod leader_killed;
mod nouns;
mod serialisers;
