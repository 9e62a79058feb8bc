//! Compares predictions with runs for ten kinds of skew: the predicted time with the measured time, and the time left
//! at 20, 40 and 60 % of the run with what it then takes. Also with a filter, and with two members of a group.
//!
//! `cargo run --example predictions` uses an embedded broker. With `KREPLAY_BENCH_BOOTSTRAP` it uses that broker; it
//! creates topics there and deletes them afterwards. An argument sets the number of records of each topic: with more,
//! the members of a group have the time to observe each other.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use kreplay::{
    domain::{Concurrency, Ordering, PartitionCount},
    feed::{Bottleneck, Forecast, RunState, RunView},
    handler::built_in,
    kafka::{
        Client, GroupProtocol, KafkaConfig,
        embedded::EmbeddedBroker,
        producer::{NewRecord, Producer},
    },
    plan::{Planner, Scope, Selection},
    replay::{Session, SessionOptions},
    settings::{PlanOptions, Settings},
};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    config::ClientConfig,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const DEFAULT_RECORDS: u32 = 12_000;
const HANDLER: &str = "simulate:1ms";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);

/// The key of a record, and its partition if the key's hash does not determine it.
type RecordPlace = (Option<u32>, Option<i32>);

/// The records of a topic, and how they are run.
struct Skew {
    name: &'static str,
    partitions: i32,
    ordering: Ordering,
    workers: u64,
    /// The limit that follows from how the records were made.
    limit: Bottleneck,
    place: Box<dyn Fn(u32) -> RecordPlace>,
}

/// A pseudo-random number from 0 to 1 for each input: the finaliser of `SplitMix64`.
fn spread(number: u32) -> f64 {
    let mut value = u64::from(number).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 30)).wrapping_mul(0x94D0_49BB_1331_11EB);
    f64::from(u32::try_from((value ^ (value >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// Keys distributed by Zipf's law.
fn zipf(exponent: f64, keys: u32) -> impl Fn(u32) -> RecordPlace {
    let weights: Vec<f64> = (1..=keys).map(|rank| f64::from(rank).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    move |number| {
        let mut left = spread(number) * total;
        let key = weights.iter().position(|weight| {
            left -= weight;
            left <= 0.0
        });
        (Some(u32::try_from(key.unwrap_or(0)).unwrap_or(0)), None)
    }
}

fn skew(
    name: &'static str,
    partitions: i32,
    (ordering, workers, limit): (Ordering, u64, Bottleneck),
    place: impl Fn(u32) -> RecordPlace + 'static,
) -> Skew {
    Skew { name, partitions, ordering, workers, limit, place: Box::new(place) }
}

fn skews() -> Vec<Skew> {
    use Bottleneck::{Key, Partition, Workers};
    use Ordering as O;
    let hot = |share: f64, keys: u32| {
        move |number: u32| {
            let key = if spread(number) < share { 0 } else { 1 + number % keys };
            (Some(key), None)
        }
    };
    let two = |number: u32| match spread(number) {
        at if at < 0.3 => (Some(0), None),
        at if at < 0.55 => (Some(1), None),
        _ => (Some(2 + number % 500), None),
    };
    let hot_partition = |number: u32| {
        (Some(number % 1000), Some(if spread(number) < 0.6 { 0 } else { i32::try_from(1 + number % 5).unwrap_or(1) }))
    };
    let in_turn = |number: u32| (None, Some(i32::try_from(number % 6).unwrap_or(0)));
    vec![
        skew("even, 60 keys", 6, (O::Key, 6, Workers), |number| (Some(number % 60), None)),
        skew("even, 60 keys", 6, (O::Partition, 4, Workers), |number| {
            (Some(number), Some(i32::try_from(number % 6).unwrap_or(0)))
        }),
        skew("even, 60 keys", 6, (O::None, 10, Workers), |number| (Some(number % 60), None)),
        skew("zipf 0.8", 6, (O::Key, 8, Workers), zipf(0.8, 1000)),
        skew("zipf 1.0", 6, (O::Key, 12, Key), zipf(1.0, 1000)),
        skew("zipf 1.2", 6, (O::Key, 8, Key), zipf(1.2, 1000)),
        skew("one hot key", 6, (O::Key, 8, Key), hot(0.4, 1000)),
        skew("one hot partition", 6, (O::Partition, 6, Partition), hot_partition),
        skew("one hot partition", 6, (O::Key, 8, Workers), hot_partition),
        skew("7 keys, 5 workers", 6, (O::Key, 5, Workers), |number| (Some(number % 7), None)),
        skew("many keys, one partition", 1, (O::Key, 16, Workers), |number| (Some(number % 2000), None)),
        skew("two heavy, many light", 6, (O::Key, 4, Key), two),
        skew("no keys", 6, (O::Key, 12, Partition), in_turn),
    ]
}

enum Broker {
    Own(EmbeddedBroker),
    Named(String),
}

impl Broker {
    fn kafka(&self) -> KafkaConfig {
        let bootstrap_servers = match self {
            Self::Own(broker) => broker.bootstrap_servers().to_owned(),
            Self::Named(address) => address.clone(),
        };
        KafkaConfig { bootstrap_servers, properties: BTreeMap::new() }
    }

    fn admin(&self) -> Outcome<AdminClient<DefaultClientContext>> {
        Ok(ClientConfig::new().set("bootstrap.servers", self.kafka().bootstrap_servers).create()?)
    }

    fn create(&self, topic: &str, partitions: i32) -> Outcome<()> {
        match self {
            Self::Own(broker) => broker.create_topic(topic, PartitionCount::new(u64::try_from(partitions)?)?)?,
            Self::Named(_) => {
                let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
                block_on(self.admin()?.create_topics([&new], &options()))??;
            }
        }
        Ok(())
    }

    fn delete(&self, topic: &str) -> Outcome<()> {
        if let Self::Named(_) = self {
            block_on(self.admin()?.delete_topics(&[topic], &options()))??;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
}

fn block_on<T>(future: impl Future<Output = T>) -> Outcome<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(future))
}

fn main() -> Outcome<()> {
    let named = std::env::var("KREPLAY_BENCH_BOOTSTRAP").ok().filter(|name| !name.is_empty());
    let broker = match named {
        Some(address) => Broker::Named(address),
        None => Broker::Own(EmbeddedBroker::start()?),
    };
    let records = std::env::args().nth(1).map_or(Ok(DEFAULT_RECORDS), |records| records.parse())?;
    println!("{records} records each, {HANDLER}; the sample has 3,000 of them\n");
    println!(
        "{:<26}{:<10}{:>7}{:>10}{:>10}{:>10}{:>8}{:>8}  limit: made, predicted, ideal",
        "skew", "ordering", "workers", "sample s", "full s", "took s", "sample", "full"
    );
    for (number, skew) in skews().into_iter().enumerate() {
        let topic = format!("kreplay-predictions-{}-{number}", std::process::id());
        broker.create(&topic, skew.partitions)?;
        let shown = produce(&broker, &topic, &skew, records).and_then(|()| show(&broker, &topic, &skew, records));
        broker.delete(&topic)?;
        shown?;
    }
    Ok(())
}

fn produce(broker: &Broker, topic: &str, skew: &Skew, records: u32) -> Outcome<()> {
    let producer = Producer::new(&broker.kafka().bootstrap_servers, &BTreeMap::new())?;
    for number in 0..records {
        let (key, partition) = (skew.place)(number);
        let key = key.map(|key| format!("key-{key:05}"));
        producer.send(NewRecord {
            topic,
            partition,
            key: key.as_ref().map(String::as_bytes),
            value: Some(b"the quick brown fox jumps over the lazy dog"),
            ..NewRecord::default()
        })?;
    }
    producer.finish(FLUSH_TIMEOUT)?;
    Ok(())
}

fn show(broker: &Broker, topic: &str, skew: &Skew, records: u32) -> Outcome<()> {
    let settings = Settings {
        concurrency: Concurrency::new(skew.workers)?,
        ordering: skew.ordering,
        handler: built_in(HANDLER)?,
        ..Settings::default()
    };
    let selection = Selection::topics([topic])?;
    let sample = plan(broker, &selection, &settings, 3000)?;
    let full = plan(broker, &selection, &settings, records)?;
    let (run, said) = run(broker, selection.clone(), settings.clone())?;
    let (sampled, known) = (sample.predicted.ok_or("no prediction")?, full.predicted.ok_or("no prediction")?);
    let off = |predicted: f64| 100.0 * (predicted / run.handling_s - 1.0);
    let after = run.ideal.map_or_else(String::new, |ideal| ideal.limit.to_string());
    println!(
        "{:<26}{:<10}{:>7}{:>10.3}{:>10.3}{:>10.3}{:>6.1} %{:>6.1} %  {}, {}, {after}",
        skew.name,
        skew.ordering,
        skew.workers,
        sampled.elapsed_s,
        known.elapsed_s,
        run.handling_s,
        off(sampled.elapsed_s),
        off(known.elapsed_s),
        skew.limit,
        known.limit
    );
    print_time_left("time left", &run, &said);
    let mut filtered = selection.clone();
    let rules = Arc::make_mut(&mut filtered.scope.rules);
    rules.filter.keys.push("key-*[02468]".parse()?);
    if skew.name != "no keys" {
        let (run, said) = self::run(broker, filtered, settings.clone())?;
        print_time_left("time left, every second key", &run, &said);
    }
    if skew.partitions > 1 && skew.workers >= 4 {
        let grouped = Settings {
            group: Some(format!("{topic}-group")),
            concurrency: Concurrency::new(skew.workers.min(6) / 2)?,
            ..settings
        };
        let members = [start(broker, selection.clone(), grouped.clone())?, start(broker, selection, grouped)?];
        for (number, ended) in members
            .map(|session| std::thread::spawn(move || finish(session).map_err(|error| error.to_string())))
            .into_iter()
            .enumerate()
        {
            let (run, said) = ended.join().map_err(|_| "a member panicked")??;
            print_time_left(&format!("time left, member {} of 2", number + 1), &run, &said);
        }
    }
    Ok(())
}

fn plan(broker: &Broker, selection: &Selection, settings: &Settings, sample: u32) -> Outcome<Forecast> {
    let client = Client::new(&broker.kafka(), &<_>::default())?;
    let planning = PlanOptions { sample, ..PlanOptions::default() };
    let planner = Planner {
        client: &client,
        settings: &Settings { planning, ..settings.clone() },
        timeout: REQUEST_TIMEOUT,
        cancel: &AtomicBool::new(false),
    };
    Ok(planner.make(selection, &mut |_| {})?)
}

/// What a run said about its end.
#[derive(Default)]
struct TimeLeftEstimates {
    /// When the first records were handled, in seconds since the start of the run.
    begin_s: Option<f64>,
    /// Seconds since the start of the run, and the estimated seconds left.
    estimates: Vec<(f64, f64)>,
}

fn run(broker: &Broker, selection: Selection, settings: Settings) -> Outcome<(RunView, TimeLeftEstimates)> {
    let session = start(broker, selection, settings)?;
    finish(session)
}

fn start(broker: &Broker, selection: Selection, settings: Settings) -> Outcome<Session> {
    Ok(Session::spawn(SessionOptions {
        kafka: broker.kafka(),
        embedded: matches!(broker, Broker::Own(_)),
        selection: Some(selection),
        scope: Scope::default(),
        settings,
        protocol: GroupProtocol::default(),
        group_per_run: false,
        timeout: REQUEST_TIMEOUT,
        start: true,
        one_run: true,
        journal: None,
        requests: None,
    })?)
}

/// Follows a run to its end.
fn finish(session: Session) -> Outcome<(RunView, TimeLeftEstimates)> {
    let mut snapshots = session.feed.snapshots.clone();
    let listener = std::thread::spawn(move || {
        let mut said = TimeLeftEstimates::default();
        let listen = async {
            while snapshots.changed().await.is_ok() {
                if let Some(run) = &snapshots.borrow_and_update().run {
                    if run.totals.handled > 0 {
                        said.begin_s.get_or_insert(run.elapsed_s);
                    }
                    said.estimates.extend(run.eta_s.map(|left| (run.elapsed_s, left)));
                }
            }
            said
        };
        block_on(listen).unwrap_or_default()
    });
    let end = session.join();
    let said = listener.join().unwrap_or_default();
    match end.run {
        Some(run) if run.state == RunState::Done => Ok((run, said)),
        _ => Err(format!("the run was not completed: {:?}", end.problem).into()),
    }
}

/// The relative error of the estimate at a part of the time from the first record to the end of the run, as text. In a
/// group, that is the end of the last process.
fn relative_error(run: &RunView, said: &TimeLeftEstimates, part: f64) -> String {
    let begin_s = said.begin_s.unwrap_or_default();
    let at = begin_s + (run.elapsed_s - begin_s) * part;
    let Some((estimated_at, left)) = said.estimates.iter().find(|(estimated_at, _)| *estimated_at >= at) else {
        return "–".into();
    };
    let off = 100.0 * (left / (run.elapsed_s - estimated_at).max(1e-3) - 1.0);
    format!("{off:.0} %")
}

fn print_time_left(name: &str, run: &RunView, said: &TimeLeftEstimates) {
    let [a, b, c] = [0.2, 0.4, 0.6].map(|part| relative_error(run, said, part));
    println!("    {name:<40} took {:>7.3} s   off at 20 % {a:>6}   at 40 % {b:>6}   at 60 % {c:>6}", run.handling_s);
}
