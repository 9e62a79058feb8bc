//! Random numbers that a failing test can be repeated with.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A seed: the value of `KREPLAY_TEST_SEED`, or a random number where that is not set. Prints it, so that a failure can
/// be repeated.
///
/// # Panics
/// If the variable is set and is not a whole number.
pub fn seed() -> u64 {
    let seed: u64 = match std::env::var("KREPLAY_TEST_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("KREPLAY_TEST_SEED={text}: {error}")),
        Err(_) => rand::random(),
    };
    println!("KREPLAY_TEST_SEED={seed}");
    seed
}

/// A random number generator with such a [`seed`].
pub fn generator() -> StdRng {
    StdRng::seed_from_u64(seed())
}
