//! The last record of a file that was being written when the power went: some of its bytes are there and some are not.
//!
//! RocksDB tolerates a last record that is short, and calls one of full length with wrong bytes damage. Disks leave both. After
//! a power loss of all nodes at once the second kind would keep a majority out for ever, though nobody was ever told of what the
//! record holds. So it is cut off, if it is the last: no whole record may follow it, and less than [`TAIL_BYTES_MAX`] may.
//!
//! A bit that rots in the very last record looks the same. Of a WAL the mark tells: a log that ends before its mark does not open.
//! What is not marked is less than `MARK_INTERVAL` old; so much of a log could always be lost unnoticed, as a file that is cut
//! between two records looks whole. Votes are marked at once. A MANIFEST without its last edit names the tables of a moment before:
//! where those are gone the database does not open; where the state is older for it, the log has what is missing or the start checks
//! refuse; where the log is, its mark does.
//!
//! ```text
//! a WAL or MANIFEST is blocks of 32768 bytes; a block is fragments and, at its end, fewer than 7 zeros
//! fragment: masked CRC32C of kind and payload (4, little endian) | length of the payload (2) | kind (1) | payload
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const BLOCK: usize = 32 * 1024;
const HEADER: usize = 7;
/// A fragment ends with its block, and behind it lies at most what the same write left.
const TAIL_BYTES_MAX: usize = 2 * BLOCK;

/// Cuts the torn record off the newest WAL of a database that does not open. Was there one?
pub(crate) fn cut_wal(dir: &Path) -> io::Result<bool> {
    newest_wal(dir)?.map_or(Ok(false), |wal| cut_records(&wal))
}

/// Cuts the torn record off the MANIFEST of a database that does not open. Was there one?
pub(crate) fn cut_manifest(dir: &Path) -> io::Result<bool> {
    // A CURRENT that cannot be read is damage of another kind.
    let Ok(name) = fs::read_to_string(dir.join("CURRENT")) else { return Ok(false) };
    let manifest = dir.join(name.trim());
    if name.starts_with("MANIFEST-") && manifest.is_file() { cut_records(&manifest) } else { Ok(false) }
}

fn cut_records(path: &Path) -> io::Result<bool> {
    let bytes = fs::read(path)?;
    let Some(at) = torn_at(&bytes) else { return Ok(false) };
    let file = File::options().write(true).open(path)?;
    file.set_len(at as u64)?;
    file.sync_all()?;
    tracing::warn!(file = %path.display(), kept = at, cut = bytes.len() - at, "a torn last record is cut off");
    Ok(true)
}

fn newest_wal(dir: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest: Option<(u64, PathBuf)> = None;
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let Some(number) = number else { continue };
        if newest.as_ref().is_none_or(|(known, _)| *known < number) {
            newest = Some((number, path));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

/// Where the first bad fragment begins, if it is torn and not damage in the midst of what was written.
fn torn_at(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let left = BLOCK - at % BLOCK;
        if left < HEADER {
            at += left;
            continue;
        }
        match fragment_end(bytes, at) {
            Some(length) => at += HEADER + length,
            None => break,
        }
    }
    let tail = bytes.len().checked_sub(at).filter(|tail| *tail > 0)?;
    let followed = || (at + 1..bytes.len()).any(|later| fragment_end(bytes, later).is_some_and(|length| length > 0));
    (tail <= TAIL_BYTES_MAX && !followed()).then_some(at)
}

/// The length of the payload of the whole fragment that begins here.
fn fragment_end(bytes: &[u8], at: usize) -> Option<usize> {
    let header = bytes.get(at..at + HEADER)?;
    let expected = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
    if at % BLOCK + HEADER + length > BLOCK {
        return None;
    }
    let checked = bytes.get(at + HEADER - 1..at + HEADER + length)?;
    (mask_crc(crc32c::crc32c(checked)) == expected).then_some(length)
}

/// As RocksDB masks it, so that the CRC of data that holds CRCs is no special case.
fn mask_crc(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(wal: &mut Vec<u8>, payload: &[u8]) {
        let mut checked = vec![1];
        checked.extend_from_slice(payload);
        wal.extend_from_slice(&mask_crc(crc32c::crc32c(&checked)).to_le_bytes());
        wal.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_le_bytes());
        wal.extend_from_slice(&checked);
    }

    /// Three records; where each begins.
    fn wal() -> (Vec<u8>, [usize; 3]) {
        let mut wal = Vec::new();
        let edges = [100, 300, 700].map(|length| {
            let at = wal.len();
            put(&mut wal, &vec![7; length]);
            at
        });
        (wal, edges)
    }

    #[test]
    fn a_whole_wal_has_nothing_torn() {
        assert_eq!(torn_at(&wal().0), None);
        assert_eq!(torn_at(&[]), None);
    }

    #[test]
    fn a_last_record_with_wrong_bytes_is_torn() {
        let (mut wal, edges) = wal();
        let last = wal.len() - 200;
        wal[last..].fill(0xA7);
        assert_eq!(torn_at(&wal), Some(edges[2]));
    }

    #[test]
    fn two_last_records_with_wrong_bytes_are_torn() {
        let (mut wal, edges) = wal();
        let from = edges[1] + 50;
        wal[from..].fill(0xA7);
        assert_eq!(torn_at(&wal), Some(edges[1]));
    }

    #[test]
    fn a_bad_record_before_a_whole_one_is_damage() {
        let (mut wal, edges) = wal();
        wal[edges[1] + 20] ^= 1;
        assert_eq!(torn_at(&wal), None);
    }

    #[test]
    fn a_long_tail_is_damage() {
        let (mut wal, edges) = wal();
        wal[edges[2] + 20] ^= 1;
        wal.extend_from_slice(&vec![0; TAIL_BYTES_MAX]);
        assert_eq!(torn_at(&wal), None);
    }
}
