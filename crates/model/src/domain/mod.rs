//! Types shared by all other modules: offsets, partitions, lag, orderings, records.

mod append_only_vec;
mod bounds;
pub mod duration;
mod error_class;
mod format;
pub mod framing;
mod glob;
mod heavy_hitters;
pub mod json;
mod key_hash;
pub mod number;
mod offset;
mod offset_set;
mod ordering;
mod own_group;
mod partition;
pub mod postgres_url;
mod printable;
mod rate_limit;
mod record;
mod secret;
mod severity;
mod tier;
mod token_bucket;
pub mod unit;
pub mod varint;

pub use append_only_vec::AppendOnlyVec;
pub use bounds::{Batch, BoundsError, Concurrency, DatasetCount, EventCount, PartitionCount};
pub use error_class::{Classified, ErrorClass};
pub use format::{Format, Formats};
pub use glob::Glob;
pub use heavy_hitters::{HeavyHitters, KeyCounter};
pub use key_hash::KeyHash;
pub use offset::{Lag, Offset};
pub use offset_set::OffsetSet;
pub use ordering::Ordering;
pub use own_group::{MIGRATION_GROUP_PREFIX, position_group, run_of_position_group, stores_own_positions};
pub use partition::{PartitionId, TopicPartition};
pub(crate) use printable::is_printable_ascii;
pub use printable::printable;
pub use rate_limit::RateLimit;
pub use record::{
    Header, Headers, LaneKey, Record, RecordBuffer, RecordBufferBuilder, Route, hash_content, hash_key, hash_pair,
};
pub use secret::{MASK, Redactor, Secret, SecretFormat, is_secret};
pub use severity::Severity;
pub use tier::Tier;
pub use token_bucket::TokenBucket;
