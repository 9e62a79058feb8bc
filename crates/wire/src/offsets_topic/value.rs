//! The values, field by field as in the schemas. Tagged fields are skipped, except the topic id of a commit.

use crate::codec::{DecodeError, Decoder, Nullable, Wire, wire_structs};
use crate::topic_id::TopicId;

wire_structs! {
    /// `GroupMetadataValue`.
    struct GroupMetadata {
        protocol_type: String;
        generation: i32;
        protocol: Option<String>;
        leader: Option<String>;
        /// -1 if unknown.
        current_state_timestamp: i64 => 2.. else -1;
        members: Vec<ClassicMember>;
    }

    struct ClassicMember {
        member_id: String;
        group_instance_id: Option<String> => 3.. else None;
        client_id: String;
        client_host: String;
        rebalance_timeout: i32 => 1.. else -1;
        session_timeout: i32;
        subscription: Vec<u8>;
        assignment: Vec<u8>;
    }

    /// The epoch of a consumer group, and the epoch of the target assignment of any group.
    struct Epoch {
        epoch: i32;
    }

    /// `ShareGroupMetadataValue` and `StreamsGroupMetadataValue`.
    struct HashedEpoch {
        epoch: i32;
        metadata_hash: i64;
    }

    /// `ConsumerGroupMemberMetadataValue`.
    struct ConsumerMember {
        instance_id: Option<String>;
        rack_id: Option<String>;
        client_id: String;
        client_host: String;
        subscribed_topic_names: Vec<String>;
        subscribed_topic_regex: Option<String>;
        rebalance_timeout_ms: i32;
        server_assignor: Option<String>;
    }

    /// `ShareGroupMemberMetadataValue`.
    struct ShareMember {
        rack_id: Option<String>;
        client_id: String;
        client_host: String;
        subscribed_topic_names: Vec<String>;
    }

    /// `StreamsGroupMemberMetadataValue`.
    struct StreamsMember {
        instance_id: Option<String>;
        rack_id: Option<String>;
        client_id: String;
        client_host: String;
        rebalance_timeout_ms: i32;
        topology_epoch: i32;
        process_id: String;
        user_endpoint: Nullable<Endpoint>;
        client_tags: Vec<ClientTag>;
    }

    struct Endpoint {
        host: String;
        port: u16;
    }

    struct ClientTag {
        key: String;
        value: String;
    }

    /// The target of a member of a consumer or share group.
    struct TargetPartitions {
        topic_partitions: Vec<TopicPartitions>;
    }

    struct TopicPartitions {
        topic_id: TopicId;
        partitions: Vec<i32>;
    }

    /// The target of a member of a streams group.
    struct TargetTasks {
        active_tasks: Vec<TaskIds>;
        standby_tasks: Vec<TaskIds>;
        warmup_tasks: Vec<TaskIds>;
    }

    struct TaskIds {
        subtopology_id: String;
        partitions: Vec<i32>;
    }

    /// `ConsumerGroupCurrentMemberAssignmentValue`.
    struct CurrentPartitions {
        member_epoch: i32;
        previous_member_epoch: i32;
        state: i8;
        assigned_partitions: Vec<TopicPartitions>;
        partitions_pending_revocation: Vec<TopicPartitions>;
    }

    /// `ShareGroupCurrentMemberAssignmentValue`.
    struct CurrentSharePartitions {
        member_epoch: i32;
        previous_member_epoch: i32;
        state: i8;
        assigned_partitions: Vec<TopicPartitions>;
    }

    /// `StreamsGroupCurrentMemberAssignmentValue`.
    struct CurrentTasks {
        member_epoch: i32;
        previous_member_epoch: i32;
        state: i8;
        active_tasks: Vec<TaskIds>;
        standby_tasks: Vec<TaskIds>;
        warmup_tasks: Vec<TaskIds>;
        active_tasks_pending_revocation: Vec<TaskIds>;
        standby_tasks_pending_revocation: Vec<TaskIds>;
        warmup_tasks_pending_revocation: Vec<TaskIds>;
    }
}

/// `OffsetCommitValue`. Version 1 ends with an expiry, which has no use here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetCommit {
    pub(super) offset: i64,
    /// -1 if unknown.
    pub(super) leader_epoch: i32,
    pub(super) metadata: String,
    pub(super) commit_timestamp: i64,
    pub(super) topic_id: TopicId,
}

/// The tag of the topic id.
const TOPIC_ID_TAG: u32 = 0;

impl OffsetCommit {
    pub(super) fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let offset = i64::decode(input)?;
        let leader_epoch = if input.version() >= 3 { i32::decode(input)? } else { -1 };
        let (metadata, commit_timestamp) = (String::decode(input)?, i64::decode(input)?);
        let mut topic_id = TopicId::ZERO;
        input.tagged_fields(|tag, bytes| {
            if tag == TOPIC_ID_TAG {
                topic_id = TopicId::decode(&mut Decoder::new(bytes, 0, true))?;
            }
            Ok(())
        })?;
        Ok(Self { offset, leader_epoch, metadata, commit_timestamp, topic_id })
    }
}
