//! Consumer groups: this process's members, their assignments, and rebalances.

pub mod member;
pub mod membership;
#[cfg(test)]
mod membership_test;
pub mod rebalance;
