//! Changes to the topics of a broker.

use std::cell::Cell;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::broker::{Broker, REQUEST_TIMEOUT, SETTLE_TIMEOUT};
use super::wait;

/// Bound of one attempt of a request. The next one has a new client, because a connection may hang.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// The number of replicas that stands for the broker's `default.replication.factor`.
const DEFAULT_REPLICATION: i32 = -1;

type Admin = AdminClient<DefaultClientContext>;

impl Broker {
    /// Creates a topic with exactly this name, which no other test may use. It has as many replicas as the cluster's
    /// settings say.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(DEFAULT_REPLICATION));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        wait::until(&format!("live broker for topic {name}"), SETTLE_TIMEOUT, || {
            let create = |admin: &Admin, options: &AdminOptions| block_on(admin.create_topics([&topic], options));
            let (answer, is_repeated) = self.administer(&format!("topic {name} is created"), create);
            match answer.into_iter().next().expect("an answer") {
                Ok(_) => Some(()),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) if is_repeated => Some(()),
                // A broker whose heartbeats were late counts as dead until it has registered again.
                Err((_, RDKafkaErrorCode::InvalidReplicationFactor)) => None,
                Err((topic, code)) => panic!("topic {topic} cannot be created: {code}"),
            }
        });
        self.wait_for_leaders(name, partitions);
    }

    /// Deletes a topic and waits until it is gone from the metadata. Only then can it be created again.
    pub fn delete_topic(&self, name: &str) {
        let delete = |admin: &Admin, options: &AdminOptions| block_on(admin.delete_topics(&[name], options));
        let (answer, is_repeated) = self.administer(&format!("topic {name} is deleted"), delete);
        for result in answer {
            match result {
                Ok(_) => {}
                Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) if is_repeated => {}
                Err((topic, code)) => panic!("topic {topic} cannot be deleted: {code}"),
            }
        }
        let admin = self.admin();
        wait::until(&format!("deletion of topic {name}"), SETTLE_TIMEOUT, || {
            let known = admin.inner().fetch_metadata(None, REQUEST_TIMEOUT).ok()?;
            known.topics().iter().all(|topic| topic.name() != name).then_some(())
        });
    }

    /// Raises a topic's number of partitions to `partitions`, and waits until each has a leader.
    pub fn raise_partitions(&self, name: &str, partitions: i32) {
        let count = usize::try_from(partitions).expect("a valid number of partitions");
        let wanted = NewPartitions::new(name, count);
        let raise = |admin: &Admin, options: &AdminOptions| block_on(admin.create_partitions([&wanted], options));
        let (answer, is_repeated) = self.administer(&format!("topic {name} has more partitions"), raise);
        for result in answer {
            match result {
                Ok(_) => {}
                // The topic already has that many.
                Err((_, RDKafkaErrorCode::InvalidPartitions)) if is_repeated => {}
                Err((topic, code)) => panic!("partitions cannot be added to topic {topic}: {code}"),
            }
        }
        self.wait_for_leaders(name, partitions);
    }

    /// Deletes the records of a partition below an offset, as retention would.
    pub fn delete_records(&self, topic: &str, partition: i32, below: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(below)).expect("an offset");
        let delete = |admin: &Admin, options: &AdminOptions| block_on(admin.delete_records(&offsets, options));
        let (answer, _) = self.administer(&format!("records of {topic} are deleted"), delete);
        for element in answer.elements() {
            element.error().unwrap_or_else(|error| panic!("records of {topic} cannot be deleted: {error}"));
        }
    }

    /// All settings of a topic with their values, in alphabetical order.
    pub fn topic_settings(&self, name: &str) -> Vec<(String, Option<String>)> {
        // A description has no operation timeout.
        let options = AdminOptions::new().request_timeout(Some(ATTEMPT_TIMEOUT));
        let describe = |admin: &Admin, _: &AdminOptions| {
            block_on(admin.describe_configs([&ResourceSpecifier::Topic(name)], &options))
        };
        let (mut answer, _) = self.administer(&format!("topic {name} is described"), describe);
        let topic = answer.remove(0).expect("the topic exists");
        let mut settings: Vec<_> = topic.entries.into_iter().map(|entry| (entry.name, entry.value)).collect();
        settings.sort();
        settings
    }

    fn admin(&self) -> Admin {
        self.client().create().expect("an admin client")
    }

    /// The answer to a request, and whether the request was repeated: then an earlier attempt may have had its effect.
    fn administer<T>(&self, what: &str, request: impl Fn(&Admin, &AdminOptions) -> KafkaResult<T>) -> (T, bool) {
        let options =
            AdminOptions::new().request_timeout(Some(ATTEMPT_TIMEOUT)).operation_timeout(Some(ATTEMPT_TIMEOUT));
        let attempts = Cell::new(0_u32);
        let answer = wait::until(what, SETTLE_TIMEOUT, || {
            attempts.set(attempts.get() + 1);
            match request(&self.admin(), &options) {
                Ok(answer) => Some(answer),
                Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)) => None,
                Err(error) => panic!("{what}: {error}"),
            }
        });
        (answer, attempts.get() > 1)
    }

    fn wait_for_leaders(&self, name: &str, partitions: i32) {
        let admin = self.admin();
        wait::until(&format!("leader for each partition of {name}"), SETTLE_TIMEOUT, || {
            let metadata = admin.inner().fetch_metadata(Some(name), REQUEST_TIMEOUT).ok()?;
            let found = metadata.topics().first()?.partitions();
            let led = found.iter().filter(|partition| partition.leader() >= 0 && partition.error().is_none()).count();
            (led == usize::try_from(partitions).ok()?).then_some(())
        });
    }
}

fn block_on<T>(request: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(request)
}
