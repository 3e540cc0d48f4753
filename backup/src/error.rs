//! What is wrong with a backup, by name.

use std::io;

use crate::FORMAT;

/// A backup that cannot be read or written. Whoever gets one must use nothing of the backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Reading or writing failed.
    #[error("{doing} the backup: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It does not begin as a backup does.
    #[error("this is no backup of the registry: it does not begin as one")]
    NotABackup,
    /// A newer program wrote it.
    #[error(
        "the backup has format {found}, this program knows formats up to {FORMAT}: use the program that wrote it, or a newer one"
    )]
    TooNew {
        /// Its format.
        found: u8,
    },
    /// It holds something that this program does not know, which only a newer one writes.
    #[error("the backup holds {what}, which this program does not know: use the program that wrote it, or a newer one")]
    Unknown {
        /// What it holds.
        what: String,
    },
    /// It ends too early.
    #[error("the backup is cut off: it ends in {place}")]
    Cut {
        /// Where it ends.
        place: String,
    },
    /// Bytes have changed.
    #[error("the backup is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// Something follows the trailer.
    #[error("the backup is damaged: something follows its end")]
    Trailing,
    /// It is encrypted, and no key was given.
    #[error("the backup is encrypted with the key {key_id}: name the file with that key")]
    KeyNeeded {
        /// Which key it was.
        key_id: String,
    },
    /// It is encrypted with another key.
    #[error("the backup is encrypted with the key {key_id}; the keys that were given are {given}")]
    WrongKey {
        /// Which key it was.
        key_id: String,
        /// Those that were given.
        given: String,
    },
    /// It was changed by somebody without the key, or by accident.
    #[error("the backup is damaged or forged: {place} does not open with its key")]
    Forged {
        /// Which part.
        place: String,
    },
    /// The signature is not that of the signer.
    #[error("the backup is forged: {what}")]
    BadSignature {
        /// What does not fit.
        what: String,
    },
    /// A key file without a usable key.
    #[error("{what}")]
    Key {
        /// What is wrong with it.
        what: String,
    },
    /// What is to be written cannot be in a backup.
    #[error("a backup cannot hold this: {what}")]
    Refused {
        /// What it is.
        what: String,
    },
}

impl BackupError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}
