//! The format of backups, as pure functions over `io::Read` and `io::Write`.
//!
//! A backup is one file of frames: a header, parts with rows of the state (or with entries of the log), a trailer.
//! `docs/backup.md`, "The format", describes every byte. A reader hands nothing out that it has not checked, and a backup
//! counts only when its trailer was reached: [`BackupReader::next_part`] gives [`Part::End`] then.
//!
//! Keys and values are bytes here: what they mean is the business of the store that wrote them.
//!
//! **Never here:** a store, a network, a clock, a source of randomness, a decision about what is backed up.

#![warn(missing_docs)]

mod error;
mod frame;
mod header;
mod key;
mod merkle;
mod reader;
mod signature;
mod verify;
mod writer;

pub use error::BackupError;
pub use frame::PART_BYTES_MAX;
pub use header::{BackupKind, Header, Position, Trailer};
pub use key::{BackupKey, BackupKeys, KEY_BYTES_MIN};
pub use reader::{BackupReader, KeyValue, Part};
pub use signature::{Signature, signed_text, verify_signature};
pub use verify::{Checks, Progress, Verified, verify};
pub use writer::BackupWriter;

/// The format that this program writes. It reads every one up to it.
pub const FORMAT: u8 = 1;

/// The table whose rows are the hashes of the audit tree: level, position. `docs/backup.md` names it as part of the format.
pub const AUDIT_NODE_TABLE: u8 = 0x11;

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Bytes from hexadecimal digits; none if the text is not exactly `N` bytes of them.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
