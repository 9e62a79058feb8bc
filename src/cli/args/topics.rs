//! Which topics channels belong to.

use clap::Args;

use super::{put, put_list};
use crate::config::Overrides;

/// Which topics channels belong to.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Strategy")]
pub struct StrategyArgs {
    /// Channels that share a topic: PATTERN=TOPIC:PARTITIONS or PATTERN=TOPIC, such as 'user.*=realtime.user:10'; can be
    /// given many times, and the first that fits counts; with {channel} in TOPIC each has its own
    #[arg(long = "map", value_name = "RULE")]
    map: Vec<String>,
    /// Topic of all other channels: TOPIC:PARTITIONS or TOPIC [default: with --map none, otherwise one for each channel]
    #[arg(long, value_name = "TOPIC")]
    default_topic: Option<String>,
    /// Partitions of a topic, where no rule says it, 1 to 100 [default: 6]
    #[arg(long, value_name = "N")]
    partitions: Option<String>,
    /// Partitions of the topics of a pattern: PATTERN=N; can be given many times
    #[arg(long, value_name = "PATTERN=N")]
    partitions_for: Vec<String>,
    /// Copies of each partition, 1 to 100 [default: the broker's default]
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
