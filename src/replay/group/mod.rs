//! A consumer group: what its members have, and when it changes.

pub mod membership;
#[cfg(test)]
mod membership_test;
pub mod rebalance;
