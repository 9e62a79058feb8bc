//! A member of a consumer group: the group assigns its partitions, and its positions are committed to the group.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    Offset as NativeOffset,
    consumer::{BaseConsumer, Consumer},
};

use super::{
    Consumer as _, Fetched,
    group_protocol::GroupProtocol,
    ids_of,
    member_config::MemberConfig,
    membership::{CommittedError, Membership},
    offsets::{commit, commit_and_wait, committed},
    rebalance::MemberCallbacks,
    source::{self, Source},
    tiers::open_source,
};
use crate::{
    client::{
        ClientError, ClientHealth, ContextRef, GroupCallbacks, ReadContext, create_consumer, drop_in_background,
        ends_membership, is_outage,
    },
    group_member::GroupMember,
    native::RecordQueue,
};

/// A member of a consumer group.
pub struct Member {
    source: Box<dyn Source>,
    consumer: Arc<BaseConsumer<ReadContext>>,
    callbacks: Arc<MemberCallbacks>,
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
        let callbacks = Arc::new(MemberCallbacks::new(membership));
        let group = Arc::clone(&callbacks) as Arc<dyn GroupCallbacks>;
        let consumer = Arc::new(create_consumer(&config.client_config(), health, Some(group))?);
        let queue = RecordQueue::new(&consumer).ok_or(ClientError::Queue)?;
        callbacks.set_forwarder(queue.forwarder());
        let member = Self {
            source: open_source(config.tier, queue)?,
            consumer,
            callbacks,
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
            let text = self.consumer.context_ref().health().last_problem().unwrap_or_else(|| code.to_string());
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
        drop(commit(&self.consumer, self.callbacks.membership(), positions));
    }

    /// Commits positions and waits for the answer. If the coordinator is unavailable, waits for it up to the session
    /// timeout.
    ///
    /// # Errors
    /// It is unknown whether the positions were committed. The broker's or librdkafka's message.
    pub fn commit_now(&self, positions: &[(TopicPartition, Offset)]) -> Result<(), String> {
        commit_and_wait(&self.consumer, self.callbacks.membership(), positions).map_err(|error| error.to_string())
    }

    /// The group's committed offset of each of these partitions, in the same order; `Ok(None)` where there is none.
    /// `found_note` is called with the note of each offset.
    #[must_use]
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
        found_note: impl FnMut(&TopicPartition, Offset, &str),
    ) -> Vec<Result<Option<Offset>, CommittedError>> {
        let found = committed(&self.consumer, partitions, timeout, found_note);
        found.into_iter().map(|offset| offset.map_err(CommittedError::from)).collect()
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
        let forwarder = self.callbacks.forwarder();
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
