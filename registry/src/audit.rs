//! The audit tree: an RFC 6962 Merkle tree over audit records, kept as part of the state.
//!
//! Every command leaves one leaf. The hash of each full subtree is a row of its own (`Key::AuditNode(level, position)`), so
//! appending costs two small rows on average and any proof can be built later without reading all leaves.
//!
//! Leaf hash = SHA-256(00 ‖ record), node hash = SHA-256(01 ‖ left ‖ right) (RFC 6962, 2.1).

use sha2::{Digest, Sha256};

use crate::{AuditRow, Change, Key, Row, View, ViewError, feed};

/// The hash of a record as a leaf.
pub fn leaf_hash(record: &AuditRow) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(feed::bytes_of(record));
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
pub(crate) fn append_record(view: &impl View, size: u64, record: AuditRow) -> Result<Vec<Change>, ViewError> {
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

/// Proves that leaf `position` is in the tree of `size` leaves: the hashes beside its path, lowest first (RFC 6962, 2.1.1).
///
/// # Errors
/// [`ViewError`] if the store cannot answer, or the leaf is not in the tree.
pub fn inclusion(view: &impl View, position: u64, size: u64) -> Result<Vec<[u8; 32]>, ViewError> {
    if position >= size {
        return Err(ViewError(format!("leaf {position} is not in a tree of {size}")));
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split_at(end - start);
        if position < middle {
            path.push(subtree_hash(view, middle, end)?);
            end = middle;
        } else {
            path.push(subtree_hash(view, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Proves that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 6962, 2.1.2).
///
/// # Errors
/// [`ViewError`] if the store cannot answer, or the sizes are no two sizes of this log.
pub fn consistency(view: &impl View, old: u64, new: u64) -> Result<Vec<[u8; 32]>, ViewError> {
    if old > new {
        return Err(ViewError(format!("a tree of {old} is not the beginning of one of {new}")));
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    // Is the part on the way the whole old tree? Then the verifier has its hash already.
    let mut is_whole = true;
    while old != end {
        let middle = start + split_at(end - start);
        if old <= middle {
            proof.push(subtree_hash(view, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree_hash(view, start, middle)?);
            start = middle;
            is_whole = false;
        }
    }
    if !is_whole {
        proof.push(subtree_hash(view, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Does the path lead from the leaf to the root? (RFC 9162, 2.1.3.2)
pub fn is_included(leaf: &[u8; 32], position: u64, size: u64, path: &[[u8; 32]], root: &[u8; 32]) -> bool {
    if position >= size {
        return false;
    }
    let (mut at, mut last) = (position, size - 1);
    let mut hash = *leaf;
    for beside in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Does the proof lead from the old root to the new one? (RFC 9162, 2.1.4.2)
pub fn is_consistent(old: u64, old_root: &[u8; 32], new: u64, new_root: &[u8; 32], proof: &[[u8; 32]]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty();
    }
    let mut path = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for beside in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            before = node_hash(beside, &before);
            after = node_hash(beside, &after);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = node_hash(&after, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && after == *new_root
}

/// The largest power of two below `length`.
fn split_at(length: u64) -> u64 {
    length.next_power_of_two() / 2
}

/// The hash over the leaves from `start` to before `end`; `start` is where a subtree of that size begins.
fn subtree_hash(view: &impl View, start: u64, end: u64) -> Result<[u8; 32], ViewError> {
    let length = end - start;
    if length.is_power_of_two() {
        let level = length.trailing_zeros();
        return node(view, u8::try_from(level).unwrap_or(u8::MAX), start >> level);
    }
    let middle = start + split_at(length);
    Ok(node_hash(&subtree_hash(view, start, middle)?, &subtree_hash(view, middle, end)?))
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
            reason: "because".into(),
            resource: "r".into(),
            outcome: "ok".into(),
            request_id: RequestId(number.to_string()),
            digest_before: [0; 32],
            digest_after: [1; 32],
            authentication: String::new(),
            address: String::new(),
            user_agent: String::new(),
            trace_id: String::new(),
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
            let changes = append_record(&view, size, record(size)).unwrap();
            view.write(&changes);
        }
    }

    /// Every proof of every tree up to a size leads from leaf to root and from old root to new one, and no proof does
    /// after any of its hashes was changed.
    #[test]
    fn proofs_prove_and_changed_ones_do_not() {
        const SIZE: u64 = 40;
        let mut view = MemoryView::default();
        for size in 0..SIZE {
            let changes = append_record(&view, size, record(size)).unwrap();
            view.write(&changes);
        }
        for size in 1..=SIZE {
            let root_of_size = root(&view, size).unwrap();
            for position in 0..size {
                let leaf = leaf_hash(&record(position));
                let path = inclusion(&view, position, size).unwrap();
                assert!(is_included(&leaf, position, size, &path, &root_of_size), "{position} in {size}");
                assert!(!is_included(&leaf, position + 1, size, &path, &root_of_size), "{position} elsewhere");
                for at in 0..path.len() {
                    let mut changed = path.clone();
                    changed[at][0] ^= 1;
                    assert!(!is_included(&leaf, position, size, &changed, &root_of_size));
                }
            }
            for old in 1..=size {
                let old_root = root(&view, old).unwrap();
                let proof = consistency(&view, old, size).unwrap();
                assert!(is_consistent(old, &old_root, size, &root_of_size, &proof), "{old} in {size}");
                let mut other = old_root;
                other[0] ^= 1;
                assert!(!is_consistent(old, &other, size, &root_of_size, &proof));
            }
        }
        assert!(inclusion(&view, SIZE, SIZE).is_err());
        assert!(consistency(&view, SIZE, 1).is_err());
    }
}
