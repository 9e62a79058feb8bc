//! Behaviour that all tiers share.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use kreplay::{
    domain::{Offset, Tier, TopicPartition},
    kafka::{Client, Consumer, Fetched, KafkaConfig, Reader, embedded::EmbeddedBroker, producer::NewRecord},
};

use crate::support::{partitions, producer};
use kreplay_testkit::timeouts::OPERATION_TIMEOUT;

/// Bound of one read.
const READ_TIMEOUT: Duration = Duration::from_millis(20);

/// Offset, key and value.
type Entry = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// The records, ends and errors that a reader has delivered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Delivered {
    records: BTreeMap<TopicPartition, Vec<Entry>>,
    ends: BTreeMap<TopicPartition, i64>,
    errors: BTreeSet<TopicPartition>,
}

impl Delivered {
    fn take(&mut self, fetched: &Fetched<'_>) {
        match fetched {
            Fetched::Record(record) => {
                let id = TopicPartition::new(record.topic(), record.partition());
                let (key, value) = (record.key().map(<[u8]>::to_vec), record.value().map(<[u8]>::to_vec));
                self.records.entry(id).or_default().push((record.offset(), key, value));
            }
            Fetched::End { topic, partition, offset } => {
                self.ends.insert(TopicPartition::new(*topic, *partition), *offset);
            }
            Fetched::Error { topic, partition, .. } => {
                self.errors.insert(TopicPartition::new(*topic, *partition));
            }
        }
    }

    fn offsets(&self, id: &TopicPartition) -> Vec<i64> {
        self.records.get(id).map_or_else(Vec::new, |records| records.iter().map(|one| one.0).collect())
    }
}

fn read_until(
    reader: &mut Reader,
    delivered: &mut Delivered,
    max: usize,
    what: &str,
    met: impl Fn(&Delivered) -> bool,
) {
    let deadline = Instant::now() + OPERATION_TIMEOUT;
    while !met(delivered) {
        let count = reader.read(READ_TIMEOUT, max, &mut |fetched| delivered.take(&fetched));
        assert!(count <= max, "{count} are more than {max}");
        assert!(Instant::now() < deadline, "not in time: {what}: {delivered:?}");
    }
}

fn reader(broker: &EmbeddedBroker, tier: Tier) -> Reader {
    let config = KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), ..KafkaConfig::default() };
    Reader::new(Client::new(&config, &<_>::default()).unwrap(), tier).unwrap()
}

/// Writes ten records to each partition, with and without keys and values.
fn fill(broker: &EmbeddedBroker, topic: &str, count: i32) {
    let producer = producer(broker);
    for number in 0..10 * count {
        let text = format!("{topic}/{number}");
        let (key, value) = ((number % 3 > 0).then_some(text.as_bytes()), (number % 7 > 0).then_some(text.as_bytes()));
        producer
            .send(NewRecord { topic, partition: Some(number % count), key, value, ..NewRecord::default() })
            .unwrap();
    }
    producer.finish(OPERATION_TIMEOUT).unwrap();
}

fn id(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn at(raw: i64) -> Offset {
    Offset::new(raw).unwrap()
}

#[test]
fn all_tiers_deliver_the_same_records_ends_and_positions() {
    let broker = EmbeddedBroker::start().unwrap();
    let topics = [("one", 6), ("two", 1), ("three", 2)];
    let mut ids = Vec::new();
    for (topic, count) in topics {
        broker.create_topic(topic, partitions(u64::try_from(count).unwrap())).unwrap();
        fill(&broker, topic, count);
        ids.extend((0..count).map(|partition| id(topic, partition)));
    }
    for (tier, max) in Tier::ALL.into_iter().flat_map(|tier| [(tier, 1), (tier, 7), (tier, 1000)]) {
        let (mut reader, mut delivered) = (reader(&broker, tier), Delivered::default());
        for id in &ids {
            reader.start(id, at(2)).unwrap();
        }
        read_until(&mut reader, &mut delivered, max, "all ends", |delivered| delivered.ends.len() == ids.len());
        for id in &ids {
            assert_eq!(delivered.offsets(id), (2..10).collect::<Vec<_>>(), "{tier} {id}");
            assert_eq!(delivered.ends[id], 10, "{tier} {id}");
        }
        let values: BTreeSet<_> = delivered.records.values().flatten().filter_map(|one| one.2.clone()).collect();
        let expected = topics.iter().flat_map(|(topic, count)| {
            (2 * count..10 * count)
                .filter(|number| number % 7 > 0)
                .map(move |number| format!("{topic}/{number}").into_bytes())
        });
        assert_eq!(values, expected.collect(), "{tier}");
        let mut assignment = reader.assignment();
        assignment.sort();
        let mut sorted = ids.clone();
        sorted.sort();
        assert_eq!(assignment, sorted, "{tier}");
        let positions: BTreeMap<_, _> = reader.positions().into_iter().collect();
        assert_eq!(positions, ids.iter().map(|id| (id.clone(), at(10))).collect(), "{tier}");
        assert_eq!(
            reader.read(READ_TIMEOUT, max, &mut |fetched| delivered.take(&fetched)),
            0,
            "{tier}: surplus records were read"
        );
        reader.close();
    }
}

#[test]
fn a_paused_partition_continues_where_it_stopped() {
    for tier in Tier::ALL {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("t", partitions(2)).unwrap();
        fill(&broker, "t", 2);
        let (held, other) = (id("t", 0), id("t", 1));
        let (mut reader, mut delivered) = (reader(&broker, tier), Delivered::default());
        for id in [&held, &other] {
            reader.start(id, at(0)).unwrap();
        }
        read_until(&mut reader, &mut delivered, 100, "both ends", |delivered| delivered.ends.len() == 2);
        reader.set_paused(std::slice::from_ref(&held), true);
        fill(&broker, "t", 2);
        read_until(&mut reader, &mut delivered, 100, "progress of the other partition", |delivered| {
            delivered.ends[&other] == 20
        });
        assert_eq!((delivered.offsets(&held).len(), delivered.offsets(&other).len()), (10, 20), "{tier}");
        reader.set_paused(std::slice::from_ref(&held), false);
        read_until(&mut reader, &mut delivered, 100, "progress of the resumed partition", |delivered| {
            delivered.ends[&held] == 20
        });
        assert_eq!(delivered.offsets(&held), (0..20).collect::<Vec<_>>(), "{tier}");
        reader.close();
    }
}

#[test]
fn a_partition_can_be_stopped_and_started_at_another_offset() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", partitions(2)).unwrap();
    fill(&broker, "t", 2);
    for tier in Tier::ALL {
        let (mut reader, mut delivered) = (reader(&broker, tier), Delivered::default());
        let (first, second) = (id("t", 0), id("t", 1));
        reader.start(&first, at(0)).unwrap();
        read_until(&mut reader, &mut delivered, 100, "the end", |delivered| delivered.ends.len() == 1);
        assert!(reader.stop(&first), "{tier}");
        assert!(!reader.stop(&first), "{tier}: it was already stopped");
        assert_eq!(reader.assignment(), [], "{tier}");
        let mut again = Delivered::default();
        reader.start(&first, at(7)).unwrap();
        reader.start(&second, at(9)).unwrap();
        read_until(&mut reader, &mut again, 100, "both ends", |delivered| delivered.ends.len() == 2);
        assert_eq!((again.offsets(&first), again.offsets(&second)), (vec![7, 8, 9], vec![9]), "{tier}");
        assert!(reader.start(&second, at(0)).is_err(), "{tier}: it was already started");
        reader.close();
    }
}

#[test]
fn an_error_names_its_partition_and_the_others_continue() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", partitions(2)).unwrap();
    fill(&broker, "t", 2);
    for tier in Tier::ALL {
        let (mut reader, mut delivered) = (reader(&broker, tier), Delivered::default());
        let (beyond, good) = (id("t", 0), id("t", 1));
        reader.start(&beyond, at(1000)).unwrap();
        reader.start(&good, at(0)).unwrap();
        read_until(&mut reader, &mut delivered, 100, "an error and an end", |delivered| {
            delivered.ends.contains_key(&good) && !delivered.errors.is_empty()
        });
        assert_eq!(delivered.errors, BTreeSet::from([beyond]), "{tier}");
        assert_eq!(delivered.offsets(&good), (0..10).collect::<Vec<_>>(), "{tier}");
        reader.close();
    }
}

#[test]
fn new_records_end_the_wait_of_a_reader() {
    /// Far longer than the wait should take. Only a lost wake-up would use all of it.
    const LONGEST_WAIT: Duration = Duration::from_secs(90);
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", partitions(1)).unwrap();
    for tier in Tier::ALL {
        let (mut reader, mut delivered) = (reader(&broker, tier), Delivered::default());
        let (low, high) = producer(&broker).watermarks(&id("t", 0), OPERATION_TIMEOUT).unwrap();
        assert_eq!(low, 0);
        reader.start(&id("t", 0), at(high)).unwrap();
        read_until(&mut reader, &mut delivered, 100, "the end", |delivered| !delivered.ends.is_empty());
        let count = std::thread::scope(|scope| {
            scope.spawn(|| fill(&broker, "t", 1));
            let started = Instant::now();
            let count = reader.read(LONGEST_WAIT, 100, &mut |fetched| delivered.take(&fetched));
            assert!(started.elapsed() < LONGEST_WAIT / 2, "{tier}: the wait was not ended");
            count
        });
        assert!(count > 0, "{tier}");
        read_until(&mut reader, &mut delivered, 100, "all", |delivered| delivered.offsets(&id("t", 0)).len() == 10);
        reader.close();
    }
}
