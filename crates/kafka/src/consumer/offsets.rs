//! Commits and fetches a group's offsets.

use std::{collections::BTreeSet, time::Duration};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    list_of,
    membership::{CommittedError, Membership},
};
use crate::{
    client::{ReadContext, is_coordinator_away, is_of_topic},
    native::{commit_async, committed_note},
};

/// Commits positions without waiting for the answer, each with its note from the membership.
///
/// # Errors
/// librdkafka's error.
pub(super) fn commit(
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    positions: &[(TopicPartition, Offset)],
) -> Result<(), KafkaError> {
    if positions.is_empty() {
        return Ok(());
    }
    commit_async(consumer, &with_notes(Some(membership), positions)?)
}

/// Commits positions, each with its note from the membership, waits for the answer, and tells the membership what was
/// committed. If the broker rejects the notes as too long, the commit is repeated without them.
///
/// # Errors
/// That of the first topic whose positions are not committed.
pub(super) fn commit_and_wait(
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    positions: &[(TopicPartition, Offset)],
) -> Result<(), KafkaError> {
    let result = commit_together(consumer, membership, positions);
    let topics: BTreeSet<&str> = positions.iter().map(|(id, _)| &*id.topic).collect();
    match result {
        // One topic may be the reason, for example because it may not be read any more. librdkafka returns its error
        // for all partitions, also for those whose offsets the broker has stored.
        Err(error) if is_rejection(&error) && topics.len() > 1 => {
            let mut first_error = None;
            for topic in topics {
                let of_topic: Vec<_> = positions.iter().filter(|(id, _)| *id.topic == *topic).cloned().collect();
                match commit_together(consumer, membership, &of_topic) {
                    Ok(()) => {}
                    Err(error) if is_rejection(&error) => {
                        first_error.get_or_insert(error);
                    }
                    // Each further commit would wait for the coordinator as long.
                    Err(error) => return Err(first_error.unwrap_or(error)),
                }
            }
            first_error.map_or(Ok(()), Err)
        }
        result => result,
    }
}

fn commit_together(
    consumer: &BaseConsumer<ReadContext>,
    membership: &dyn Membership,
    positions: &[(TopicPartition, Offset)],
) -> Result<(), KafkaError> {
    if positions.is_empty() {
        return Ok(());
    }
    match consumer.commit(&with_notes(Some(membership), positions)?, CommitMode::Sync) {
        Err(error) if is_note_too_long(&error) => {
            membership.notes_refused();
            consumer.commit(&with_notes(None, positions)?, CommitMode::Sync)?;
        }
        result => result?,
    }
    membership.committed(positions);
    Ok(())
}

fn with_notes(
    membership: Option<&dyn Membership>,
    positions: &[(TopicPartition, Offset)],
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (id, offset) in positions {
        list.add_partition_offset(&id.topic, id.partition.0, NativeOffset::Offset(offset.get()))?;
        let note = membership.map(|membership| membership.note(id, *offset)).filter(|note| !note.is_empty());
        if let (Some(note), Some(mut element)) = (note, list.find_partition(&id.topic, id.partition.0)) {
            element.set_metadata(note);
        }
    }
    Ok(list)
}

fn is_note_too_long(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge)
}

/// Returns the error of the first partition whose offset was not committed, from the list that an asynchronous commit
/// returned.
pub(super) fn check_committed(list: &TopicPartitionList) -> Result<(), KafkaError> {
    for element in list.elements() {
        if let Err(error) = element.error() {
            return Err(KafkaError::ConsumerCommit(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)));
        }
    }
    Ok(())
}

/// The positions in the list that a successful commit returned.
pub(super) fn positions_of(list: &TopicPartitionList) -> Vec<(TopicPartition, Offset)> {
    let position = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
        NativeOffset::Offset(raw) => {
            Some((TopicPartition::new(element.topic(), element.partition()), Offset::new(raw)?))
        }
        _ => None,
    };
    list.elements().into_iter().filter_map(position).collect()
}

/// Reports a failed commit to the membership.
pub(super) fn report_commit_failure(membership: &dyn Membership, error: &KafkaError) {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::OffsetMetadataTooLarge) => membership.notes_refused(),
        Some(code) if is_temporary(code) => membership.commit_again(),
        _ => membership.commit_failed(&error.to_string()),
    }
}

/// Whether the broker has rejected a commit that it would reject again.
fn is_rejection(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(|code| !is_temporary(code))
}

/// Whether a commit failed only because of the current state of the group or its coordinator. A later commit will
/// succeed, unless the partitions belong to another member by then.
fn is_temporary(code: RDKafkaErrorCode) -> bool {
    is_coordinator_away(code)
        || matches!(
            code,
            RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::StaleMemberEpoch
                | RDKafkaErrorCode::NoOffset
                | RDKafkaErrorCode::RequestTimedOut
        )
}

/// The committed offset of a partition could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The request failed, for all partitions.
    #[error(transparent)]
    Request(KafkaError),
    /// The answer has an error for this partition.
    #[error(transparent)]
    Partition(KafkaError),
    #[error("the broker returned no committed offset for {0}")]
    Missing(TopicPartition),
}

impl FetchError {
    /// Whether the cause is temporary: brokers are unreachable or still starting.
    pub(super) fn is_transient(&self) -> bool {
        let (Self::Request(error) | Self::Partition(error)) = self else { return false };
        error
            .rdkafka_error_code()
            .is_some_and(|code| is_coordinator_away(code) || code == RDKafkaErrorCode::NetworkException)
    }

    fn is_of_topic(&self) -> bool {
        matches!(self, Self::Partition(error) if error.rdkafka_error_code().is_some_and(is_of_topic))
    }
}

impl From<FetchError> for CommittedError {
    fn from(error: FetchError) -> Self {
        if error.is_of_topic() { Self::Topic(error.to_string()) } else { Self::Other(error.to_string()) }
    }
}

/// The group's committed offset of each partition, in the order of `partitions`; `None` where there is none.
/// `found_note` receives the note stored with each offset.
pub(super) fn committed(
    consumer: &BaseConsumer<ReadContext>,
    partitions: &[TopicPartition],
    timeout: Duration,
    mut found_note: impl FnMut(&TopicPartition, Offset, &str),
) -> Vec<Result<Option<Offset>, FetchError>> {
    match consumer.committed_offsets(list_of(partitions), timeout) {
        Ok(answer) => partitions.iter().map(|id| offset_in(&answer, id, &mut found_note)).collect(),
        Err(error) => partitions.iter().map(|_| Err(FetchError::Request(error.clone()))).collect(),
    }
}

fn offset_in(
    answer: &TopicPartitionList,
    id: &TopicPartition,
    mut found_note: impl FnMut(&TopicPartition, Offset, &str),
) -> Result<Option<Offset>, FetchError> {
    let Some(element) = answer.find_partition(&id.topic, id.partition.0) else {
        return Err(FetchError::Missing(id.clone()));
    };
    element.error().map_err(FetchError::Partition)?;
    let offset = match element.offset() {
        NativeOffset::Offset(raw) => Offset::new(raw),
        _ => None,
    };
    if let Some(offset) = offset {
        found_note(id, offset, &committed_note(answer, &id.topic, id.partition.0));
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::mocking::MockCluster;

    use super::*;
    use crate::{
        client::{Client, KafkaConfig},
        group_offsets::GroupOffsets,
    };

    /// Longer than any test may take.
    const LONG: Duration = Duration::from_secs(600);

    /// The mock cluster refuses the offset of a topic that it does not have, as Kafka does without DESCRIBE on it.
    #[test]
    fn the_error_of_one_partition_hides_no_other_offset() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("open", 1, 1).unwrap();
        let config = KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..KafkaConfig::default() };
        let ids = ["closed", "open"].map(|topic| TopicPartition::new(topic, 0));
        let seven = Offset::new(7).unwrap();
        GroupOffsets::new(&config, "g").unwrap().commit(&[(ids[1].clone(), seven, "note".into())], LONG).unwrap();
        let client = Client::for_group("g", &config, &Arc::default()).unwrap();
        let mut notes = Vec::new();
        let found = committed(&client.consumer, &ids, LONG, |id, _, note| notes.push((id.clone(), note.to_owned())));
        let found: Vec<_> = found.into_iter().map(|one| one.map_err(CommittedError::from)).collect();
        assert!(matches!(found[..], [Err(CommittedError::Topic(_)), Ok(Some(offset))] if offset == seven), "{found:?}");
        assert_eq!(notes, [(ids[1].clone(), "note".to_owned())]);
    }

    #[test]
    fn an_error_of_the_whole_request_is_none_of_a_topic() {
        let denied = || KafkaError::OffsetFetch(RDKafkaErrorCode::TopicAuthorizationFailed);
        assert!(matches!(CommittedError::from(FetchError::Partition(denied())), CommittedError::Topic(_)));
        assert!(matches!(CommittedError::from(FetchError::Request(denied())), CommittedError::Other(_)));
        let away = KafkaError::OffsetFetch(RDKafkaErrorCode::NotCoordinator);
        assert!(FetchError::Partition(away.clone()).is_transient());
        assert!(matches!(CommittedError::from(FetchError::Partition(away)), CommittedError::Other(_)));
    }
}
