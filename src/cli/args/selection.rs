//! What is read.

use clap::{Args, ValueHint};

use super::{put, put_list};
use crate::config::{Assignment, Overrides};

/// Which topics.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Topics by name, several with spaces or commas
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
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
    /// Only these keys: patterns with * ? [a-z] {a,b}, several with spaces or commas, and \, for a comma in a key; they match
    /// the whole key, as --key-template makes it
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
    /// topic; several with commas, or given many times
    #[arg(long, value_name = "RANGE")]
    pub partition: Vec<String>,
    /// Only the keys in a file, one a line, besides those of --keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub keys_from: Option<String>,
    /// Only records with one of these headers; several with commas, or given many times
    #[arg(short = 'H', long, value_name = "NAME=VALUE")]
    pub header: Vec<String>,
    /// Only records where one of these stands in a JSON value; several with commas, or given many times
    #[arg(long, value_name = "PATH=VALUE")]
    pub json: Vec<String>,
    /// Only these event types: patterns, several with spaces or commas
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub event_type: Vec<String>,
    /// Where event types stand, the first that a record has: header.NAME, json.PATH or key
    /// [default: header.event-type header.ce_type header.type json.type json.event_type]
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub event_type_field: Vec<String>,
    /// Records that a filter cannot judge, such as values that are not JSON: handle them, leave them out, or let them fail
    /// [default: fail where a format is set with --decode, otherwise drop]
    #[arg(long, value_parser = ["pass", "drop", "fail"])]
    pub on_unjudged: Option<String>,
}

impl SelectionArgs {
    /// The first flag here that means nothing without a cluster.
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
    /// `table` is `run` or `demo`: what is read of a cluster's topics says nothing of the demo's.
    pub(in crate::cli) fn put(&self, table: &str, into: &mut Overrides) {
        put(into, "--from", &format!("{table}.from"), self.from.as_ref());
        put(into, "--to", &format!("{table}.to"), self.to.as_ref());
        put_list(into, "--keys", &format!("{table}.keys"), &self.keys);
        put(into, "--key-template", &format!("{table}.key_template"), self.key_template.as_ref());
    }
}

impl FilterArgs {
    /// The first flag here that means nothing without a cluster.
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
