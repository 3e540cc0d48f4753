//! Where a node's random numbers come from: one generator, seeded once, so that a test or a simulation can repeat a run.

use std::fmt;
use std::sync::Arc;

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
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.generator.lock().random()).into_uuid()
    }

    /// Bytes for a key.
    pub fn key_bytes(&self) -> [u8; 32] {
        self.generator.lock().random()
    }

    /// A number, to seed what draws its own.
    pub fn number(&self) -> u64 {
        self.generator.lock().random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_what_is_drawn_and_another_does_not() {
        let draw = |seed| {
            let random = Random::new(seed);
            (random.uuid(), random.key_bytes(), random.number())
        };
        assert_eq!(draw(Seed::Fixed(7)), draw(Seed::Fixed(7)));
        assert_ne!(draw(Seed::Fixed(7)), draw(Seed::Fixed(8)));
        assert_ne!(draw(Seed::System), draw(Seed::System));
        assert_eq!(draw(Seed::System).0.get_version_num(), 4);
    }
}
