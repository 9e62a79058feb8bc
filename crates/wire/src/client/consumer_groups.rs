//! Describes classic groups and groups of the consumer protocol.

use std::collections::BTreeMap;

use kreplay_model::domain::PartitionId;

use super::WireClient;
use super::coordinators::{CoordinatorQuery, KeyType};
use crate::error::WireError;
use crate::member_data::{self, CONSUMER_PROTOCOL_TYPE};
use crate::message::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, Member,
};
use crate::message::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroupMember};
use crate::types::{
    AssignedTopic, AssignmentEpoch, ClassicGroup, ClassicMember, ConsumerGroup, ConsumerMember, GroupEpoch, GroupId,
    MemberEpoch, MemberProtocol,
};

impl WireClient {
    /// Describes classic groups. A group that does not exist is an error, or has the state `Dead` on brokers without
    /// version 6 of `DescribeGroups`.
    pub async fn describe_classic_groups(
        &self,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> BTreeMap<GroupId, Result<ClassicGroup, WireError>> {
        self.describe(&ClassicQuery, groups).await
    }

    /// Describes groups of the consumer protocol (KIP-848).
    pub async fn describe_consumer_groups(
        &self,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> BTreeMap<GroupId, Result<ConsumerGroup, WireError>> {
        self.describe(&ConsumerQuery, groups).await
    }

    /// Asks the coordinators of groups.
    pub(super) async fn describe<Q: CoordinatorQuery>(
        &self,
        query: &Q,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> BTreeMap<GroupId, Result<Q::Item, WireError>> {
        let keys = groups.into_iter().map(|group| group.as_str().to_owned());
        let answers = self.shared.ask_coordinators(query, keys, self.begin()).await;
        answers.into_iter().map(|(key, answer)| (GroupId::from(key), answer)).collect()
    }
}

struct ClassicQuery;

impl CoordinatorQuery for ClassicQuery {
    const KEY_TYPE: KeyType = KeyType::Group;
    type Request = DescribeGroupsRequest;
    type Item = ClassicGroup;

    fn request(&self, groups: Vec<String>) -> DescribeGroupsRequest {
        DescribeGroupsRequest { groups, include_authorized_operations: false }
    }

    fn items(response: DescribeGroupsResponse) -> Vec<(String, Result<ClassicGroup, WireError>)> {
        let item = |group: crate::message::describe_groups::DescribedGroup| {
            let has_consumers = group.protocol_type == CONSUMER_PROTOCOL_TYPE;
            let described = WireError::check(group.error_code, group.error_message, || ClassicGroup {
                state: group.group_state.into(),
                protocol_type: group.protocol_type,
                assignor: group.protocol_data,
                members: group.members.into_iter().map(|member| classic_member(member, has_consumers)).collect(),
            });
            (group.group_id, described)
        };
        response.groups.into_iter().map(item).collect()
    }
}

fn classic_member(member: DescribedGroupMember, has_consumers: bool) -> ClassicMember {
    ClassicMember {
        subscription: member_data::subscription(&member.member_metadata, has_consumers),
        assignment: member_data::assignment(&member.member_assignment, has_consumers),
        member_id: member.member_id,
        instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
    }
}

struct ConsumerQuery;

impl CoordinatorQuery for ConsumerQuery {
    const KEY_TYPE: KeyType = KeyType::Group;
    type Request = ConsumerGroupDescribeRequest;
    type Item = ConsumerGroup;

    fn request(&self, group_ids: Vec<String>) -> ConsumerGroupDescribeRequest {
        ConsumerGroupDescribeRequest { group_ids, include_authorized_operations: false }
    }

    fn items(response: ConsumerGroupDescribeResponse) -> Vec<(String, Result<ConsumerGroup, WireError>)> {
        let item = |group: crate::message::consumer_group_describe::DescribedGroup| {
            let described = WireError::check(group.error_code, group.error_message, || ConsumerGroup {
                state: group.group_state.into(),
                group_epoch: GroupEpoch(group.group_epoch),
                assignment_epoch: AssignmentEpoch(group.assignment_epoch),
                assignor: group.assignor_name,
                members: group.members.into_iter().map(consumer_member).collect(),
            });
            (group.group_id, described)
        };
        response.groups.into_iter().map(item).collect()
    }
}

fn consumer_member(member: Member) -> ConsumerMember {
    ConsumerMember {
        member_id: member.member_id,
        instance_id: member.instance_id,
        rack: member.rack_id,
        epoch: MemberEpoch(member.member_epoch),
        client_id: member.client_id,
        client_host: member.client_host,
        subscribed_topics: member.subscribed_topic_names,
        subscribed_regex: member.subscribed_topic_regex.filter(|regex| !regex.is_empty()),
        assignment: assigned_topics(member.assignment),
        target: assigned_topics(member.target_assignment),
        protocol: match member.member_type {
            0 => MemberProtocol::Classic,
            1 => MemberProtocol::Consumer,
            _ => MemberProtocol::Unknown,
        },
    }
}

/// The partitions of a member, by topic.
pub(super) fn assigned_topics(assignment: Assignment) -> Vec<AssignedTopic> {
    let topics = assignment.topic_partitions.into_iter().map(|topic| AssignedTopic {
        id: topic.topic_id,
        name: topic.topic_name,
        partitions: topic.partitions.into_iter().map(PartitionId).collect(),
    });
    topics.collect()
}
