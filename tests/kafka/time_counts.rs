//! Records by time on a real broker: the counts of the buckets are what was produced.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use kreplay::kafka::{Catalog, CatalogError, Client, KafkaConfig};
use kreplay::plan::{Range, Scope, Selection, resolve};
use kreplay::time_counts::{ClusterCounter, CountError, MAX_BUCKETS, MAX_LOOKUPS};
use kreplay_model::time_counts::TimeCounts;

use crate::fixtures::slow_broker::look_again;
use crate::support::broker::{self, Broker, REQUEST_TIMEOUT};
use crate::support::produce::NewRecord;

/// 2026-01-01T00:00:00Z in milliseconds since 1970.
const START_MS: i64 = 1_767_225_600_000;
/// How long one lookup waits for the broker.
const MAX_LOOKUP_TIME: Duration = Duration::from_secs(10);

fn kafka(broker: &Broker) -> KafkaConfig {
    KafkaConfig { bootstrap_servers: broker.bootstrap().to_owned(), properties: BTreeMap::new() }
}

/// Records at these times, in turn in three partitions.
fn produced(broker: &Broker, times: &[i64]) -> String {
    let topic = broker.topic("time-counts", 3);
    let record =
        |(at, time): (usize, &i64)| NewRecord::unkeyed("x").in_partition(i32::try_from(at % 3).unwrap()).at(*time);
    broker.produce(&topic, &times.iter().enumerate().map(record).collect::<Vec<_>>());
    topic
}

/// The counts and the number of lookups. All lookups together have a limit, too: if the broker is slower, counting
/// starts over.
fn counted(broker: &Broker, topics: &[String], is_stopped: bool) -> Result<(TimeCounts, u32), CountError> {
    let counter = ClusterCounter::new(kafka(broker), REQUEST_TIMEOUT);
    let count = || {
        let mut lookups = 0;
        let counts = counter.count(topics, &AtomicBool::new(is_stopped), &mut |done| lookups = done);
        counts.map(|counts| (counts, lookups))
    };
    look_again(MAX_LOOKUP_TIME, count, |counts| {
        !matches!(
            counts,
            Err(CountError::TooSlow { .. } | CountError::Catalog(CatalogError::Client(_) | CatalogError::Topic { .. }))
        )
    })
}

/// The offsets that a run from one time to another would read.
fn planned(broker: &Broker, topics: &[String], from_ms: i64, to_ms: i64) -> u64 {
    let time = |ms| chrono::DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339();
    let range = Range { from: time(from_ms).parse().unwrap(), to: time(to_ms).parse().unwrap(), ..Range::default() };
    let selection = Selection::topics(topics.to_vec()).unwrap().within(Scope { range, ..Scope::default() });
    let client = Client::new(&kafka(broker), &<_>::default()).unwrap();
    resolve(&Catalog::new(&client, REQUEST_TIMEOUT), &selection).unwrap().records()
}

#[test]
fn each_bucket_has_the_records_that_were_produced_in_its_time() {
    let broker = broker::shared();
    // A quiet hour between two busy ones, and a second topic that begins later.
    let first: Vec<i64> = (0..600).map(|at| START_MS + at * 6_000).chain([START_MS + 7_200_000]).collect();
    let second: Vec<i64> = (0..300).map(|at| START_MS + 7_300_000 + at * at * 30).collect();
    let topics = [produced(broker, &first), produced(broker, &second), broker.topic("time-counts-empty", 2)];
    let times: Vec<i64> = first.into_iter().chain(second).collect();
    let (counts, lookups) = counted(broker, &topics, false).unwrap();
    assert!((1..=MAX_BUCKETS).contains(&counts.counts.len()), "{counts:?}");
    assert!((1..=MAX_LOOKUPS).contains(&(lookups as usize)), "{lookups}");
    for (bucket, borders) in counts.borders_ms.windows(2).enumerate() {
        let inside = times.iter().filter(|time| (borders[0]..borders[1]).contains(*time)).count() as u64;
        assert_eq!(counts.counts[bucket], inside, "bucket {bucket} of {counts:?}");
    }
    assert_eq!(counts.total(), 901);
    // A range that is picked on the buckets reads their records.
    let (from, to) = (counts.borders_ms[2], counts.borders_ms[counts.counts.len() - 3]);
    let inside = times.iter().filter(|time| (from..to).contains(*time)).count() as u64;
    assert_eq!(planned(broker, &topics, from, to), inside);
}

#[test]
fn records_that_were_deleted_are_not_counted() {
    let broker = broker::shared();
    let times: Vec<i64> = (0..90).map(|at| START_MS + at * 1_000).collect();
    let topic = produced(broker, &times);
    broker.delete_records(&topic, 0, 10);
    let (counts, _) = counted(broker, &[topic], false).unwrap();
    assert_eq!(counts.total(), 80);
}

#[test]
fn empty_and_missing_topics_and_a_stop_are_told_apart() {
    let broker = broker::shared();
    let count = |topic: &str, is_stopped: bool| counted(broker, &[topic.to_owned()], is_stopped);
    let empty = broker.topic("time-counts-empty", 1);
    assert_eq!(count(&empty, false).unwrap().0.borders_ms, [] as [i64; 0]);
    assert!(count("no.such.topic", false).unwrap_err().to_string().contains("no.such.topic"));
    assert!(matches!(count(&produced(broker, &[START_MS]), true), Err(CountError::Stopped)));
}
