//! Time lag: how old the first unread record is, from the time index of the broker, without reading records.
//!
//! A query asks for the first record with a timestamp of at least `t`; the answer is its offset and timestamp. A
//! bisection over time therefore finds the timestamp of any offset. [`TimeMap`] keeps the answers of one partition;
//! all groups on the partition share it. [`age()`] turns the result into seconds.

mod age;
mod anchors;
mod bracket;
mod map;
#[cfg(test)]
mod map_test;

pub use age::{Age, MAX_CLOCK_DIFFERENCE_MS, age, behind_s, deadline_s};
pub use bracket::Bracket;
pub use map::{Target, TimeMap};
