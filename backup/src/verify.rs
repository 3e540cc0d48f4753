//! Verifies a backup offline, without a store: every checksum, every count, the audit tree, the signature.

use std::io::Read;

use crate::merkle::TreeHasher;
use crate::{
    AUDIT_NODE_TABLE, BackupError, BackupKeys, BackupKind, BackupReader, Header, Part, Trailer, hex, verify_signature,
};

/// What is asked of a backup besides being whole.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// The only key that may have signed it, in hexadecimal.
    pub signed_by: Option<String>,
    /// The only cluster that it may be of.
    pub cluster_id: Option<String>,
}

/// A backup that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says of itself.
    pub header: Header,
    /// What it counts.
    pub trailer: Trailer,
    /// Its name.
    pub name: String,
    /// The key that it is encrypted with.
    pub key_name: Option<String>,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// Told of the bytes that were read so far.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// Reads all of a backup and compares it with what it says of itself.
///
/// # Errors
/// [`BackupError`] says what is wrong with it.
pub fn verify(
    input: impl Read,
    keys: &BackupKeys,
    checks: &Checks,
    progress: Progress<'_>,
) -> Result<Verified, BackupError> {
    let mut reader = BackupReader::open(input, keys)?;
    if let Some(expected) = checks.cluster_id.as_ref().filter(|id| **id != reader.header().cluster_id) {
        let found = &reader.header().cluster_id;
        return Err(BackupError::damaged(format!("it is of the cluster {found}, not of {expected}")));
    }
    let mut tree = TreeHasher::default();
    let trailer = loop {
        match reader.next_part()? {
            Part::Rows(rows) => {
                for (key, value) in &rows {
                    add_leaf(&mut tree, key, value)?;
                }
            }
            Part::Entries(_) => {}
            Part::End(trailer) => break trailer,
        }
        progress(reader.bytes_read());
    };
    let header = reader.header().clone();
    if header.kind == BackupKind::Full
        && (tree.size, hex(&tree.root())) != (header.audit_size, header.audit_root.clone())
    {
        return Err(BackupError::damaged(format!(
            "its audit tree has {} leaves and the root {}, its header says {} and {}",
            tree.size,
            hex(&tree.root()),
            header.audit_size,
            header.audit_root
        )));
    }
    verify_signature(&trailer.hash, trailer.signature.as_ref(), checks.signed_by.as_deref())?;
    Ok(Verified { header, trailer, name: reader.name(), key_name: reader.key_name(), file_bytes: reader.bytes_read() })
}

/// The leaves of the audit tree are the rows of its level 0; a hash is the end of its row.
fn add_leaf(tree: &mut TreeHasher, key: &[u8], value: &[u8]) -> Result<(), BackupError> {
    let [AUDIT_NODE_TABLE, 0, position @ ..] = key else { return Ok(()) };
    let position = <[u8; 8]>::try_from(position).map(u64::from_be_bytes);
    let hash = value.last_chunk::<32>();
    match (position, hash) {
        (Ok(position), Some(hash)) if position == tree.size => {
            tree.push(*hash);
            Ok(())
        }
        (_, _) => Err(BackupError::damaged(format!("the leaf {} of its audit tree is missing", tree.size))),
    }
}
