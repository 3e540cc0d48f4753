//! Seeds: printed at every random test, and taken from `SEED` to repeat one. A seed repeats the plan, not the timing.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The seed of this run, and a generator from it.
///
/// # Panics
/// If `SEED` is set and is no number.
pub fn generator(test: &str) -> (u64, StdRng) {
    let seed = match std::env::var("SEED") {
        Ok(text) => text.parse().expect("SEED is a number"),
        Err(_) => rand::random::<u32>().into(),
    };
    eprintln!("{test}: SEED={seed}");
    (seed, StdRng::seed_from_u64(seed))
}
