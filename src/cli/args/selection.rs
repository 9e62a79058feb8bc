//! Flags for topics, ranges and filters.

use clap::{Args, ValueHint};

use super::{put, put_list};
use crate::config::{Assignment, Overrides};

/// The topics to read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Topics to read, separated by spaces or commas
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    pub topics: Vec<String>,
    /// Read every topic whose full name matches this regular expression
    #[arg(long, value_name = "RE")]
    pub topics_regex: Option<String>,
    /// Handle the records of each key in timestamp order, across all topics and partitions
    #[arg(long)]
    pub time_order: bool,
}

/// The range and the keys to read; also available in the demo.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct ScopeArgs {
    /// Where to start: earliest, latest, committed, committed:GROUP, last:N, an offset, a time or -DURATION
    /// [default: earliest]
    ///
    /// A time is 2026-01-31T10:00Z (UTC if there is no zone) or ms:MILLISECONDS since 1970. -DURATION counts back from
    /// now: -2h is two hours ago.
    #[arg(long, value_name = "FROM", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Where to stop (exclusive): latest, never, committed, committed:GROUP, an offset, a time or -DURATION
    /// [default: latest]
    #[arg(long, value_name = "TO", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Handle only keys that match one of these patterns, separated by spaces or commas
    ///
    /// A pattern matches the whole key, as built by --key-template, and may contain * ? [a-z] {a,b}. Use \, for a
    /// comma in a key.
    #[arg(long, value_name = "GLOB", num_args = 1.., allow_hyphen_values = false)]
    pub keys: Vec<String>,
    /// Build the key used for ordering, --keys and per-key figures, such as team:{team_id} [default: the record's key]
    ///
    /// Placeholders are {key}, {header.NAME}, and {PATH} for a field of a JSON value.
    #[arg(long, value_name = "TEMPLATE")]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub key_template: Option<String>,
}

/// Further range and filter flags, which require a cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct FilterArgs {
    /// Start N offsets before the end of each partition; short for --from last:N
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub last: Option<String>,
    /// Set the range of a single partition: TOPIC:PARTITION=FROM..TO; separate with commas or repeat the flag
    ///
    /// FROM or TO can be omitted. If `TOPIC:` is omitted, the range applies to this partition of every topic.
    #[arg(long, value_name = "RANGE")]
    pub partition: Vec<String>,
    /// Handle only keys listed in this file, one per line, in addition to those of --keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub keys_from: Option<String>,
    /// Handle only records with one of these headers; separate with commas or repeat the flag
    #[arg(short = 'H', long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
    /// Handle only records with one of these fields in a JSON value; separate with commas or repeat the flag
    #[arg(long, value_name = "PATH=VALUE")]
    pub json: Vec<String>,
    /// Handle only event types that match one of these patterns, separated by spaces or commas
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub event_type: Vec<String>,
    /// Where to find the event type: header.NAME, json.PATH or key; the first one present in a record is used
    /// [default: header.event-type header.ce_type header.type json.type json.event_type]
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub event_type_field: Vec<String>,
    /// What to do with records on which a filter cannot be evaluated, such as values that are not JSON
    /// [default: fail if --decode sets a format, otherwise drop]
    ///
    /// pass handles them, drop filters them out, fail treats them as failed records.
    #[arg(long, value_parser = ["pass", "drop", "fail"])]
    pub on_unjudged: Option<String>,
}

impl SelectionArgs {
    /// The first given flag that requires a cluster.
    pub(in crate::cli) fn needs_a_cluster(&self) -> Option<&'static str> {
        match (self.topics.is_empty(), &self.topics_regex) {
            (false, _) => Some("--topics"),
            (true, Some(_)) => Some("--topics-regex"),
            (true, None) => self.time_order.then_some("--time-order"),
        }
    }

    pub(in crate::cli) fn put(&self, into: &mut Overrides) {
        if !self.topics.is_empty() {
            into.assignments.push(Assignment::flag_list("--topics", "run.topics", self.topics.clone()));
        }
        put(into, "--topics-regex", "run.topics_regex", self.topics_regex.as_ref());
        if self.time_order {
            into.assignments.push(Assignment::flag("--time-order", "run.time_order", "true"));
        }
    }
}

impl ScopeArgs {
    /// `table` is `run` or `demo`: the two have separate ranges and filters.
    pub(in crate::cli) fn put(&self, table: &str, into: &mut Overrides) {
        put(into, "--from", &format!("{table}.from"), self.from.as_ref());
        put(into, "--to", &format!("{table}.to"), self.to.as_ref());
        put_list(into, "--keys", &format!("{table}.keys"), &self.keys);
        put(into, "--key-template", &format!("{table}.key_template"), self.key_template.as_ref());
    }
}

impl FilterArgs {
    /// The first given flag that requires a cluster.
    pub(in crate::cli) fn needs_a_cluster(&self) -> Option<&'static str> {
        [
            ("--last", self.last.is_some()),
            ("--partition", !self.partition.is_empty()),
            ("--keys-from", self.keys_from.is_some()),
            ("--header", !self.header.is_empty()),
            ("--json", !self.json.is_empty()),
            ("--event-type", !self.event_type.is_empty()),
            ("--event-type-field", !self.event_type_field.is_empty()),
            ("--on-unjudged", self.on_unjudged.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    pub(in crate::cli) fn put(&self, into: &mut Overrides) {
        put(into, "--last", "run.last", self.last.as_ref());
        put_list(into, "--partition", "run.partitions", &self.partition);
        put(into, "--keys-from", "run.keys_from", self.keys_from.as_ref());
        put_list(into, "--header", "run.headers", &self.header);
        put_list(into, "--json", "run.json", &self.json);
        put_list(into, "--event-type", "run.event_types", &self.event_type);
        put_list(into, "--event-type-field", "run.event_type_field", &self.event_type_field);
        put(into, "--on-unjudged", "run.on_unjudged", self.on_unjudged.as_ref());
    }
}
