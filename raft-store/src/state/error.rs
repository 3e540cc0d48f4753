//! What goes wrong with the state and with its snapshots.

use std::path::Path;

use registry::{ApplyError, ViewError};

use crate::codec::CodecError;

/// The state failed, or is not what it must be. The node stops.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StateError {
    #[error("{action} of the state in {place}: {source}")]
    Database { action: &'static str, place: String, source: rocksdb::Error },
    #[error("{action} {place}: {source}")]
    File { action: &'static str, place: String, source: std::io::Error },
    #[error("the record {record} of the state is damaged: {reason}; wipe this node and let it rejoin under a new id")]
    Record { record: String, reason: String },
    #[error(
        "the state is of cluster level {found}, this program knows levels up to {known}: the cluster has been raised and \
         cannot go back; start the newer program again. Nothing is damaged"
    )]
    Level { found: u8, known: u8 },
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
}

impl StateError {
    pub(super) fn damaged_record(record: &str, reason: &CodecError) -> Self {
        Self::Record { record: record.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn file_error(action: &'static str, place: &Path, source: std::io::Error) -> Self {
        Self::File { action, place: place.display().to_string(), source }
    }
}

/// Refuses a state that a newer program has raised to a level that this one does not know.
pub(super) fn check_level(found: u8) -> Result<(), StateError> {
    let known = registry::level::SUPPORTED;
    if found <= known { Ok(()) } else { Err(StateError::Level { found, known }) }
}

/// A snapshot that cannot be built, read or installed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SnapshotError {
    #[error("{action} the snapshot in {place}: {source}")]
    File { action: &'static str, place: String, source: std::io::Error },
    #[error("the snapshot in {place} is damaged: {reason}")]
    Damaged { place: String, reason: String },
    #[error("the snapshot is of cluster {found}, this node belongs to {expected}")]
    Cluster { found: String, expected: String },
}
