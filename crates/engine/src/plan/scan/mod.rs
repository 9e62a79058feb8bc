//! Scans a plan's records before a run: all of them, or a sample.

mod distinct;
mod estimate;
mod heavy;
mod read;
mod slices;
mod tally;
mod walk;

pub use estimate::{Estimates, ScanResult};
pub use read::{ScanError, ScanSize, ScanTimeouts, scan};
pub use tally::{PartitionTally, Tally};
