//! Bincode: the bodies of records, and parts of them.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::CodecError;

/// Longest body of one record.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

const CONFIG: Configuration<LittleEndian, Varint, Limit<RECORD_BYTES_MAX>> =
    bincode::config::standard().with_limit::<RECORD_BYTES_MAX>();

/// The bincode of a layout, for a part of a record.
pub(super) fn body_bytes<F: Serialize>(body: &F) -> Vec<u8> {
    bincode::serde::encode_to_vec(body, CONFIG).expect(PLAIN)
}

/// A layout from the beginning of some bincode, and what comes after it.
pub(super) fn first_of<F: DeserializeOwned>(bytes: &[u8]) -> Result<(F, &[u8]), CodecError> {
    let (value, read): (F, usize) =
        bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|error| CodecError::Body(error.to_string()))?;
    Ok((value, &bytes[read..]))
}

/// A layout from its bincode, all of it.
pub(super) fn body_of<F: DeserializeOwned>(bytes: &[u8]) -> Result<F, CodecError> {
    let (value, read): (F, usize) =
        bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|error| CodecError::Body(error.to_string()))?;
    if read == bytes.len() { Ok(value) } else { Err(CodecError::Body("bytes are left over".to_owned())) }
}

const PLAIN: &str = "frozen structs are plain data below the size limit, which is checked before proposing";

/// Writes the bincode of a layout behind what is in `bytes`.
pub(super) fn append_body<F: Serialize>(body: &F, bytes: &mut Vec<u8>) {
    bincode::serde::encode_into_std_write(body, bytes, CONFIG).expect(PLAIN);
}
