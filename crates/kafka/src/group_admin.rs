//! Describing a consumer group and changing its committed offsets, without joining it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kreplay_model::domain::{Classified, ErrorClass, Offset, TopicPartition};
use parking_lot::Mutex;
use rdkafka::{Offset as NativeOffset, TopicPartitionList, consumer::Consumer as _, error::RDKafkaErrorCode};

use super::{
    client::{Client, ClientError, KafkaConfig, is_coordinator_away, is_outage},
    create::{admin, block_on, options},
    group_client::GroupClient,
    native::{
        group_description::{NativeGroup, NativeMember, describe_group},
        group_offsets::{PartitionResults, alter_committed, delete_committed, list_committed},
    },
};

/// Delay before a retry: a coordinator that moves, or that loads its groups, takes a moment.
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// Timeout of one attempt. Retries use the rest of the time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// A request about a group failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupAdminError {
    /// The client could not be created, or no broker answers.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The broker rejected the request.
    #[error("the request for group `{group}` failed: {reason}")]
    Group {
        /// Its id.
        group: String,
        /// The broker's message.
        reason: String,
    },
    /// A transaction contains offsets of the group, and is neither committed nor aborted.
    #[error("an open transaction contains offsets of group `{0}`; wait until it ends")]
    Unstable(String),
    /// The user stopped the command.
    #[error("stopped")]
    Stopped,
}

impl Classified for GroupAdminError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Client(_) | Self::Group { .. } => ErrorClass::Failed,
            Self::Unstable(_) => ErrorClass::Usage,
            Self::Stopped => ErrorClass::Stopped,
        }
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// The client id.
    pub client_id: String,
    /// The host, without the slash that Kafka puts in front.
    pub host: String,
    /// The id of a static member, which is the same after a restart.
    pub instance_id: Option<String>,
    /// The topics of its partitions, sorted.
    pub topics: Vec<String>,
}

/// The state of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescribedGroup {
    /// The cluster has no such group. Offsets may be committed for it, which creates it.
    Missing,
    /// It has no members.
    Empty,
    /// It has members, or its members are changing.
    Active {
        /// Its state, such as `Stable`; `Unknown` if librdkafka has no word for it.
        state: String,
        /// Its members.
        members: Vec<DescribedMember>,
    },
    /// It is not a consumer group of the classic or the consumer protocol, but for example a share group, a streams
    /// group, or a group of Kafka Connect. The text says what was seen.
    NotConsumers(String),
}

/// A committed offset, with the text that the group stored with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOffset {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The metadata; mostly empty.
    pub metadata: String,
}

/// Why a partition's offset was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFailure {
    /// The group has members (Kafka: `UNKNOWN_MEMBER_ID`, or an equivalent).
    HasMembers,
    /// A member is subscribed to the topic (Kafka: `GROUP_SUBSCRIBED_TO_TOPIC`).
    Subscribed,
    /// Any other error; the broker's message.
    Other(String),
}

/// The result for each partition of a change.
pub type ChangeResults = Vec<(TopicPartition, Result<(), ChangeFailure>)>;

/// Requests about one group. Each waits slightly longer than the timeout given to [`GroupAdmin::new`] at most.
pub struct GroupAdmin {
    current: Mutex<GroupClient>,
    group: String,
    timeout: Duration,
    stop: Arc<AtomicBool>,
}

impl GroupAdmin {
    /// Creates the client. Nothing is sent before the first request. Once `stop` is set, requests that only read return
    /// [`GroupAdminError::Stopped`]; those that change something are not interrupted, so that their result is known.
    ///
    /// # Errors
    /// librdkafka rejected the configuration.
    pub fn new(
        config: &KafkaConfig,
        group: &str,
        timeout: Duration,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, GroupAdminError> {
        let mut config = config.clone();
        // Like Kafka's own tools: logs end at the high watermark, whatever isolation level the group reads with.
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let current = Mutex::new(GroupClient::new(group, &config)?);
        Ok(Self { current, group: group.to_owned(), timeout, stop: Arc::clone(stop) })
    }

    /// The id of the group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The present client, for queries about topics. Its log ends are high watermarks. Requests about the group may
    /// replace it, so it is not to be kept.
    #[must_use]
    pub fn client(&self) -> Client {
        self.current.lock().client().clone()
    }

    /// The timeout of each request.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The state and the members of the group.
    ///
    /// # Errors
    /// The broker's message, no broker answers, or the command was stopped.
    pub fn describe(&self) -> Result<DescribedGroup, GroupAdminError> {
        let described = self.until_answered(Some(&self.stop), |client, timeout| {
            describe_group(&client.consumer, &self.group, timeout, &self.stop)
        })?;
        Ok(match described {
            NativeGroup::Empty(_) => DescribedGroup::Empty,
            NativeGroup::Active(group) => {
                DescribedGroup::Active { state: group.state, members: group.members.into_iter().map(member).collect() }
            }
            NativeGroup::Other(reason) => DescribedGroup::NotConsumers(reason),
            // Share and streams groups cannot be described with the requests that librdkafka has, and look as if they
            // did not exist. The older list of groups contains them.
            NativeGroup::Dead if self.is_listed()? => DescribedGroup::NotConsumers(
                "the cluster lists it, but describes it neither as a classic nor as a consumer group".to_owned(),
            ),
            NativeGroup::Dead => DescribedGroup::Missing,
        })
    }

    /// All committed offsets of the group.
    ///
    /// # Errors
    /// The broker's message, no broker answers, the command was stopped, or [`GroupAdminError::Unstable`].
    pub fn offsets(&self) -> Result<BTreeMap<TopicPartition, StoredOffset>, GroupAdminError> {
        self.stored_offsets(Some(&self.stop))
    }

    /// Like [`GroupAdmin::offsets`], after a change: it is not interrupted, because the result must be known.
    ///
    /// # Errors
    /// The broker's message, no broker answers, or [`GroupAdminError::Unstable`].
    pub fn offsets_after_change(&self) -> Result<BTreeMap<TopicPartition, StoredOffset>, GroupAdminError> {
        self.stored_offsets(None)
    }

    /// Stores offsets. The group must not have members; if it does not exist, this creates it.
    ///
    /// # Errors
    /// The request failed as a whole; whether it took effect is then unknown. Errors of single partitions are in the
    /// result.
    pub fn alter(&self, offsets: &[(TopicPartition, StoredOffset)]) -> Result<ChangeResults, GroupAdminError> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (id, stored) in offsets {
            let offset = NativeOffset::Offset(stored.offset.get());
            list.add_partition_offset(&id.topic, id.partition.0, offset)
                .map_err(|error| self.refused(error.to_string()))?;
            if let Some(mut element) = list.find_partition(&id.topic, id.partition.0)
                && !stored.metadata.is_empty()
            {
                element.set_metadata(stored.metadata.as_str());
            }
        }
        self.change(|client| alter_committed(&client.consumer, &self.group, &list, self.timeout))
    }

    /// Deletes the offsets of partitions. Members may not be subscribed to their topics.
    ///
    /// # Errors
    /// As for [`GroupAdmin::alter`].
    pub fn delete_offsets(&self, partitions: &[TopicPartition]) -> Result<ChangeResults, GroupAdminError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for id in partitions {
            list.add_partition(&id.topic, id.partition.0);
        }
        self.change(|client| delete_committed(&client.consumer, &self.group, &list, self.timeout))
    }

    /// Deletes the group with all its offsets. It must not have members. A group that does not exist is not an error.
    ///
    /// # Errors
    /// As for [`GroupAdmin::alter`]; the broker's refusal is in the result.
    pub fn delete(&self) -> Result<Result<(), ChangeFailure>, GroupAdminError> {
        let admin = admin(self.client().config())?;
        let answers = block_on(admin.delete_groups(&[&self.group], &options(self.timeout)))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
                Err((_, code)) => return Ok(Err(change_failure(code))),
            }
        }
        Ok(Ok(()))
    }

    /// Closes the connection in the background.
    pub fn close(self) {
        self.current.into_inner().close();
    }

    fn stored_offsets(
        &self,
        stop: Option<&AtomicBool>,
    ) -> Result<BTreeMap<TopicPartition, StoredOffset>, GroupAdminError> {
        let found = self.until_answered(stop, |client, timeout| {
            list_committed(&client.consumer, &self.group, true, timeout, stop)
        })?;
        let stored = found.into_iter().map(|one| (one.id, StoredOffset { offset: one.offset, metadata: one.metadata }));
        Ok(stored.collect())
    }

    /// Repeats a request that only reads, until the brokers answer it.
    fn until_answered<T>(
        &self,
        stop: Option<&AtomicBool>,
        request: impl Fn(&Client, Duration) -> Result<T, RDKafkaErrorCode>,
    ) -> Result<T, GroupAdminError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let answer = self.ask(|client| request(client, self.timeout.min(ATTEMPT_TIMEOUT)));
            if stop.is_some_and(|stop| stop.load(Relaxed)) {
                return Err(GroupAdminError::Stopped);
            }
            match answer {
                Ok(answer) => return Ok(answer),
                Err(code) if is_temporary(code) && Instant::now() < deadline => {
                    self.current.lock().renew_after(code);
                    std::thread::sleep(RETRY_DELAY);
                }
                Err(code) => return Err(self.failure(code)),
            }
        }
    }

    /// Sends a request with the present client, after its pending callbacks.
    fn ask<T>(&self, request: impl FnOnce(&Client) -> T) -> T {
        let client = self.client();
        client.serve();
        request(&client)
    }

    /// Whether the list of all groups, of every type, has this group.
    fn is_listed(&self) -> Result<bool, GroupAdminError> {
        let listed = self.client().consumer.fetch_group_list(Some(&self.group), self.timeout);
        let listed =
            listed.map_err(|error| self.failure(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)))?;
        Ok(listed.groups().iter().any(|group| group.name() == self.group))
    }

    /// Sends a request that changes something, once. Without an answer it may still wait in its client, which is
    /// closed so that the request does not take effect much later.
    fn change(
        &self,
        request: impl FnOnce(&Client) -> Result<PartitionResults, RDKafkaErrorCode>,
    ) -> Result<ChangeResults, GroupAdminError> {
        let results = self.ask(request).map_err(|code| {
            let failure = self.failure(code);
            if code == RDKafkaErrorCode::OperationTimedOut {
                self.current.lock().renew();
            }
            failure
        })?;
        Ok(results.into_iter().map(|(id, result)| (id, result.map_err(change_failure))).collect())
    }

    fn failure(&self, code: RDKafkaErrorCode) -> GroupAdminError {
        match code {
            code if is_outage(code) => self.client().unreachable(self.timeout).into(),
            RDKafkaErrorCode::UnstableOffsetCommit => GroupAdminError::Unstable(self.group.clone()),
            RDKafkaErrorCode::GroupAuthorizationFailed => self
                .refused("not authorized; DESCRIBE on the group is required, and READ or DELETE to change it".into()),
            code => self.refused(code.to_string()),
        }
    }

    fn refused(&self, reason: String) -> GroupAdminError {
        GroupAdminError::Group { group: self.group.clone(), reason }
    }
}

fn member(member: NativeMember) -> DescribedMember {
    let host = member.host.strip_prefix('/').map_or_else(|| member.host.clone(), str::to_owned);
    let topics: BTreeSet<String> = member.assigned.iter().map(|partition| partition.topic.to_string()).collect();
    DescribedMember {
        client_id: member.client_id,
        host,
        instance_id: member.instance_id,
        topics: topics.into_iter().collect(),
    }
}

fn is_temporary(code: RDKafkaErrorCode) -> bool {
    is_coordinator_away(code) || code == RDKafkaErrorCode::UnstableOffsetCommit
}

/// A group of the consumer protocol answers a commit without membership with another code than one of the classic
/// protocol.
fn change_failure(code: RDKafkaErrorCode) -> ChangeFailure {
    match code {
        RDKafkaErrorCode::UnknownMemberId
        | RDKafkaErrorCode::IllegalGeneration
        | RDKafkaErrorCode::RebalanceInProgress
        | RDKafkaErrorCode::StaleMemberEpoch
        | RDKafkaErrorCode::NonEmptyGroup => ChangeFailure::HasMembers,
        RDKafkaErrorCode::GroupSubscribedToTopic => ChangeFailure::Subscribed,
        code => ChangeFailure::Other(code.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use rdkafka::{
        consumer::BaseConsumer,
        mocking::MockCluster,
        types::{RDKafkaApiKey, RDKafkaRespErr},
    };

    use super::*;
    use crate::client::ReadContext;

    /// Longer than any test may take.
    const LONG: Duration = Duration::from_secs(600);

    fn billing(bootstrap_servers: String, timeout: Duration) -> GroupAdmin {
        let config = KafkaConfig { bootstrap_servers, ..KafkaConfig::default() };
        GroupAdmin::new(&config, "billing", timeout, &Arc::default()).unwrap()
    }

    /// The present client. The reference does not keep it alive.
    fn client_of(admin: &GroupAdmin) -> Weak<BaseConsumer<ReadContext>> {
        Arc::downgrade(&admin.client().consumer)
    }

    /// librdkafka would go on asking the same broker, so the request is repeated with another client.
    #[test]
    fn a_request_to_a_coordinator_that_has_moved_succeeds_within_its_time() {
        let cluster = MockCluster::new(1).unwrap();
        let admin = billing(cluster.bootstrap_servers(), LONG);
        let former = client_of(&admin);
        let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[moved; 8]);
        assert_eq!(admin.offsets(), Ok(BTreeMap::new()));
        assert!(!former.ptr_eq(&client_of(&admin)), "the client was not replaced");
    }

    /// Until the coordinator is there, the change waits in librdkafka. The client with it must not be used any more.
    #[test]
    fn after_a_change_without_an_answer_the_offsets_are_read_with_another_client() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.broker_down(-1).unwrap();
        let mut admin = billing(cluster.bootstrap_servers(), Duration::from_secs(1));
        let former = client_of(&admin);
        let offset = StoredOffset { offset: Offset::ZERO, metadata: String::new() };
        let changed = admin.alter(&[(TopicPartition::new("orders", 0), offset)]);
        assert!(matches!(changed, Err(GroupAdminError::Client(_))), "{changed:?}");
        assert!(!former.ptr_eq(&client_of(&admin)), "the client was not replaced");
        cluster.broker_up(-1).unwrap();
        admin.timeout = LONG;
        let committed = admin.offsets_after_change();
        assert!(committed.is_ok(), "{committed:?}");
    }
}
