//! `kreplay bench`: measures consumer tiers and concurrency, and reports the results.

mod args;
mod places;

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::Utc;

pub use args::BenchArgs;

use kreplay_engine::plan::{Plan, Selection, resolve};
use kreplay_kafka::{Catalog, Client, KafkaConfig};
use kreplay_model::{
    domain::{PartitionCount, number::counted},
    feed::report::ReportFormat,
};

use self::places::ScratchTargets;
use super::{
    CliError, Exit,
    args::report::check_output,
    print,
    signals::{exit_soon_after_unless, stop_flag},
};
use crate::{
    bench::{
        BenchError, BenchOptions, BenchReport, BenchSetup, Case, Job, Round, Setting, Shape, handlers, measure, plan,
        run_as_child, workload_topics, workloads,
    },
    config::{Config, Environment},
};

/// Number of records in a temporary topic, unless `--records` sets it.
const RECORDS: u64 = 1_000_000;
/// Number of keys in a temporary topic.
const KEYS: u64 = 1000;

/// Runs the measurements and writes the report.
pub(super) fn execute(args: &BenchArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    if args.measure {
        print(&(run_as_child(&mut io::stdin().lock()).map_err(CliError::Failed)? + "\n"))?;
        return Ok(Exit::Done);
    }
    let config = args.load(environment, directory)?;
    check_output(args.output.as_deref())?;
    let rates = args.measurements.rates()?;
    let (stop, is_open) = (stop_flag()?, Arc::<AtomicBool>::default());
    // Until the cluster has answered, there is nothing to remove.
    exit_soon_after_unless(&stop, &is_open)?;
    let mut setup = BenchSetup::open(cluster(&config), config.kafka.connect_timeout)?;
    let reached = args.check(&config, &setup).and_then(|()| reach(&setup, config.kafka.connect_timeout));
    is_open.store(true, Relaxed);
    let mut targets = ScratchTargets::new(setup.prefix(), args.postgres(&config)).map_err(BenchError::from)?;
    let measured = reached.and_then(|()| args.measure_on(&mut setup, &mut targets, &config, rates, &stop));
    // Temporary topics, schemas and files are removed whatever the outcome.
    let errors = [targets.remove(), setup.close()].into_iter().filter_map(Result::err);
    let failures = errors.inspect(|error| print_stderr(&format!("kreplay: {error}"))).count();
    let report = match measured {
        Err(Failure::Bench(BenchError::Stopped)) => {
            print_stderr("kreplay: stopped early");
            return Ok(if failures == 0 { Exit::Stopped } else { Exit::Failed });
        }
        // Stopped by a signal while waiting for a broker or a database.
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
    Ok(if failures == 0 { Exit::Done } else { Exit::Failed })
}

/// Waits until the cluster answers.
fn reach(setup: &BenchSetup, timeout: Duration) -> Result<(), Failure> {
    if setup.is_embedded() {
        return Ok(());
    }
    let client = Client::new(setup.kafka(), &<_>::default()).map_err(BenchError::from)?;
    let answered = Catalog::new(&client, timeout).topics();
    client.close();
    answered.map(drop).map_err(|error| CliError::of(&error).into())
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
        Self::of(&error)
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
        setup: &mut BenchSetup,
        targets: &mut ScratchTargets,
        config: &Config,
        rates: Vec<u32>,
        stop: &AtomicBool,
    ) -> Result<BenchReport, Failure> {
        let options = &self.measurements;
        let started_at = Utc::now();
        // Checked first, because producing the records takes a while.
        targets.try_out()?;
        let (topics, plans) = self.topics(setup, config)?;
        let (partitions, records) = plans
            .iter()
            .fold((0, 0), |(partitions, records), plan| (partitions + plan.partitions.len(), records + plan.records()));
        let tier = options.tiers.first().copied().unwrap_or_default();
        let cases = if options.workloads {
            workloads(tier)
        } else if options.handlers {
            handlers(tier, &options.concurrency, records, setup.is_embedded(), targets.has_postgres())
        } else {
            plan(&BenchOptions {
                tiers: options.tiers(),
                concurrency: options.concurrency.clone(),
                rates,
                records: options.records.filter(|_| !self.creates_topics(setup)),
                partitions: u32::try_from(partitions).unwrap_or(u32::MAX),
                // Existing topics are read without a group, so nothing is committed on the user's cluster.
                group: self.creates_topics(setup),
            })
        };
        let rounds = usize::from(options.rounds);
        targets.create(setup, &cases, rounds)?;
        let job = |case: &Case, number: usize| {
            let mut job = job(setup, config, &topics[case.topic], case, number);
            targets.assign(&mut job, case, number)?;
            Ok(job)
        };
        let all = measure(&cases, rounds, stop, job, print_round)?;
        let setting = Setting {
            version: env!("CARGO_PKG_VERSION"),
            optimised: !cfg!(debug_assertions),
            started_at,
            embedded: setup.is_embedded(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rounds,
            topics: topics.concat(),
            partitions,
            records,
            stop_after: options.records,
        };
        Ok(BenchReport::new(setting, &all))
    }

    /// The topics to read, indexed by [`Case::topic`], and their plans.
    fn topics(&self, setup: &mut BenchSetup, config: &Config) -> Result<(Vec<Vec<String>>, Vec<Plan>), Failure> {
        let client = Client::new(setup.kafka(), &<_>::default()).map_err(BenchError::from)?;
        let describe = |selection: &Selection| {
            resolve(&Catalog::new(&client, config.kafka.connect_timeout), selection)
                .map_err(|error| CliError::of(&error))
        };
        let mut selections = Vec::new();
        if self.creates_topics(setup) {
            let shape = Shape {
                records: self.measurements.records.unwrap_or(RECORDS),
                keys: KEYS,
                partitions: PartitionCount::default(),
                even: false,
            };
            let records = self.measurements.records;
            let shapes = if self.measurements.workloads { workload_topics(records) } else { vec![shape] };
            for shape in shapes {
                print_stderr(&format!(
                    "producing {} to {}",
                    counted(shape.records, "record"),
                    counted(shape.partitions.get(), "partition")
                ));
                let name = setup.topic(shape)?;
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

fn job(setup: &BenchSetup, config: &Config, topics: &[String], case: &Case, number: usize) -> Job {
    let settings = &config.run.settings;
    Job {
        tier: case.tier,
        concurrency: case.concurrency,
        ordering: case.ordering,
        handler: case.handler.into(),
        group: case.group.then(|| format!("{}-{number}", setup.prefix())),
        fetch_batch: settings.fetch_batch,
        fetch_clients: case.clients.or(settings.fetch_clients),
        buffer_bytes: settings.buffer_bytes,
        rate: case.rate,
        stop_after: case.stop_after,
        connect_timeout: config.kafka.connect_timeout,
        ..Job::new(setup, topics)
    }
}

fn print_round(round: Round<'_>) {
    print_stderr(&format!("{}/{}  {}", round.number, round.of, round.case));
}

fn print_stderr(text: &str) {
    // A failed write to standard error does not affect the measurements.
    let _ = writeln!(io::stderr(), "{text}");
}
