//! Flags shared by several commands. The configuration defines their meaning and checks their values.

pub mod decode;
pub mod format;
pub mod report;
pub mod selection;
pub mod settings;
pub mod topics;

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::{Assignment, Overrides};

/// The configuration file.
#[derive(Args, Clone, Debug, Default)]
pub struct FileArgs {
    /// Configuration file [default: $KREPLAY_CONFIG, ./kreplay.toml, ~/.config/kreplay/config.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub config: Option<PathBuf>,
}

/// The cluster to connect to.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Bootstrap servers: comma-separated HOST:PORT
    #[arg(short, long, value_name = "LIST")]
    pub bootstrap_server: Option<String>,
    /// How long to wait for each response from the cluster while the command starts, 1s to 10m [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub connect_timeout: Option<String>,
    /// Set a librdkafka property; can be repeated
    #[arg(short = 'X', value_name = "PROPERTY=VALUE")]
    pub property: Vec<String>,
}

/// How much a plan or an audit reads.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Sample")]
pub struct SampleArgs {
    /// Read all records instead of a sample
    #[arg(long)]
    pub scan: bool,
    /// Approximate number of records to sample, 1000 to 10000000 [default: 100000]
    #[arg(long, value_name = "N", conflicts_with = "scan")]
    pub sample: Option<String>,
    /// Maximum time to spend on the sample [default: 2s]
    #[arg(long, value_name = "DURATION", conflicts_with = "scan")]
    pub sample_time: Option<String>,
}

/// How much a plan reads, and what it assumes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Plan")]
pub struct PlanningArgs {
    /// How much is read.
    #[command(flatten)]
    pub sample: SampleArgs,
    /// Handling time per record, used if the handler does not define one
    #[arg(long, value_name = "DURATION")]
    pub work: Option<String>,
}

/// The console's colours.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Console")]
pub struct ThemeArgs {
    /// Colour theme: auto, a name that `kreplay themes` lists, or the path of a theme file [default: auto]
    #[arg(long, value_name = "THEME")]
    pub theme: Option<String>,
}

/// The export of metrics.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Metrics")]
pub struct MetricsArgs {
    /// Serve metrics for Prometheus on this address, such as 127.0.0.1:9308; port 0 picks a free port and prints it
    #[arg(long = "metrics", id = "metrics", value_name = "ADDR")]
    pub address: Option<String>,
    /// Level of detail of the metrics [default: group for watched groups, partition for a run]
    #[arg(long = "metrics-level", value_name = "LEVEL", value_parser = ["group", "topic", "partition"])]
    pub level: Option<String>,
    /// Also export group metrics under another exporter's names [default: none]
    #[arg(long = "metrics-names", value_name = "NAMES", value_parser = ["none", "kafka_exporter", "kafka_lag_exporter"])]
    pub names: Option<String>,
}

/// The recording of a run or of a watch.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Recording")]
pub struct RecordArgs {
    /// Record what the console shows, or would show, to this new file; `kreplay open FILE` opens it
    #[arg(long = "record", id = "record", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<String>,
    /// Maximum size of the recording, 1MiB to 1TiB; recording ends there, and the run continues [default: 512MiB]
    #[arg(long = "record-limit", value_name = "SIZE")]
    pub limit: Option<String>,
}

/// Consoles that attach to the process.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Attach")]
pub struct ServeArgs {
    /// Let `kreplay attach` show this process: path of a Unix socket to create, or a loopback address such as
    /// 127.0.0.1:9310
    ///
    /// A loopback address needs a token; port 0 picks a free port and prints it. docs/attach.md has examples.
    #[arg(long = "serve", id = "serve", value_name = "PATH|HOST:PORT")]
    pub address: Option<String>,
    /// File with the token that consoles need to attach [default: $KREPLAY_SERVE_TOKEN]
    #[arg(long = "serve-token-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub token_file: Option<String>,
    /// Let attached consoles pause, stop and change the run
    #[arg(long = "serve-control")]
    pub control: bool,
}

/// The generated data of the demo.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Demo")]
pub struct DatasetArgs {
    /// Number of datasets, one topic each, 1 to 1000 [default: 10]
    #[arg(long, value_name = "N")]
    pub datasets: Option<String>,
    /// Total number of events in all datasets [default: 10000]
    #[arg(long, value_name = "N")]
    pub events: Option<String>,
    /// Partitions per topic, 1 to 100 [default: 6]
    #[arg(long, value_name = "N")]
    pub partitions: Option<String>,
    /// Handling time per record, such as 250us or 1ms [default: 1ms]
    #[arg(long, value_name = "DURATION", conflicts_with = "handler")]
    pub work: Option<String>,
    /// Distribution of events over datasets: even or zipf:S [default: even]
    #[arg(long, value_name = "SKEW")]
    pub skew: Option<String>,
}

fn put(into: &mut Overrides, flag: &str, key: &str, value: Option<&String>) {
    into.assignments.extend(value.map(|value| Assignment::flag(flag, key, value)));
}

impl ClusterArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--bootstrap-server", "kafka.bootstrap_servers", self.bootstrap_server.as_ref());
        put(into, "--connect-timeout", "kafka.connect_timeout", self.connect_timeout.as_ref());
        into.properties.extend(self.property.iter().cloned());
    }

    /// The first given flag that requires a cluster.
    pub(super) fn needs_a_cluster(&self) -> Option<&'static str> {
        match (&self.connect_timeout, self.property.is_empty()) {
            (Some(_), _) => Some("--connect-timeout"),
            (None, false) => Some("-X"),
            (None, true) => None,
        }
    }
}

fn put_list(into: &mut Overrides, flag: &str, key: &str, values: &[String]) {
    if !values.is_empty() {
        into.assignments.push(Assignment::flag_list(flag, key, values.to_vec()));
    }
}

impl SampleArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--scan", "plan.scan", self.scan.then(|| "true".to_owned()).as_ref());
        put(into, "--sample", "plan.sample", self.sample.as_ref());
        put(into, "--sample-time", "plan.sample_time", self.sample_time.as_ref());
    }
}

impl PlanningArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        self.sample.put(into);
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

impl MetricsArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--metrics", "metrics.address", self.address.as_ref());
        put(into, "--metrics-level", "metrics.level", self.level.as_ref());
        put(into, "--metrics-names", "metrics.names", self.names.as_ref());
    }
}

impl RecordArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--record", "recording.file", self.file.as_ref());
        put(into, "--record-limit", "recording.limit", self.limit.as_ref());
    }
}

impl ServeArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--serve", "serve.address", self.address.as_ref());
        put_token(into, "--serve-token-file", self.token_file.as_ref());
        put(into, "--serve-control", "serve.control", self.control.then(|| "true".to_owned()).as_ref());
    }
}

/// The token of attached consoles, from a file.
pub(super) fn put_token(into: &mut Overrides, flag: &str, file: Option<&String>) {
    into.assignments.extend(file.map(|path| Assignment::secret_file(flag, "serve.token", path)));
}

impl ThemeArgs {
    pub(super) fn put(&self, into: &mut Overrides) {
        put(into, "--theme", "console.theme", self.theme.as_ref());
    }
}
