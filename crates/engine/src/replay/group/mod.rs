//! Consumer groups: this process's members, their assignments, and rebalances.

mod final_commits;
pub mod member;
pub mod membership;
#[cfg(test)]
mod membership_test;
pub mod rebalance;
