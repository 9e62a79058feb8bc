//! What every tier has to do in the same way, whatever calls it makes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use kreplay::{
    domain::{Offset, Tier, TopicPartition},
    kafka::{Client, Consumer, Fetched, KafkaConfig, Reader, embedded::EmbeddedBroker, producer::NewRecord},
};

use crate::support::{PATIENCE, partitions, producer};

const WAIT: Duration = Duration::from_millis(20);

/// Offset, key and value.
type Entry = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// What a reader has passed on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Got {
    records: BTreeMap<TopicPartition, Vec<Entry>>,
    ends: BTreeMap<TopicPartition, i64>,
    errors: BTreeSet<TopicPartition>,
}

impl Got {
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

fn read_until(reader: &mut Reader, got: &mut Got, max: usize, what: &str, met: impl Fn(&Got) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !met(got) {
        let count = reader.read(WAIT, max, &mut |fetched| got.take(&fetched));
        assert!(count <= max, "{count} are more than {max}");
        assert!(Instant::now() < deadline, "not in time: {what}: {got:?}");
    }
}

fn reader(broker: &EmbeddedBroker, tier: Tier) -> Reader {
    let config = KafkaConfig { bootstrap_servers: broker.bootstrap_servers().into(), ..KafkaConfig::default() };
    Reader::new(Client::new(&config, &<_>::default()).unwrap(), tier).unwrap()
}

/// Ten records for each partition, with and without keys and values.
fn fill(broker: &EmbeddedBroker, topic: &str, count: i32) {
    let producer = producer(broker);
    for number in 0..10 * count {
        let text = format!("{topic}/{number}");
        let (key, value) = ((number % 3 > 0).then_some(text.as_bytes()), (number % 7 > 0).then_some(text.as_bytes()));
        producer
            .send(NewRecord { topic, partition: Some(number % count), key, value, ..NewRecord::default() })
            .unwrap();
    }
    producer.finish(PATIENCE).unwrap();
}

fn id(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn at(raw: i64) -> Offset {
    Offset::new(raw).unwrap()
}

#[test]
fn all_tiers_pass_on_the_same_records_ends_and_positions() {
    let broker = EmbeddedBroker::start().unwrap();
    let topics = [("one", 6), ("two", 1), ("three", 2)];
    let mut ids = Vec::new();
    for (topic, count) in topics {
        broker.create_topic(topic, partitions(u64::try_from(count).unwrap())).unwrap();
        fill(&broker, topic, count);
        ids.extend((0..count).map(|partition| id(topic, partition)));
    }
    for (tier, max) in Tier::ALL.into_iter().flat_map(|tier| [(tier, 1), (tier, 7), (tier, 1000)]) {
        let (mut reader, mut got) = (reader(&broker, tier), Got::default());
        for id in &ids {
            reader.start(id, at(2)).unwrap();
        }
        read_until(&mut reader, &mut got, max, "all ends", |got| got.ends.len() == ids.len());
        for id in &ids {
            assert_eq!(got.offsets(id), (2..10).collect::<Vec<_>>(), "{tier} {id}");
            assert_eq!(got.ends[id], 10, "{tier} {id}");
        }
        let values: BTreeSet<_> = got.records.values().flatten().filter_map(|one| one.2.clone()).collect();
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
        assert_eq!(reader.read(WAIT, max, &mut |fetched| got.take(&fetched)), 0, "{tier}: nothing is left");
        reader.close();
    }
}

#[test]
fn a_paused_partition_waits_and_goes_on_where_it_stopped() {
    for tier in Tier::ALL {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("t", partitions(2)).unwrap();
        fill(&broker, "t", 2);
        let (held, other) = (id("t", 0), id("t", 1));
        let (mut reader, mut got) = (reader(&broker, tier), Got::default());
        for id in [&held, &other] {
            reader.start(id, at(0)).unwrap();
        }
        read_until(&mut reader, &mut got, 100, "both ends", |got| got.ends.len() == 2);
        reader.set_paused(std::slice::from_ref(&held), true);
        fill(&broker, "t", 2);
        read_until(&mut reader, &mut got, 100, "the other goes on", |got| got.ends[&other] == 20);
        assert_eq!((got.offsets(&held).len(), got.offsets(&other).len()), (10, 20), "{tier}");
        reader.set_paused(std::slice::from_ref(&held), false);
        read_until(&mut reader, &mut got, 100, "it goes on", |got| got.ends[&held] == 20);
        assert_eq!(got.offsets(&held), (0..20).collect::<Vec<_>>(), "{tier}");
        reader.close();
    }
}

#[test]
fn a_partition_can_be_stopped_and_started_elsewhere() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", partitions(2)).unwrap();
    fill(&broker, "t", 2);
    for tier in Tier::ALL {
        let (mut reader, mut got) = (reader(&broker, tier), Got::default());
        let (first, second) = (id("t", 0), id("t", 1));
        reader.start(&first, at(0)).unwrap();
        read_until(&mut reader, &mut got, 100, "the end", |got| got.ends.len() == 1);
        assert!(reader.stop(&first), "{tier}");
        assert!(!reader.stop(&first), "{tier}: it was not being read any more");
        assert_eq!(reader.assignment(), [], "{tier}");
        let mut again = Got::default();
        reader.start(&first, at(7)).unwrap();
        reader.start(&second, at(9)).unwrap();
        read_until(&mut reader, &mut again, 100, "both ends", |got| got.ends.len() == 2);
        assert_eq!((again.offsets(&first), again.offsets(&second)), (vec![7, 8, 9], vec![9]), "{tier}");
        assert!(reader.start(&second, at(0)).is_err(), "{tier}: it is being read");
        reader.close();
    }
}

#[test]
fn an_error_names_its_partition_and_the_others_go_on() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", partitions(2)).unwrap();
    fill(&broker, "t", 2);
    for tier in Tier::ALL {
        let (mut reader, mut got) = (reader(&broker, tier), Got::default());
        let (beyond, good) = (id("t", 0), id("t", 1));
        reader.start(&beyond, at(1000)).unwrap();
        reader.start(&good, at(0)).unwrap();
        read_until(&mut reader, &mut got, 100, "an error and an end", |got| {
            got.ends.contains_key(&good) && !got.errors.is_empty()
        });
        assert_eq!(got.errors, BTreeSet::from([beyond]), "{tier}");
        assert_eq!(got.offsets(&good), (0..10).collect::<Vec<_>>(), "{tier}");
        reader.close();
    }
}

#[test]
fn what_arrives_while_a_reader_waits_ends_the_wait() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", partitions(1)).unwrap();
    for tier in Tier::ALL {
        let (mut reader, mut got) = (reader(&broker, tier), Got::default());
        let (low, high) = producer(&broker).watermarks(&id("t", 0), PATIENCE).unwrap();
        assert_eq!(low, 0);
        reader.start(&id("t", 0), at(high)).unwrap();
        read_until(&mut reader, &mut got, 100, "the end", |got| !got.ends.is_empty());
        let count = std::thread::scope(|scope| {
            scope.spawn(|| fill(&broker, "t", 1));
            // Far longer than the wait may take: only a wake that gets lost would use it up.
            let begun = Instant::now();
            let count = reader.read(PATIENCE, 100, &mut |fetched| got.take(&fetched));
            assert!(begun.elapsed() < PATIENCE / 2, "{tier}: the wait was not ended");
            count
        });
        assert!(count > 0, "{tier}");
        read_until(&mut reader, &mut got, 100, "all", |got| got.offsets(&id("t", 0)).len() == 10);
        reader.close();
    }
}
