//! kreplay replays Kafka topics in parallel and shows the progress of each partition.
//!
//! This package is the application: arguments, configuration and wiring. The parts that it puts together are libraries
//! of their own, re-exported here under the names that the application uses. docs/architecture.md describes them.

pub mod audit;
pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dlq;
pub mod metrics;
pub mod serve;
pub mod watch;

pub use kreplay_console as console;
pub use kreplay_engine::{decode, inspect, journal, plan, replay, rules, schedule, settings, time_counts};
pub use kreplay_groups as groups;
pub use kreplay_handlers as handler;
pub use kreplay_kafka as kafka;
pub use kreplay_model::{control, domain, feed};
pub use kreplay_topics as topics;
