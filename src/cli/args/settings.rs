//! Flags that control a run.

use clap::Args;

use super::put;
use crate::config::{Assignment, Overrides};

/// Workers, order, handler and failures; also available in the demo.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
#[allow(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub struct SettingsArgs {
    /// Number of workers, 1 to 1000, or auto to let kreplay find the best number [default: 6; in the demo: 1]
    #[arg(long, value_name = "N|auto")]
    pub concurrency: Option<String>,
    /// Maximum number of workers for --concurrency auto, 1 to 1000 [default: 100]
    #[arg(long, value_name = "N")]
    pub max_concurrency: Option<String>,
    /// Handle all records one after another on one worker, in order of arrival
    #[arg(long)]
    pub single_threaded: bool,
    /// Maximum records or bytes per second, such as 5000/s or 10MiB/s, or off [default: no limit]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// Keep the order of records per key, per partition, or not at all [default: key]
    #[arg(long, value_parser = ["key", "partition", "none"])]
    pub ordering: Option<String>,
    /// Maximum number of records per handler call, 1 to 100000 [default: 1000]
    #[arg(long, value_name = "N")]
    pub batch: Option<String>,
    /// What to do with records: null, simulate:TIME, ndjson, ndjson:FILE, ndjson:DIR/, csv:DIR, parquet:DIR,
    /// projection, projection:FILE, topic, topic:NAME, exec, exec:COMMAND, http or a URL
    /// [default: null; in the demo: simulate:1ms]
    #[arg(long)]
    pub handler: Option<String>,
    /// Rebuild the projection alongside the current one, verify it, then swap the two
    #[arg(long)]
    pub shadow: bool,
    /// How to read records from the Kafka client [default: auto]
    #[arg(long, value_parser = ["auto", "stream", "standard", "buffered", "dedicated"])]
    pub tier: Option<String>,
    /// If retention deletes records before they are read: fail, continue after the gap (earliest), or pause
    /// [default: fail]
    #[arg(long, value_parser = ["fail", "earliest", "pause"])]
    pub on_retention: Option<String>,
    /// Consumer group that shares the work and stores positions [default: no group]
    #[arg(short, long, value_name = "ID")]
    pub group: Option<String>,
    /// What to do with a record that has failed for good [default: fail]
    #[arg(long, value_parser = ["fail", "skip", "pause", "dead-letter"])]
    pub on_failure: Option<String>,
    /// Quarantine the key of a record that has failed for good; its records can be retried or dead-lettered together
    #[arg(long)]
    pub quarantine: bool,
    /// Do not write a journal; the run cannot be resumed
    #[arg(long)]
    pub no_journal: bool,
}

/// Lag guard and barriers, which require a cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
pub struct SafeguardArgs {
    /// Slow the run down while this consumer group lags by more than --max-lag
    #[arg(long, value_name = "GROUP", requires = "max_lag")]
    pub protect_group: Option<String>,
    /// Count the protected group's lag only on these topics: names or patterns such as orders.*; can be repeated
    /// [default: all topics that the group has committed offsets for]
    ///
    /// Use this to ignore topics that the group no longer reads.
    #[arg(long, value_name = "TOPIC,…", requires = "protect_group")]
    pub protect_topics: Vec<String>,
    /// Maximum lag of the protected group, in records
    #[arg(long, value_name = "N")]
    pub max_lag: Option<String>,
    /// Handle matching records alone, after all earlier and before all later records: key=PATTERN, type=PATTERN,
    /// header.NAME=VALUE or json.PATH=VALUE; separate with commas or repeat the flag
    #[arg(long, value_name = "RULE")]
    pub barrier: Vec<String>,
}

impl SettingsArgs {
    /// `table` is `run` or `demo`: the demo has its own concurrency, handler and group.
    pub(in crate::cli) fn put(&self, table: &str, into: &mut Overrides) {
        put(into, "--concurrency", &format!("{table}.concurrency"), self.concurrency.as_ref());
        put(into, "--max-concurrency", "run.max_concurrency", self.max_concurrency.as_ref());
        let single = self.single_threaded.then(|| "true".to_owned());
        put(into, "--single-threaded", "run.single_threaded", single.as_ref());
        put(into, "--rate", "run.rate", self.rate.as_ref());
        put(into, "--ordering", "run.ordering", self.ordering.as_ref());
        put(into, "--batch", "run.batch", self.batch.as_ref());
        put(into, "--on-retention", "run.on_retention", self.on_retention.as_ref());
        put(into, "--tier", "run.tier", self.tier.as_ref());
        put(into, "--handler", &format!("{table}.handler"), self.handler.as_ref());
        put(into, "--shadow", "projection.shadow", self.shadow.then(|| "true".to_owned()).as_ref());
        put(into, "--group", &format!("{table}.group"), self.group.as_ref());
        put(into, "--on-failure", "run.on_failure", self.on_failure.as_ref());
        put(into, "--quarantine", "run.quarantine", self.quarantine.then(|| "true".to_owned()).as_ref());
        let journal = self.no_journal.then(|| "false".to_owned());
        put(into, "--no-journal", "run.journal", journal.as_ref());
    }
}

impl SafeguardArgs {
    /// The first given flag that requires a cluster.
    pub(in crate::cli) fn needs_a_cluster(&self) -> Option<&'static str> {
        match (&self.protect_group, &self.max_lag, self.barrier.is_empty()) {
            (Some(_), _, _) => Some("--protect-group"),
            (None, Some(_), _) => Some("--max-lag"),
            (None, None, false) => Some("--barrier"),
            (None, None, true) => None,
        }
    }

    pub(in crate::cli) fn put(&self, into: &mut Overrides) {
        put(into, "--protect-group", "run.protect_group", self.protect_group.as_ref());
        put(into, "--max-lag", "run.max_lag", self.max_lag.as_ref());
        if !self.protect_topics.is_empty() {
            let topics = self.protect_topics.clone();
            into.assignments.push(Assignment::flag_list("--protect-topics", "run.protect_topics", topics));
        }
        if !self.barrier.is_empty() {
            into.assignments.push(Assignment::flag_list("--barrier", "run.barriers", self.barrier.clone()));
        }
    }
}
