//! The committed offsets and notes of a group, without joining it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    client::{
        Client, ClientError, ClientHealth, KafkaConfig, drop_in_background, is_coordinator_away, is_final_for_group,
    },
    group_member::GroupMetadata,
    native::committed_note,
};

/// Delay before a retry: the coordinator of a new group takes a moment to become available.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(200);
/// The least time of an attempt, as far as there is time left.
const MIN_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// A position to commit, and the note to store with it.
pub type Commit = (TopicPartition, Offset, String);

/// Access to the committed offsets of a group without joining it. Brokers reject commits while the group has members.
pub struct GroupOffsets {
    client: Client,
    group: String,
}

impl GroupOffsets {
    /// Creates a client for the offsets of a group.
    ///
    /// # Errors
    /// [`ClientError::Configuration`].
    pub fn new(config: &KafkaConfig, group: &str) -> Result<Self, ClientError> {
        let client = Client::for_group(group, config, &Arc::<ClientHealth>::default())?;
        Ok(Self { client, group: group.to_owned() })
    }

    /// The committed offsets and notes of some partitions, in the order given; `None` where nothing is committed.
    ///
    /// # Errors
    /// The broker's message, if no request succeeded `within` the given time, or none can succeed.
    pub fn committed(
        &self,
        partitions: &[TopicPartition],
        within: Duration,
    ) -> Result<Vec<Option<(Offset, String)>>, ClientError> {
        let mut list = TopicPartitionList::new();
        for id in partitions {
            list.add_partition(&id.topic, id.partition.0);
        }
        let deadline = Instant::now() + within;
        let answer = loop {
            let error = match self.client.consumer.committed_offsets(list.clone(), attempt_timeout(deadline)) {
                Ok(answer) => break answer,
                Err(error) => error,
            };
            if Instant::now() >= deadline || error.rdkafka_error_code().is_some_and(is_final_for_group) {
                return Err(self.refused(&error));
            }
            std::thread::sleep(RETRY_DELAY);
        };
        partitions
            .iter()
            .map(|id| {
                let Some(element) = answer.find_partition(&id.topic, id.partition.0) else { return Ok(None) };
                element.error().map_err(|error| self.refused(&error))?;
                let NativeOffset::Offset(raw) = element.offset() else { return Ok(None) };
                Ok(Offset::new(raw).map(|offset| (offset, committed_note(&answer, &id.topic, id.partition.0))))
            })
            .collect()
    }

    /// Commits positions synchronously. While the coordinator is away, the commit is repeated until the time `within`
    /// is over: the same positions may be committed twice. An attempt ends when librdkafka ends it, which can be later.
    ///
    /// # Errors
    /// [`ClientError::NotesTooLong`], in which case none is committed; otherwise the broker's message.
    pub fn commit(&self, commits: &[Commit], within: Duration) -> Result<(), ClientError> {
        if commits.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(commits.len());
        for (id, offset, note) in commits {
            let offset = NativeOffset::Offset(offset.get());
            list.add_partition_offset(&id.topic, id.partition.0, offset).map_err(|error| self.refused(&error))?;
            if let Some(mut element) = list.find_partition(&id.topic, id.partition.0)
                && !note.is_empty()
            {
                element.set_metadata(note.as_str());
            }
        }
        let deadline = Instant::now() + within;
        loop {
            let Err(error) = self.client.consumer.commit(&list, CommitMode::Sync) else { return Ok(()) };
            if Instant::now() >= deadline || !error.rdkafka_error_code().is_some_and(is_coordinator_away) {
                return Err(self.refused(&error));
            }
            std::thread::sleep(RETRY_DELAY);
        }
    }

    /// Group metadata for a transaction that commits for the group without being a member: only the group's id. The
    /// broker rejects it while the group has members.
    #[must_use]
    pub fn metadata(&self) -> Option<GroupMetadata> {
        self.client.consumer.group_metadata().map(GroupMetadata)
    }

    fn refused(&self, error: &KafkaError) -> ClientError {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge) {
            return ClientError::NotesTooLong(self.group.clone());
        }
        ClientError::Refused(format!("the offsets of group {}: {error}", self.group))
    }
}

impl Drop for GroupOffsets {
    fn drop(&mut self) {
        drop_in_background(Arc::clone(&self.client.consumer));
    }
}

/// The timeout of the next attempt at a request that is repeated until the deadline: half of the time that is left, so
/// that a slow answer arrives, and a request that got lost is repeated.
pub(super) fn attempt_timeout(deadline: Instant) -> Duration {
    part_of(deadline.saturating_duration_since(Instant::now()))
}

fn part_of(left: Duration) -> Duration {
    left.min(MIN_ATTEMPT_TIMEOUT.max(left / 2)).max(RETRY_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_has_half_of_the_time_that_is_left() {
        let seconds = Duration::from_secs;
        assert_eq!([60, 30, 7, 3].map(|left| part_of(seconds(left))), [30, 15, 5, 3].map(seconds));
        assert_eq!(part_of(Duration::ZERO), RETRY_DELAY, "the last attempt has a moment");
    }
}
