//! A member of a consumer group: Kafka decides what it reads, and its positions are committed.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

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
    domain::{Offset, PartitionId, Tier, TopicPartition},
    kafka::{
        client::{
            ClientError, ClientHealth, ContextRef, KafkaConfig, Place, ReadContext, create, drop_aside,
            ends_membership, is_outage,
        },
        group_member::GroupMember,
        native::RecordQueue,
    },
};

/// How long a rebalance callback waits for the group's committed offsets before it tries again.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it tries where a broker answers, and says no.
const COMMITTED_TRIES: u32 = 3;
/// What it waits between two answers.
const COMMITTED_PAUSE: Duration = Duration::from_millis(100);

/// Which of Kafka's two group protocols a member speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The one that every broker has: members agree among themselves, by the range assignor.
    #[default]
    Classic,
    /// KIP-848, Kafka 4.0 and later: the broker decides.
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

/// Where a partition's reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At this offset.
    Offset(Offset),
    /// Where the group left off; that could not be found out beforehand.
    Committed,
    /// At the end: it is not wanted.
    End,
}

/// Who is told about a member's partitions. Every call comes from within the member's own
/// [`Member::serve`] or [`Member::leave`].
pub trait Membership: Send + Sync {
    /// The member gets partitions, each with the group's committed offset: `Ok(None)` where there is none, `Err` where it
    /// could not be found out. Returns where to start each, in the same order.
    fn assigned(&self, partitions: &[(TopicPartition, Result<Option<Offset>, String>)]) -> Vec<StartAt>;

    /// A text stands with the committed offset of a partition that [`Membership::assigned`] is about to tell of.
    fn found_note(&self, id: &TopicPartition, committed: Offset, note: &str);

    /// The text to commit with an offset of a partition; empty for none.
    fn note(&self, id: &TopicPartition, committed: Offset) -> String;

    /// The broker takes no notes of this length: no more are to be given, and the positions are to be committed again.
    fn notes_refused(&self);

    /// The member must give partitions back: waits for what is in hand, and returns the positions to commit.
    fn revoking(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)>;

    /// The partitions are given back and their positions committed, or `failure` says why not.
    fn revoked(&self, partitions: &[TopicPartition], failure: Option<String>);

    /// The partitions were taken away: nothing more may be committed for them.
    fn lost(&self, partitions: &[TopicPartition]);

    /// The coordinator has acknowledged these positions.
    fn committed(&self, positions: &[(TopicPartition, Offset)]);

    /// A commit on the way did not succeed; the next one will say the same and more.
    fn commit_failed(&self, reason: &str);

    /// A commit on the way did not succeed, as happens while a group changes or its coordinator is away: the positions are to be
    /// committed again.
    fn commit_again(&self);

    /// Whether the group's committed offsets are still worth waiting for, after so long in which no broker has told them.
    fn has_patience(&self, waited: Duration) -> bool;
}

/// What a member needs to join.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// The group's id.
    pub group: String,
    /// The topics to share.
    pub topics: Vec<String>,
    /// Which protocol to speak.
    pub protocol: GroupProtocol,
    /// How records come out of the client.
    pub tier: Tier,
    /// Whether it is the first member of this process.
    pub place: Place,
}

impl MemberConfig {
    /// How long a member may be busy giving partitions back: well below the time after which the group takes it for dead
    /// (`max.poll.interval.ms`, with librdkafka five minutes unless it is set).
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
    /// Joins the group; partitions arrive through `membership` while [`Member::serve`] is called.
    ///
    /// # Errors
    /// A configuration that librdkafka refuses.
    pub fn join(
        config: &MemberConfig,
        health: &Arc<ClientHealth>,
        membership: Arc<dyn Membership>,
    ) -> Result<Self, ClientError> {
        let mut native = config.kafka.reading_at(config.place);
        native.set("group.id", &config.group);
        match config.protocol {
            GroupProtocol::Consumer => {
                native.set("group.protocol", "consumer");
                // The broker sets these for its own protocol, and librdkafka refuses them.
                for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
                    native.remove(name);
                }
            }
            GroupProtocol::Classic => {
                native.set("group.protocol", "classic");
                // A change of members is told in the answer to a heartbeat: the faster they come, the faster it settles.
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

    /// The member, for those who commit in its name.
    #[must_use]
    pub fn reference(&self) -> GroupMember {
        GroupMember::new(&self.consumer)
    }

    /// Serves callbacks without reading. Heartbeats go on by themselves; what must come again within
    /// `max.poll.interval.ms` is this. `warn` gets what the group has to complain of and will come right by itself.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: the broker does not let the member into the group, and will not later.
    pub fn serve(&self, mut warn: impl FnMut(String)) -> Result<(), ClientError> {
        // One event a call: a rebalance may be followed by others, and each may take its time.
        for _ in 0..16 {
            let error = match self.consumer.poll(Duration::ZERO) {
                None => break,
                Some(Ok(_)) => continue,
                Some(Err(error)) => error,
            };
            let Some(code) = error.rdkafka_error_code().filter(|code| !is_outage(*code)) else { continue };
            // The callback for errors has just noted the library's own words, which name topic or group.
            let text = self.consumer.context_ref().health.last_problem().unwrap_or_else(|| code.to_string());
            if ends_membership(code) {
                return Err(ClientError::Refused(format!("group {}: {text}", self.group)));
            }
            warn(text);
        }
        Ok(())
    }

    /// Subscribes to these topics instead.
    pub fn follow(&mut self, topics: Vec<String>) {
        self.topics = topics;
        // The only failure is a topic's name that cannot be, and these are names of topics that are there.
        drop(self.subscribe());
    }

    /// Hastens a change of members that is under way: librdkafka sends its next heartbeat at once.
    pub fn nudge(&self) {
        match self.protocol {
            // Subscribing to the same topics again changes nothing but the time of the heartbeat.
            GroupProtocol::Consumer => drop(self.subscribe()),
            // Asking wakes librdkafka's main thread, which would otherwise sleep until its next timer.
            GroupProtocol::Classic => drop(self.consumer.assignment()),
        }
    }

    /// Wakes the connections to the leaders of the member's partitions, which may sleep for up to a second after a
    /// revocation has paused them. Waits at most for `timeout`.
    pub fn wake(&self, timeout: Duration) {
        if let Ok(mut assignment) = self.consumer.assignment()
            && assignment.count() > 0
            && assignment.set_all_offsets(NativeOffset::End).is_ok()
        {
            drop(self.consumer.offsets_for_times(assignment, timeout));
        }
    }

    /// Commits positions without waiting for the answer; a failure reaches [`Membership::commit_failed`].
    pub fn commit(&self, positions: &[(TopicPartition, Offset)]) {
        // The only error returned right away is an empty list.
        drop(commit(&self.consumer, positions, CommitMode::Async));
    }

    /// Commits positions and waits for the answer. A coordinator that is away is waited for up to the session timeout.
    ///
    /// # Errors
    /// They are not known to be committed; the broker's words, or librdkafka's.
    pub fn commit_now(&self, positions: &[(TopicPartition, Offset)]) -> Result<(), String> {
        commit(&self.consumer, positions, CommitMode::Sync).map_err(|error| error.to_string())
    }

    /// The group's committed offsets of some partitions, `None` where there is none.
    ///
    /// # Errors
    /// librdkafka's words.
    pub fn committed(&self, partitions: &[TopicPartition], timeout: Duration) -> Result<Vec<Option<Offset>>, String> {
        committed(&self.consumer, &list_of(partitions), partitions, timeout, |_, _, _| {})
            .map_err(|error| error.to_string())
    }

    /// Sends the reading of one of the member's partitions back to an offset; records read before do not arrive any more.
    /// Returns whether it could be done within `timeout`.
    #[must_use]
    pub fn seek(&mut self, id: &TopicPartition, to: Offset, timeout: Duration) -> bool {
        self.source.queue().forget_end(&id.topic, id.partition.0);
        self.consumer.seek(&id.topic, id.partition.0, NativeOffset::Offset(to.get()), timeout).is_ok()
    }

    /// A partition was assigned afresh: it is fetched from, whatever was paused under an older assignment.
    pub fn begin(&mut self, id: &TopicPartition) {
        self.source.queue().forget_end(&id.topic, id.partition.0);
        self.set_paused(std::slice::from_ref(id), false);
    }

    /// Leads a partition's records to where they are read, again. librdkafka takes a partition out of an application's queue
    /// when it stops fetching it, and does not put it back: where it is given out twice in a row, the second assignment stops
    /// the first one after its callback has led the partition here.
    pub fn lead(&self, id: &TopicPartition) {
        let forwarder = self.consumer.context_ref().forwarder.lock().clone();
        // Where it fails the next call comes soon.
        let _ = forwarder.forward(&self.consumer, &id.topic, id.partition.0);
    }

    /// Leaves the group: partitions are given back through the membership, within `timeout`. What takes longer goes on
    /// aside, where nobody waits for it.
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
        drop_aside(consumer);
    }
}

impl super::Consumer for Member {
    fn native(&self) -> &BaseConsumer<ReadContext> {
        &self.consumer
    }

    /// Callbacks are served by [`Member::serve`] alone, so that the caller knows of a new assignment before its first record
    /// arrives.
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
        // Asking fails only while the client is being closed.
        self.consumer.assignment().map_or_else(|_| Vec::new(), |list| ids_of(&list))
    }
}

fn ids_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition { topic: element.topic().into(), partition: PartitionId(element.partition()) })
        .collect()
}

/// The rebalance callback: runs within [`Member::serve`], on the member's thread.
pub(in crate::kafka) fn rebalance(
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
        membership.commit_failed(&format!("the assignment could not be taken over: {error}"));
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
            // Without it the records would arrive where nobody reads them.
            membership.commit_failed(&format!("{id} cannot be led into the reading queue"));
        }
    }
    let answer = if ids.is_empty() { Ok(Vec::new()) } else { committed_or_no(consumer, membership, ids) };
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
        // The partition comes from this very list.
        drop(partitions.set_partition_offset(&id.topic, id.partition.0, offset));
    }
}

/// The group's committed offsets, or the broker's no. While nobody answers, and the membership has the patience, they are asked
/// for again: a broker that is away has changed nothing of them.
fn committed_or_no(
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    ids: &[TopicPartition],
) -> Result<Vec<Option<Offset>>, CommittedError> {
    let (begun, mut refusals) = (Instant::now(), 0);
    loop {
        let answer = committed(consumer, &list_of(ids), ids, COMMITTED_TIMEOUT, |id, offset, note| {
            membership.found_note(id, offset, note);
        });
        let Err(error) = &answer else { return answer };
        refusals += u32::from(!error.is_passing());
        if refusals >= COMMITTED_TRIES || !membership.has_patience(begun.elapsed()) {
            return answer;
        }
        std::thread::sleep(COMMITTED_PAUSE);
    }
}
