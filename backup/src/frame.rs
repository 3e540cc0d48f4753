//! Frames, and what stands before the first one.
//!
//! ```text
//! preamble, 40 bytes                               frame, 16 bytes and its content
//!  0  8  magic                                      0  1  kind: 1 header, 2 rows, 3 entries, 4 trailer
//!  8  1  format                                     1  3  zero
//!  9  1  cipher: 0 none, 1 XChaCha20-Poly1305       4  4  length of the content, plain
//! 10  2  zero                                       8  4  length of the content as it is stored
//! 12 16  name of the backup, drawn at random       12  4  CRC-32C of the 12 bytes before, the frame's number
//! 28  8  name of the key, zero without one                (u64, from 0 on) and the content as it is stored
//! 36  4  CRC-32C of the 36 bytes before            16  …  content: zstd, then encrypted if there is a cipher
//! ```
//!
//! Numbers are little endian.

use std::io::Read;

use crate::key::FileCipher;
use crate::{BackupError, FORMAT};

/// Neither text nor anything that a transfer as text would leave alone, like PNG's.
pub(crate) const MAGIC: [u8; 8] = *b"\x89SRBK\r\n\x1a";
pub(crate) const PREAMBLE_BYTES: usize = 40;
pub(crate) const FRAME_HEAD_BYTES: usize = 16;
/// Longest content of a frame: one row (at most 16 MiB, as every record) with its key must fit.
pub const PART_BYTES_MAX: usize = 24 * 1024 * 1024;
/// What compression and encryption may add to a content that does not shrink.
const STORED_BYTES_MAX: usize = PART_BYTES_MAX + PART_BYTES_MAX / 128 + 1024;
/// zstd's level: three times as fast as its default at a tenth more bytes.
const COMPRESSION_LEVEL: i32 = 1;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    Header = 1,
    Rows = 2,
    Entries = 3,
    Trailer = 4,
}

impl FrameKind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Header, Self::Rows, Self::Entries, Self::Trailer].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What stands before the first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preamble {
    pub(crate) is_encrypted: bool,
    pub(crate) name: [u8; 16],
    pub(crate) key_id: [u8; 8],
}

impl Preamble {
    pub(crate) fn encode(&self) -> [u8; PREAMBLE_BYTES] {
        let mut bytes = [0; PREAMBLE_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = FORMAT;
        bytes[9] = u8::from(self.is_encrypted);
        bytes[12..28].copy_from_slice(&self.name);
        bytes[28..36].copy_from_slice(&self.key_id);
        let checksum = crc32c::crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; PREAMBLE_BYTES]) -> Result<Self, BackupError> {
        if bytes[..8] != MAGIC {
            return Err(BackupError::NotABackup);
        }
        if crc32c::crc32c(&bytes[..36]).to_le_bytes() != bytes[36..] {
            return Err(BackupError::damaged("its first bytes have changed"));
        }
        // Whatever else a newer format has changed, it has these bytes and this checksum.
        if bytes[8] == 0 || bytes[8] > FORMAT {
            return Err(BackupError::TooNew { found: bytes[8] });
        }
        if bytes[9] > 1 || bytes[10..12] != [0; 2] {
            return Err(BackupError::Unknown { what: format!("a cipher {}", bytes[9]) });
        }
        let part = |range: std::ops::Range<usize>| bytes[range].to_vec();
        Ok(Self {
            is_encrypted: bytes[9] == 1,
            name: part(12..28).try_into().unwrap_or_default(),
            key_id: part(28..36).try_into().unwrap_or_default(),
        })
    }
}

/// A frame as bytes.
pub(crate) fn encode_frame(
    kind: FrameKind,
    number: u64,
    content: &[u8],
    compressor: &mut zstd::bulk::Compressor<'_>,
    cipher: Option<&FileCipher>,
) -> Result<Vec<u8>, BackupError> {
    let plain = u32::try_from(content.len()).ok().filter(|length| *length as usize <= PART_BYTES_MAX);
    let plain = plain.ok_or_else(|| BackupError::Refused { what: format!("a part of {} bytes", content.len()) })?;
    let mut head = [0; FRAME_HEAD_BYTES];
    head[0] = kind as u8;
    head[4..8].copy_from_slice(&plain.to_le_bytes());
    let mut stored = compressor.compress(content).map_err(BackupError::io("compress"))?;
    if let Some(cipher) = cipher {
        stored = cipher.seal(number, &head[..8], &stored)?;
    }
    let length = u32::try_from(stored.len()).map_err(|_| BackupError::damaged("a part is too long"))?;
    head[8..12].copy_from_slice(&length.to_le_bytes());
    let checksum = frame_checksum(&head, number, &stored);
    head[12..].copy_from_slice(&checksum.to_le_bytes());
    let mut bytes = Vec::with_capacity(FRAME_HEAD_BYTES + stored.len());
    bytes.extend(head);
    bytes.append(&mut stored);
    Ok(bytes)
}

pub(crate) fn new_compressor() -> Result<zstd::bulk::Compressor<'static>, BackupError> {
    zstd::bulk::Compressor::new(COMPRESSION_LEVEL).map_err(BackupError::io("compress"))
}

fn frame_checksum(head: &[u8; FRAME_HEAD_BYTES], number: u64, stored: &[u8]) -> u32 {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&head[..12]), &number.to_le_bytes());
    crc32c::crc32c_append(checksum, stored)
}

/// A frame as it was read and checked.
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    pub(crate) content: Vec<u8>,
    /// Its bytes in the file, for the hash over everything.
    pub(crate) raw: Vec<u8>,
}

/// Reads the next frame.
pub(crate) fn read_frame(
    input: &mut impl Read,
    number: u64,
    decompressor: &mut zstd::bulk::Decompressor<'_>,
    cipher: Option<&FileCipher>,
) -> Result<Frame, BackupError> {
    let place = format!("part {number}");
    let mut head = [0; FRAME_HEAD_BYTES];
    fill_buffer(input, &mut head, &place)?;
    let length = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (plain, stored_length) = (length(4), length(8));
    if plain > PART_BYTES_MAX || stored_length > STORED_BYTES_MAX {
        return Err(BackupError::damaged(format!("{place} has an impossible length")));
    }
    let mut raw = vec![0; FRAME_HEAD_BYTES + stored_length];
    raw[..FRAME_HEAD_BYTES].copy_from_slice(&head);
    fill_buffer(input, &mut raw[FRAME_HEAD_BYTES..], &place)?;
    let stored = &raw[FRAME_HEAD_BYTES..];
    if frame_checksum(&head, number, stored).to_le_bytes() != head[12..] {
        return Err(BackupError::damaged(format!("{place} does not have its checksum")));
    }
    let kind = FrameKind::of(head[0]).filter(|_| head[1..4] == [0; 3]);
    let kind = kind.ok_or_else(|| BackupError::Unknown { what: format!("a part of kind {}", head[0]) })?;
    let opened = match cipher {
        Some(cipher) => Some(cipher.open(number, &head[..8], stored)?),
        None => None,
    };
    let content = decompressor.decompress(opened.as_deref().unwrap_or(stored), plain);
    let content = content.map_err(|error| BackupError::damaged(format!("{place} does not unpack: {error}")))?;
    if content.len() != plain {
        return Err(BackupError::damaged(format!("{place} does not have its length")));
    }
    Ok(Frame { kind, content, raw })
}

/// Reads exactly this much.
pub(crate) fn fill_buffer(input: &mut impl Read, buffer: &mut [u8], place: &str) -> Result<(), BackupError> {
    input.read_exact(buffer).map_err(|source| match source.kind() {
        std::io::ErrorKind::UnexpectedEof => BackupError::Cut { place: place.to_owned() },
        _ => BackupError::Io { doing: "read", source },
    })
}
