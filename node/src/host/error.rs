//! Why a node does not start, or ends, and the exit code that tells a supervisor what to do about it.
//!
//! The codes are those of `sysexits.h`. 65 and 78 do not pass by themselves: a supervisor that tries again changes nothing.
//! The others may: a port that is still in use, a lock that an ending process still holds, a disk that was full.

use std::io;
use std::path::PathBuf;

use raft_store::log::OpenError;
use raft_store::state::StateError;

use crate::config::ConfigError;
use crate::consensus;

/// `EX_DATAERR`: the data cannot be used by this node any more.
const EXIT_DATA: u8 = 65;
/// `EX_UNAVAILABLE`: something that the node needs is in use.
const EXIT_UNAVAILABLE: u8 = 69;
/// `EX_OSERR`: the operating system refuses a thread, a task, a random number.
const EXIT_SYSTEM: u8 = 71;
/// `EX_CANTCREAT`: the data directory cannot be written: full, read-only, somebody else's.
const EXIT_CANNOT_WRITE: u8 = 73;
/// `EX_TEMPFAIL`: another process holds the data directory.
const EXIT_LOCKED: u8 = 75;
/// `EX_CONFIG`: the configuration is wrong, or does not fit the data or the cluster.
const EXIT_CONFIG: u8 = 78;
/// What a shell reports of a process that aborted: 128 and SIGABRT.
const EXIT_ABORTED: u8 = 134;

/// Why a node does not start. Each text says what was found, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration does not fit the data directory or the cluster that the members form.
    #[error("{0}")]
    Mismatch(String),
    /// An address cannot be listened on.
    #[error("listen on {address} ({key}): {source}")]
    Listen {
        /// The key of the configuration that names the address.
        key: &'static str,
        /// The address.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process holds the data directory: most often the same node, which is still stopping.
    #[error(
        "{0}; another process has this data directory open: if it is this node, it is still stopping, and a later try succeeds"
    )]
    Locked(String),
    /// The data directory cannot be read or written: the disk is full, read-only or not permitted.
    #[error("{doing} {}: {source}", path.display())]
    Disk {
        /// What was being done to the path.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// As [`StartError::Disk`], reported by the database.
    #[error("{0}; the disk is full, read-only or failing: free space or repair it, and start again")]
    Database(String),
    /// The data is damaged, incomplete, or has forgotten what this node promised.
    #[error("{0}")]
    Damaged(String),
    /// The operating system refuses something that is no file.
    #[error("{doing}: {reason}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the operating system says.
        reason: String,
    },
}

impl StartError {
    /// The exit code of a process that does not start because of this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Mismatch(_) => EXIT_CONFIG,
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput => EXIT_CONFIG,
                _ => EXIT_UNAVAILABLE,
            },
            Self::Locked(_) => EXIT_LOCKED,
            Self::Disk { .. } | Self::Database(_) => EXIT_CANNOT_WRITE,
            Self::Damaged(_) => EXIT_DATA,
            Self::System { .. } => EXIT_SYSTEM,
        }
    }

    /// Of a file or directory that could not be read or written.
    pub(super) fn disk_error(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { doing, path, source }
    }

    /// Of a database that does not open: only its text tells a lock and a full disk from damage.
    fn database_error(text: String) -> Self {
        const LOCKED: [&str; 2] = ["lock hold by current process", "While lock file"];
        const DISK: [&str; 4] =
            ["No space left on device", "Read-only file system", "Permission denied", "Too many open files"];
        if LOCKED.iter().any(|part| text.contains(part)) {
            Self::Locked(text)
        } else if DISK.iter().any(|part| text.contains(part)) {
            Self::Database(text)
        } else {
            Self::Damaged(text)
        }
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io { doing, path, source } => Self::Disk { doing, path, source },
            OpenError::Database { .. } => Self::database_error(error.to_string()),
            damaged => Self::Damaged(damaged.to_string()),
        }
    }
}

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::File { action, place, source } => Self::Disk { doing: action, path: place.into(), source },
            StateError::Level { .. } => Self::Mismatch(format!("open the state: {error}")),
            StateError::Database { .. } => Self::database_error(format!("open the state: {error}")),
            damaged => Self::Damaged(format!("open the state: {damaged}")),
        }
    }
}

impl From<consensus::StartError> for StartError {
    fn from(error: consensus::StartError) -> Self {
        match error {
            consensus::StartError::Settings(_) => Self::Mismatch(error.to_string()),
            consensus::StartError::Raft(_) => Self::Damaged(error.to_string()),
        }
    }
}

/// Why a node ended that was not asked to.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// It never served.
    #[error(transparent)]
    NotStarted(#[from] StartError),
    /// After a failed write or sync, damage, or a difference to the other replicas nothing may be acknowledged any more.
    #[error("{0}")]
    Fatal(String),
    /// The cluster's level is above what this node's program knows. Nothing is damaged; the newer program starts.
    #[error("{0}")]
    Outdated(String),
    /// A defect of this program: one of the node's own tasks panicked.
    #[error("the node's own task ended: {0}")]
    Panicked(String),
}

impl End {
    /// The exit code of a process that ends because of this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotStarted(error) => error.exit_code(),
            // Trying again with the same program changes nothing.
            Self::Outdated(_) => EXIT_CONFIG,
            Self::Fatal(_) | Self::Panicked(_) => EXIT_ABORTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_has_another_code_than_damage() {
        let listen = |kind: io::ErrorKind| StartError::Listen {
            key: "http.listen",
            address: "127.0.0.1:1".to_owned(),
            source: kind.into(),
        };
        let cases = [
            (listen(io::ErrorKind::AddrInUse), 69),
            (listen(io::ErrorKind::AddrNotAvailable), 69),
            (listen(io::ErrorKind::PermissionDenied), 78),
            (listen(io::ErrorKind::InvalidInput), 78),
            (
                StartError::database_error(
                    "IO error: While lock file: /d/raft/LOCK: Resource temporarily unavailable".into(),
                ),
                75,
            ),
            (StartError::database_error("IO error: lock hold by current process, acquire time 1".into()), 75),
            (StartError::database_error("IO error: No space left on device: While appending to file".into()), 73),
            (StartError::database_error("Corruption: block checksum mismatch".into()), 65),
            (StartError::disk_error("create", "/d")(io::ErrorKind::ReadOnlyFilesystem.into()), 73),
            (StartError::Mismatch("the directory belongs to another node".into()), 78),
            (StartError::System { doing: "start a thread", reason: "no more".into() }, 71),
        ];
        for (error, code) in cases {
            assert_eq!(error.exit_code(), code, "{error}");
        }
        assert_eq!(End::Fatal("a sync failed".into()).exit_code(), 134);
    }
}
