//! What `kreplay bench` can be asked for, and what it refuses.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{Failure, RECORDS, usage};
use crate::{
    bench::Stage,
    cli::{
        CliError,
        args::{ClusterArgs, FileArgs, report::report_formats},
    },
    config::{Assignment, Config, Environment, Overrides},
    domain::{Concurrency, Masked, RateLimit, Tier},
    feed::report::ReportFormat,
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
    /// What to compare.
    #[command(flatten)]
    pub(super) wanted: WantedArgs,
    /// Format of the report
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    #[arg(default_value = "text", help_heading = "Output")]
    pub(super) report: ReportFormat,
    /// File for the report instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(super) output: Option<PathBuf>,
    /// Does one measurement, as standard input says.
    #[arg(long, hide = true)]
    pub(super) measure: bool,
}

/// Which topics; a measurement reads them in full.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Topics")]
struct TopicsArgs {
    /// Topics by name, several with spaces or commas
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    topics: Vec<String>,
    /// Every topic whose whole name matches a regular expression
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

    fn given(&self) -> Option<&'static str> {
        let regex = self.topics_regex.as_ref().map(|_| "--topics-regex");
        if self.topics.is_empty() { regex } else { Some("--topics") }
    }
}

/// What to compare.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Measurements")]
pub(super) struct WantedArgs {
    /// Tiers to compare [default: all of them]
    #[arg(long, value_name = "TIER", value_delimiter = ',', num_args = 1..)]
    pub(super) tiers: Vec<Tier>,
    /// Numbers of workers; latency is measured with the first of them
    #[arg(long, value_name = "N", value_delimiter = ',', num_args = 1.., default_value = "6")]
    pub(super) concurrency: Vec<Concurrency>,
    /// Records a second at which latency is measured, or none; the memory of clients is measured at 50000/s
    #[arg(long, value_name = "RATE", value_delimiter = ',', num_args = 1.., default_value = "10k/s,50k/s,100k/s")]
    rate: Vec<String>,
    /// Records of a measurement, which stops soon after them [default: all of the topics, or 1000000 in a topic of its own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(super) records: Option<u64>,
    /// Rounds of each measurement, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) rounds: u16,
    /// Makes a topic of its own on the cluster, and deletes it afterwards
    #[arg(long, conflicts_with_all = ["topics", "topics_regex"])]
    pub(super) create: bool,
    /// Measures the workloads W1, W2, W3 and R06 in topics of its own instead
    #[arg(long, conflicts_with_all = ["topics", "topics_regex", "rate"])]
    pub(super) workloads: bool,
    /// Measures handlers that do real work instead, each with a fresh target, and what limits them; on a cluster also topic,
    /// beside librdkafka's own producer
    #[arg(long, conflicts_with_all = ["topics", "topics_regex", "rate", "workloads"])]
    pub(super) handlers: bool,
    /// With --handlers: also projection in this PostgreSQL, in schemas of its own that are removed afterwards; the password
    /// can come from PGPASSWORD, ${env:NAME} or ${file:PATH}
    #[arg(long, value_name = "URL", requires = "handlers")]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    postgres: Option<String>,
}

impl WantedArgs {
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
                .ok_or_else(|| usage(format!("--rate {text}: at most 10M/s can be measured"))),
            RateLimit::Bytes(_) => {
                Err(usage(format!("--rate {text}: a measurement is paced by records; write 10k/s, or none")))
            }
        };
        self.rate.iter().map(records).collect()
    }
}

impl BenchArgs {
    pub(super) fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.topics.put(&mut overrides);
        let target = self.wanted.postgres.as_ref();
        overrides.assignments.extend(target.map(|url| Assignment::flag("--postgres", "projection.target", url)));
        Ok(Config::load(&overrides, environment, directory)?)
    }

    /// The database that the flag names. One that only the configuration names is in use, and nothing to measure with.
    pub(super) fn postgres(&self, config: &Config) -> Option<Masked> {
        self.wanted.postgres.as_ref()?;
        config.run.settings.handlers.projection.target.clone()
    }

    pub(super) fn makes_topics(&self, stage: &Stage) -> bool {
        self.wanted.create || self.wanted.workloads || self.wanted.handlers || stage.is_embedded()
    }

    /// Refuses what cannot be measured before anything is made.
    pub(super) fn check(&self, config: &Config, stage: &Stage) -> Result<(), Failure> {
        if (self.wanted.workloads || self.wanted.handlers) && self.wanted.tiers.len() > 1 {
            let flag = if self.wanted.workloads { "--workloads" } else { "--handlers" };
            return Err(usage(format!("{flag} measures one tier at a time; name one with --tiers")).into());
        }
        if stage.is_embedded() {
            if let Some(flag) = self.cluster.needs_a_cluster().or_else(|| self.topics.given()) {
                let text = format!("{flag} needs a cluster; name one with --bootstrap-server HOST:PORT");
                return Err(usage(text).into());
            }
            if self.wanted.records.is_some_and(|records| records > RECORDS) {
                let text = "the broker inside kreplay holds 1000000 records at most; name a cluster for more";
                return Err(usage(text).into());
            }
            return Ok(());
        }
        if self.wanted.workloads && !self.wanted.create {
            let text = "the workloads need topics of their own; --create makes them on this cluster and deletes them afterwards";
            return Err(usage(text).into());
        }
        if self.wanted.handlers && !self.wanted.create {
            let text = "handlers are measured in topics of their own; --create makes them on this cluster and deletes them \
                        afterwards";
            return Err(usage(text).into());
        }
        if !self.wanted.create && config.run.topics.is_none() {
            let text =
                "no topic is named; use --topics NAME, or --create for a topic of its own that is deleted afterwards";
            return Err(usage(text).into());
        }
        Ok(())
    }
}
