//! What a backup says of itself: at its beginning, and at its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BackupError, from_hex, signature::Signature};

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    /// Every row of the state.
    Full,
    /// The entries of the log behind another backup.
    Log,
}

impl BackupKind {
    /// Its name, as in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Log => "log",
        }
    }
}

/// A place in the log, and the state there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The index of the last entry that is applied.
    pub index: u64,
    /// The digest of the state at that entry, in hexadecimal.
    pub state_digest: String,
}

/// The first frame of a backup. A field that is added later has a default: an older reader passes over it. What an older
/// reader must not pass over raises [`crate::FORMAT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What it holds.
    pub kind: BackupKind,
    /// The cluster that it is of.
    pub cluster_id: String,
    /// The level of that cluster: rows and entries are of no higher one.
    pub level: u8,
    /// The state that it leads to.
    pub at: Position,
    /// The term of the last entry.
    pub term: u64,
    /// Who led when the last entry was appended.
    pub leader_id: u64,
    /// The state that it begins from: what has to be restored before it. Only of [`BackupKind::Log`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Position>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The node that made it.
    pub node_id: u64,
    /// The program that made it.
    pub program: String,
    /// Records of the audit log.
    pub audit_size: u64,
    /// The root of the audit tree over them, in hexadecimal.
    pub audit_root: String,
}

impl Header {
    /// Does it make sense?
    pub(crate) fn check(&self) -> Result<(), BackupError> {
        let wrong = |what: &str| Err(BackupError::damaged(format!("its header {what}")));
        if (self.kind == BackupKind::Log) != self.since.is_some() {
            return wrong("does not say where it begins, or does where it must not");
        }
        let hashes = [&self.at.state_digest, &self.audit_root];
        let since = self.since.iter().map(|since| &since.state_digest);
        if hashes.into_iter().chain(since).any(|hash| from_hex::<32>(hash).is_none()) {
            return wrong("holds a hash that is none");
        }
        if self.since.as_ref().is_some_and(|since| since.index > self.at.index) {
            return wrong("ends before it begins");
        }
        Ok(())
    }
}

/// The last frame of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Rows by table.
    pub tables: BTreeMap<u8, u64>,
    /// Entries of the log.
    pub entries: u64,
    /// Bytes of keys, values and entries.
    pub bytes: u64,
    /// BLAKE3 of everything before the trailer, in hexadecimal.
    pub hash: String,
    /// Who vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

impl Trailer {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tables.values().sum()
    }
}
