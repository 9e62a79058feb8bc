//! `kreplay bench`: consumer tiers and concurrency compared, with a report.

use std::{
    collections::HashMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use super::{
    CliError, Exit,
    args::{ClusterArgs, FileArgs, report::report_formats},
    print,
    work::stop_flag,
};
use crate::{
    bench::{
        BenchError, BenchReport, Case, Job, PRODUCER, Round, Section, Setting, Shape, Stage, Wishes, answer, handlers,
        measure, plan, workload_topics, workloads,
    },
    config::{Assignment, Config, Environment, Overrides},
    domain::{Concurrency, PartitionCount, RateLimit, Tier},
    feed::report::ReportFormat,
    kafka::{Catalog, Client, KafkaConfig},
    plan::{Plan, Selection, resolve},
};
use chrono::Utc;
use clap::{Args, ValueHint};

/// How long the cluster may take to describe the topics.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A measurement that takes longer has failed.
const WITHIN_S: u64 = 300;
/// The topic that is made where none is named.
const RECORDS: u64 = 1_000_000;
const KEYS: u64 = 1000;

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
    wanted: WantedArgs,
    /// Format of the report
    #[arg(long, value_name = "FORMAT", value_parser = report_formats(), default_value = "text", help_heading = "Output")]
    report: ReportFormat,
    /// File for the report instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    output: Option<PathBuf>,
    /// Does one measurement, as standard input says.
    #[arg(long, hide = true)]
    measure: bool,
}

/// Which topics; a measurement reads them in full.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Topics")]
struct TopicsArgs {
    /// Topics by name, several with spaces or commas
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
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
struct WantedArgs {
    /// Tiers to compare [default: all four]
    #[arg(long, value_name = "TIER", value_delimiter = ',', num_args = 1..)]
    tiers: Vec<Tier>,
    /// Numbers of workers; latency is measured with the first of them
    #[arg(long, value_name = "N", value_delimiter = ',', num_args = 1.., default_value = "6")]
    concurrency: Vec<Concurrency>,
    /// Records a second at which latency is measured, or none
    #[arg(long, value_name = "RATE", value_delimiter = ',', num_args = 1.., default_value = "10k/s,50k/s,100k/s")]
    rate: Vec<String>,
    /// Records of a measurement [default: all of the topics, or 1000000 in a topic of its own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    records: Option<u64>,
    /// Rounds of each measurement, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Makes a topic of its own on the cluster, and deletes it afterwards
    #[arg(long, conflicts_with_all = ["topics", "topics_regex"])]
    create: bool,
    /// Measures the workloads W1, W2, W3 and R06 in topics of its own instead
    #[arg(long, conflicts_with_all = ["topics", "topics_regex", "rate"])]
    workloads: bool,
    /// Measures handlers that do real work instead, each with a fresh target, and what limits them; on a cluster also topic,
    /// beside librdkafka's own producer
    #[arg(long, conflicts_with_all = ["topics", "topics_regex", "rate", "workloads"])]
    handlers: bool,
}

/// Measures, and writes the report.
pub(super) fn execute(args: &BenchArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    if args.measure {
        print(&(answer(&mut io::stdin().lock()).map_err(CliError::Failed)? + "\n"))?;
        return Ok(Exit::Done);
    }
    let config = args.load(environment, directory)?;
    let rates = args.wanted.rates()?;
    let stop = stop_flag()?;
    let mut stage = Stage::open(cluster(&config))?;
    let measured = args.check(&config, &stage).and_then(|()| args.measure_on(&mut stage, &config, rates, &stop));
    // Topics on somebody's cluster go, whatever happened.
    let closed = stage.close();
    let report = match measured {
        Err(Failure::Bench(BenchError::Stopped)) => {
            closed?;
            say("kreplay: stopped before the end");
            return Ok(Exit::Stopped);
        }
        // It was told to stop while it waited for a broker.
        Err(_) if stop.load(Relaxed) => return Ok(Exit::Stopped),
        Err(Failure::Bench(error)) => return Err(error.into()),
        Err(Failure::Cli(error)) => return Err(error),
        Ok(report) => report,
    };
    let text = match args.report {
        ReportFormat::Json => report.json()?,
        ReportFormat::Text => report.text(),
    };
    match &args.output {
        None => print(&text)?,
        Some(path) => {
            std::fs::write(path, text).map_err(|source| CliError::Output { target: Some(path.clone()), source })?;
        }
    }
    closed?;
    Ok(Exit::Done)
}

enum Failure {
    Cli(CliError),
    Bench(BenchError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        Self::Cli(error)
    }
}

impl From<BenchError> for CliError {
    fn from(error: BenchError) -> Self {
        Self::Failed(error.to_string())
    }
}

fn usage(text: impl Into<String>) -> CliError {
    CliError::Usage(text.into())
}

fn cluster(config: &Config) -> Option<KafkaConfig> {
    let bootstrap_servers = config.kafka.bootstrap_servers.clone()?;
    Some(KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() })
}

impl WantedArgs {
    fn tiers(&self) -> Vec<Tier> {
        if self.tiers.is_empty() { Tier::ALL.to_vec() } else { self.tiers.clone() }
    }

    fn rates(&self) -> Result<Vec<u32>, CliError> {
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
    fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.topics.put(&mut overrides);
        Ok(Config::load(&overrides, environment, directory)?)
    }

    fn makes_topics(&self, stage: &Stage) -> bool {
        self.wanted.create || self.wanted.workloads || self.wanted.handlers || stage.is_embedded()
    }

    /// Refuses what cannot be measured before anything is made.
    fn check(&self, config: &Config, stage: &Stage) -> Result<(), Failure> {
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

    fn measure_on(
        &self,
        stage: &mut Stage,
        config: &Config,
        rates: Vec<u32>,
        stop: &AtomicBool,
    ) -> Result<BenchReport, Failure> {
        let wanted = &self.wanted;
        let started_at = Utc::now();
        let (topics, plans) = self.topics(stage, config)?;
        let (partitions, records) = plans
            .iter()
            .fold((0, 0), |(partitions, records), plan| (partitions + plan.partitions.len(), records + plan.records()));
        let tier = wanted.tiers.first().copied().unwrap_or_default();
        let cases = if wanted.workloads {
            workloads(tier)
        } else if wanted.handlers {
            handlers(tier, &wanted.concurrency, records, stage.is_embedded())
        } else {
            plan(&Wishes {
                tiers: wanted.tiers(),
                concurrency: wanted.concurrency.clone(),
                rates,
                records: wanted.records.filter(|_| !self.makes_topics(stage)),
                partitions: u32::try_from(partitions).unwrap_or(u32::MAX),
                // Somebody's topics are read without a trace.
                group: self.makes_topics(stage),
            })
        };
        let rounds = usize::from(wanted.rounds);
        let places = Places::make(stage, &cases, rounds)?;
        let job = |case: &Case, number: usize| {
            let mut job = job(stage, config, &topics[case.topic], case, number);
            places.aim(&mut job, case, number);
            job
        };
        let all = measure(&cases, rounds, stop, job, tell);
        places.clear();
        let all = all?;
        let setting = Setting {
            version: env!("CARGO_PKG_VERSION"),
            optimised: !cfg!(debug_assertions),
            started_at,
            embedded: stage.is_embedded(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rounds,
            topics: topics.concat(),
            partitions,
            records,
        };
        Ok(BenchReport::new(setting, &all))
    }

    /// What is read: for each case's `topic` the topics, and their plans.
    fn topics(&self, stage: &mut Stage, config: &Config) -> Result<(Vec<Vec<String>>, Vec<Plan>), Failure> {
        let client = Client::new(stage.kafka(), &<_>::default()).map_err(BenchError::from)?;
        let describe = |selection: &Selection| {
            resolve(&Catalog::new(&client, TIMEOUT), selection).map_err(|error| {
                let text = error.to_string();
                if error.is_usage() { CliError::Usage(text) } else { CliError::Failed(text) }
            })
        };
        let mut selections = Vec::new();
        if self.makes_topics(stage) {
            let own = Shape {
                records: self.wanted.records.unwrap_or(RECORDS),
                keys: KEYS,
                partitions: PartitionCount::default(),
                even: false,
            };
            let shapes = if self.wanted.workloads { workload_topics(self.wanted.records) } else { vec![own] };
            for shape in shapes {
                say(&format!("producing {} records to {} partitions", shape.records, shape.partitions));
                let name = stage.topic(shape)?;
                selections.push(Selection::topics([name]).map_err(|error| usage(error.to_string()))?);
            }
        } else if let Some(topics) = &config.run.topics {
            selections.push(Selection::from(topics.clone()));
        }
        let plans = selections.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
        client.close();
        Ok((plans.iter().map(|plan| plan.topics.clone()).collect(), plans))
    }
}

/// Where handlers write to: each measurement has a place of its own.
struct Places {
    dir: PathBuf,
    topics: HashMap<usize, String>,
}

impl Places {
    fn make(stage: &mut Stage, cases: &[Case], rounds: usize) -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(stage.prefix());
        let mut topics = HashMap::new();
        if cases.iter().any(|case| case.section == Section::Handler) {
            std::fs::create_dir_all(&dir).map_err(BenchError::from)?;
        }
        for number in 0..cases.len() * rounds {
            let case = &cases[number % cases.len()];
            if case.section == Section::Handler && ["topic", PRODUCER].contains(&case.handler) {
                topics.insert(number, stage.empty_topic(PartitionCount::default())?);
            }
        }
        Ok(Self { dir, topics })
    }

    fn aim(&self, job: &mut Job, case: &Case, number: usize) {
        let file = |ending: &str| self.dir.join(format!("{number}.{ending}")).display().to_string();
        match (case.section, case.handler, self.topics.get(&number)) {
            (Section::Handler, "ndjson", _) => job.handler = format!("ndjson:{}", file("ndjson")),
            (Section::Handler, "projection", _) => job.projection = Some(format!("sqlite:{}", file("db"))),
            (Section::Handler, "topic", Some(topic)) => job.handler = format!("topic:{topic}"),
            (Section::Handler, PRODUCER, Some(topic)) => job.produce_to = Some(topic.clone()),
            _ => {}
        }
    }

    /// What was written is of no use to anybody.
    fn clear(&self) {
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

fn job(stage: &Stage, config: &Config, topics: &[String], case: &Case, number: usize) -> Job {
    let settings = &config.run.settings;
    Job {
        bootstrap_servers: stage.kafka().bootstrap_servers.clone(),
        properties: stage.kafka().properties.clone(),
        embedded: stage.is_embedded(),
        topics: topics.to_vec(),
        tier: case.tier,
        concurrency: case.concurrency,
        ordering: case.ordering,
        handler: case.handler.into(),
        projection: None,
        produce_to: None,
        group: case.group.then(|| format!("{}-{number}", stage.prefix())),
        fetch_batch: settings.fetch_batch,
        fetch_clients: case.clients.or(settings.fetch_clients),
        buffer_bytes: settings.buffer_bytes,
        rate: case.rate,
        stop_after: case.stop_after,
        within_s: WITHIN_S,
    }
}

fn tell(round: Round<'_>) {
    say(&format!("{}/{}  {}", round.number, round.of, round.case));
}

fn say(text: &str) {
    // Nobody reads it: the figures are the same.
    let _ = writeln!(io::stderr(), "{text}");
}
