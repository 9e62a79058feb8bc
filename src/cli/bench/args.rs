//! The flags of `kreplay bench`, and their checks.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use kreplay_model::{
    domain::{Concurrency, RateLimit, Secret, Tier},
    feed::report::ReportFormat,
};

use super::{Failure, RECORDS, usage};
use crate::{
    bench::BenchSetup,
    cli::{
        CliError,
        args::{ClusterArgs, FileArgs, report::report_formats},
    },
    config::{Assignment, Config, Environment, Overrides},
};

/// The flags of `bench`.
#[derive(Args, Clone)]
pub struct BenchArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    topics: TopicsArgs,
    /// What to measure.
    #[command(flatten)]
    pub(super) measurements: MeasurementArgs,
    /// Report format
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    #[arg(default_value = "text", help_heading = "Output")]
    pub(super) report: ReportFormat,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
    /// Run the one measurement described on standard input.
    #[arg(long, hide = true)]
    pub(super) measure: bool,
}

/// The topics to read; a measurement reads them in full.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Topics")]
struct TopicsArgs {
    /// Topics to read, separated by spaces or commas
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    topics: Vec<String>,
    /// Read every topic whose full name matches this regular expression
    #[arg(long, value_name = "RE")]
    topics_regex: Option<String>,
}

impl TopicsArgs {
    fn put(&self, into: &mut Overrides) {
        if !self.topics.is_empty() {
            into.assignments.push(Assignment::flag_list("--topics", "run.topics", self.topics.clone()));
        }
        if let Some(regex) = &self.topics_regex {
            into.assignments.push(Assignment::flag("--topics-regex", "run.topics_regex", regex));
        }
    }

    fn first_given(&self) -> Option<&'static str> {
        let regex = self.topics_regex.as_ref().map(|_| "--topics-regex");
        if self.topics.is_empty() { regex } else { Some("--topics") }
    }
}

/// What to measure.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Measurements")]
pub(super) struct MeasurementArgs {
    /// Tiers to measure [default: all]
    #[arg(long, value_name = "TIER", value_delimiter = ',', num_args = 1..)]
    pub(super) tiers: Vec<Tier>,
    /// Numbers of workers to measure; latency is measured with the first one
    #[arg(long, value_name = "N", value_delimiter = ',', num_args = 1.., default_value = "6")]
    pub(super) concurrency: Vec<Concurrency>,
    /// Rates at which latency is measured, or none; the memory of clients is always measured at 50000/s
    #[arg(long, value_name = "RATE", value_delimiter = ',', num_args = 1.., default_value = "10k/s,50k/s,100k/s")]
    rate: Vec<String>,
    /// Stop each measurement soon after N records [default: all of them, or 1000000 in a temporary topic]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(super) records: Option<u64>,
    /// Number of rounds of each measurement; the report shows the median
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) rounds: u16,
    /// Create a temporary topic on the cluster, and delete it afterwards
    #[arg(long, conflicts_with_all = ["topics", "topics_regex"])]
    pub(super) create: bool,
    /// Measure four fixed workloads in temporary topics instead
    ///
    /// The workloads are: ten keys in six partitions, 1000 keys in one partition, records without work, and partition
    /// order.
    #[arg(long, conflicts_with_all = ["topics", "topics_regex", "rate"])]
    pub(super) workloads: bool,
    /// Measure handlers that do real work instead, each with an empty target, and show what limits them
    ///
    /// On a cluster, this includes the handler topic, compared with librdkafka's own producer.
    #[arg(long, conflicts_with_all = ["topics", "topics_regex", "rate", "workloads"])]
    pub(super) handlers: bool,
    /// With --handlers: also measure projection in this PostgreSQL database, in temporary schemas
    ///
    /// The password can come from PGPASSWORD, ${env:NAME} or ${file:PATH}.
    #[arg(long, value_name = "URL", requires = "handlers")]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    postgres: Option<String>,
}

impl MeasurementArgs {
    pub(super) fn tiers(&self) -> Vec<Tier> {
        if self.tiers.is_empty() { Tier::ALL.to_vec() } else { self.tiers.clone() }
    }

    pub(super) fn rates(&self) -> Result<Vec<u32>, CliError> {
        if self.rate == ["none"] {
            return Ok(Vec::new());
        }
        let records = |text: &String| match text.parse::<RateLimit>().map_err(usage)? {
            RateLimit::Records(records) => u32::try_from(records.get())
                .ok()
                .filter(|rate| *rate <= 10_000_000)
                .ok_or_else(|| usage(format!("--rate {text}: the maximum is 10M/s"))),
            RateLimit::Bytes(_) => Err(usage(format!("--rate {text}: use a rate in records, such as 10k/s, or none"))),
        };
        self.rate.iter().map(records).collect()
    }
}

impl BenchArgs {
    pub(super) fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.topics.put(&mut overrides);
        let target = self.measurements.postgres.as_ref();
        overrides.assignments.extend(target.map(|url| Assignment::flag("--postgres", "projection.target", url)));
        Ok(Config::load(&overrides, environment, directory)?)
    }

    /// The database given by `--postgres`. One that only the configuration names is in use and must not be measured.
    pub(super) fn postgres(&self, config: &Config) -> Option<Secret> {
        self.measurements.postgres.as_ref()?;
        config.run.handlers.projection.target.clone()
    }

    /// Whether bench reads temporary topics instead of existing ones.
    pub(super) fn creates_topics(&self, setup: &BenchSetup) -> bool {
        self.measurements.create || self.measurements.workloads || self.measurements.handlers || setup.is_embedded()
    }

    /// Refuses invalid combinations before anything is created.
    pub(super) fn check(&self, config: &Config, setup: &BenchSetup) -> Result<(), Failure> {
        if (self.measurements.workloads || self.measurements.handlers) && self.measurements.tiers.len() > 1 {
            let flag = if self.measurements.workloads { "--workloads" } else { "--handlers" };
            return Err(usage(format!("{flag} measures one tier at a time; give one with --tiers")).into());
        }
        if setup.is_embedded() {
            if let Some(flag) = self.cluster.needs_a_cluster().or_else(|| self.topics.first_given()) {
                let text = format!("{flag} needs a cluster; give one with --bootstrap-server HOST:PORT");
                return Err(usage(text).into());
            }
            if self.measurements.records.is_some_and(|records| records > RECORDS) {
                let text = "the embedded broker holds at most 1000000 records; give a cluster to measure more";
                return Err(usage(text).into());
            }
            return Ok(());
        }
        if self.measurements.workloads && !self.measurements.create {
            let text = "the workloads need temporary topics; add --create to allow that on this cluster";
            return Err(usage(text).into());
        }
        if self.measurements.handlers && !self.measurements.create {
            let text = "handlers are measured in temporary topics; add --create to allow that on this cluster";
            return Err(usage(text).into());
        }
        if !self.measurements.create && config.run.topics.is_none() {
            let text = "no topics given; use --topics NAME, or --create for a temporary topic";
            return Err(usage(text).into());
        }
        Ok(())
    }
}
