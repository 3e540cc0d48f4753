//! The client against clusters of real node processes.

#[path = "../support/mod.rs"]
mod support;

mod leader_killed;
mod nouns;
mod serialisers;
