//! Reads a backup, and hands nothing out that was not checked.

use std::io::Read;

use crate::frame::{Frame, FrameKind, PREAMBLE_BYTES, Preamble, fill_buffer, read_frame};
use crate::header::{BackupKind, Header, Trailer};
use crate::key::{BackupKeys, FileCipher};
use crate::{BackupError, hex};

/// A row: the bytes of its key and those that stand for it.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// A part of a backup.
#[derive(Debug)]
pub enum Part {
    /// Rows: key and value.
    Rows(Vec<KeyValue>),
    /// Entries of the log: index and record.
    Entries(Vec<(u64, Vec<u8>)>),
    /// The backup is whole: nothing follows, and everything before is what was written.
    End(Trailer),
}

/// A backup that is being read.
pub struct BackupReader<R> {
    input: R,
    preamble: Preamble,
    header: Header,
    cipher: Option<FileCipher>,
    decompressor: zstd::bulk::Decompressor<'static>,
    hash: blake3::Hasher,
    frames: u64,
    /// Counted as it is read, and compared with what the trailer says.
    counted: Trailer,
    last_key: Vec<u8>,
    next_index: u64,
    read: u64,
}

impl<R: Read> BackupReader<R> {
    /// Reads the beginning of a backup.
    ///
    /// # Errors
    /// [`BackupError`] says what is wrong with it.
    pub fn open(mut input: R, keys: &BackupKeys) -> Result<Self, BackupError> {
        let mut bytes = [0; PREAMBLE_BYTES];
        // Something short is no backup, unless it begins as one.
        fill_buffer(&mut input, &mut bytes, "its first bytes").map_err(|error| match error {
            BackupError::Cut { .. } if bytes[..4] != crate::frame::MAGIC[..4] => BackupError::NotABackup,
            error => error,
        })?;
        let preamble = Preamble::decode(&bytes)?;
        let cipher = if preamble.is_encrypted { Some(keys.find(preamble.key_id)?.cipher(&bytes)) } else { None };
        let mut decompressor = zstd::bulk::Decompressor::new().map_err(BackupError::io("unpack"))?;
        let Frame { kind, content, raw } = read_frame(&mut input, 0, &mut decompressor, cipher.as_ref())?;
        if kind != FrameKind::Header {
            return Err(BackupError::damaged("it does not begin with its header"));
        }
        let header: Header = from_json(&content, "header")?;
        header.check()?;
        let mut hash = blake3::Hasher::new();
        hash.update(&bytes);
        hash.update(&raw);
        let counted = Trailer {
            tables: std::collections::BTreeMap::new(),
            entries: 0,
            bytes: 0,
            hash: String::new(),
            signature: None,
        };
        Ok(Self {
            input,
            preamble,
            next_index: header.since.as_ref().map_or(0, |since| since.index + 1),
            header,
            cipher,
            decompressor,
            hash,
            frames: 1,
            counted,
            last_key: Vec::new(),
            read: (PREAMBLE_BYTES + raw.len()) as u64,
        })
    }

    /// What the backup says of itself. Believe it when the end was reached.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The name of the backup: random bytes in hexadecimal.
    pub fn name(&self) -> String {
        hex(&self.preamble.name)
    }

    /// The name of the key that it is encrypted with.
    pub fn key_name(&self) -> Option<String> {
        self.preamble.is_encrypted.then(|| hex(&self.preamble.key_id))
    }

    /// Bytes of the file that were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next part; after [`Part::End`] there is none.
    ///
    /// # Errors
    /// [`BackupError`] says what is wrong with the backup: use nothing of it.
    pub fn next_part(&mut self) -> Result<Part, BackupError> {
        let frame = read_frame(&mut self.input, self.frames, &mut self.decompressor, self.cipher.as_ref())?;
        let Frame { kind, content, raw } = frame;
        self.frames += 1;
        self.read += raw.len() as u64;
        if kind != FrameKind::Trailer {
            self.hash.update(&raw);
        }
        match (kind, self.header.kind) {
            (FrameKind::Rows, BackupKind::Full) => self.rows_in(&content).map(Part::Rows),
            (FrameKind::Entries, BackupKind::Log) => self.entries_in(&content).map(Part::Entries),
            (FrameKind::Trailer, _) => self.read_trailer(&content).map(Part::End),
            (FrameKind::Header | FrameKind::Rows | FrameKind::Entries, _) => {
                Err(BackupError::damaged(format!("part {} is of a kind that does not belong there", self.frames - 1)))
            }
        }
    }

    fn rows_in(&mut self, content: &[u8]) -> Result<Vec<KeyValue>, BackupError> {
        let mut rest = Rest(content);
        let mut rows = Vec::new();
        while !rest.0.is_empty() {
            let (key_length, value_length) = (rest.take_u32()?, rest.take_u32()?);
            let (key, value) = (rest.take_bytes(key_length)?, rest.take_bytes(value_length)?);
            if key <= self.last_key.as_slice() {
                return Err(BackupError::damaged("its rows are not in the order of their keys"));
            }
            key.clone_into(&mut self.last_key);
            *self.counted.tables.entry(key[0]).or_default() += 1;
            self.counted.bytes += (key.len() + value.len()) as u64;
            rows.push((key.to_vec(), value.to_vec()));
        }
        Ok(rows)
    }

    fn entries_in(&mut self, content: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, BackupError> {
        let mut rest = Rest(content);
        let mut entries = Vec::new();
        while !rest.0.is_empty() {
            let index = u64::from(rest.take_u32()?) | u64::from(rest.take_u32()?) << 32;
            let length = rest.take_u32()?;
            let record = rest.take_bytes(length)?;
            if index != self.next_index || index > self.header.at.index {
                return Err(BackupError::damaged(format!("the entry {index} is not the one that has to follow")));
            }
            self.next_index += 1;
            self.counted.entries += 1;
            self.counted.bytes += record.len() as u64;
            entries.push((index, record.to_vec()));
        }
        Ok(entries)
    }

    fn read_trailer(&mut self, content: &[u8]) -> Result<Trailer, BackupError> {
        let trailer: Trailer = from_json(content, "trailer")?;
        self.counted.hash = self.hash.finalize().to_hex().to_string();
        self.counted.signature.clone_from(&trailer.signature);
        if self.counted.hash != trailer.hash {
            return Err(BackupError::damaged("it does not have the hash in its trailer"));
        }
        if self.counted != trailer {
            return Err(BackupError::damaged("it does not hold what its trailer counts"));
        }
        if self.header.kind == BackupKind::Log && self.next_index != self.header.at.index + 1 {
            return Err(BackupError::damaged("it lacks entries that its header names"));
        }
        match self.input.read(&mut [0]).map_err(BackupError::io("read"))? {
            0 => Ok(trailer),
            _ => Err(BackupError::Trailing),
        }
    }
}

fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, BackupError> {
    serde_json::from_slice(bytes).map_err(|error| BackupError::damaged(format!("its {what} cannot be read: {error}")))
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take_u32(&mut self) -> Result<u32, BackupError> {
        let bytes = self.take_bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn take_bytes(&mut self, length: u32) -> Result<&'a [u8], BackupError> {
        let split = self.0.split_at_checked(length as usize);
        let (bytes, rest) = split.ok_or_else(|| BackupError::damaged("a part ends in the middle of a row"))?;
        self.0 = rest;
        Ok(bytes)
    }
}
