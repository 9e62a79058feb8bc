//! Topic strategies, creating topics by a strategy, and migrating topics.

mod channel;
pub mod create;
pub mod migrate;
mod name;
mod strategy;

pub use channel::{Channel, NewKey};
pub use name::is_topic_name;
pub use strategy::{Destination, PartitionOverride, Replication, Strategy, StrategyError, TopicGroup, TopicTemplate};
