//! What all parts of kreplay share: the words of the domain, the feed that views read, and the commands that they send.
//!
//! It has no Kafka client and no network; headless progress is written to standard error, and reports read the memory
//! of the process.

pub mod attach;
pub mod audit;
pub mod control;
pub mod domain;
pub mod feed;
pub mod inspect;
pub mod journal;
pub mod recording;
pub mod task;
pub mod time_counts;
pub mod timeline;
pub mod watch;
