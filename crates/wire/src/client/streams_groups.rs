//! Describes streams groups.

use std::collections::BTreeMap;

use kreplay_model::domain::PartitionId;

use super::WireClient;
use super::coordinators::{CoordinatorQuery, KeyType};
use crate::error::WireError;
use crate::message::streams_group_describe as message;
use crate::types::{
    AssignmentEpoch, GroupEpoch, GroupId, MemberEpoch, StreamsGroup, StreamsMember, StreamsTask, Subtopology,
    TaskAssignment, TaskOffset, Topology, TopologyEpoch,
};

impl WireClient {
    /// Describes streams groups (KIP-1071).
    pub async fn describe_streams_groups(
        &self,
        groups: impl IntoIterator<Item = GroupId>,
    ) -> BTreeMap<GroupId, Result<StreamsGroup, WireError>> {
        self.describe(&StreamsQuery, groups).await
    }
}

struct StreamsQuery;

impl CoordinatorQuery for StreamsQuery {
    const KEY_TYPE: KeyType = KeyType::Group;
    type Request = message::StreamsGroupDescribeRequest;
    type Item = StreamsGroup;

    fn request(&self, group_ids: Vec<String>) -> message::StreamsGroupDescribeRequest {
        message::StreamsGroupDescribeRequest { group_ids, include_authorized_operations: false }
    }

    fn items(response: message::StreamsGroupDescribeResponse) -> Vec<(String, Result<StreamsGroup, WireError>)> {
        let item = |group: message::DescribedGroup| {
            let described = WireError::check(group.error_code, group.error_message, || StreamsGroup {
                state: group.group_state.into(),
                group_epoch: GroupEpoch(group.group_epoch),
                assignment_epoch: AssignmentEpoch(group.assignment_epoch),
                topology: group.topology.0.map(topology),
                members: group.members.into_iter().map(member).collect(),
            });
            (group.group_id, described)
        };
        response.groups.into_iter().map(item).collect()
    }
}

fn topology(topology: message::Topology) -> Topology {
    let names = |topics: Vec<message::TopicInfo>| topics.into_iter().map(|topic| topic.name).collect();
    let part = |part: message::Subtopology| Subtopology {
        id: part.subtopology_id,
        source_topics: part.source_topics,
        repartition_source_topics: names(part.repartition_source_topics),
        repartition_sink_topics: part.repartition_sink_topics,
        changelog_topics: names(part.state_changelog_topics),
    };
    Topology {
        epoch: TopologyEpoch(topology.epoch),
        subtopologies: topology.subtopologies.map(|parts| parts.into_iter().map(part).collect()),
    }
}

fn member(member: message::Member) -> StreamsMember {
    StreamsMember {
        member_id: member.member_id,
        epoch: MemberEpoch(member.member_epoch),
        instance_id: member.instance_id,
        rack: member.rack_id,
        client_id: member.client_id,
        client_host: member.client_host,
        topology_epoch: TopologyEpoch(member.topology_epoch),
        process_id: member.process_id,
        user_endpoint: member.user_endpoint.0.map(|endpoint| (endpoint.host, endpoint.port)),
        client_tags: member.client_tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        task_offsets: task_offsets(member.task_offsets),
        task_end_offsets: task_offsets(member.task_end_offsets),
        assignment: assignment(member.assignment),
        target: assignment(member.target_assignment),
        is_classic: member.is_classic,
    }
}

fn task_offsets(offsets: Vec<message::TaskOffset>) -> Vec<TaskOffset> {
    let offsets = offsets.into_iter().map(|offset| TaskOffset {
        task: StreamsTask { subtopology: offset.subtopology_id, partition: PartitionId(offset.partition) },
        offset_sum: offset.offset,
    });
    offsets.collect()
}

fn assignment(assignment: message::Assignment) -> TaskAssignment {
    TaskAssignment {
        active: tasks(assignment.active_tasks),
        standby: tasks(assignment.standby_tasks),
        warm_up: tasks(assignment.warmup_tasks),
    }
}

fn tasks(ids: Vec<message::TaskIds>) -> Vec<StreamsTask> {
    let tasks = ids.into_iter().flat_map(|ids| {
        let subtopology = ids.subtopology_id;
        let task = move |partition| StreamsTask { subtopology: subtopology.clone(), partition: PartitionId(partition) };
        ids.partitions.into_iter().map(task)
    });
    tasks.collect()
}
