//! Audits of topics: how even partitions are, which keys are hot or in several partitions, which partitioner producers
//! use, when partitions were added, and whether the records of a key are in order.
//!
//! [`Auditor`] receives the records of several topics one by one and gives an [`AuditReport`]. Nothing here has a
//! clock, a network connection or a thread. The memory is bounded for any number of records and keys: see
//! [`KEY_SAMPLE`].
//!
//! [`AuditReport`]: kreplay_model::audit::AuditReport

mod auditor;
mod co_partitioning;
mod counts;
mod edges;
mod findings;
mod key_hashes;
mod key_table;
mod label;
mod order;
mod partitioner;
mod record;
mod rehearsal;
mod statistics;
mod topic;

pub use auditor::Auditor;
pub use key_hashes::KeyHashes;
pub use record::ObservedRecord;
pub use rehearsal::RehearsalPlan;
pub use topic::KEY_SAMPLE;
