//! Describes share groups and their offsets.

use std::collections::BTreeMap;

use kreplay_model::domain::{Lag, Offset, TopicPartition};

use super::WireClient;
use super::consumer_groups::assigned_topics;
use super::coordinators::{CoordinatorQuery, KeyType};
use crate::error::WireError;
use crate::message::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, GroupRequest, TopicResponse,
};
use crate::message::share_group_describe::{
    DescribedGroup, Member, ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};
use crate::types::{
    AssignmentEpoch, GroupEpoch, GroupId, LeaderEpoch, MemberEpoch, ShareGroup, ShareMember, ShareOffset,
};

/// The offsets of a share group by partition.
type ShareOffsets = BTreeMap<TopicPartition, Result<ShareOffset, WireError>>;

impl WireClient {
    /// Describes share groups (KIP-932).
    pub async fn describe_share_groups(
        &self,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> BTreeMap<GroupId, Result<ShareGroup, WireError>> {
        self.describe(&ShareQuery, groups).await
    }

    /// The start offsets and the lag of share groups, for all partitions that they have read.
    pub async fn share_group_offsets(
        &self,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> BTreeMap<GroupId, Result<ShareOffsets, WireError>> {
        self.describe(&ShareOffsetsQuery, groups).await
    }
}

struct ShareQuery;

impl CoordinatorQuery for ShareQuery {
    const KEY_TYPE: KeyType = KeyType::Group;
    type Request = ShareGroupDescribeRequest;
    type Item = ShareGroup;

    fn request(&self, group_ids: Vec<String>) -> ShareGroupDescribeRequest {
        ShareGroupDescribeRequest { group_ids, include_authorized_operations: false }
    }

    fn items(response: ShareGroupDescribeResponse) -> Vec<(String, Result<ShareGroup, WireError>)> {
        let item = |group: DescribedGroup| {
            let described = WireError::check(group.error_code, group.error_message, || ShareGroup {
                state: group.group_state.into(),
                group_epoch: GroupEpoch(group.group_epoch),
                assignment_epoch: AssignmentEpoch(group.assignment_epoch),
                assignor: group.assignor_name,
                members: group.members.into_iter().map(share_member).collect(),
            });
            (group.group_id, described)
        };
        response.groups.into_iter().map(item).collect()
    }
}

fn share_member(member: Member) -> ShareMember {
    ShareMember {
        member_id: member.member_id,
        rack: member.rack_id,
        epoch: MemberEpoch(member.member_epoch),
        client_id: member.client_id,
        client_host: member.client_host,
        subscribed_topics: member.subscribed_topic_names,
        assignment: assigned_topics(member.assignment),
    }
}

struct ShareOffsetsQuery;

impl CoordinatorQuery for ShareOffsetsQuery {
    const KEY_TYPE: KeyType = KeyType::Group;
    type Request = DescribeShareGroupOffsetsRequest;
    type Item = ShareOffsets;

    fn request(&self, groups: Vec<String>) -> DescribeShareGroupOffsetsRequest {
        let group = |group_id| GroupRequest { group_id, topics: None };
        DescribeShareGroupOffsetsRequest { groups: groups.into_iter().map(group).collect() }
    }

    fn items(response: DescribeShareGroupOffsetsResponse) -> Vec<(String, Result<ShareOffsets, WireError>)> {
        let groups = response.groups.into_iter().map(|group| {
            let offsets = WireError::check(group.error_code, group.error_message, || {
                group.topics.into_iter().flat_map(share_offsets).collect()
            });
            (group.group_id, offsets)
        });
        groups.collect()
    }
}

fn share_offsets(topic: TopicResponse) -> impl Iterator<Item = (TopicPartition, Result<ShareOffset, WireError>)> {
    let (name, topic_id) = (topic.topic_name, topic.topic_id);
    topic.partitions.into_iter().map(move |partition| {
        let offset = WireError::check(partition.error_code, partition.error_message, || ShareOffset {
            topic_id,
            start: Offset::new(partition.start_offset),
            leader_epoch: LeaderEpoch::known(partition.leader_epoch),
            lag: u64::try_from(partition.lag).map_or(Lag::Unknown, Lag::Known),
        });
        (TopicPartition::new(name.as_str(), partition.partition_index), offset)
    })
}
