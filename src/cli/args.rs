//! Flags that several commands share. What they mean, and what is allowed, is the configuration's business.

use std::path::PathBuf;

use clap::{
    Args, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::CliError;
use crate::{
    config::{Assignment, Overrides},
    feed::report::ReportFormat,
    handler::HandlerSpec,
};

/// Which configuration file.
#[derive(Args, Clone, Debug, Default)]
pub struct FileArgs {
    /// Configuration file [default: $KREPLAY_CONFIG, ./kreplay.toml, ~/.config/kreplay/config.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub config: Option<PathBuf>,
}

/// Which cluster.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Brokers to begin with: HOST:PORT, several with commas
    #[arg(long, value_name = "LIST")]
    pub bootstrap_server: Option<String>,
    /// Any librdkafka property; can be given many times
    #[arg(short = 'X', value_name = "PROPERTY=VALUE")]
    pub property: Vec<String>,
}

/// Which topics.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Topics by name, several with spaces or commas
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    pub topics: Vec<String>,
    /// Every topic whose whole name matches a regular expression
    #[arg(long, value_name = "RE")]
    pub topics_regex: Option<String>,
    /// Handle the records of a key in the order of their timestamps, over all topics and partitions
    #[arg(long)]
    pub time_order: bool,
}

/// What is read of the topics; the demo has these flags, too.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct ScopeArgs {
    /// Where reading begins: earliest, latest, committed, committed:GROUP, last:N, an offset, a time such as
    /// 2026-01-31T10:00Z (without a zone: UTC) or ms:MILLISECONDS since 1970, or -DURATION such as -2h [default: earliest]
    #[arg(long, value_name = "FROM", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Where it ends: latest, never, committed, committed:GROUP, an offset, a time or -DURATION; what is named is not
    /// read any more [default: latest]
    #[arg(long, value_name = "TO", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Only these keys: patterns with * ? [a-z] {a,b}, several with spaces; they match the whole key, as --key-template
    /// makes it
    #[arg(long, value_name = "GLOB", num_args = 1.., allow_hyphen_values = false)]
    pub keys: Vec<String>,
    /// What makes the key that order, --keys and lag go by, such as team:{team_id}: {key}, {header.NAME}, or {PATH} in a
    /// JSON value [default: the record's key]
    #[arg(long, value_name = "TEMPLATE")]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub key_template: Option<String>,
}

/// What is read of the topics of a cluster, besides.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct FilterArgs {
    /// So many offsets before the end of each partition: short for --from last:N
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub last: Option<String>,
    /// Another range for one partition: TOPIC:PARTITION=FROM..TO; FROM or TO may be left out, and TOPIC: for every
    /// topic; can be given many times
    #[arg(long, value_name = "RANGE")]
    pub partition: Vec<String>,
    /// Only the keys in a file, one a line, besides those of --keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub keys_from: Option<String>,
    /// Only records with a header of this value; can be given many times, for one or the other
    #[arg(long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
    /// Only records where this stands in a JSON value; can be given many times, for one or the other
    #[arg(long, value_name = "PATH=VALUE")]
    pub json: Vec<String>,
    /// Only these event types: patterns, several with spaces
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub event_type: Vec<String>,
    /// Where event types stand, the first that a record has: header.NAME, json.PATH or key
    /// [default: header.event-type header.ce_type header.type json.type json.event_type]
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub event_type_field: Vec<String>,
}

/// How a run is to go.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
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
    /// What is done with records: null, simulate:TIME, ndjson or ndjson:FILE [default: null, in the demo simulate:1ms]
    #[arg(long)]
    pub handler: Option<String>,
    /// How records come out of the client [default: buffered]
    #[arg(long, value_parser = ["stream", "standard", "buffered", "dedicated"])]
    pub tier: Option<String>,
    /// Where retention has deleted records before they were read: fail, go on behind the gap, or pause [default: fail]
    #[arg(long, value_parser = ["fail", "earliest", "pause"])]
    pub on_retention: Option<String>,
    /// Consumer group that shares the work and keeps the positions [default: no group]
    #[arg(long, value_name = "ID")]
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

/// How much is read to make a plan.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Plan")]
pub struct PlanningArgs {
    /// Read all records, not a sample
    #[arg(long)]
    pub scan: bool,
    /// About how many records a sample has, 1000 to 10000000 [default: 100000]
    #[arg(long, value_name = "N", conflicts_with = "scan")]
    pub sample: Option<String>,
    /// The longest time for a sample [default: 2s]
    #[arg(long, value_name = "DURATION", conflicts_with = "scan")]
    pub sample_time: Option<String>,
    /// Handling time of a record, where the handler's settings do not say it
    #[arg(long, value_name = "DURATION")]
    pub work: Option<String>,
}

/// What a run on a cluster has to take care of.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
pub struct CareArgs {
    /// Slows the run down while this consumer group lags by more than --max-lag
    #[arg(long, value_name = "GROUP", requires = "max_lag")]
    pub protect_group: Option<String>,
    /// The lag that the protected group may have, in records
    #[arg(long, value_name = "N")]
    pub max_lag: Option<String>,
    /// Handles records that match a rule alone, between what is before and after them: key=PATTERN, type=PATTERN,
    /// header.NAME=VALUE or json.PATH=VALUE; can be given many times
    #[arg(long, value_name = "RULE")]
    pub barrier: Vec<String>,
}

/// What comes out.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct ReportArgs {
    /// No console: progress on standard error instead
    #[arg(long)]
    pub headless: bool,
    /// Report at the end, on standard output
    #[arg(long, value_name = "FORMAT", value_parser = report_formats())]
    pub report: Option<ReportFormat>,
    /// File for the report instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "report")]
    pub output: Option<PathBuf>,
}

/// How the console looks.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Console")]
pub struct ThemeArgs {
    /// Colours of the console: dark, light, mono or a theme's file [default: dark]
    #[arg(long, value_name = "THEME")]
    pub theme: Option<String>,
}

/// The demo's data.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Demo")]
pub struct DatasetArgs {
    /// Datasets, each with a topic of its own, 1 to 1000 [default: 10]
    #[arg(long, value_name = "N")]
    pub datasets: Option<String>,
    /// Events of all datasets together [default: 10000]
    #[arg(long, value_name = "N")]
    pub events: Option<String>,
    /// Partitions of each topic, 1 to 100 [default: 6]
    #[arg(long, value_name = "N")]
    pub partitions: Option<String>,
    /// Handling time of a record, such as 250us or 1ms [default: 1ms]
    #[arg(long, value_name = "DURATION", conflicts_with = "handler")]
    pub work: Option<String>,
    /// How events are spread over datasets: even or zipf:S [default: even]
    #[arg(long, value_name = "SKEW")]
    pub skew: Option<String>,
}

pub(super) fn report_formats() -> impl TypedValueParser<Value = ReportFormat> {
    PossibleValuesParser::new(["json", "text"]).try_map(|text| text.parse::<ReportFormat>())
}

fn put(into: &mut Overrides, flag: &str, key: &str, value: Option<&String>) {
    into.assignments.extend(value.map(|value| Assignment::flag(flag, key, value)));
}

impl ClusterArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--bootstrap-server", "kafka.bootstrap_servers", self.bootstrap_server.as_ref());
        into.properties.extend(self.property.iter().cloned());
    }

    /// The first flag here that means nothing without a cluster.
    pub(super) fn needs_a_cluster(&self) -> Option<&'static str> {
        (!self.property.is_empty()).then_some("-X")
    }
}

impl SelectionArgs {
    /// The first flag here that means nothing without a cluster.
    pub(super) fn needs_a_cluster(&self) -> Option<&'static str> {
        match (self.topics.is_empty(), &self.topics_regex) {
            (false, _) => Some("--topics"),
            (true, Some(_)) => Some("--topics-regex"),
            (true, None) => self.time_order.then_some("--time-order"),
        }
    }

    pub(super) fn put(&self, into: &mut Overrides) {
        if !self.topics.is_empty() {
            into.assignments.push(Assignment::flag_list("--topics", "run.topics", self.topics.clone()));
        }
        put(into, "--topics-regex", "run.topics_regex", self.topics_regex.as_ref());
        if self.time_order {
            into.assignments.push(Assignment::flag("--time-order", "run.time_order", "true"));
        }
    }
}

fn put_list(into: &mut Overrides, flag: &str, key: &str, values: &[String]) {
    if !values.is_empty() {
        into.assignments.push(Assignment::flag_list(flag, key, values.to_vec()));
    }
}

impl ScopeArgs {
    /// `table` is `run` or `demo`: what is read of a cluster's topics says nothing of the demo's.
    pub(super) fn put(&self, table: &str, into: &mut Overrides) {
        put(into, "--from", &format!("{table}.from"), self.from.as_ref());
        put(into, "--to", &format!("{table}.to"), self.to.as_ref());
        put_list(into, "--keys", &format!("{table}.keys"), &self.keys);
        put(into, "--key-template", &format!("{table}.key_template"), self.key_template.as_ref());
    }
}

impl FilterArgs {
    /// The first flag here that means nothing without a cluster.
    pub(super) fn needs_a_cluster(&self) -> Option<&'static str> {
        [
            ("--last", self.last.is_some()),
            ("--partition", !self.partition.is_empty()),
            ("--keys-from", self.keys_from.is_some()),
            ("--header", !self.header.is_empty()),
            ("--json", !self.json.is_empty()),
            ("--event-type", !self.event_type.is_empty()),
            ("--event-type-field", !self.event_type_field.is_empty()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--last", "run.last", self.last.as_ref());
        put_list(into, "--partition", "run.partitions", &self.partition);
        put(into, "--keys-from", "run.keys_from", self.keys_from.as_ref());
        put_list(into, "--header", "run.headers", &self.header);
        put_list(into, "--json", "run.json", &self.json);
        put_list(into, "--event-type", "run.event_types", &self.event_type);
        put_list(into, "--event-type-field", "run.event_type_field", &self.event_type_field);
    }
}

impl SettingsArgs {
    /// `table` is `run` or `demo`: the demo has some settings of its own.
    pub(super) fn put(&self, table: &str, into: &mut Overrides) {
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
        put(into, "--group", &format!("{table}.group"), self.group.as_ref());
        put(into, "--on-failure", "run.on_failure", self.on_failure.as_ref());
        put(into, "--quarantine", "run.quarantine", self.quarantine.then(|| "true".to_owned()).as_ref());
        let none = self.no_journal.then(|| "false".to_owned());
        put(into, "--no-journal", "run.journal", none.as_ref());
    }
}

impl PlanningArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--scan", "plan.scan", self.scan.then(|| "true".to_owned()).as_ref());
        put(into, "--sample", "plan.sample", self.sample.as_ref());
        put(into, "--sample-time", "plan.sample_time", self.sample_time.as_ref());
        put(into, "--work", "plan.work", self.work.as_ref());
    }
}

impl CareArgs {
    /// The first flag here that means nothing without a cluster.
    pub(super) fn needs_a_cluster(&self) -> Option<&'static str> {
        match (&self.protect_group, &self.max_lag, self.barrier.is_empty()) {
            (Some(_), _, _) => Some("--protect-group"),
            (None, Some(_), _) => Some("--max-lag"),
            (None, None, false) => Some("--barrier"),
            (None, None, true) => None,
        }
    }

    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--protect-group", "run.protect_group", self.protect_group.as_ref());
        put(into, "--max-lag", "run.max_lag", self.max_lag.as_ref());
        if !self.barrier.is_empty() {
            into.assignments.push(Assignment::flag_list("--barrier", "run.barriers", self.barrier.clone()));
        }
    }
}

impl DatasetArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        for (flag, value) in [
            ("datasets", &self.datasets),
            ("events", &self.events),
            ("partitions", &self.partitions),
            ("work", &self.work),
            ("skew", &self.skew),
        ] {
            put(into, &format!("--{flag}"), &format!("demo.{flag}"), value.as_ref());
        }
    }
}

impl ThemeArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--theme", "console.theme", self.theme.as_ref());
    }
}

impl ReportArgs {
    /// Standard output can carry one thing: records, the report, or the console.
    ///
    /// # Errors
    /// [`CliError::Usage`] says how to keep them apart.
    pub fn check_standard_output(&self, handler: &HandlerSpec, console: bool) -> Result<(), CliError> {
        if !matches!(handler, HandlerSpec::Ndjson { path: None }) {
            return Ok(());
        }
        let other = if console {
            "the console is; use --headless"
        } else if self.report.is_some() && self.output.is_none() {
            "the report would go, too; give the report a file with --output FILE"
        } else {
            return Ok(());
        };
        Err(CliError::Usage(format!(
            "the handler ndjson writes to standard output, where {other}, or give the handler a file with ndjson:FILE"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_carries_one_thing() {
        let (stdout, file) = (HandlerSpec::Ndjson { path: None }, HandlerSpec::Ndjson { path: Some("f".into()) });
        let report = |report, output: Option<&str>| ReportArgs {
            report,
            output: output.map(PathBuf::from),
            ..ReportArgs::default()
        };
        let json = Some(ReportFormat::Json);
        for (args, handler, console, fits) in [
            (report(None, None), &stdout, false, true),
            (report(None, None), &stdout, true, false),
            (report(json, None), &stdout, false, false),
            (report(json, Some("r")), &stdout, false, true),
            (report(json, None), &file, true, true),
            (report(json, None), &HandlerSpec::Null, true, true),
        ] {
            assert_eq!(args.check_standard_output(handler, console).is_ok(), fits, "{args:?} {handler} {console}");
        }
    }
}
