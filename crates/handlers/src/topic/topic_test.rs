//! Tests without a broker: of routing, and of a cluster that cannot be reached.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use kreplay_engine::rules::Rules;
use kreplay_kafka::{CatalogError, Client, ClientError, KafkaConfig, producer::Timestamps};
use kreplay_model::{
    domain::{KeyHash, Record, TopicPartition},
    feed::EventLog,
};
use kreplay_topics::{Channel, Strategy};

use super::{
    outgoing::Router,
    pool::{Pool, ProducerTemplate},
    republish::{Republisher, TopicHandler},
    settings::{Timeouts, TopicSettings},
    targets::{MissingTopic, TargetTopics, creation_failure, lookup_failure},
};
use crate::{
    Advice, Handler as _, RecordFailure,
    testing::{lane, record},
};

/// A router for partition 3 of `orders.eu`, with targets that need no lookup.
fn router(settings: &TopicSettings, strategy: Strategy, topics: &[(&str, i32)]) -> Router {
    let kafka = KafkaConfig { bootstrap_servers: "127.0.0.1:1".into(), ..KafkaConfig::default() };
    let client = Client::new(&kafka, &Arc::default()).unwrap();
    let targets = TargetTopics::new(client, Duration::ZERO, strategy, MissingTopic::Refuse);
    for (name, partitions) in topics {
        targets.add_known(name, *partitions);
    }
    let sources = Arc::new([TopicPartition::new("orders.eu", 3)].into_iter().collect());
    Router::new(settings, targets, sources, Arc::new(Rules::default()))
}

fn all_to(name: &str) -> Strategy {
    Strategy { default_topic: Some(name.parse().unwrap()), ..Strategy::default() }
}

fn routed(router: &Router, record: &Record) -> Result<(String, i32, Option<Vec<u8>>), RecordFailure> {
    let outgoing = router.route(record)?;
    Ok((outgoing.target.name.clone(), outgoing.partition, outgoing.key.map(std::borrow::Cow::into_owned)))
}

#[test]
fn records_are_partitioned_by_key_or_keep_their_partition() {
    let router = router(&TopicSettings::default(), all_to("{channel}.v2"), &[("orders.eu.v2", 5)]);
    let keyed = KeyHash::Murmur2.partition(b"k", 5);
    assert_eq!(
        routed(&router, &record(0, 7, Some(b"k"), None, &[])),
        Ok(("orders.eu.v2".into(), keyed, Some(b"k".to_vec())))
    );
    assert_eq!(routed(&router, &record(0, 7, None, Some(b"v"), &[])), Ok(("orders.eu.v2".into(), 3, None)));
}

#[test]
fn channels_keys_and_partitions_can_come_from_templates() {
    let strategy = Strategy {
        groups: vec!["user.*=realtime.user:4".parse().unwrap()],
        default_topic: Some("realtime".parse().unwrap()),
        ..Strategy::default()
    };
    let settings = TopicSettings {
        key: "channel".parse().unwrap(),
        partition: Some("{shard}".parse().unwrap()),
        ..TopicSettings::default()
    };
    let settings = TopicSettings { channel: "{header.channel}".parse::<Channel>().unwrap(), ..settings };
    let router = router(&settings, strategy, &[("realtime.user", 4), ("realtime", 10)]);
    let send = |channel: &[u8], value: &[u8]| {
        routed(&router, &record(0, 0, None, Some(value), &[(b"channel", Some(channel))]))
    };
    assert_eq!(send(b"user.7", br#"{"shard":2}"#), Ok(("realtime.user".into(), 2, Some(b"user.7".to_vec()))));
    assert_eq!(send(b"other", br#"{"shard":"9"}"#), Ok(("realtime".into(), 9, Some(b"other".to_vec()))));
    for (channel, value, part) in [
        (&b"user.7"[..], &br#"{"shard":4}"#[..], "has no partition 4; it has 4"),
        (b"user.7", br#"{"shard":-1}"#, "has no partition -1"),
        (b"user.7", br#"{"shard":"x"}"#, "does not yield a partition number"),
        (b"user.7", b"no JSON", "yields nothing for this record"),
    ] {
        let misrouted = send(channel, value).unwrap_err();
        assert!(misrouted.error.contains(part) && misrouted.advice == Advice::GiveUp, "{misrouted:?}");
    }
    let nothing = routed(&router, &record(0, 0, None, None, &[])).unwrap_err();
    assert!(nothing.error.contains("the channel's template"), "{nothing:?}");
}

#[test]
fn source_topics_are_not_written_to() {
    let router = router(&TopicSettings::default(), all_to("copy"), &[("copy", 1)]);
    assert!(routed(&router, &record(0, 0, None, None, &[])).is_ok());
    assert_eq!(router.targets.loop_error(), None);
    // A run that follows the log discovers a new matching topic.
    router.targets.forbid("copy");
    assert!(router.targets.loop_error().unwrap().contains("never ends"));
}

#[test]
fn a_cluster_that_cannot_be_reached_is_not_the_fault_of_a_record() {
    let outage = CatalogError::Client(ClientError::Refused("away".into()));
    assert_eq!(lookup_failure("copy", &outage).advice, Advice::Unable);
    let missing = CatalogError::UnknownTopic("copy".into());
    assert_eq!(lookup_failure("copy", &missing).advice, Advice::GiveUp);
    let invisible = CatalogError::NotVisible { topic: "copy".into(), seconds: 30 };
    for error in [&outage, &invisible] {
        let failure = creation_failure("copy", error);
        assert!(failure.advice == Advice::Unable && failure.error.contains("copy"), "{failure:?}");
    }
    let unusable = CatalogError::Client(ClientError::Configuration("no".into()));
    assert_eq!(creation_failure("copy", &unusable).advice, Advice::Stop);

    let settings = TopicSettings { timestamps: Timestamps::Now, ..TopicSettings::default() };
    let template = ProducerTemplate {
        bootstrap_servers: "127.0.0.1:1".into(),
        properties: BTreeMap::new(),
        id_prefix: Some("test".into()),
        shared_ids: false,
        init_timeout: Duration::from_millis(20),
    };
    let republisher = Republisher {
        router: router(&settings, all_to("copy"), &[("copy", 1)]),
        pool: Pool::new(template),
        timeouts: Timeouts::of(&BTreeMap::new()).unwrap(),
        ledger: None,
        shared_ids: false,
        events: EventLog::default(),
        stopped: AtomicBool::new(false),
    };
    let failures = TopicHandler(Arc::new(republisher)).handle(&[lane(0, 2), lane(1, 1)]);
    let ends: Vec<_> = failures.iter().map(|failure| (failure.run, failure.done, failure.advice)).collect();
    assert_eq!(ends, [(0, 0, Advice::Unable), (1, 0, Advice::Unable)], "{failures:?}");
}

#[test]
fn the_number_of_remembered_channels_is_bounded() {
    const LIMIT: u32 = 65_536;
    let router = router(&TopicSettings::default(), all_to("copy"), &[("copy", 1)]);
    for channel in 0..LIMIT + 10 {
        router.targets.of(&channel.to_be_bytes()).unwrap();
    }
    assert_eq!(router.targets.remembered_channels(), 10);
    assert_eq!(router.targets.of(b"one more").unwrap().name, "copy");
}
