//! Single records of a broker: exact ones, and offsets at which there is none.

use std::process::Command;
use std::time::Duration;

use kreplay::decode::DecodeSettings;
use kreplay::domain::{Offset, TopicPartition};
use kreplay::inspect::RecordInspector;
use kreplay::kafka::{KafkaConfig, RecordLookupError};
use kreplay_model::inspect::{Decoded, InspectedRecord, MAX_VALUE_BYTES, Placement, RecordId};
use serde_json::Value;

use crate::fixtures::slow_broker::look_again;
use crate::support::broker::{self, Broker, REQUEST_TIMEOUT, unique_name};
use crate::support::build::kreplay_binary;
use crate::support::produce::{Ending, NewRecord};
use crate::support::timeouts::{LONG_RUN_TIMEOUT, OPERATION_TIMEOUT};
use crate::support::wait;

/// How long a lookup waits for the cleanup policy, which only explains a gap.
const POLICY_TIMEOUT: Duration = Duration::from_secs(2);

fn offset(raw: i64) -> Offset {
    Offset::new(raw).unwrap()
}

fn inspect_at(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    raw: i64,
    timeout: Duration,
) -> Result<InspectedRecord, RecordLookupError> {
    let inspector = RecordInspector::new(KafkaConfig::new(bootstrap), DecodeSettings::default().into(), timeout);
    let id = RecordId { partition: TopicPartition::new(topic, partition), offset: offset(raw) };
    // A busy broker may need longer for the cleanup policy.
    look_again(POLICY_TIMEOUT, || inspector.read(&id, &|| false), |found| !lacks_policy(found))
}

/// Whether there is no record at the offset, and the cleanup policy, which tells why, is not known.
fn lacks_policy(found: &Result<InspectedRecord, RecordLookupError>) -> bool {
    match found {
        Ok(found) => matches!(found.placement, Placement::Next { compacts: None, .. }),
        Err(error) => matches!(error, RecordLookupError::NothingFollows { compacts: None, .. }),
    }
}

fn inspect(broker: &Broker, topic: &str, raw: i64) -> Result<InspectedRecord, RecordLookupError> {
    inspect_at(broker.bootstrap(), topic, 0, raw, REQUEST_TIMEOUT)
}

#[test]
fn a_record_is_read_with_its_key_headers_and_decoded_value() {
    let broker = broker::shared();
    let topic = broker.topic("inspect", 1);
    let record =
        NewRecord::keyed("k", r#"{"id": 1.50}"#).header("a", Some(b"1")).header("a", None).at(1_700_000_000_123);
    broker.produce(&topic, &[NewRecord::unkeyed("x"), record, NewRecord::tombstone("k")]);
    let found = inspect(broker, &topic, 1).unwrap();
    assert_eq!(
        (found.id.offset, found.placement, found.timestamp_ms),
        (offset(1), Placement::Exact, Some(1_700_000_000_123))
    );
    assert_eq!(&*found.key.unwrap().bytes, b"k");
    assert_eq!(found.value.unwrap().decoded, Decoded::Json(r#"{"id": 1.50}"#.into()));
    let headers: Vec<_> = found.headers.iter().map(|one| (one.name.as_slice(), one.value.as_deref())).collect();
    assert_eq!(headers, [(b"a".as_slice(), Some(b"1".as_slice())), (b"a", None)]);
    let tombstone = inspect(broker, &topic, 2).unwrap();
    assert_eq!((tombstone.value, tombstone.placement), (None, Placement::Exact));
}

#[test]
fn a_large_record_is_truncated_and_its_size_is_known() {
    let broker = broker::shared();
    let topic = broker.topic_with("inspect-large", 1, &[("max.message.bytes", "4000000")]);
    let large = vec![b'x'; 3_000_000];
    let settings = [("message.max.bytes", "4000000")];
    broker.produce_with(&topic, &settings, &[NewRecord::unkeyed("before"), NewRecord::unkeyed(large.clone())]);
    let value = inspect(broker, &topic, 1).unwrap().value.unwrap();
    assert_eq!((value.len, value.bytes.len(), value.is_truncated()), (large.len() as u64, MAX_VALUE_BYTES, true));
}

#[test]
fn a_deleted_record_and_one_that_does_not_exist_yet_are_reported() {
    let broker = broker::shared();
    let topic = broker.topic("inspect-deleted", 1);
    broker.produce(&topic, &(0..10).map(|n| NewRecord::unkeyed(n.to_string())).collect::<Vec<_>>());
    broker.delete_records(&topic, 0, 6);
    let error = inspect(broker, &topic, 5).unwrap_err();
    assert!(matches!(error, RecordLookupError::Deleted { first, .. } if first == offset(6)), "{error}");
    assert_eq!(inspect(broker, &topic, 6).unwrap().id.offset, offset(6));
    let error = inspect(broker, &topic, 10).unwrap_err();
    assert!(matches!(error, RecordLookupError::BeyondEnd { end, .. } if end == offset(10)), "{error}");
    let error = inspect_at(broker.bootstrap(), &topic, 1, 0, REQUEST_TIMEOUT).unwrap_err();
    assert!(error.to_string().contains("has no partition 1; its partitions are 0 to 0"), "{error}");
    let error = inspect(broker, &unique_name("no-such-topic"), 0).unwrap_err();
    assert!(error.to_string().contains("there is no topic"), "{error}");
}

#[test]
fn markers_and_records_of_aborted_and_open_transactions_are_told_apart() {
    let broker = broker::shared();
    let topic = broker.topic("inspect-transactions", 1);
    let records =
        |prefix: &str| [NewRecord::keyed("k", format!("{prefix}0")), NewRecord::keyed("k", format!("{prefix}1"))];
    // Each transaction ends with a marker: offsets 2, 5 and 8.
    broker.transaction(&topic, Ending::Commit, &records("a"));
    broker.transaction(&topic, Ending::Abort, &records("b"));
    broker.transaction(&topic, Ending::Commit, &records("c"));
    let placement = |raw| inspect(broker, &topic, raw).map(|found| (found.id.offset.get(), found.placement));
    assert_eq!(placement(1).unwrap(), (1, Placement::Exact));
    let next = |asked| Placement::Next { asked: offset(asked), compacts: Some(false) };
    assert_eq!(placement(2).unwrap(), (6, next(2)), "the next record that was committed");
    assert_eq!(placement(3).unwrap(), (3, Placement::Aborted));
    let error = placement(8).unwrap_err();
    assert_eq!(error.to_string(), "offset 8 is a transaction marker, not a record, and no record follows it");
    broker.transaction(&topic, Ending::Open, &records("d")[..1]);
    broker.produce(&topic, &records("e"));
    assert_eq!(placement(9).unwrap(), (9, Placement::HeldBack));
    assert_eq!(placement(10).unwrap(), (10, Placement::HeldBack), "it was committed, but waits behind an open one");
}

#[test]
fn where_compaction_removed_a_record_the_next_one_is_shown() {
    let broker = broker::shared();
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "100"),
    ];
    let topic = broker.topic_with("inspect-compacted", 1, &settings);
    let mut written = 0;
    // The first record is kept; a record of another key after it is replaced by later ones.
    let found = wait::until("compaction", LONG_RUN_TIMEOUT, || {
        if written < 100 {
            let key = if written == 0 { "kept" } else { "replaced" };
            broker.produce(&topic, &[NewRecord::keyed(key, written.to_string())]);
            written += 1;
        }
        let found = inspect(broker, &topic, 1).ok()?;
        (found.id.offset > offset(1)).then_some(found)
    });
    assert_eq!(found.placement, Placement::Next { asked: offset(1), compacts: Some(true) });
    assert!(found.placement.in_words().unwrap().contains("compaction removed it"));
}

#[test]
fn without_a_broker_the_time_is_limited() {
    let error = inspect_at("127.0.0.1:1", "t", 0, 0, Duration::from_secs(2)).unwrap_err();
    assert!(error.to_string().contains("no broker answered at 127.0.0.1:1 within 2 s"), "{error}");
}

#[test]
fn a_stopped_lookup_ends() {
    let broker = broker::shared();
    let topic = broker.topic("inspect-stopped", 1);
    broker.produce(&topic, &[NewRecord::unkeyed("x")]);
    let inspector =
        RecordInspector::new(KafkaConfig::new(broker.bootstrap()), DecodeSettings::default().into(), REQUEST_TIMEOUT);
    let id = RecordId { partition: TopicPartition::new(topic.as_str(), 0), offset: offset(0) };
    assert_eq!(inspector.read(&id, &|| true).unwrap_err(), RecordLookupError::Stopped);
}

#[test]
fn the_record_that_a_group_is_stuck_on_can_be_printed() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("inspect-stuck", 2), unique_name("stuck"));
    let record = |n: usize| NewRecord::keyed(format!("k{n}"), format!("{{\"n\":{n}}}")).in_partition(0);
    broker.produce(&topic, &(0..4).map(record).collect::<Vec<_>>());
    let consumer: rdkafka::consumer::BaseConsumer = broker.client().set("group.id", &group).create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(2)).unwrap();
    list.add_partition_offset(&topic, 1, rdkafka::Offset::Offset(0)).unwrap();
    // Commits fail until the client has found the group's coordinator.
    wait::until("the commit", OPERATION_TIMEOUT, || {
        rdkafka::consumer::Consumer::commit(&consumer, &list, rdkafka::consumer::CommitMode::Sync).ok()
    });
    let describe = |more: &[&str]| {
        let mut command = Command::new(kreplay_binary());
        command.args(["groups", "describe", &group, "--record", "--bootstrap-server", broker.bootstrap()]).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = describe(&[]);
    assert!(text.contains(&format!("stuck on {topic}-0 at 2\n")), "{text}");
    assert!(text.contains("    key      k2\n") && text.contains("    value    {\"n\":2}\n"), "{text}");
    assert!(!text.contains(&format!("stuck on {topic}-1")), "nothing is unread there: {text}");
    let json: Value = serde_json::from_str(&describe(&["--json"])).unwrap();
    let [record] = json["stuck_records"].as_array().unwrap().as_slice() else { panic!("{json:#}") };
    assert_eq!(
        (&record["committed"], &record["offset"], &record["value"]),
        (&2.into(), &2.into(), &"{\"n\":2}".into())
    );
}
