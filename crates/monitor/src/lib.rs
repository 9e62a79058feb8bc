//! The pure part of watching consumer groups from outside, without joining them.
//!
//! A [`look::Look`] is one observation of a cluster. [`observer::Observer`] takes looks and gives snapshots, events,
//! and what it needs to know next. Nothing here has a clock, a network connection or a thread: time is a value, so
//! that the same looks always give the same output.

pub mod eta;
pub mod history;
pub mod lag;
pub mod look;
mod memberless;
pub mod membership;
pub mod observer;
mod random;
pub mod rates;
pub mod rebalance;
pub mod rules;
pub mod series;
pub mod simulation;
pub mod time_lag;
pub mod trend;
pub mod verdict;
