//! What holds a run back, and how many workers are worth it: a rate, another group, what was measured.

pub mod adaptive;
#[cfg(test)]
mod adaptive_test;
pub mod guard;
pub mod guarding;
pub mod limiter;
