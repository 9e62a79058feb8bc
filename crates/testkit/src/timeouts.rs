//! Bounds of waits. A test that passes never reaches one, so they are generous. On a slow machine,
//! `KREPLAY_TEST_TIMEOUT_FACTOR` multiplies all of them.

use std::sync::OnceLock;
use std::time::Duration;

/// Bound of one operation, such as the start of a program or the answer to a request.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(300);
/// Bound of one run.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(600);
/// Bound of a run over far more records than in other tests.
pub const LONG_RUN_TIMEOUT: Duration = Duration::from_secs(1200);

/// A timeout multiplied by `KREPLAY_TEST_TIMEOUT_FACTOR`. The waits of [`wait`](super::wait), of processes, and of
/// terminals call it, so a test passes its timeouts without the factor.
///
/// # Panics
/// If the variable is set and is not a positive number.
pub fn scaled(timeout: Duration) -> Duration {
    static FACTOR: OnceLock<f64> = OnceLock::new();
    let factor = FACTOR.get_or_init(|| match std::env::var("KREPLAY_TEST_TIMEOUT_FACTOR") {
        Ok(text) => {
            let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
            factor.unwrap_or_else(|| panic!("KREPLAY_TEST_TIMEOUT_FACTOR={text} is not a positive number"))
        }
        Err(_) => 1.0,
    });
    timeout.mul_f64(*factor)
}
