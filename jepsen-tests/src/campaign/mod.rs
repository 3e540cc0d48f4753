//! Campaigns: long runs whose figures are published in `docs/reliability-log.md`. Each is a command of its own.

pub mod growth;
pub mod rot;
pub mod zoo;
