//! Topics by strategy: which topic a channel belongs to, creating such topics, and migrating old ones into them.

mod channel;
pub mod create;
pub mod migrate;
mod name;
mod strategy;

pub use channel::{Channel, NewKey};
pub use name::is_topic_name;
pub use strategy::{CountFor, Destination, Replication, Strategy, StrategyError, TopicGroup, TopicTemplate};
