//! How a run goes, and what it has to take care of.

use clap::Args;

use super::put;
use crate::config::{Assignment, Overrides};

/// How a run is to go.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct SettingsArgs {
    /// Workers that handle records side by side, 1 to 1000, or auto: as many as are worth it [default: 6, in the demo 1]
    #[arg(long, value_name = "N|auto")]
    pub concurrency: Option<String>,
    /// The most workers that auto tries, 1 to 1000 [default: 100]
    #[arg(long, value_name = "N")]
    pub max_concurrency: Option<String>,
    /// One worker that handles all records one after the other, as they arrive
    #[arg(long)]
    pub single_threaded: bool,
    /// The most records or bytes handed out in a second, such as 5000/s or 10MiB/s, or off [default: no limit]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// What keeps its order: the records of a key, of a partition, or nothing [default: key]
    #[arg(long, value_parser = ["key", "partition", "none"])]
    pub ordering: Option<String>,
    /// The most records that one call of a handler gets, 1 to 100000 [default: 1000]
    #[arg(long, value_name = "N")]
    pub batch: Option<String>,
    /// What is done with records: null, simulate:TIME, ndjson, ndjson:FILE, ndjson:DIR/, csv:DIR, parquet:DIR, projection,
    /// projection:FILE, topic, topic:NAME, exec, exec:COMMAND, http or a URL [default: null, in the demo simulate:1ms]
    #[arg(long)]
    pub handler: Option<String>,
    /// Makes the projection anew beside the one in use, verifies it, and then puts it in its place
    #[arg(long)]
    pub shadow: bool,
    /// How records come out of the client [default: auto]
    #[arg(long, value_parser = ["auto", "stream", "standard", "buffered", "dedicated"])]
    pub tier: Option<String>,
    /// Where retention has deleted records before they were read: fail, go on behind the gap, or pause [default: fail]
    #[arg(long, value_parser = ["fail", "earliest", "pause"])]
    pub on_retention: Option<String>,
    /// Consumer group that shares the work and keeps the positions [default: no group]
    #[arg(short, long, value_name = "ID")]
    pub group: Option<String>,
    /// What happens to a record that fails for good [default: fail]
    #[arg(long, value_parser = ["fail", "skip", "pause", "dead-letter"])]
    pub on_failure: Option<String>,
    /// Puts a key aside when a record of it has failed for good, to be tried again or dead-lettered together
    #[arg(long)]
    pub quarantine: bool,
    /// Leave no journal behind: the run cannot be resumed
    #[arg(long)]
    pub no_journal: bool,
}

/// What a run on a cluster has to take care of.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
pub struct CareArgs {
    /// Slows the run down while this consumer group lags by more than --max-lag
    #[arg(long, value_name = "GROUP", requires = "max_lag")]
    pub protect_group: Option<String>,
    /// The topics of that group that count, by name or pattern such as orders.*; all by default. Leaves out topics that
    /// the group reads no more but has committed offsets for; can be given many times
    #[arg(long, value_name = "TOPIC,…", value_delimiter = ',', requires = "protect_group")]
    pub protect_topics: Vec<String>,
    /// The lag that the protected group may have, in records
    #[arg(long, value_name = "N")]
    pub max_lag: Option<String>,
    /// Handles records that match a rule alone, between what is before and after them: key=PATTERN, type=PATTERN,
    /// header.NAME=VALUE or json.PATH=VALUE; several with commas, or given many times
    #[arg(long, value_name = "RULE")]
    pub barrier: Vec<String>,
}

impl SettingsArgs {
    /// `table` is `run` or `demo`: the demo has some settings of its own.
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
        let none = self.no_journal.then(|| "false".to_owned());
        put(into, "--no-journal", "run.journal", none.as_ref());
    }
}

impl CareArgs {
    /// The first flag here that means nothing without a cluster.
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
