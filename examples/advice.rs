//! Sets up runs with one known limit each, follows each piece of advice in the report, and compares the new time with
//! the predicted one.
//!
//! `cargo run --release --example advice` uses an embedded broker. The handlers sleep, so that a busy machine has
//! little influence.

use std::{collections::BTreeMap, error::Error, num::NonZeroU64, sync::Arc, time::Duration};

use kreplay::{
    domain::{Concurrency, Ordering, PartitionCount, RateLimit},
    feed::{LiftedLimit, RunState, RunView},
    handler::{Handler, HandlerChoice, LaneFailure, LaneRun, RunHandlers, as_commit},
    kafka::{
        GroupProtocol, KafkaConfig,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
    plan::{Scope, Selection},
    replay::{Session, SessionOptions},
    settings::{Probe, Settings},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
/// Keys beside the heaviest one.
const LIGHT_KEYS: u32 = 400;
/// A prediction is right if the time differs from it by at most this share.
const TOLERANCE: f64 = 0.15;

/// A run with a limit.
#[derive(Clone, Debug)]
struct Case {
    name: &'static str,
    records: u32,
    partitions: i32,
    /// The share of the records with the heaviest key, in per cent, and over how many keys it is spread.
    heaviest_key: (u32, u32),
    /// The share of the records in the heaviest partition, in per cent, and over how many partitions it is spread.
    heaviest_partition: (u32, i32),
    ordering: Ordering,
    workers: u64,
    work: Duration,
    commit: Duration,
    rate: Option<u64>,
    fetch_rate: Option<u32>,
}

const NO_LIMIT: Case = Case {
    name: "",
    records: 2000,
    partitions: 4,
    heaviest_key: (0, 1),
    heaviest_partition: (0, 1),
    ordering: Ordering::Key,
    workers: 8,
    work: Duration::from_millis(8),
    commit: Duration::ZERO,
    rate: None,
    fetch_rate: None,
};

fn cases() -> [Case; 6] {
    [
        Case { name: "slow handler", workers: 4, ..NO_LIMIT },
        Case { name: "hot key", heaviest_key: (50, 1), records: 1000, ..NO_LIMIT },
        Case {
            name: "hot partition",
            heaviest_partition: (70, 1),
            records: 1000,
            ordering: Ordering::Partition,
            workers: 4,
            ..NO_LIMIT
        },
        Case { name: "rate limit", rate: Some(400), ..NO_LIMIT },
        Case { name: "slow commits", work: Duration::from_millis(3), commit: Duration::from_millis(9), ..NO_LIMIT },
        Case { name: "slow reading", fetch_rate: Some(400), ..NO_LIMIT },
    ]
}

impl Case {
    /// The same run without a limit.
    fn without(&self, lifted: LiftedLimit) -> Self {
        let mut case = self.clone();
        match lifted {
            LiftedLimit::TwiceTheWorkers => case.workers *= 2,
            LiftedLimit::NoOrdering => case.ordering = Ordering::None,
            LiftedLimit::KeySplitFourWays => case.heaviest_key.1 = 4,
            LiftedLimit::FreeCommits => case.commit = Duration::ZERO,
            LiftedLimit::InstantReading => case.fetch_rate = None,
            LiftedLimit::NoRateLimit => case.rate = None,
            LiftedLimit::TwiceThePartitions => {
                case.partitions *= 2;
                case.heaviest_partition.1 = 2;
            }
        }
        case
    }

    /// Key and partition of a record.
    fn place(&self, number: u32) -> (u32, i32) {
        let spread = |parts: u32| (number / 100) % parts;
        let key = match self.heaviest_key {
            (percent, keys) if number % 100 < percent => LIGHT_KEYS + spread(keys),
            _ => number % LIGHT_KEYS,
        };
        let partition = match self.heaviest_partition {
            (percent, partitions) if number % 100 < percent => {
                i32::try_from(spread(partitions.unsigned_abs())).unwrap_or(0)
            }
            (_, partitions) => {
                let others = (self.partitions - partitions).max(1);
                // Without a heavy partition all of them are alike.
                let first = if self.heaviest_partition.0 == 0 { 0 } else { partitions };
                let count = if first == 0 { self.partitions } else { others };
                first + i32::try_from(number % count.unsigned_abs()).unwrap_or(0)
            }
        };
        (key, partition)
    }

    fn run(&self) -> Outcome<RunView> {
        const TOPIC: &str = "advice";
        let broker = EmbeddedBroker::start()?;
        broker.create_topic(TOPIC, PartitionCount::new(u64::try_from(self.partitions)?)?)?;
        let producer = Producer::new(broker.bootstrap_servers(), &BTreeMap::new())?;
        for number in 0..self.records {
            let (key, partition) = self.place(number);
            let key = format!("key-{key}");
            producer.send(NewRecord {
                topic: TOPIC,
                partition: Some(partition),
                key: Some(key.as_bytes()),
                value: Some(b"the quick brown fox jumps over the lazy dog"),
                ..NewRecord::default()
            })?;
        }
        producer.finish(FLUSH_TIMEOUT)?;
        let handlers: Arc<dyn RunHandlers> = Arc::new(SleepingHandler { work: self.work, commit: self.commit });
        let settings = Settings {
            concurrency: Concurrency::new(self.workers)?,
            ordering: self.ordering,
            rate: self.rate.and_then(NonZeroU64::new).map(RateLimit::Records),
            probe: self.fetch_rate.map(|rate| Probe { fetch_rate: Some(rate) }),
            handler: HandlerChoice::new(handlers),
            ..Settings::default()
        };
        let kafka =
            KafkaConfig { bootstrap_servers: broker.bootstrap_servers().to_owned(), properties: BTreeMap::new() };
        let end = Session::spawn(SessionOptions {
            kafka,
            embedded: true,
            selection: Some(Selection::topics([TOPIC])?),
            scope: Scope::default(),
            settings,
            protocol: GroupProtocol::default(),
            group_per_run: false,
            timeout: REQUEST_TIMEOUT,
            start: true,
            one_run: true,
            journal: None,
            requests: None,
        })?
        .join();
        match end.run {
            Some(run) if run.state == RunState::Done => Ok(run),
            _ => Err(format!("the run was not completed: {:?}", end.problem).into()),
        }
    }
}

/// Sleeps for each record, and again for its commit.
#[derive(Clone, Copy)]
struct SleepingHandler {
    work: Duration,
    commit: Duration,
}

impl Handler for SleepingHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        for _ in batch.iter().flat_map(|run| &run.records) {
            std::thread::sleep(self.work);
            if !self.commit.is_zero() {
                as_commit(|| std::thread::sleep(self.commit));
            }
        }
        Vec::new()
    }
}

impl RunHandlers for SleepingHandler {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(*self)
    }
}

fn main() -> Outcome<()> {
    let (mut right, mut followed) = (0, 0);
    for case in cases() {
        let before = case.run()?;
        let shares = before.charges.percentages();
        let shares: Vec<String> = shares.iter().map(|(charge, percent)| format!("{charge} {percent:.1} %")).collect();
        println!("{}: {:.3} s; {}", case.name, before.handling_s, shares.join(", "));
        for one in &before.advice {
            let after = case.without(one.lifted).run()?;
            let predicted_s = before.handling_s - one.seconds_saved;
            let off = after.handling_s / predicted_s - 1.0;
            let verdict = if off.abs() <= TOLERANCE { "right" } else { "wrong" };
            (right, followed) = (right + u32::from(off.abs() <= TOLERANCE), followed + 1);
            println!(
                "    {one:<40} predicted {predicted_s:.3} s, took {:.3} s ({:+.1} %): {verdict}",
                after.handling_s,
                off * 100.0
            );
        }
    }
    println!("{right} of {followed} predictions right within {:.0} %", TOLERANCE * 100.0);
    Ok(())
}
