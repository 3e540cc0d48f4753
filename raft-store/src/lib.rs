//! The Raft log and the replicated state of a node, on RocksDB.
//!
//! Two databases: the log (one writer thread, group commit, synced before anything is acknowledged) and the state (no
//! WAL; rows and applied index in one batch; rebuilt from the log after a crash). Snapshots are checkpoints of the state.
//!
//! Never here: network, decisions about the registry (these are `registry`'s), clocks except for logging slow I/O.

#![warn(missing_docs)]

pub mod bugs;
pub mod codec;
pub mod log;
pub mod runtime;
pub mod scrub;
pub mod state;
mod stretch;
mod torn;
pub mod types;
