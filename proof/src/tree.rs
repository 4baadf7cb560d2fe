//! The Merkle tree of RFC 6962: hashes, roots, proofs.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Subtrees of 2^8 leaves, 2^16 and so on are the ones whose hashes are stored.
pub const STRIDE: u32 = 8;

/// Hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// Hash of a node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a tree that grows: the hashes of its largest whole subtrees, of which there is one for each bit of its
/// size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// Leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The frontier of a tree of this size, of which these are the hashes; `None` where their number is another.
    pub fn of(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == size.count_ones() as usize).then_some(Self { size, hashes })
    }

    /// The hashes of the largest whole subtrees, from the left.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a whole subtree of 2^level leaves. Returns false, and adds nothing, where the tree's size is no multiple of that.
    pub fn push(&mut self, level: u32, hash: Hash) -> bool {
        self.push_with(level, hash, |_, _| ())
    }

    /// Adds a leaf, and tells of each larger subtree that is whole with it.
    pub fn grow(&mut self, leaf: Hash, whole: impl FnMut(Subtree, Hash)) {
        self.push_with(0, leaf, whole);
    }

    fn push_with(&mut self, level: u32, hash: Hash, mut whole: impl FnMut(Subtree, Hash)) -> bool {
        if level > 62 || !self.size.is_multiple_of(1 << level) {
            return false;
        }
        let (mut hash, mut at) = (hash, level);
        while self.size >> at & 1 == 1 {
            let Some(left) = self.hashes.pop() else { return false };
            hash = node_hash(&left, &hash);
            at += 1;
            whole(Subtree { start: self.size >> at << at, level: at }, hash);
        }
        self.hashes.push(hash);
        self.size += 1 << level;
        true
    }

    /// Hash of the tree.
    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }
}

/// The hash over whole subtrees that lie side by side, each smaller than the one before; of nothing, that of an empty tree.
pub fn fold(hashes: &[Hash]) -> Hash {
    let mut hashes = hashes.iter().rev();
    let Some(last) = hashes.next() else { return Sha256::digest([]).into() };
    hashes.fold(*last, |right, left| node_hash(left, &right))
}

/// The hash of a whole subtree, of which these are the hashes of equally large parts; a power of two of them.
pub fn whole(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).map(|pair| pair.get(1).map_or(pair[0], |right| node_hash(&pair[0], right))).collect();
    }
    hashes.first().copied().unwrap_or_else(|| fold(&[]))
}

/// A whole subtree: 2^level leaves from `start` on, which is a multiple of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    pub start: u64,
    pub level: u32,
}

impl Subtree {
    /// Leaves in it.
    pub const fn count(&self) -> u64 {
        1 << self.level
    }
}

/// The leaves from `start` to before `end` as the fewest whole subtrees of at most 2^max_level leaves, in order.
pub fn subtrees(start: u64, end: u64, max_level: u32) -> impl Iterator<Item = Subtree> {
    let mut next = start;
    std::iter::from_fn(move || {
        let left = end.checked_sub(next).filter(|left| *left > 0)?;
        let level = next.trailing_zeros().min(left.ilog2()).min(max_level);
        let found = Subtree { start: next, level };
        next += found.count();
        Some(found)
    })
}

/// A range of leaves that is a subtree, perhaps not whole: its hash is [`fold`] over its [`subtrees`].
pub type Range = (u64, u64);

/// The ranges whose hashes prove that a leaf is in a tree, from the leaf to the root.
pub fn inclusion(index: u64, size: u64) -> Vec<Range> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 && index < end {
        let middle = start + split(end - start);
        if index < middle {
            path.push((middle, end));
            end = middle;
        } else {
            path.push((start, middle));
            start = middle;
        }
    }
    path.reverse();
    path
}

/// The ranges whose hashes prove that a tree continues an older, smaller one.
pub fn consistency(old: u64, size: u64) -> Vec<Range> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    if old == 0 {
        return path;
    }
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push((middle, end));
            end = middle;
        } else {
            path.push((start, middle));
            start = middle;
        }
    }
    // The old tree itself is known to whoever asks.
    if start > 0 {
        path.push((start, end));
    }
    path.reverse();
    path
}

/// The largest power of two below a number above 1.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Whether a proof shows that a leaf is in the tree (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let mut path = Path { first: index, last: size - 1 };
    let mut hash = *leaf;
    for other in proof {
        hash = match path.step() {
            None => return false,
            Some(Side::Left) => node_hash(other, &hash),
            Some(Side::Right) => node_hash(&hash, other),
        };
    }
    path.last == 0 && hash == *root
}

/// Whether a proof shows that a tree continues an older one (RFC 9162, 2.1.4.2). An empty tree proves nothing.
pub fn verify_consistency(old: u64, size: u64, proof: &[Hash], old_root: &Hash, root: &Hash) -> bool {
    if old == 0 || old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    let mut path = Path { first: old - 1, last: size - 1 };
    while path.first & 1 == 1 {
        path.up();
    }
    let (start, rest) = match proof.split_first() {
        None => return false,
        // The old tree is a whole subtree of the new one.
        Some(_) if old.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (first, rest),
    };
    let (mut old_hash, mut hash) = (*start, *start);
    for other in rest {
        match path.step() {
            None => return false,
            Some(Side::Left) => {
                old_hash = node_hash(other, &old_hash);
                hash = node_hash(other, &hash);
            }
            Some(Side::Right) => hash = node_hash(&hash, other),
        }
    }
    path.last == 0 && old_hash == *old_root && hash == *root
}

/// The way from a node to the root, in a tree whose last node has index `last`.
struct Path {
    first: u64,
    last: u64,
}

/// On which side of the path the other node lies.
enum Side {
    Left,
    Right,
}

impl Path {
    fn up(&mut self) {
        self.first >>= 1;
        self.last >>= 1;
    }

    /// One hash further; `None` where the way is over.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let left = self.first & 1 == 1 || self.first == self.last;
        if left {
            // Levels on which the last node has no sibling.
            while self.first & 1 == 0 && self.first != 0 {
                self.up();
            }
        }
        self.up();
        Some(if left { Side::Left } else { Side::Right })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode;

    /// RFC 6962's definition, word for word.
    fn reference(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(usize::try_from(split(leaves.len() as u64)).unwrap());
                node_hash(&reference(left), &reference(right))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
    }

    fn hashes(leaves: &[Hash], ranges: &[Range]) -> Vec<Hash> {
        let at = |index: u64| usize::try_from(index).unwrap();
        ranges.iter().map(|(start, end)| reference(&leaves[at(*start)..at(*end)])).collect()
    }

    #[test]
    fn the_published_proofs_are_judged_as_published() {
        let mut judged = 0;
        for line in include_str!("../tests/rfc6962.txt").lines().filter(|line| !line.starts_with('#')) {
            let [what, name, numbers, roots, proof, must_fail] =
                line.split('|').collect::<Vec<_>>().try_into().unwrap();
            let numbers: Vec<u64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
            // Some are no hashes, and some of these equal: any hash of them will do.
            let any = |text: &str| decode(text).unwrap_or_else(|| leaf_hash(text.as_bytes()));
            // `-` is an empty one, which is no leaf and no root of a tree that has one.
            let is_empty = what == "inclusion" && roots.split(' ').any(|text| text == "-");
            let roots: Vec<Hash> = roots.split(' ').map(any).collect();
            // A part of a proof that is no hash proves nothing.
            let proof: Option<Vec<Hash>> = proof.split_whitespace().map(decode).collect();
            let good = match proof {
                _ if is_empty => false,
                Some(proof) if what == "inclusion" => {
                    verify_inclusion(numbers[0], numbers[1], &roots[1], &proof, &roots[0])
                }
                Some(proof) => verify_consistency(numbers[0], numbers[1], &proof, &roots[0], &roots[1]),
                None => false,
            };
            assert_eq!(!good, must_fail == "true", "{name}");
            judged += 1;
        }
        assert_eq!(judged, 196);
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other() {
        let all = leaves(40);
        for size in 1..=40_usize {
            let root = reference(&all[..size]);
            let size = size as u64;
            for index in 0..size {
                let proof = hashes(&all, &inclusion(index, size));
                let leaf = all[usize::try_from(index).unwrap()];
                assert!(verify_inclusion(index, size, &leaf, &proof, &root), "{index} of {size}");
                for other in (0..size).filter(|other| *other != index) {
                    assert!(!verify_inclusion(other, size, &leaf, &proof, &root), "{index} as {other} of {size}");
                }
            }
            for old in 1..=size {
                let old_root = reference(&all[..usize::try_from(old).unwrap()]);
                let proof = hashes(&all, &consistency(old, size));
                assert!(verify_consistency(old, size, &proof, &old_root, &root), "{old} to {size}");
                assert!(old == size || !verify_consistency(old, size, &proof, &root, &root), "{old} to {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_frontier_fed_with_subtrees_has_the_root(size in 0..3_000_usize, max_level in 0..12_u32) {
            let all = leaves(size);
            let mut frontier = Frontier::default();
            for part in subtrees(0, size as u64, max_level) {
                let start = usize::try_from(part.start).unwrap();
                let parts = all[start..start + usize::try_from(part.count()).unwrap()].to_vec();
                prop_assert!(frontier.push(part.level, whole(parts)));
            }
            prop_assert_eq!(frontier.size(), size as u64);
            prop_assert_eq!(frontier.root(), reference(&all));
        }

        #[test]
        fn a_range_is_the_fold_of_its_subtrees(size in 2..2_000_u64, seed: u64) {
            let all = leaves(usize::try_from(size).unwrap());
            for (start, end) in inclusion(seed % size, size) {
                let at = |index: u64| usize::try_from(index).unwrap();
                let parts: Vec<Hash> = subtrees(start, end, 63)
                    .map(|part| reference(&all[at(part.start)..at(part.start + part.count())]))
                    .collect();
                prop_assert_eq!(fold(&parts), reference(&all[at(start)..at(end)]));
            }
        }

        #[test]
        fn a_flipped_bit_is_no_proof(size in 2..500_u64, seed: u64, bit in 0..256_usize) {
            let all = leaves(usize::try_from(size).unwrap());
            let (index, old, root) = (seed % size, seed % (size - 1) + 1, reference(&all));
            let mut proof = hashes(&all, &inclusion(index, size));
            let which = usize::try_from(seed).unwrap_or(0) % proof.len();
            proof[which][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verify_inclusion(index, size, &all[usize::try_from(index).unwrap()], &proof, &root));
            let mut proof = hashes(&all, &consistency(old, size));
            let which = usize::try_from(seed).unwrap_or(0) % proof.len();
            proof[which][bit / 8] ^= 1 << (bit % 8);
            let old_root = reference(&all[..usize::try_from(old).unwrap()]);
            prop_assert!(!verify_consistency(old, size, &proof, &old_root, &root));
        }
    }
}
