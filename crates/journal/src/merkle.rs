//! The tree head of a segment (RFC 6962, section 2.1), built one leaf at a time.

use sha2::{Digest as _, Sha256};

use crate::chain::Hash;

/// A growing Merkle tree that keeps only the roots of its complete subtrees.
///
/// A leaf is the 32-byte hash of a record. At most 64 hashes are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of complete subtrees, largest first; one per set bit of `size`.
    subtrees: Vec<[u8; 32]>,
}

impl Tree {
    /// A tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the hash of the next record.
    pub fn push(&mut self, record: &Hash) {
        let mut root: [u8; 32] =
            Sha256::new().chain_update([0]).chain_update(record.as_bytes()).finalize().into();
        // Each trailing one of the size is a complete subtree as large as what we carry.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                root = parent(&left, &root);
            }
        }
        self.subtrees.push(root);
        self.size += 1;
    }

    /// The tree head over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.subtrees.iter().rev();
        let Some(smallest) = roots.next() else {
            return Hash::from_bytes(Sha256::digest([]).into());
        };
        Hash::from_bytes(roots.fold(*smallest, |right, left| parent(left, &right)))
    }
}

fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, word for word, to compare with.
    fn head(leaves: &[Hash]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => {
                Sha256::new().chain_update([0]).chain_update(leaf.as_bytes()).finalize().into()
            }
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                parent(&head(&leaves[..half]), &head(&leaves[half..]))
            }
        }
    }

    #[test]
    fn it_agrees_with_the_definition_at_every_size() {
        let leaves: Vec<_> = (0..130).map(|n| Hash::from_bytes([n; 32])).collect();
        let mut tree = Tree::new();
        for size in 0..leaves.len() {
            assert_eq!(tree.size(), size as u64);
            assert_eq!(tree.root().as_bytes(), &head(&leaves[..size]), "{size}");
            tree.push(&leaves[size]);
        }
    }
}
