//! The durable mark: a small file beside the log that remembers a vote and an entry which the log held durably.
//!
//! No recovery mode of RocksDB notices a WAL that was removed or that ends early at the edge of a record. The mark does:
//! a log that opens behind it lost something. It is never ahead of the log: it is written after the log's sync, and lowered
//! before entries are truncated.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fail::fail_point;

use super::error::OpenError;
use crate::codec::{Mark, decode_mark, encode_mark};

/// Reads the mark; `None` if there is none.
pub(super) fn read_mark(path: &Path) -> Result<Option<Mark>, OpenError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(OpenError::Io { doing: "read mark", path: path.to_owned(), source }),
    };
    decode_mark(&bytes).map(Some).map_err(|source| OpenError::MarkDamaged { mark: path.to_owned(), source })
}

/// Replaces the mark; when it returns, the new one is durable. At any crash the file is the old or the new one, whole.
pub(super) fn write(path: &Path, mark: &Mark) -> io::Result<()> {
    fail_point!("log-mark-write", |message| Err(io::Error::other(message.unwrap_or_default())));
    fail_point!("log-mark-before");
    let draft = draft_path(path);
    let mut file = File::create(&draft)?;
    file.write_all(&encode_mark(mark))?;
    file.sync_all()?;
    drop(file);
    fail_point!("log-mark-drafted");
    fs::rename(&draft, path)?;
    fail_point!("log-mark-renamed");
    sync_dir(parent_of(path))?;
    fail_point!("log-mark-after");
    Ok(())
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory that a path is in.
pub(super) fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Vote, log_id};

    #[test]
    fn a_mark_is_read_back_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("MARK");
        assert!(read_mark(&path).unwrap().is_none());
        for mark in [
            Mark { store: [7; 16], vote: None, last: None },
            Mark { store: [9; 16], vote: Some(Vote::new_committed(3, 2)), last: Some(log_id(3, 2, 1_000_000)) },
        ] {
            write(&path, &mark).unwrap();
            assert_eq!(read_mark(&path).unwrap(), Some(mark));
        }
    }

    #[test]
    fn every_damaged_byte_of_a_mark_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("MARK");
        write(&path, &Mark { store: [9; 16], vote: Some(Vote::new(3, 2)), last: Some(log_id(3, 2, 5)) }).unwrap();
        let whole = fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert!(matches!(read_mark(&path), Err(OpenError::MarkDamaged { .. })), "byte {position}");
            fs::write(&path, &whole[..position]).unwrap();
            assert!(matches!(read_mark(&path), Err(OpenError::MarkDamaged { .. })), "cut at {position}");
        }
    }

    /// The bytes on disk are format: a change here needs a new record version.
    #[test]
    fn golden_bytes() {
        let mark = Mark { store: [0xAB; 16], vote: Some(Vote::new_committed(3, 2)), last: Some(log_id(3, 2, 300)) };
        let bytes = encode_mark(&mark);
        let hex: String = bytes[12..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "abababababababababababababababab0103020101 0302fb2c01".replace(' ', ""));
        assert_eq!(&bytes[..8], [b'R', 1, 5, 0, 26, 0, 0, 0]);
    }
}
