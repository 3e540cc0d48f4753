//! Why a log refuses to open. Each message says what was found, where, and what to do.

use std::io;
use std::path::PathBuf;

use crate::codec::CodecError;
use crate::types::{LogId, Vote};

/// A voter whose log lost something may have promised what it no longer remembers: it must not come back as itself.
const ADVICE: &str = "This node must not vote with this data again: wipe its data directory, start it under a new node id, \
                      let it join as a learner, promote it, and remove the old id";

/// The log cannot be opened. Except for [`OpenError::Io`], [`OpenError::Database`] and [`OpenError::Newer`], the data is damaged or incomplete.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OpenError {
    #[error("open log: {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("open log database {}: {message}", path.display())]
    Database { path: PathBuf, message: String },
    #[error("the log database {} is damaged: {message}. {}", path.display(), ADVICE)]
    Corrupt { path: PathBuf, message: String },
    #[error("{what} in the log database {} cannot be read: {source}. {}", path.display(), ADVICE)]
    Record { path: PathBuf, what: String, source: CodecError },
    #[error("{what} in the log database {} is of a newer program: {source}. Nothing is damaged", path.display())]
    Newer { path: PathBuf, what: String, source: CodecError },
    #[error("the log database {} holds a key that is not an index: {key:02x?}. {}", path.display(), ADVICE)]
    Key { path: PathBuf, key: Vec<u8> },
    #[error("the log in {} should begin at index {expected} (what is before is purged), but begins at {found}. {}",
        path.display(), ADVICE)]
    FirstIndex { path: PathBuf, expected: u64, found: u64 },
    #[error("the log in {} has a gap: index {expected} is missing, index {found} comes next. {}", path.display(), ADVICE)]
    Gap { path: PathBuf, expected: u64, found: u64 },
    #[error("the log in {} has the entry {found} at index {key}. {}", path.display(), ADVICE)]
    Misplaced { path: PathBuf, key: u64, found: LogId },
    #[error("the log in {} holds entries up to {last} but no vote. {}", path.display(), ADVICE)]
    VoteMissing { path: PathBuf, last: LogId },
    #[error("the log in {} holds the entry {last}, but its vote {vote} is older. {}", path.display(), ADVICE)]
    VoteBehindLog { path: PathBuf, vote: Vote, last: LogId },
    #[error("the mark {} is missing, but the log beside it is not new. {}", mark.display(), ADVICE)]
    MarkMissing { mark: PathBuf },
    #[error("the mark {} cannot be read: {source}. {}", mark.display(), ADVICE)]
    MarkDamaged { mark: PathBuf, source: CodecError },
    #[error("the mark {} belongs to another log than {}: the log was replaced or removed. {}",
        mark.display(), path.display(), ADVICE)]
    MarkOfAnotherLog { mark: PathBuf, path: PathBuf },
    #[error("the log in {} has lost entries: the mark {} saw {marked}, the log {}. {}", path.display(), mark.display(),
        found.as_ref().map_or_else(|| "ends before it".to_owned(), |found| format!("has {found}")), ADVICE)]
    BehindMark { path: PathBuf, mark: PathBuf, marked: LogId, found: Option<LogId> },
    #[error("the log in {} has lost a vote: the mark {} saw {marked}, the log has {}. {}", path.display(), mark.display(),
        found.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string), ADVICE)]
    VoteBehindMark { path: PathBuf, mark: PathBuf, marked: Vote, found: Option<Vote> },
}
