//! Scans a plan's records before a run: all of them, or a sample.

mod distinct;
mod error;
mod estimate;
mod follow;
mod read;
mod slices;
mod tally;
mod walk;

pub use error::ScanError;
pub use estimate::{Estimates, ScanResult, extrapolated};
pub use follow::ScanVisitor;
pub use read::{ScanSize, ScanTimeouts, scan, visit};
pub use tally::{PartitionTally, Tally};
