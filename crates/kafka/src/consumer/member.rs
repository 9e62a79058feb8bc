//! A member of a consumer group: the group assigns its partitions, and its positions are committed to the group.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, PartitionId, Tier, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, RebalanceProtocol},
    types::RDKafkaRespErr,
};

use super::{
    Consumer as _, Fetched, list_of,
    offsets::{CommittedError, commit, committed},
    source::{self, Source},
};
use crate::{
    client::{
        ClientError, ClientHealth, ContextRef, KafkaConfig, ReadContext, ReaderRole, create, drop_in_background,
        ends_membership, is_outage,
    },
    group_member::GroupMember,
    native::RecordQueue,
};

/// Timeout of one request for the group's committed offsets within a rebalance callback.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);
/// Number of rejections by a broker after which the callback stops retrying.
const MAX_COMMITTED_REJECTIONS: u32 = 3;
/// Delay before a retry.
const COMMITTED_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Kafka's two consumer group protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Supported by every broker. Members assign partitions among themselves with the range assignor.
    #[default]
    Classic,
    /// KIP-848, Kafka 4.0 and later. The broker assigns partitions.
    Consumer,
}

impl fmt::Display for GroupProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        })
    }
}

impl FromStr for GroupProtocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "classic" => Ok(Self::Classic),
            "consumer" => Ok(Self::Consumer),
            other => Err(format!("`{other}` is not a group protocol; use classic or consumer")),
        }
    }
}

/// Where reading of a partition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At this offset.
    Offset(Offset),
    /// At the group's committed offset, which could not be fetched beforehand.
    Committed,
    /// At the end of the log: the partition is not part of the run.
    End,
}

/// Callbacks for changes to a member's partitions. All of them are called from within the member's own
/// [`Member::serve`] or [`Member::leave`].
pub trait Membership: Send + Sync {
    /// Partitions were assigned. Each comes with the group's committed offset: `Ok(None)` if there is none, `Err` if it
    /// could not be fetched. Returns where to start each partition, in the same order.
    fn assigned(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) -> Vec<StartAt>;

    /// A note is stored with the committed offset of a partition. Called before [`Membership::assigned`] for that
    /// partition. Notes are stored as the metadata of committed offsets.
    fn found_note(&self, id: &TopicPartition, committed: Offset, note: &str);

    /// The note to commit with an offset of a partition; empty for none.
    fn note(&self, id: &TopicPartition, committed: Offset) -> String;

    /// The broker rejected notes of this length: return no more notes, and commit the positions again.
    fn notes_refused(&self);

    /// Partitions are being revoked. Waits for records in flight, and returns the positions to commit.
    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)>;

    /// Partitions were revoked. Their positions were committed unless `failure` holds the reason why not.
    fn revoked(&self, partitions: &[TopicPartition], failure: Option<String>);

    /// Partitions were lost: nothing more may be committed for them.
    fn lost(&self, partitions: &[TopicPartition]);

    /// The coordinator acknowledged these positions.
    fn committed(&self, positions: &[(TopicPartition, Offset)]);

    /// An asynchronous commit failed. The next commit covers it.
    fn commit_failed(&self, reason: &str);

    /// An asynchronous commit failed for a temporary reason, such as a rebalance or an unavailable coordinator. The
    /// positions must be committed again.
    fn commit_again(&self);

    /// Whether to keep retrying the request for the group's committed offsets; `waited` is the time since the first
    /// attempt.
    fn keep_waiting(&self, waited: Duration) -> bool;
}

/// Configuration of a member.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// The group id.
    pub group: String,
    /// The topics to subscribe to.
    pub topics: Vec<String>,
    /// The group protocol.
    pub protocol: GroupProtocol,
    /// How records are read from the client.
    pub tier: Tier,
    /// Which of this process's reading connections the member is.
    pub connection: ReaderRole,
}

impl MemberConfig {
    /// Maximum time that giving partitions back may take: two thirds of `max.poll.interval.ms` (librdkafka's default:
    /// five minutes), after which the group considers the member dead.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        let set = self.kafka.properties.get("max.poll.interval.ms").and_then(|value| value.parse().ok());
        Duration::from_millis(set.unwrap_or(300_000)) * 2 / 3
    }
}

/// A member of a consumer group.
pub struct Member {
    source: Box<dyn Source>,
    consumer: Arc<BaseConsumer<ReadContext>>,
    group: String,
    topics: Vec<String>,
    protocol: GroupProtocol,
}

impl Member {
    /// Joins the group. Partitions are reported to `membership` while [`Member::serve`] is called.
    ///
    /// # Errors
    /// The configuration is invalid, or librdkafka could not subscribe.
    pub fn join(
        config: &MemberConfig,
        health: &Arc<ClientHealth>,
        membership: Arc<dyn Membership>,
    ) -> Result<Self, ClientError> {
        let mut native = config.kafka.reading_at(config.connection);
        native.set("group.id", &config.group);
        match config.protocol {
            GroupProtocol::Consumer => {
                native.set("group.protocol", "consumer");
                // With this protocol the broker controls these settings, and librdkafka rejects them.
                for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
                    native.remove(name);
                }
            }
            GroupProtocol::Classic => {
                native.set("group.protocol", "classic");
                // Members learn of a rebalance in heartbeat responses: frequent heartbeats make rebalances faster.
                for (name, value) in [
                    ("heartbeat.interval.ms", "200"),
                    ("session.timeout.ms", "6000"),
                    ("partition.assignment.strategy", "range"),
                ] {
                    if !config.kafka.properties.contains_key(name) {
                        native.set(name, value);
                    }
                }
            }
        }
        let consumer = Arc::new(create(&native, health, Some(membership))?);
        let queue = RecordQueue::new(&consumer).ok_or(ClientError::Queue)?;
        *consumer.context_ref().forwarder.lock() = queue.forwarder();
        let member = Self {
            source: source::open(config.tier, queue)?,
            consumer,
            group: config.group.clone(),
            topics: config.topics.clone(),
            protocol: config.protocol,
        };
        member.subscribe()?;
        Ok(member)
    }

    fn subscribe(&self) -> Result<(), ClientError> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        self.consumer.subscribe(&topics).map_err(|error| ClientError::Refused(error.to_string()))
    }

    /// A reference to the member, for committing in its name.
    #[must_use]
    pub fn reference(&self) -> GroupMember {
        GroupMember::new(&self.consumer)
    }

    /// Serves callbacks without reading. Heartbeats are sent by librdkafka's own thread, but this must be called at
    /// least every `max.poll.interval.ms`. `warn` receives group errors that resolve by themselves.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the broker permanently rejects the member.
    pub fn serve(&self, mut warn: impl FnMut(String)) -> Result<(), ClientError> {
        // A bounded number of events per call: a rebalance may be followed by others, and each may take a while.
        for _ in 0..16 {
            let error = match self.consumer.poll(Duration::ZERO) {
                None => break,
                Some(Ok(_)) => continue,
                Some(Err(error)) => error,
            };
            let Some(code) = error.rdkafka_error_code().filter(|code| !is_outage(*code)) else { continue };
            // The error callback has just stored librdkafka's message, which names the topic or group.
            let text = self.consumer.context_ref().health.last_problem().unwrap_or_else(|| code.to_string());
            if ends_membership(code) {
                return Err(ClientError::Refused(format!("group {}: {text}", self.group)));
            }
            warn(text);
        }
        Ok(())
    }

    /// Changes the subscription to these topics.
    pub fn follow(&mut self, topics: Vec<String>) {
        self.topics = topics;
        // It fails only for an invalid topic name, and these topics exist.
        drop(self.subscribe());
    }

    /// Speeds up a rebalance in progress: librdkafka sends its next heartbeat at once.
    pub fn trigger_heartbeat(&self) {
        match self.protocol {
            // Subscribing to the same topics again only triggers the heartbeat.
            GroupProtocol::Consumer => drop(self.subscribe()),
            // The query wakes librdkafka's main thread, which would otherwise sleep until its next timer.
            GroupProtocol::Classic => drop(self.consumer.assignment()),
        }
    }

    /// Wakes the connections to the leaders of the member's partitions. They may sleep for up to a second after a
    /// revocation has paused their partitions. Waits at most for `timeout`.
    pub fn notify_leader(&self, timeout: Duration) {
        if let Ok(mut assignment) = self.consumer.assignment()
            && assignment.count() > 0
            && assignment.set_all_offsets(NativeOffset::End).is_ok()
        {
            drop(self.consumer.offsets_for_times(assignment, timeout));
        }
    }

    /// Commits positions asynchronously. A failure is reported to [`Membership::commit_failed`] or
    /// [`Membership::commit_again`].
    pub fn commit(&self, positions: &[(TopicPartition, Offset)]) {
        // It fails immediately only if the client is not a member of a group.
        drop(commit(&self.consumer, positions, CommitMode::Async));
    }

    /// Commits positions and waits for the answer. If the coordinator is unavailable, waits for it up to the session
    /// timeout.
    ///
    /// # Errors
    /// It is unknown whether the positions were committed. The broker's or librdkafka's message.
    pub fn commit_now(&self, positions: &[(TopicPartition, Offset)]) -> Result<(), String> {
        commit(&self.consumer, positions, CommitMode::Sync).map_err(|error| error.to_string())
    }

    /// The group's committed offsets of some partitions; `None` where there is none.
    ///
    /// # Errors
    /// librdkafka's message.
    pub fn committed(&self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<Option<Offset>>, String> {
        committed(&self.consumer, &list_of(partitions), partitions, timeout, |_, _, _| {})
            .map_err(|error| error.to_string())
    }

    /// Moves the fetch position of an assigned partition to an offset. Records fetched before do not arrive after this
    /// call. Returns whether it succeeded within `timeout`.
    #[must_use]
    pub fn seek(&mut self, id: &TopicPartition, to: Offset, timeout: Duration) -> bool {
        self.source.queue().forget_end(&id.topic, id.partition.0);
        self.consumer.seek(&id.topic, id.partition.0, NativeOffset::Offset(to.get()), timeout).is_ok()
    }

    /// Prepares a newly assigned partition: clears its end and resumes it, in case it was paused in an earlier
    /// assignment.
    pub fn begin(&mut self, id: &TopicPartition) {
        self.source.queue().forget_end(&id.topic, id.partition.0);
        self.set_paused(std::slice::from_ref(id), false);
    }

    /// Forwards a partition to the read queue again. librdkafka takes a partition out of the application's queue when
    /// it stops fetching it, and does not restore it: if the partition is assigned twice in a row, the second
    /// assignment stops the first one after its callback has already forwarded the partition.
    pub fn forward_partition(&self, id: &TopicPartition) {
        let forwarder = self.consumer.context_ref().forwarder.lock().clone();
        // If this fails, the caller retries soon.
        let _ = forwarder.forward(&self.consumer, &id.topic, id.partition.0);
    }

    /// Leaves the group, and gives partitions back through the membership within `timeout`. Closing the client
    /// continues in the background.
    pub fn leave(self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        self.consumer.unsubscribe();
        while Instant::now() < deadline {
            let settled = self.consumer.assignment().is_ok_and(|assignment| assignment.count() == 0);
            self.consumer.poll(Duration::from_millis(5));
            if settled {
                break;
            }
        }
        let Self { source, consumer, .. } = self;
        drop(source);
        drop_in_background(consumer);
    }
}

impl super::Consumer for Member {
    fn native(&self) -> &BaseConsumer<ReadContext> {
        &self.consumer
    }

    /// Does not serve callbacks: only [`Member::serve`] does, so that the caller knows of a new assignment before its
    /// first record arrives.
    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize {
        self.source.read(timeout, max, sink)
    }

    fn ended(&self, id: &TopicPartition) -> Option<Offset> {
        Offset::new(self.source.queue_ref().ended(&id.topic, id.partition.0)?)
    }

    fn set_held(&self, partitions: &[TopicPartition], held: bool) {
        source::set_held(self.source.as_ref(), partitions, held);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        // This fails only while the client is being closed.
        self.consumer.assignment().map_or_else(|_| Vec::new(), |list| ids_of(&list))
    }
}

fn ids_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition { topic: element.topic().into(), partition: PartitionId(element.partition()) })
        .collect()
}

/// The rebalance callback. Runs within [`Member::serve`] or [`Member::leave`], on the member's thread.
pub(crate) fn rebalance(
    context: &ReadContext,
    consumer: &BaseConsumer<ReadContext>,
    code: RDKafkaRespErr,
    partitions: &mut TopicPartitionList,
) {
    let Some(membership) = &context.membership else { return };
    let ids = ids_of(partitions);
    let incremental = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
    let applied = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
        prepare_assignment(context, consumer, membership.as_ref(), &ids, partitions);
        if incremental { consumer.incremental_assign(partitions) } else { consumer.assign(partitions) }
    } else if consumer.assignment_lost() {
        membership.lost(&ids);
        if incremental { consumer.incremental_unassign(partitions) } else { consumer.unassign() }
    } else {
        let positions = membership.revoking(&ids);
        let result = commit(consumer, &positions, CommitMode::Sync);
        if result.is_ok() {
            membership.committed(&positions);
        }
        membership.revoked(&ids, result.err().map(|error| error.to_string()));
        if incremental { consumer.incremental_unassign(partitions) } else { consumer.unassign() }
    };
    if let Err(error) = applied {
        membership.commit_failed(&format!("the assignment could not be applied: {error}"));
    }
}

fn prepare_assignment(
    context: &ReadContext,
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    ids: &[TopicPartition],
    partitions: &mut TopicPartitionList,
) {
    let forwarder = context.forwarder.lock().clone();
    for id in ids {
        if !forwarder.forward(consumer, &id.topic, id.partition.0) {
            // Without the forwarding, the records would arrive in a queue that is not read.
            membership.commit_failed(&format!("{id} cannot be forwarded to the read queue"));
        }
    }
    let answer = if ids.is_empty() { Ok(Vec::new()) } else { fetch_committed(consumer, membership, ids) };
    let known: Vec<_> = match answer {
        Ok(offsets) => ids.iter().cloned().zip(offsets.into_iter().map(Ok)).collect(),
        Err(error) => ids.iter().map(|id| (id.clone(), Err(error.to_string()))).collect(),
    };
    for (id, start) in ids.iter().zip(membership.assigned(&known)) {
        let offset = match start {
            StartAt::Offset(offset) => NativeOffset::Offset(offset.get()),
            StartAt::Committed => NativeOffset::Stored,
            StartAt::End => NativeOffset::End,
        };
        // The partition comes from this list.
        drop(partitions.set_partition_offset(&id.topic, id.partition.0, offset));
    }
}

/// Fetches the group's committed offsets. Retries while no broker answers and [`Membership::keep_waiting`] returns
/// `true`: an outage does not change committed offsets. Stops after [`MAX_COMMITTED_REJECTIONS`] rejections.
fn fetch_committed(
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    ids: &[TopicPartition],
) -> Result<Vec<Option<Offset>>, CommittedError> {
    let (begun, mut rejections) = (Instant::now(), 0);
    loop {
        let answer = committed(consumer, &list_of(ids), ids, COMMITTED_TIMEOUT, |id, offset, note| {
            membership.found_note(id, offset, note);
        });
        let Err(error) = &answer else { return answer };
        rejections += u32::from(!error.is_transient());
        if rejections >= MAX_COMMITTED_REJECTIONS || !membership.keep_waiting(begun.elapsed()) {
            return answer;
        }
        std::thread::sleep(COMMITTED_RETRY_DELAY);
    }
}
