//! The words that every other module shares: offsets, partitions, lag, orderings, records.

mod bounds;
mod offset;
mod ordering;
mod partition;
mod record;

pub use bounds::{Batch, BoundsError, Concurrency, DatasetCount, EventCount, PartitionCount};
pub use offset::{Lag, Offset};
pub use ordering::Ordering;
pub use partition::{PartitionId, TopicPartition};
pub use record::{Header, Headers, Record, RecordBuffer, RecordBufferBuilder};
