//! The root of a Merkle tree (RFC 6962, 2.1) from its leaf hashes, one after the other, in memory for one path.

use sha2::{Digest, Sha256};

#[derive(Debug, Default)]
pub(crate) struct TreeHasher {
    /// Full subtrees from left to right with their levels, which only fall.
    subtrees: Vec<(u32, [u8; 32])>,
    pub(crate) size: u64,
}

impl TreeHasher {
    pub(crate) fn push(&mut self, leaf: [u8; 32]) {
        let (mut level, mut hash) = (0, leaf);
        while let Some((_, left)) = self.subtrees.pop_if(|(last, _)| *last == level) {
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.subtrees.push((level, hash));
        self.size += 1;
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        let mut subtrees = self.subtrees.iter().rev();
        let Some((_, last)) = subtrees.next() else { return Sha256::new().finalize().into() };
        subtrees.fold(*last, |right, (_, left)| node_hash(left, &right))
    }
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (mut tree, mut leaves) = (TreeHasher::default(), Vec::new());
        for size in 0..70_u8 {
            assert_eq!(tree.root(), definition(&leaves), "{size} leaves");
            tree.push([size; 32]);
            leaves.push([size; 32]);
        }
        assert_eq!(tree.size, 70);
    }
}
