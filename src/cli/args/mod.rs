//! Flags that several commands share. What they mean, and what is allowed, is the configuration's business.

pub mod decode;
pub mod format;
pub mod report;
pub mod selection;
pub mod settings;
pub mod topics;

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::{Assignment, Overrides};

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
    #[arg(short, long, value_name = "LIST")]
    pub bootstrap_server: Option<String>,
    /// Any librdkafka property; can be given many times
    #[arg(short = 'X', value_name = "PROPERTY=VALUE")]
    pub property: Vec<String>,
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

fn put_list(into: &mut Overrides, flag: &str, key: &str, values: &[String]) {
    if !values.is_empty() {
        into.assignments.push(Assignment::flag_list(flag, key, values.to_vec()));
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
