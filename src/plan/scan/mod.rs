//! Looking at a plan's records before anything is run: a sample of them, or all.

mod distinct;
mod estimate;
mod heavy;
mod read;
mod slices;
mod tally;
mod walk;

pub use estimate::{Estimates, Survey};
pub use read::{Effort, Patience, ScanError, scan};
pub use tally::{PartitionTally, Tally};
