//! What all parts of kreplay share: the words of the domain, the feed that views read, and the commands that they send.
//! It knows no Kafka client and does no I/O of its own.

pub mod control;
pub mod domain;
pub mod feed;
