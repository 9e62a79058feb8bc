//! What limits a run: the rate limit, the lag guard, and the automatic number of workers.

pub mod adaptive;
#[cfg(test)]
mod adaptive_test;
pub mod lag_guard;
pub mod limiter;
