//! Flags that map channels to topics.

use clap::Args;

use super::{put, put_list};
use crate::config::Overrides;

/// Flags that map channels to topics.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Strategy")]
pub struct StrategyArgs {
    /// Map channels to a shared topic: PATTERN=TOPIC:PARTITIONS or PATTERN=TOPIC, such as 'user.*=realtime.user:10';
    /// can be repeated
    ///
    /// The first matching rule applies. With {channel} in TOPIC, each channel gets its own topic.
    #[arg(long = "map", value_name = "RULE")]
    map: Vec<String>,
    /// Topic for all other channels: TOPIC:PARTITIONS or TOPIC [default: none with --map, otherwise one per channel]
    #[arg(long, value_name = "TOPIC")]
    default_topic: Option<String>,
    /// Partitions of a topic if no rule sets them, 1 to 100 [default: 6]
    #[arg(long, value_name = "N")]
    partitions: Option<String>,
    /// Partitions of the topics that match a pattern: PATTERN=N; can be repeated
    #[arg(long, value_name = "PATTERN=N")]
    partitions_for: Vec<String>,
    /// Replication factor, 1 to 100 [default: the broker's default]
    #[arg(long, value_name = "N")]
    replication: Option<String>,
}

impl StrategyArgs {
    pub(in crate::cli) fn put(&self, into: &mut Overrides) {
        put_list(into, "--map", "topics.groups", &self.map);
        put(into, "--default-topic", "topics.default_topic", self.default_topic.as_ref());
        put(into, "--partitions", "topics.partitions", self.partitions.as_ref());
        put_list(into, "--partitions-for", "topics.partitions_for", &self.partitions_for);
        put(into, "--replication", "topics.replication", self.replication.as_ref());
    }
}
