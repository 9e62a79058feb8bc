//! Consumer groups: the assignments of this process's members, and rebalances.

pub mod membership;
#[cfg(test)]
mod membership_test;
pub mod rebalance;
