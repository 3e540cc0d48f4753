//! How many bytes the entries of the log take: exact at the edges of buckets, an average inside. Compaction decides by it.

use std::collections::VecDeque;

/// Entries in one bucket: a million entries are some 4,000 buckets.
const BUCKET_ENTRIES: u64 = 256;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    first: u64,
    count: u64,
    bytes: u64,
}

impl Bucket {
    fn end(&self) -> u64 {
        self.first + self.count
    }

    /// Takes away `count` entries of average length.
    fn take(&mut self, count: u64) {
        self.bytes -= self.bytes * count / self.count;
        self.count -= count;
    }
}

/// The bytes of contiguous entries.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    buckets: VecDeque<Bucket>,
    bytes: u64,
}

impl Sizes {
    /// Bytes of all entries.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first index.
    pub(super) fn first(&self) -> Option<u64> {
        self.buckets.front().map(|bucket| bucket.first)
    }

    /// Adds the entry after the last one.
    pub(super) fn push(&mut self, index: u64, bytes: u64) {
        self.bytes += bytes;
        if let Some(bucket) = self.buckets.back_mut().filter(|bucket| bucket.count < BUCKET_ENTRIES) {
            bucket.count += 1;
            bucket.bytes += bytes;
        } else {
            self.buckets.push_back(Bucket { first: index, count: 1, bytes });
        }
    }

    /// Takes away the entries from `from` on.
    pub(super) fn truncate(&mut self, from: u64) {
        while self.buckets.back().is_some_and(|bucket| bucket.first >= from) {
            self.buckets.pop_back();
        }
        if let Some(bucket) = self.buckets.back_mut()
            && bucket.end() > from
        {
            bucket.take(bucket.end() - from);
        }
        self.sum();
    }

    /// Takes away the entries up to `upto`.
    pub(super) fn purge(&mut self, upto: u64) {
        while self.buckets.front().is_some_and(|bucket| bucket.end() <= upto + 1) {
            self.buckets.pop_front();
        }
        if let Some(bucket) = self.buckets.front_mut()
            && bucket.first <= upto
        {
            bucket.take(upto + 1 - bucket.first);
            bucket.first = upto + 1;
        }
        self.sum();
    }

    fn sum(&mut self) {
        self.bytes = self.buckets.iter().map(|bucket| bucket.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_follow_pushes_truncations_and_purges() {
        let mut sizes = Sizes::default();
        assert_eq!((sizes.first(), sizes.bytes()), (None, 0));
        for index in 5..1005 {
            sizes.push(index, 10);
        }
        assert_eq!((sizes.first(), sizes.bytes()), (Some(5), 10_000));
        sizes.purge(104);
        assert_eq!((sizes.first(), sizes.bytes()), (Some(105), 9_000));
        sizes.truncate(205);
        assert_eq!((sizes.first(), sizes.bytes()), (Some(105), 1_000));
        sizes.push(205, 10);
        assert_eq!(sizes.bytes(), 1_010);
        sizes.purge(1_000);
        assert_eq!((sizes.first(), sizes.bytes()), (None, 0));
    }
}
