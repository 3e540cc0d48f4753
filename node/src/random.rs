//! Where a node's random numbers come from: one generator, seeded once, so that a test or a simulation can repeat a run.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// What a node's random numbers begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// The operating system's randomness.
    System,
    /// A number: the same one gives the same random numbers. Never for a node that clients rely on: its keys can be guessed.
    Fixed(u64),
}

/// A node's random numbers. Cheap to clone; all clones draw from one sequence.
#[derive(Clone)]
pub struct Random {
    generator: Arc<Mutex<StdRng>>,
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    /// The sequence that a seed begins.
    pub fn new(seed: Seed) -> Self {
        let generator = match seed {
            Seed::System => rand::make_rng(),
            Seed::Fixed(seed) => StdRng::seed_from_u64(seed),
        };
        Self { generator: Arc::new(Mutex::new(generator)) }
    }

    /// A fresh id, for a request that brings none.
    pub fn next_uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.generator.lock().random()).into_uuid()
    }

    /// Names for requests; see [`RequestNames`].
    pub fn request_names(&self) -> RequestNames {
        RequestNames { origin: self.generator.lock().random(), next: AtomicU64::new(0) }
    }

    /// Bytes for a key.
    pub fn key_bytes(&self) -> [u8; 32] {
        self.generator.lock().random()
    }

    /// A number, to seed what draws its own.
    pub fn next_number(&self) -> u64 {
        self.generator.lock().random()
    }
}

/// Names for requests and places in traces: unique, and no secret. Every request needs one, so it takes neither a lock nor a
/// question to the operating system: a counter is mixed with where the node began, which no other node shares.
#[derive(Debug)]
pub struct RequestNames {
    origin: [u64; 2],
    next: AtomicU64,
}

impl RequestNames {
    /// The next name.
    pub fn next(&self) -> Uuid {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.origin.map(|origin| mix_number(origin.wrapping_add(number.wrapping_mul(GOLDEN))));
        let bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// 2^64 divided by the golden ratio: steps of it fall evenly among all numbers.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Gives each number another one that looks random (SplitMix64).
fn mix_number(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_what_is_drawn_and_another_does_not() {
        let draw = |seed| {
            let random = Random::new(seed);
            (random.next_uuid(), random.key_bytes(), random.next_number())
        };
        assert_eq!(draw(Seed::Fixed(7)), draw(Seed::Fixed(7)));
        assert_ne!(draw(Seed::Fixed(7)), draw(Seed::Fixed(8)));
        assert_ne!(draw(Seed::System), draw(Seed::System));
        assert_eq!(draw(Seed::System).0.get_version_num(), 4);
    }

    #[test]
    fn names_of_requests_differ_within_a_node_and_between_nodes() {
        let names = |seed| {
            let names = Random::new(Seed::Fixed(seed)).request_names();
            (0..10_000).map(|_| names.next()).collect::<Vec<_>>()
        };
        let (one, two) = (names(1), names(2));
        assert_eq!(one, names(1), "a seed repeats them");
        let all: std::collections::BTreeSet<_> = one.iter().chain(&two).collect();
        assert_eq!(all.len(), 20_000);
        assert!(one.iter().all(|name| name.get_version_num() == 4));
    }
}
