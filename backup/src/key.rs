//! Encryption: XChaCha20-Poly1305, frame by frame, under a key that is derived for each file.
//!
//! The key of a file is a keyed hash of the file's random name, so no two files share one. The nonce of a frame is its
//! number: frames that are exchanged, repeated or left out do not open. What stands in the preamble goes into the key.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::{BackupError, hex};

/// Shortest secret. 32 characters of hexadecimal digits are 128 bits.
pub const KEY_BYTES_MIN: usize = 32;
const SECRET_CONTEXT: &str = "llm-schema-registry 2026 backup, key from secret";
const NAME_CONTEXT: &str = "llm-schema-registry 2026 backup, name of key";
const NONCE_BYTES: usize = 24;

/// A key that backups are encrypted with.
#[derive(Clone)]
pub struct BackupKey {
    key: [u8; 32],
    id: [u8; 8],
}

impl std::fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BackupKey({})", self.name())
    }
}

impl BackupKey {
    fn of(secret: &str) -> Self {
        let key = blake3::derive_key(SECRET_CONTEXT, secret.as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&blake3::derive_key(NAME_CONTEXT, &key)[..8]);
        Self { key, id }
    }

    /// Its name: what a backup says of its key. It tells nothing about the key.
    pub fn name(&self) -> String {
        hex(&self.id)
    }

    pub(crate) fn id(&self) -> [u8; 8] {
        self.id
    }

    /// What the frames of the file with this preamble are encrypted with.
    pub(crate) fn cipher(&self, preamble: &[u8]) -> FileCipher {
        let key = blake3::keyed_hash(&self.key, preamble);
        FileCipher { cipher: XChaCha20Poly1305::new(key.as_bytes().into()) }
    }
}

/// The keys of a key file: the first one encrypts, all of them open.
#[derive(Debug, Clone, Default)]
pub struct BackupKeys(Vec<BackupKey>);

impl BackupKeys {
    /// Reads the lines of a key file, the newest secret first. Empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// [`BackupError::Key`] if there is no secret, or one is too short to be one.
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        let wrong = |what: String| Err(BackupError::Key { what });
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut keys = Vec::new();
        for secret in lines {
            if secret.len() < KEY_BYTES_MIN {
                return wrong(format!(
                    "a key in the key file has {} characters, {KEY_BYTES_MIN} are needed: make one with `openssl rand -hex 32`",
                    secret.len()
                ));
            }
            keys.push(BackupKey::of(secret));
        }
        if keys.is_empty() {
            return wrong("the key file holds no key: make one with `openssl rand -hex 32`".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key that encrypts.
    pub fn newest(&self) -> Option<&BackupKey> {
        self.0.first()
    }

    pub(crate) fn find(&self, id: [u8; 8]) -> Result<&BackupKey, BackupError> {
        let key_id = || hex(&id);
        if self.0.is_empty() {
            return Err(BackupError::KeyNeeded { key_id: key_id() });
        }
        self.0.iter().find(|key| key.id == id).ok_or_else(|| {
            let given: Vec<_> = self.0.iter().map(BackupKey::name).collect();
            BackupError::WrongKey { key_id: key_id(), given: given.join(", ") }
        })
    }
}

/// Encrypts and opens the frames of one file.
pub(crate) struct FileCipher {
    cipher: XChaCha20Poly1305,
}

impl FileCipher {
    pub(crate) fn seal(&self, number: u64, head: &[u8], content: &[u8]) -> Result<Vec<u8>, BackupError> {
        let payload = Payload { msg: content, aad: head };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce(number)), payload);
        sealed.map_err(|_| BackupError::Refused { what: format!("part {number}, which is too long to encrypt") })
    }

    pub(crate) fn open(&self, number: u64, head: &[u8], stored: &[u8]) -> Result<Vec<u8>, BackupError> {
        let payload = Payload { msg: stored, aad: head };
        let opened = self.cipher.decrypt(XNonce::from_slice(&nonce(number)), payload);
        opened.map_err(|_| BackupError::Forged { place: format!("part {number}") })
    }
}

fn nonce(number: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_has_keys_of_some_length() {
        let long = "0123456789abcdef0123456789abcdef";
        let keys = BackupKeys::parse(&format!("# backups\n{long}\n\n  {long}x  \n")).unwrap();
        assert_eq!(keys.0.len(), 2);
        assert_eq!(keys.newest().unwrap().name(), BackupKey::of(long).name());
        assert_ne!(keys.0[0].name(), keys.0[1].name());
        for bad in ["", "# nothing\n", "short"] {
            assert!(BackupKeys::parse(bad).unwrap_err().to_string().contains("openssl rand"), "{bad}");
        }
        assert!(!format!("{keys:?}").contains(long), "a key is not printed");
    }
}
