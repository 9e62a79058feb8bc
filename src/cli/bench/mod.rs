//! `kreplay bench`: consumer tiers and concurrency compared, with a report.

mod args;
mod places;

use std::{
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use chrono::Utc;

pub use args::BenchArgs;

use self::places::Places;
use super::{CliError, Exit, print, work::stop_flag};
use crate::{
    bench::{
        BenchError, BenchReport, Case, Job, Round, Setting, Shape, Stage, Wishes, answer, handlers, measure, plan,
        workload_topics, workloads,
    },
    config::{Config, Environment},
    domain::PartitionCount,
    feed::report::ReportFormat,
    kafka::{Catalog, Client, KafkaConfig},
    plan::{Plan, Selection, resolve},
};

/// How long the cluster may take to describe the topics.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A measurement that takes longer has failed.
const WITHIN_S: u64 = 300;
/// The topic that is made where none is named.
const RECORDS: u64 = 1_000_000;
const KEYS: u64 = 1000;

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
    let mut places = Places::new(stage.prefix(), args.postgres(&config)).map_err(BenchError::from)?;
    let measured =
        args.check(&config, &stage).and_then(|()| args.measure_on(&mut stage, &mut places, &config, rates, &stop));
    // What was made on somebody's cluster and in somebody's database goes, whatever happened.
    let left = [places.clear(), stage.close()].into_iter().filter_map(Result::err);
    let left = left.inspect(|error| say(&format!("kreplay: {error}"))).count();
    let report = match measured {
        Err(Failure::Bench(BenchError::Stopped)) => {
            say("kreplay: stopped before the end");
            return Ok(if left == 0 { Exit::Stopped } else { Exit::Failed });
        }
        // It was told to stop while it waited for a broker or a database.
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
    Ok(if left == 0 { Exit::Done } else { Exit::Failed })
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
        let text = error.to_string();
        if error.is_usage() { Self::Usage(text) } else { Self::Failed(text) }
    }
}

fn usage(text: impl Into<String>) -> CliError {
    CliError::Usage(text.into())
}

fn cluster(config: &Config) -> Option<KafkaConfig> {
    let bootstrap_servers = config.kafka.bootstrap_servers.clone()?;
    Some(KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() })
}

impl BenchArgs {
    fn measure_on(
        &self,
        stage: &mut Stage,
        places: &mut Places,
        config: &Config,
        rates: Vec<u32>,
        stop: &AtomicBool,
    ) -> Result<BenchReport, Failure> {
        let wanted = &self.wanted;
        let started_at = Utc::now();
        // Before records are produced, which takes a while.
        places.try_out()?;
        let (topics, plans) = self.topics(stage, config)?;
        let (partitions, records) = plans
            .iter()
            .fold((0, 0), |(partitions, records), plan| (partitions + plan.partitions.len(), records + plan.records()));
        let tier = wanted.tiers.first().copied().unwrap_or_default();
        let cases = if wanted.workloads {
            workloads(tier)
        } else if wanted.handlers {
            handlers(tier, &wanted.concurrency, records, stage.is_embedded(), places.has_postgres())
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
        places.make(stage, &cases, rounds)?;
        let job = |case: &Case, number: usize| {
            let mut job = job(stage, config, &topics[case.topic], case, number);
            places.aim(&mut job, case, number)?;
            Ok(job)
        };
        let all = measure(&cases, rounds, stop, job, tell)?;
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
            stop_after: wanted.records,
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
        schema: None,
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
