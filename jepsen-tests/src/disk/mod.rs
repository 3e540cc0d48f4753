//! Faults of a node's disk and clock: a preloaded library that fails and delays, power loss, damage to files.

pub mod corrupt;
pub mod power;
pub mod shim;
