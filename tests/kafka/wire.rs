//! The client for describe requests against a real broker, compared with what Kafka's own tools print.

pub mod heartbeat;
mod secured;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kreplay_model::domain::{Lag, Offset, PartitionId, TopicPartition};
use kreplay_wire::types::{
    ConfigResource, ConfigSource, GroupFilter, GroupId, GroupState, GroupType, IsolationLevel, MemberData,
    MemberProtocol, OffsetSpec, TopicSelection, TransactionFilter, TransactionalId,
};
use kreplay_wire::{Api, ErrorCode, WireClient, WireConfig, WireError};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset as RdOffset, TopicPartitionList};

use self::heartbeat::{join_share_group, join_streams_group};
use crate::support::broker::{self, Broker, SETTLE_TIMEOUT, unique_name};
use crate::support::produce::{Ending, NewRecord};
use crate::support::wait;

const CONSUMER_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const SHARE_GROUPS: &str = "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
const GROUPS: &str = "org.apache.kafka.tools.GroupsCommand";
const SHARE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleShareConsumer";

fn client(broker: &Broker) -> WireClient {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), broker.bootstrap().to_owned())]);
    let mut config = WireConfig::from_properties(&properties).unwrap();
    // Tests wait for conditions and must not be slowed down by the budget.
    config.requests_per_second = 1000;
    config.deadline = SETTLE_TIMEOUT;
    WireClient::new(config).unwrap()
}

fn run<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(call)
}

/// A live member of a group, with the partitions of a topic assigned to it.
fn member(broker: &Broker, group: &str, topic: &str, protocol: &str) -> BaseConsumer {
    let mut config = broker.client();
    config.set("group.id", group).set("group.protocol", protocol).set("enable.auto.commit", "false");
    config.set("client.id", format!("{protocol}-client")).set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    wait::until(&format!("assignment of {group}"), SETTLE_TIMEOUT, || {
        drop(consumer.poll(Duration::from_millis(20)));
        (consumer.assignment().unwrap().count() > 0).then_some(())
    });
    consumer
}

/// Commits an offset with a text.
fn commit(consumer: &BaseConsumer, topic: &str, partition: i32, offset: i64) {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, RdOffset::Offset(offset)).unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}

/// Writes `count` records to a partition, with the timestamps 1000, 2000 and so on.
fn produce(broker: &Broker, topic: &str, partition: i32, count: i64) {
    let record = |n| NewRecord::keyed("k", "v").in_partition(partition).at(n * 1000);
    broker.produce(topic, &(1..=count).map(record).collect::<Vec<_>>());
}

/// The lines of a tool's output that begin with a group, in words.
fn rows(broker: &Broker, tool: &str, args: &[&str], group: &str) -> BTreeSet<Vec<String>> {
    let finished = broker.kafka_tool(tool, args, b"").expect_success();
    let lines = finished.stdout.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|words| words.first().is_some_and(|first| first == group)).collect()
}

fn words(row: &[&dyn ToString]) -> Vec<String> {
    row.iter().map(|word| word.to_string()).collect()
}

/// What `kafka-consumer-groups --describe` prints for a group with one member that owns every partition, from this
/// client's answers.
fn described(client: &WireClient, group: &str, member: &[&str; 3]) -> BTreeSet<Vec<String>> {
    let id = GroupId::from(group);
    let committed = run(client.committed_offsets([id.clone()], false)).remove(&id).unwrap().unwrap();
    let topics: BTreeSet<String> = committed.keys().map(|partition| partition.topic.to_string()).collect();
    let topics = run(client.metadata(&TopicSelection::Named(topics.into_iter().collect()))).unwrap().topics;
    let partitions = topics.iter().flat_map(|(name, topic)| {
        let partitions = topic.as_ref().unwrap().partitions.iter();
        partitions.map(move |found| TopicPartition::new(name.as_str(), found.partition.0))
    });
    let ends: BTreeMap<_, _> = partitions.map(|partition| (partition, OffsetSpec::Latest)).collect();
    let ends = run(client.list_offsets(&ends, IsolationLevel::ReadUncommitted));
    let row = |(partition, end): (&TopicPartition, &Result<kreplay_wire::types::ListedOffset, WireError>)| {
        let end = end.as_ref().unwrap().offset.unwrap().get();
        let offset = committed.get(partition).and_then(|found| found.as_ref().unwrap().as_ref());
        let offset = offset.map(|committed| committed.offset.get());
        let shown = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let [member_id, host, client_id] = member;
        words(&[
            &group,
            &partition.topic,
            &partition.partition,
            &shown(offset),
            &end,
            &shown(offset.map(|offset| end - offset)),
            member_id,
            host,
            client_id,
        ])
    };
    ends.iter().map(row).collect()
}

#[test]
fn a_consumer_protocol_group_is_described_as_by_kafkas_tool() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("wire", 3), unique_name("wire-consumer"));
    produce(broker, &topic, 0, 5);
    produce(broker, &topic, 1, 2);
    let consumer = member(broker, &group, &topic, "consumer");
    commit(&consumer, &topic, 0, 3);
    commit(&consumer, &topic, 1, 2);
    let client = client(broker);
    let id = GroupId::from(group.as_str());
    let found = wait::until("stable group", SETTLE_TIMEOUT, || {
        drop(consumer.poll(Duration::ZERO));
        let found = run(client.describe_consumer_groups([id.clone()])).remove(&id).unwrap().unwrap();
        (found.state == GroupState::Stable).then_some(found)
    });
    assert_eq!(found.members.len(), 1);
    let one = &found.members[0];
    assert_eq!((one.client_id.as_str(), one.protocol), ("consumer-client", MemberProtocol::Consumer));
    assert_eq!(one.subscribed_topics, [topic.as_str()]);
    assert_eq!((one.assignment.len(), &one.assignment), (1, &one.target));
    let id_of_topic =
        run(client.metadata(&TopicSelection::Named(vec![topic.clone()]))).unwrap().topics[&topic].as_ref().unwrap().id;
    assert_eq!((one.assignment[0].id, one.assignment[0].name.as_str()), (id_of_topic, topic.as_str()));
    assert_eq!(one.assignment[0].partitions.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!((one.epoch.0, found.assignment_epoch.0), (found.group_epoch.0, found.group_epoch.0));

    let tool = rows(broker, CONSUMER_GROUPS, &["--describe", "--group", &group], &group);
    assert_eq!(described(&client, &group, &[&one.member_id, &one.client_host, &one.client_id]), tool);
    // GROUP, COORDINATOR with its ID, ASSIGNMENT-STRATEGY, STATE, GROUP-EPOCH, TARGET-ASSIGNMENT-EPOCH, #MEMBERS
    let states = rows(broker, CONSUMER_GROUPS, &["--describe", "--group", &group, "--state", "--verbose"], &group);
    let state = states.first().unwrap();
    let ours = [&found.assignor, &found.state.to_string(), &found.group_epoch.to_string()];
    assert!(ours.iter().all(|word| state.contains(word)), "{state:?} {found:?}");
    drop(consumer);
}

#[test]
fn a_classic_group_is_described_as_by_kafkas_tool() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("wire", 2), unique_name("wire-classic"));
    produce(broker, &topic, 1, 4);
    let consumer = member(broker, &group, &topic, "classic");
    commit(&consumer, &topic, 1, 1);
    let client = client(broker);
    let id = GroupId::from(group.as_str());
    let found = run(client.describe_classic_groups([id.clone()])).remove(&id).unwrap().unwrap();
    assert_eq!((found.state, found.protocol_type.as_str()), (GroupState::Stable, "consumer"));
    let one = &found.members[0];
    let MemberData::Known(subscription) = &one.subscription else { panic!("{one:?}") };
    assert_eq!(subscription.topics, [topic.as_str()]);
    let MemberData::Known(assignment) = &one.assignment else { panic!("{one:?}") };
    assert_eq!(assignment[&topic], [PartitionId(0), PartitionId(1)]);
    let tool = rows(broker, CONSUMER_GROUPS, &["--describe", "--group", &group], &group);
    assert_eq!(described(&client, &group, &[&one.member_id, &one.client_host, &one.client_id]), tool);
    drop(consumer);
}

#[test]
fn groups_of_all_types_are_listed_as_by_kafkas_tool() {
    let broker = broker::shared();
    let topic = broker.topic("wire", 2);
    let name = |kind: &str| unique_name(&format!("wire-list-{kind}"));
    let (classic, consumer, share, streams) = (name("classic"), name("consumer"), name("share"), name("streams"));
    let members = [member(broker, &classic, &topic, "classic"), member(broker, &consumer, &topic, "consumer")];
    let share_member = join_share_group(broker, &share, &topic);
    let streams_member = join_streams_group(broker, &streams, &topic);
    let client = client(broker);
    let all = [(&classic, "Classic"), (&consumer, "Consumer"), (&share, "Share"), (&streams, "Streams")];

    let listed = run(client.list_groups(&GroupFilter::default())).unwrap();
    assert!(listed.failures.is_empty());
    let tool = broker.kafka_tool(GROUPS, &["--list"], b"").expect_success().stdout;
    for (group, shown) in all {
        let ours = listed.groups.iter().find(|listed| listed.id.as_str() == group).unwrap();
        let group_type = ours.group_type.as_ref().unwrap();
        assert!(group_type.as_str().eq_ignore_ascii_case(shown), "{ours:?}");
        let row = tool.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = row.into_iter().find(|row| row.first() == Some(&group.as_str())).unwrap();
        assert_eq!(row[1..], [shown, ours.protocol_type.as_str()]);
    }
    let only = GroupFilter { types: vec![GroupType::Share, GroupType::Streams], states: vec![] };
    let listed = run(client.list_groups(&only)).unwrap().groups;
    let is_listed = |group: &str| listed.iter().any(|listed| listed.id.as_str() == group);
    assert_eq!(all.map(|(group, _)| is_listed(group)), [false, false, true, true]);

    let share = GroupId::from(share);
    let described = run(client.describe_share_groups([share.clone()])).remove(&share).unwrap().unwrap();
    assert_eq!(described.state, GroupState::Stable);
    assert_eq!(described.members[0].member_id, share_member);
    assert_eq!(described.members[0].subscribed_topics, [topic.as_str()]);

    let streams = GroupId::from(streams);
    let described = run(client.describe_streams_groups([streams.clone()])).remove(&streams).unwrap().unwrap();
    let topology = described.topology.unwrap();
    assert_eq!((topology.epoch.0, topology.subtopologies.unwrap()[0].source_topics.as_slice()), (5, &[topic][..]));
    let one = &described.members[0];
    assert_eq!((&one.member_id, one.process_id.as_str()), (&streams_member, "process-1"));
    assert_eq!(one.user_endpoint, Some(("app.example".to_owned(), 8080)));
    assert_eq!(one.client_tags, BTreeMap::from([("zone".to_owned(), "a".to_owned())]));
    // The coordinator waits a few seconds for more members before it assigns tasks.
    let states = [GroupState::Assigning, GroupState::Reconciling, GroupState::Stable];
    assert!(states.contains(&described.state), "{:?}", described.state);
    drop(members);
}

#[test]
fn a_group_of_another_type_or_without_existence_is_an_error_of_its_own() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("wire", 1), unique_name("wire-odd"));
    let consumer = member(broker, &group, &topic, "consumer");
    let (known, missing) = (GroupId::from(group), GroupId::from(unique_name("wire-missing")));
    let client = client(broker);
    let answers = run(client.describe_consumer_groups([known.clone(), missing.clone()]));
    assert!(answers[&known].is_ok(), "{answers:?}");
    let code = |answer: &Result<_, WireError>| answer.as_ref().err().and_then(WireError::code);
    assert_eq!(code(&answers[&missing]), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    let share = run(client.describe_share_groups([known.clone()]));
    assert_eq!(share[&known].as_ref().err().and_then(WireError::code), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    let committed = run(client.committed_offsets([missing.clone()], false));
    assert_eq!(committed[&missing].as_ref().map(BTreeMap::len), Ok(0));
    drop(consumer);
}

#[test]
fn offsets_of_a_share_group_are_those_of_kafkas_tool() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("wire", 1), unique_name("wire-share"));
    produce(broker, &topic, 0, 5);
    broker.set_group_setting(&group, "share.auto.offset.reset", "earliest");
    let three = ["--topic", &topic, "--group", &group, "--max-messages", "3", "--timeout-ms", "240000"];
    broker.kafka_tool(SHARE_CONSUMER, &three, b"").expect_success();
    let client = client(broker);
    let id = GroupId::from(group.as_str());
    let partition = TopicPartition::new(topic.as_str(), 0);
    let offsets = run(client.share_group_offsets([id.clone()])).remove(&id).unwrap().unwrap();
    let offset = *offsets[&partition].as_ref().unwrap();
    let Lag::Known(lag) = offset.lag else { panic!("{offset:?}") };
    assert!(lag >= 2, "{offset:?}");
    let tool = rows(broker, SHARE_GROUPS, &["--describe", "--group", &group, "--offsets"], &group);
    let ours = words(&[&group, &topic, &0, &offset.start.unwrap(), &lag]);
    assert_eq!(tool, BTreeSet::from([ours]));
}

#[test]
fn offsets_of_a_log_are_found_by_end_and_by_time() {
    let broker = broker::shared();
    let topic = broker.topic("wire", 1);
    produce(broker, &topic, 0, 10);
    broker.delete_records(&topic, 0, 2);
    broker.transaction(&topic, Ending::Open, &[NewRecord::keyed("k", "open").in_partition(0)]);
    let client = client(broker);
    let partition = TopicPartition::new(topic.as_str(), 0);
    let look_up = |spec, isolation| {
        let listed = run(client.list_offsets(&BTreeMap::from([(partition.clone(), spec)]), isolation));
        let listed = *listed[&partition].as_ref().unwrap();
        (listed.offset.map(Offset::get), listed.timestamp_ms)
    };
    let (all, committed) = (IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted);
    assert_eq!(look_up(OffsetSpec::Earliest, all).0, Some(2));
    assert_eq!(look_up(OffsetSpec::Latest, all).0, Some(11));
    assert_eq!(look_up(OffsetSpec::Latest, committed).0, Some(10));
    assert_eq!(look_up(OffsetSpec::AtTime { timestamp_ms: 4500 }, all), (Some(4), Some(5000)));
    assert_eq!(look_up(OffsetSpec::AtTime { timestamp_ms: i64::MAX }, all), (None, None));
    assert_eq!(look_up(OffsetSpec::EarliestLocal, all).0, Some(2));
    let missing = TopicPartition::new(unique_name("no-topic"), 0);
    let asked = BTreeMap::from([(missing.clone(), OffsetSpec::Latest), (partition, OffsetSpec::Latest)]);
    let listed = run(client.list_offsets(&asked, all));
    let code = listed[&missing].as_ref().err().and_then(WireError::code);
    assert_eq!(code, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(listed.values().filter(|listed| listed.is_ok()).count(), 1);
}

#[test]
fn the_transaction_that_holds_back_readers_is_found_from_its_partition() {
    let broker = broker::shared();
    let topic = broker.topic("wire", 1);
    produce(broker, &topic, 0, 3);
    broker.transaction(&topic, Ending::Open, &[NewRecord::keyed("k", "open").in_partition(0)]);
    let client = client(broker);
    let partition = TopicPartition::new(topic.as_str(), 0);
    let producers = run(client.describe_producers([partition.clone()])).remove(&partition).unwrap().unwrap();
    let holder = producers.iter().find(|producer| producer.transaction_start == Offset::new(3)).unwrap();
    let filter = TransactionFilter { producer_ids: [holder.producer_id].into(), ..Default::default() };
    let listed = run(client.list_transactions(&filter)).unwrap();
    assert!(listed.failures.is_empty());
    let [found] = &listed.transactions[..] else { panic!("{listed:?}") };
    let transactions = run(client.describe_transactions([found.id.clone()]));
    let transaction = transactions[&found.id].as_ref().unwrap();
    assert_eq!((transaction.state.0.as_str(), transaction.producer_id), ("Ongoing", holder.producer_id));
    assert_eq!(transaction.partitions, [partition]);
    assert!(transaction.start_ms.is_some());
    let missing = TransactionalId::from(unique_name("no-transaction"));
    let transactions = run(client.describe_transactions([missing.clone()]));
    let code = transactions[&missing].as_ref().err().and_then(WireError::code);
    assert_eq!(code, Some(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND));
}

#[test]
fn settings_of_topics_and_brokers_are_described() {
    let broker = broker::shared();
    let topic = broker.topic_with("wire", 1, &[("retention.ms", "7200000")]);
    let client = client(broker);
    let brokers = run(client.metadata(&TopicSelection::Named(vec![]))).unwrap().brokers;
    let (topic, missing) = (ConfigResource::Topic(topic), ConfigResource::Topic(unique_name("no-topic")));
    let asked = [topic.clone(), missing.clone(), ConfigResource::Broker(brokers[0].id)];
    let settings = run(client.describe_configs(asked, &["retention.ms", "offsets.retention.minutes"]));
    let retention = &settings[&topic].as_ref().unwrap()["retention.ms"];
    assert_eq!((retention.value.as_deref(), retention.source), (Some("7200000"), ConfigSource::Topic));
    let code = settings[&missing].as_ref().err().and_then(WireError::code);
    assert_eq!(code, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let of_broker = settings[&ConfigResource::Broker(brokers[0].id)].as_ref().unwrap();
    assert!(of_broker["offsets.retention.minutes"].value.as_ref().unwrap().parse::<u32>().is_ok());
}

#[test]
fn a_topic_is_found_by_name_and_by_id_and_one_connection_is_enough() {
    let broker = broker::shared();
    let topic = broker.topic("wire", 2);
    let client = client(broker);
    run(async {
        let by_name = client.metadata(&TopicSelection::Named(vec![topic.clone()])).await.unwrap();
        let found = by_name.topics[&topic].as_ref().unwrap();
        assert_eq!(found.partitions.iter().map(|partition| partition.partition.0).collect::<Vec<_>>(), [0, 1]);
        assert!(found.partitions.iter().all(|partition| partition.leader.is_some()));
        let by_id = client.metadata(&TopicSelection::WithIds(vec![found.id])).await.unwrap();
        assert_eq!(by_id.topics[&topic].as_ref().unwrap(), found);
        let all = client.metadata(&TopicSelection::All).await.unwrap();
        assert!(all.topics.contains_key(&topic));
        let sum = |api| -> u64 {
            client.traffic().iter().filter(|((_, seen), _)| *seen == api).map(|(_, traffic)| traffic.requests).sum()
        };
        assert_eq!((sum(Api::Metadata), sum(Api::ApiVersions)), (3, 1));
    });
}
