//! What limits a run: the rate limit, and the automatic number of workers. Pure.

pub mod adaptive;
#[cfg(test)]
mod adaptive_test;
pub mod limiter;
