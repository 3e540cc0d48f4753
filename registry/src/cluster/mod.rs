//! The cluster itself: its identity, its level, what is kept around every command (the machine's own row, remembered
//! requests, audit records), and the record of administrative operations.

pub(crate) mod apply;
mod command;
pub mod level;
mod outcome;
pub(crate) mod query;
pub(crate) mod requests;
mod rows;

pub use command::{ClusterCommand, Operation};
pub use outcome::{ClusterDone, ClusterRefusal};
pub use rows::{AuditRow, MachineRow, RequestRow, UnderWay};
