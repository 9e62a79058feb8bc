//! From bytes to records.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kreplay_model::domain::{Offset, PartitionId, TopicPartition};
use thiserror::Error;

use super::record::{Change, Generation, GroupRecord, MemberAssignment, MemberMetadata, StoredCommit, StoredMember};
use super::value::{
    ConsumerMember, CurrentPartitions, CurrentSharePartitions, CurrentTasks, Epoch, GroupMetadata, HashedEpoch,
    OffsetCommit, ShareMember, StreamsMember, TargetPartitions, TargetTasks, TaskIds, TopicPartitions,
};
use crate::codec::{DecodeError, Decoder, Wire};
use crate::member_data::{self, CONSUMER_PROTOCOL_TYPE};
use crate::topic_id::TopicId;
use crate::types::{AssignmentEpoch, GroupEpoch, LeaderEpoch, MemberData, MemberEpoch, StreamsTask};

/// The versions of `OffsetCommitValue` and `GroupMetadataValue`.
const OLD_VALUES: RangeInclusive<i16> = 0..=4;
/// The first of these versions that is flexible.
const FIRST_FLEXIBLE_OLD: i16 = 4;
/// The only version of all other values, which is flexible.
const NEW_VALUES: RangeInclusive<i16> = 0..=0;

/// `MemberState.STABLE` of consumer and share groups.
const STABLE: i8 = 0;
/// `MemberState.STABLE` of streams groups.
const STABLE_STREAMS: i8 = 1;

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The record has no key.
    #[error("a record without a key")]
    NoKey,
    /// This version does not know the type of the record.
    #[error("a record of unknown type {0}")]
    UnknownType(i16),
    /// This version does not know the version of the value.
    #[error("a record of type {record_type} with unknown version {version}")]
    UnknownVersion {
        /// The type.
        record_type: i16,
        /// The version.
        version: i16,
    },
    /// The bytes are not a record of their type.
    #[error("a record of type {record_type} cannot be read: {source}")]
    Invalid {
        /// The type.
        record_type: i16,
        /// Why.
        source: DecodeError,
    },
}

/// The group types of Kafka's newer protocols, whose records have the same meaning but other fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Consumer,
    Share,
    Streams,
}

/// Reads a record. A record without a value is a tombstone.
///
/// # Errors
/// [`RecordError`]. A reader that meets one does not know everything about the groups of the partition.
pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<GroupRecord, RecordError> {
    let mut key = Decoder::new(key.ok_or(RecordError::NoKey)?, 0, false);
    let record_type = i16::decode(&mut key).map_err(|source| RecordError::Invalid { record_type: -1, source })?;
    let invalid = |source| RecordError::Invalid { record_type, source };
    if !(0..=23).contains(&record_type) || record_type == 9 || record_type == 18 {
        return Err(RecordError::UnknownType(record_type));
    }
    let group = String::decode(&mut key).map_err(invalid)?;
    let value = Value { record_type, bytes: value };
    let mut member_id = || String::decode(&mut key).map_err(invalid);
    let change = match record_type {
        0 | 1 => {
            let topic = member_id()?;
            let partition = i32::decode(&mut key).map_err(invalid)?;
            Change::Offset { partition: TopicPartition::new(topic, partition), commit: value.commit()? }
        }
        2 => Change::Generation(value.read(OLD_VALUES, GroupMetadata::decode)?.map(generation)),
        3 => Change::Epoch(value.only::<Epoch>()?.map(|value| GroupEpoch(value.epoch))),
        11 | 17 => Change::Epoch(value.only::<HashedEpoch>()?.map(|value| GroupEpoch(value.epoch))),
        5 => Change::Member { member_id: member_id()?, metadata: value.member(Kind::Consumer)? },
        10 => Change::Member { member_id: member_id()?, metadata: value.member(Kind::Share)? },
        19 => Change::Member { member_id: member_id()?, metadata: value.member(Kind::Streams)? },
        6 | 12 | 20 => Change::TargetEpoch(value.only::<Epoch>()?.map(|value| AssignmentEpoch(value.epoch))),
        7 | 13 => Change::Target { member_id: member_id()?, target: value.only()?.map(target_partitions) },
        21 => Change::Target { member_id: member_id()?, target: value.only()?.map(target_tasks) },
        8 => Change::Current { member_id: member_id()?, member: value.only()?.map(current_partitions) },
        14 => Change::Current { member_id: member_id()?, member: value.only()?.map(current_share_partitions) },
        22 => Change::Current { member_id: member_id()?, member: value.only()?.map(current_tasks) },
        _ => Change::Other,
    };
    Ok(GroupRecord { group, change })
}

/// The value of a record.
#[derive(Clone, Copy)]
struct Value<'a> {
    record_type: i16,
    bytes: Option<&'a [u8]>,
}

impl<'a> Value<'a> {
    /// Reads the value after its version; `None` is a tombstone. What follows the known fields is ignored.
    fn read<T>(
        self,
        versions: RangeInclusive<i16>,
        decode: impl FnOnce(&mut Decoder<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, RecordError> {
        let Some(bytes) = self.bytes else { return Ok(None) };
        let record_type = self.record_type;
        let invalid = |source| RecordError::Invalid { record_type, source };
        let mut prefix = Decoder::new(bytes, 0, false);
        let version = i16::decode(&mut prefix).map_err(invalid)?;
        if !versions.contains(&version) {
            return Err(RecordError::UnknownVersion { record_type, version });
        }
        let is_flexible = versions == NEW_VALUES || version >= FIRST_FLEXIBLE_OLD;
        let rest = prefix.take(prefix.left()).map_err(invalid)?;
        decode(&mut Decoder::new(rest, version, is_flexible)).map(Some).map_err(invalid)
    }

    /// A value of a type that has one version.
    fn only<T: Wire>(self) -> Result<Option<T>, RecordError> {
        self.read(NEW_VALUES, T::decode)
    }

    fn commit(self) -> Result<Option<StoredCommit>, RecordError> {
        let Some(stored) = self.read(OLD_VALUES, OffsetCommit::decode)? else { return Ok(None) };
        // A negative offset is none; Kafka does not store it.
        let Some(offset) = Offset::new(stored.offset) else { return Ok(None) };
        Ok(Some(StoredCommit {
            offset,
            leader_epoch: LeaderEpoch::known(stored.leader_epoch),
            metadata: stored.metadata,
            committed_ms: stored.commit_timestamp,
            topic_id: Some(stored.topic_id).filter(|id| *id != TopicId::ZERO),
        }))
    }

    fn member(self, kind: Kind) -> Result<Option<MemberMetadata>, RecordError> {
        Ok(match kind {
            Kind::Consumer => self.only()?.map(|member: ConsumerMember| MemberMetadata {
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                // Which topics a regular expression matches is in another record.
                subscribed_topics: member.subscribed_topic_regex.is_none().then_some(member.subscribed_topic_names),
                rebalance_timeout_ms: u32::try_from(member.rebalance_timeout_ms).ok(),
            }),
            Kind::Share => self.only()?.map(|member: ShareMember| MemberMetadata {
                instance_id: None,
                client_id: member.client_id,
                client_host: member.client_host,
                subscribed_topics: Some(member.subscribed_topic_names),
                rebalance_timeout_ms: None,
            }),
            Kind::Streams => self.only()?.map(|member: StreamsMember| MemberMetadata {
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                subscribed_topics: None,
                rebalance_timeout_ms: u32::try_from(member.rebalance_timeout_ms).ok(),
            }),
        })
    }
}

fn generation(stored: GroupMetadata) -> Generation {
    let has_consumers = stored.protocol_type == CONSUMER_PROTOCOL_TYPE;
    let (mut members, mut assignments) = (BTreeMap::new(), BTreeMap::new());
    for member in stored.members {
        assignments.insert(member.member_id.clone(), member_data::assignment(&member.assignment, has_consumers));
        let subscribed_topics = match member_data::subscription(&member.subscription, has_consumers) {
            MemberData::Known(subscription) => Some(subscription.topics),
            MemberData::Absent | MemberData::Unreadable => None,
        };
        let metadata = MemberMetadata {
            instance_id: member.group_instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
            subscribed_topics,
            rebalance_timeout_ms: u32::try_from(member.rebalance_timeout).ok(),
        };
        members.insert(member.member_id, metadata);
    }
    Generation {
        number: stored.generation,
        protocol_type: stored.protocol_type,
        assignor: stored.protocol,
        leader: stored.leader,
        state_since_ms: Some(stored.current_state_timestamp).filter(|time| *time >= 0),
        members,
        assignments,
    }
}

fn partitions(topics: Vec<TopicPartitions>) -> MemberAssignment {
    let topics =
        topics.into_iter().map(|topic| (topic.topic_id, topic.partitions.into_iter().map(PartitionId).collect()));
    MemberAssignment::Partitions(topics.collect())
}

fn tasks(tasks: Vec<TaskIds>) -> MemberAssignment {
    let of_part = |part: TaskIds| {
        let subtopology = part.subtopology_id;
        let task = move |partition| StreamsTask { subtopology: subtopology.clone(), partition: PartitionId(partition) };
        part.partitions.into_iter().map(task)
    };
    MemberAssignment::Tasks(tasks.into_iter().flat_map(of_part).collect())
}

fn target_partitions(stored: TargetPartitions) -> MemberAssignment {
    partitions(stored.topic_partitions)
}

fn target_tasks(stored: TargetTasks) -> MemberAssignment {
    tasks(stored.active_tasks)
}

fn current_partitions(stored: CurrentPartitions) -> StoredMember {
    StoredMember {
        epoch: MemberEpoch(stored.member_epoch),
        previous_epoch: MemberEpoch(stored.previous_member_epoch),
        is_stable: stored.state == STABLE,
        assigned: partitions(stored.assigned_partitions),
    }
}

fn current_share_partitions(stored: CurrentSharePartitions) -> StoredMember {
    StoredMember {
        epoch: MemberEpoch(stored.member_epoch),
        previous_epoch: MemberEpoch(stored.previous_member_epoch),
        is_stable: stored.state == STABLE,
        assigned: partitions(stored.assigned_partitions),
    }
}

fn current_tasks(stored: CurrentTasks) -> StoredMember {
    StoredMember {
        epoch: MemberEpoch(stored.member_epoch),
        previous_epoch: MemberEpoch(stored.previous_member_epoch),
        is_stable: stored.state == STABLE_STREAMS,
        assigned: tasks(stored.active_tasks),
    }
}
