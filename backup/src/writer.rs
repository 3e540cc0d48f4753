//! Writes a backup.

use std::io::Write;

use crate::frame::{FrameKind, Preamble, encode_frame, new_compressor};
use crate::header::{BackupKind, Header, Trailer};
use crate::key::{BackupKey, FileCipher};
use crate::{BackupError, PART_BYTES_MAX, Signature};

/// A part is closed when it has this many bytes: large enough for zstd to find repetitions, small enough for memory.
const PART_BYTES: usize = 1024 * 1024;

/// A backup that is being written. It counts only when [`BackupWriter::finish`] has returned.
pub struct BackupWriter<W> {
    output: W,
    kind: BackupKind,
    cipher: Option<FileCipher>,
    compressor: zstd::bulk::Compressor<'static>,
    hash: blake3::Hasher,
    frames: u64,
    part: Vec<u8>,
    last_key: Vec<u8>,
    next_index: u64,
    last_index: u64,
    trailer: Trailer,
    written: u64,
}

impl<W: Write> BackupWriter<W> {
    /// Begins a backup. `name` is 16 random bytes: no two backups may have the same.
    ///
    /// # Errors
    /// [`BackupError`] if the header cannot be one, or writing fails.
    pub fn begin(output: W, header: &Header, name: [u8; 16], key: Option<&BackupKey>) -> Result<Self, BackupError> {
        header.check()?;
        let key_id = key.map_or([0; 8], BackupKey::id);
        let preamble = Preamble { is_encrypted: key.is_some(), name, key_id }.encode();
        let mut writer = Self {
            output,
            kind: header.kind,
            cipher: key.map(|key| key.cipher(&preamble)),
            compressor: new_compressor()?,
            hash: blake3::Hasher::new(),
            frames: 0,
            part: Vec::with_capacity(PART_BYTES * 2),
            last_key: Vec::new(),
            next_index: header.since.as_ref().map_or(0, |since| since.index + 1),
            last_index: header.at.index,
            trailer: Trailer {
                tables: std::collections::BTreeMap::new(),
                entries: 0,
                bytes: 0,
                hash: String::new(),
                signature: None,
            },
            written: 0,
        };
        writer.write_bytes(&preamble)?;
        writer.write_frame(FrameKind::Header, &json_bytes(header)?)?;
        Ok(writer)
    }

    /// Adds a row. Keys only grow; the first byte of a key is its table.
    ///
    /// # Errors
    /// [`BackupError`] if the row is out of place, or writing fails.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), BackupError> {
        let refused = |what: &str| Err(BackupError::Refused { what: what.to_owned() });
        if self.kind != BackupKind::Full {
            return refused("a row among entries of the log");
        }
        let Some(table) = key.first() else { return refused("a row without a key") };
        if key <= self.last_key.as_slice() {
            return refused("rows in another order than that of their keys");
        }
        key.clone_into(&mut self.last_key);
        *self.trailer.tables.entry(*table).or_default() += 1;
        self.trailer.bytes += (key.len() + value.len()) as u64;
        self.make_room(8 + key.len() + value.len(), FrameKind::Rows)?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.part.extend(length(key));
        self.part.extend(length(value));
        self.part.extend_from_slice(key);
        self.part.extend_from_slice(value);
        Ok(())
    }

    /// Adds an entry of the log; each follows the one before.
    ///
    /// # Errors
    /// [`BackupError`] if the entry is out of place, or writing fails.
    pub fn entry(&mut self, index: u64, record: &[u8]) -> Result<(), BackupError> {
        let refused = |what: &str| Err(BackupError::Refused { what: what.to_owned() });
        if self.kind != BackupKind::Log {
            return refused("an entry of the log among rows");
        }
        if index != self.next_index || index > self.last_index {
            return refused("entries of the log with a gap");
        }
        self.next_index += 1;
        self.trailer.entries += 1;
        self.trailer.bytes += record.len() as u64;
        self.make_room(12 + record.len(), FrameKind::Entries)?;
        self.part.extend(index.to_le_bytes());
        self.part.extend(u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.part.extend_from_slice(record);
        Ok(())
    }

    /// Closes the backup; `sign` makes the signature over its hash. Answers its trailer and its length in bytes.
    ///
    /// # Errors
    /// [`BackupError`] if entries are missing, or writing fails.
    pub fn finish(mut self, sign: impl FnOnce(&str) -> Option<Signature>) -> Result<(W, Trailer, u64), BackupError> {
        if self.kind == BackupKind::Log && self.next_index != self.last_index + 1 {
            return Err(BackupError::Refused { what: "fewer entries of the log than its header says".to_owned() });
        }
        self.close_part(self.part_kind())?;
        self.trailer.hash = self.hash.finalize().to_hex().to_string();
        self.trailer.signature = sign(&self.trailer.hash);
        let trailer = self.trailer.clone();
        self.write_frame(FrameKind::Trailer, &json_bytes(&trailer)?)?;
        self.output.flush().map_err(BackupError::io("write"))?;
        Ok((self.output, trailer, self.written))
    }

    fn part_kind(&self) -> FrameKind {
        match self.kind {
            BackupKind::Full => FrameKind::Rows,
            BackupKind::Log => FrameKind::Entries,
        }
    }

    fn make_room(&mut self, bytes: usize, kind: FrameKind) -> Result<(), BackupError> {
        if bytes > PART_BYTES_MAX {
            return Err(BackupError::Refused { what: format!("a row or entry of {bytes} bytes") });
        }
        if !self.part.is_empty() && self.part.len() + bytes > PART_BYTES { self.close_part(kind) } else { Ok(()) }
    }

    fn close_part(&mut self, kind: FrameKind) -> Result<(), BackupError> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = std::mem::take(&mut self.part);
        self.write_frame(kind, &part)?;
        self.part = part;
        self.part.clear();
        Ok(())
    }

    fn write_frame(&mut self, kind: FrameKind, content: &[u8]) -> Result<(), BackupError> {
        let frame = encode_frame(kind, self.frames, content, &mut self.compressor, self.cipher.as_ref())?;
        self.frames += 1;
        self.write_bytes(&frame)
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        self.output.write_all(bytes).map_err(BackupError::io("write"))
    }
}

fn json_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, BackupError> {
    serde_json::to_vec(value).map_err(|error| BackupError::Refused { what: error.to_string() })
}
