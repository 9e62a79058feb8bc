//! Positions stored in the target together with its effects: claiming partitions, and where reading starts.
//!
//! Before the first record of a partition, the handler claims it. From then on the target rejects writes of earlier
//! owners, and it returns its position. That position takes precedence over journal and group, unless it belongs to
//! another log.

mod claim;
mod logs;
mod start_position;
mod take_over;
mod view;

pub use self::{
    claim::{CLAIM_TIMEOUT, TargetState, claim},
    start_position::{StartEvents, StartPosition},
    take_over::take_over,
    view::PositionsView,
};
