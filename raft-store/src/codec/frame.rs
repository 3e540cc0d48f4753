//! The frame around every record.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | `R` |
//! | 1 | the level that a reader must know: that of the newest thing in the record |
//! | 1 | kind of the record |
//! | 1 | flags, 0 |
//! | 4 | length of the body, little endian |
//! | 4 | CRC-32C of the seven bytes version … length and of the body, little endian |
//! | n | body: bincode, standard configuration |

use registry::level;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{append_body, body_of};
use super::error::{CodecError, Kind};
use super::layout::Frozen;

const MAGIC: u8 = b'R';
const HEADER_BYTES: usize = 12;
/// Room for a record of usual length: most rows and small commands need no second allocation.
const RECORD_BYTES_USUAL: usize = 256;

/// Frames the layout `F` of a domain value. `level` is the least that it says it needs.
pub(super) fn encode_record<F: Frozen<D> + Serialize, D>(kind: Kind, level: u8, domain: &D) -> Vec<u8> {
    let mut needs = level;
    let body = F::freeze(domain, &mut needs);
    let mut bytes = Vec::with_capacity(RECORD_BYTES_USUAL);
    bytes.resize(HEADER_BYTES, 0);
    append_body(&body, &mut bytes);
    seal_header(kind, needs, bytes)
}

/// Frames a body that is given in parts.
pub(super) fn frame_parts(kind: Kind, level: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + length);
    bytes.resize(HEADER_BYTES, 0);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    seal_header(kind, level, bytes)
}

/// Fills the header before a body.
fn seal_header(kind: Kind, needs: u8, mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len() - HEADER_BYTES).expect("a record is below RECORD_BYTES_MAX");
    bytes[0] = MAGIC;
    bytes[1] = needs;
    bytes[2] = kind as u8;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum_of(&bytes);
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks the frame of a record, whatever it holds: its length and its checksum.
pub(super) fn check_frame(bytes: &[u8]) -> Result<(), CodecError> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(CodecError::Short { length: bytes.len() });
    };
    if header[0] != MAGIC {
        return Err(CodecError::Magic);
    }
    if u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize != body.len() {
        return Err(CodecError::Short { length: bytes.len() });
    }
    if u32::from_le_bytes([header[8], header[9], header[10], header[11]]) != checksum_of(bytes) {
        return Err(CodecError::Checksum);
    }
    Ok(())
}

/// Checks the frame and reads the layout `F` of a domain value. The record's level says what may be in it.
pub(super) fn decode_record<F: Frozen<D> + DeserializeOwned, D>(kind: Kind, bytes: &[u8]) -> Result<D, CodecError> {
    let (level, body) = open_record(kind, bytes)?;
    body_of::<F>(body)?.thaw(level)
}

/// Checks the frame: the record's level, and its body.
pub(super) fn open_record(kind: Kind, bytes: &[u8]) -> Result<(u8, &[u8]), CodecError> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(CodecError::Short { length: bytes.len() });
    };
    if header[0] != MAGIC {
        return Err(CodecError::Magic);
    }
    let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    if length as usize != body.len() {
        return Err(CodecError::Short { length: bytes.len() });
    }
    if u32::from_le_bytes([header[8], header[9], header[10], header[11]]) != checksum_of(bytes) {
        return Err(CodecError::Checksum);
    }
    if header[2] != kind as u8 {
        return Err(CodecError::Kind { expected: kind, found: header[2] });
    }
    if header[3] != 0 {
        return Err(CodecError::Flags { found: header[3] });
    }
    let level = header[1];
    if !(level::BASE..=level::SUPPORTED).contains(&level) {
        return Err(CodecError::Version { found: level, known: level::SUPPORTED });
    }
    Ok((level, body))
}

/// The level that a reader of this record must know, from its frame; none of what is no record.
pub fn level_of_record(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [MAGIC, level, ..] if bytes.len() >= HEADER_BYTES => Some(*level),
        _ => None,
    }
}

fn checksum_of(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[1..8]), &bytes[HEADER_BYTES..])
}
