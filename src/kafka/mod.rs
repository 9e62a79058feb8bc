//! Everything that talks to Kafka. No other module names rdkafka.

pub mod embedded;
pub mod producer;

mod native;
