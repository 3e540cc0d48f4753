//! The audit tree: an RFC 6962 Merkle tree over audit records, kept as part of the state.
//!
//! Every command leaves one leaf. The hash of each full subtree is a row of its own (`Key::AuditNode(level, position)`), so
//! appending costs two small rows on average and any proof can be built later without reading all leaves.
//!
//! Leaf hash = SHA-256(00 ‖ record), node hash = SHA-256(01 ‖ left ‖ right) (RFC 6962, 2.1).

use sha2::{Digest, Sha256};

use crate::{AuditRow, Change, Key, Row, View, ViewError, digest};

/// The hash of a record as a leaf.
pub fn leaf_hash(record: &AuditRow) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(digest::bytes_of(record));
    hash.finalize().into()
}

/// The hash of a node from its two children.
pub fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The changes that append `record` as leaf number `size` (counted from 0).
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub(crate) fn append(view: &impl View, size: u64, record: AuditRow) -> Result<Vec<Change>, ViewError> {
    let mut hash = leaf_hash(&record);
    let mut changes =
        vec![(Key::Audit(size), Some(Row::Audit(record))), (Key::AuditNode(0, size), Some(Row::AuditNode(hash)))];
    // Every trailing one bit of the old size is a full subtree on the left that the new leaf completes.
    let mut position = size;
    let mut level = 0;
    while position & 1 == 1 {
        let left = node(view, level, position - 1)?;
        hash = node_hash(&left, &hash);
        position >>= 1;
        level += 1;
        changes.push((Key::AuditNode(level, position), Some(Row::AuditNode(hash))));
    }
    Ok(changes)
}

/// The root of the tree with `size` leaves. The root of the empty tree is the hash of nothing.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn root(view: &impl View, size: u64) -> Result<[u8; 32], ViewError> {
    let mut root = None;
    // The full subtrees of the tree, smallest (rightmost) first.
    for level in 0..64_u8 {
        if (size >> level) & 1 == 1 {
            // The subtree at this level begins after all larger ones.
            let position = (size >> level) - 1;
            let left = node(view, level, position)?;
            root = Some(match root {
                None => left,
                Some(right) => node_hash(&left, &right),
            });
        }
    }
    Ok(root.unwrap_or_else(|| Sha256::new().finalize().into()))
}

fn node(view: &impl View, level: u8, position: u64) -> Result<[u8; 32], ViewError> {
    let key = Key::AuditNode(level, position);
    match view.get(&key)? {
        Some(Row::AuditNode(hash)) => Ok(hash),
        Some(_) | None => Err(ViewError(format!("the audit tree lacks its node {key:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogIndex, MemoryView, RequestId};

    fn record(number: u64) -> AuditRow {
        AuditRow {
            index: LogIndex(number),
            time_ms: number,
            principal: "p".into(),
            node_id: 1,
            action: "a".into(),
            resource: "r".into(),
            outcome: "ok".into(),
            request_id: RequestId(number.to_string()),
            digest_before: [0; 32],
            digest_after: [1; 32],
        }
    }

    /// The definition of RFC 6962, 2.1, by plain recursion over all leaves.
    fn definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::new().finalize().into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&definition(&leaves[..split]), &definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_at_every_size() {
        let mut view = MemoryView::default();
        let mut leaves = Vec::new();
        for size in 0..70 {
            assert_eq!(root(&view, size).unwrap(), definition(&leaves), "{size} leaves");
            leaves.push(leaf_hash(&record(size)));
            let changes = append(&view, size, record(size)).unwrap();
            view.write(&changes);
        }
    }
}
