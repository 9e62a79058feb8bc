//! Turns the descriptions of groups into the form of a look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay_model::domain::{PartitionId, TopicPartition};
use kreplay_model::watch::{
    GroupState, GroupType, MemberTasks, StreamsTask as TaskView, StreamsTasks, StreamsView, SubtopologyView,
};
use kreplay_monitor::look::{Description, Member, Protocol};
use kreplay_wire::types::{
    AssignedTopic, ClassicGroup, ClassicMember, ConsumerGroup, ConsumerMember, MemberData, MemberProtocol, ShareGroup,
    StreamsGroup, StreamsTask, Subtopology, TaskAssignment,
};

use crate::source::answer::{Described, topics_of};

/// A group as the client describes it.
#[derive(Clone, Debug)]
pub(super) enum WireGroup {
    Classic(ClassicGroup),
    Consumer(ConsumerGroup),
    Share(ShareGroup),
    Streams(StreamsGroup),
}

impl Described for WireGroup {
    fn topics(&self) -> BTreeSet<Arc<str>> {
        // Subtopologies name their topics, so that the numbers of partitions are not needed here.
        topics_of(&self.describe(&|_| None))
    }

    fn describe(&self, partition_count: &dyn Fn(&str) -> Option<u32>) -> Description {
        match self {
            Self::Classic(group) => classic(group),
            Self::Consumer(group) => consumer(group),
            Self::Share(group) => share(group),
            Self::Streams(group) => streams(group, partition_count),
        }
    }
}

fn state(word: &kreplay_wire::types::GroupState) -> GroupState {
    word.as_str().to_owned().into()
}

fn name(text: &str) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn classic(group: &ClassicGroup) -> Description {
    // Connect workers and schema registries use the classic protocol for other things than partitions.
    let is_consumer = group.protocol_type.is_empty() || group.protocol_type == "consumer";
    Description {
        group_type: if is_consumer { GroupType::Classic } else { GroupType::Other },
        protocol: Some(group.protocol_type.clone()).filter(|text| !text.is_empty()),
        state: state(&group.state),
        group_epoch: None,
        assignment_epoch: None,
        members: group.members.iter().map(classic_member).collect(),
        rebalance_timeout_ms: None,
        streams: None,
    }
}

fn classic_member(member: &ClassicMember) -> Member {
    let by_topic = |topics: &BTreeMap<String, Vec<PartitionId>>| {
        topics.iter().flat_map(|(topic, partitions)| of_topic(topic, partitions)).collect()
    };
    Member {
        member_id: member.member_id.as_str().into(),
        instance_id: member.instance_id.as_deref().and_then(name),
        client_id: name(&member.client_id),
        host: name(&member.client_host),
        epoch: None,
        protocol: Protocol::Classic,
        subscription: known(&member.subscription).map(|known| names(&known.topics)),
        assigned: known(&member.assignment).map(by_topic),
        target: None,
        tasks: None,
    }
}

fn known<T>(data: &MemberData<T>) -> Option<&T> {
    match data {
        MemberData::Known(value) => Some(value),
        MemberData::Absent | MemberData::Unreadable => None,
    }
}

fn consumer(group: &ConsumerGroup) -> Description {
    Description {
        group_type: GroupType::Consumer,
        protocol: None,
        state: state(&group.state),
        group_epoch: Some(group.group_epoch.0),
        assignment_epoch: Some(group.assignment_epoch.0),
        members: group.members.iter().map(consumer_member).collect(),
        rebalance_timeout_ms: None,
        streams: None,
    }
}

fn consumer_member(member: &ConsumerMember) -> Member {
    // The broker does not say which topics a regular expression matches.
    let is_listed = member.subscribed_regex.is_none();
    Member {
        member_id: member.member_id.as_str().into(),
        instance_id: member.instance_id.as_deref().and_then(name),
        client_id: name(&member.client_id),
        host: name(&member.client_host),
        epoch: Some(member.epoch.0),
        protocol: match member.protocol {
            MemberProtocol::Unknown => Protocol::Unknown,
            MemberProtocol::Classic => Protocol::Classic,
            MemberProtocol::Consumer => Protocol::Native,
        },
        subscription: is_listed.then(|| names(&member.subscribed_topics)),
        assigned: Some(partitions(&member.assignment)),
        target: Some(partitions(&member.target)),
        tasks: None,
    }
}

fn share(group: &ShareGroup) -> Description {
    let member = |member: &kreplay_wire::types::ShareMember| Member {
        member_id: member.member_id.as_str().into(),
        instance_id: None,
        client_id: name(&member.client_id),
        host: name(&member.client_host),
        epoch: Some(member.epoch.0),
        protocol: Protocol::Native,
        subscription: Some(names(&member.subscribed_topics)),
        assigned: Some(partitions(&member.assignment)),
        target: None,
        tasks: None,
    };
    Description {
        group_type: GroupType::Share,
        protocol: None,
        state: state(&group.state),
        group_epoch: Some(group.group_epoch.0),
        assignment_epoch: Some(group.assignment_epoch.0),
        members: group.members.iter().map(member).collect(),
        rebalance_timeout_ms: None,
        streams: None,
    }
}

fn streams(group: &StreamsGroup, partition_count: &dyn Fn(&str) -> Option<u32>) -> Description {
    let parts = group.topology.as_ref().and_then(|topology| topology.subtopologies.as_deref());
    let subscription: Option<BTreeSet<Arc<str>>> =
        parts.map(|parts| parts.iter().flat_map(read_topics).map(Arc::from).collect());
    let tasks = |tasks: &[StreamsTask]| parts.map(|parts| of_tasks(tasks, parts, partition_count));
    let member = |member: &kreplay_wire::types::StreamsMember| Member {
        member_id: member.member_id.as_str().into(),
        instance_id: member.instance_id.as_deref().and_then(name),
        client_id: name(&member.client_id),
        host: name(&member.client_host),
        epoch: Some(member.epoch.0),
        protocol: if member.is_classic { Protocol::Classic } else { Protocol::Native },
        subscription: subscription.clone(),
        assigned: tasks(&member.assignment.active),
        target: tasks(&member.target.active),
        tasks: Some(MemberTasks { current: member_tasks(&member.assignment), target: member_tasks(&member.target) }),
    };
    let lacks_topics = group.topology.as_ref().is_some_and(|topology| topology.subtopologies.is_none());
    let not_ready =
        lacks_topics.then(|| "source topics are missing, or have unsuitable numbers of partitions".to_owned());
    let topology = StreamsView { subtopologies: parts.map(subtopologies), not_ready };
    Description {
        group_type: GroupType::Streams,
        protocol: None,
        state: state(&group.state),
        group_epoch: Some(group.group_epoch.0),
        assignment_epoch: Some(group.assignment_epoch.0),
        members: group.members.iter().map(member).collect(),
        rebalance_timeout_ms: None,
        streams: Some(topology),
    }
}

fn subtopologies(parts: &[Subtopology]) -> Vec<SubtopologyView> {
    let view = |part: &Subtopology| SubtopologyView {
        id: part.id.clone(),
        source_topics: part.source_topics.clone(),
        repartition_topics: part.repartition_source_topics.clone(),
        changelog_topics: part.changelog_topics.clone(),
    };
    let mut views: Vec<SubtopologyView> = parts.iter().map(view).collect();
    views.sort_by(|a, b| a.id.cmp(&b.id));
    views
}

fn member_tasks(assignment: &TaskAssignment) -> StreamsTasks {
    let list = |tasks: &[StreamsTask]| {
        let view = |task: &StreamsTask| TaskView { subtopology: task.subtopology.clone(), partition: task.partition.0 };
        let mut views: Vec<TaskView> = tasks.iter().map(view).collect();
        views.sort();
        views
    };
    StreamsTasks {
        active: list(&assignment.active),
        standby: list(&assignment.standby),
        warm_up: list(&assignment.warm_up),
    }
}

/// The topics that a subtopology reads.
fn read_topics(part: &Subtopology) -> impl Iterator<Item = &str> {
    part.source_topics.iter().chain(&part.repartition_source_topics).map(String::as_str)
}

/// The partitions that tasks read. A subtopology has as many tasks as its largest topic has partitions, so that a
/// smaller topic has none for some of them.
fn of_tasks(
    tasks: &[StreamsTask],
    parts: &[Subtopology],
    partition_count: &dyn Fn(&str) -> Option<u32>,
) -> BTreeSet<TopicPartition> {
    let mut found = BTreeSet::new();
    for task in tasks {
        for topic in parts.iter().filter(|part| part.id == task.subtopology).flat_map(read_topics) {
            let number = task.partition.0;
            if partition_count(topic).is_none_or(|count| u32::try_from(number).is_ok_and(|number| number < count)) {
                found.insert(TopicPartition::new(topic, number));
            }
        }
    }
    found
}

fn names(topics: &[String]) -> BTreeSet<Arc<str>> {
    topics.iter().map(|topic| Arc::from(topic.as_str())).collect()
}

fn partitions(topics: &[AssignedTopic]) -> BTreeSet<TopicPartition> {
    topics.iter().flat_map(|topic| of_topic(&topic.name, &topic.partitions)).collect()
}

fn of_topic(topic: &str, partitions: &[PartitionId]) -> Vec<TopicPartition> {
    let topic: Arc<str> = topic.into();
    partitions.iter().map(|partition| TopicPartition::new(topic.clone(), partition.0)).collect()
}

#[cfg(test)]
mod tests {
    use kreplay_wire::types::{AssignmentEpoch, GroupEpoch, Topology, TopologyEpoch};

    use super::*;

    #[test]
    fn tasks_have_the_partitions_of_their_subtopology_that_exist() {
        let part = |id: &str, source: &str, repartition: &str| Subtopology {
            id: id.to_owned(),
            source_topics: vec![source.to_owned()],
            repartition_source_topics: vec![repartition.to_owned()],
            repartition_sink_topics: Vec::new(),
            changelog_topics: Vec::new(),
        };
        let task = |id: &str, partition| StreamsTask { subtopology: id.to_owned(), partition: PartitionId(partition) };
        let parts = [part("0", "orders", "orders-by-user"), part("1", "users", "other")];
        let count = |topic: &str| (topic == "orders-by-user").then_some(1);
        let found = of_tasks(&[task("0", 0), task("0", 1)], &parts, &count);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["orders-0", "orders-1", "orders-by-user-0"]);
    }

    #[test]
    fn members_of_a_streams_group_have_their_tasks_by_kind() {
        let task = |id: &str, partition| StreamsTask { subtopology: id.to_owned(), partition: PartitionId(partition) };
        let shown = |tasks: &[TaskView]| tasks.iter().map(ToString::to_string).collect::<Vec<_>>();
        let found = member_tasks(&TaskAssignment {
            active: vec![task("1", 0), task("0", 2)],
            standby: vec![task("1", 1)],
            warm_up: vec![task("1", 2)],
        });
        assert_eq!(shown(&found.active), ["0_2", "1_0"]);
        assert_eq!((shown(&found.standby), shown(&found.warm_up)), (vec!["1_1".into()], vec!["1_2".into()]));
    }

    #[test]
    fn a_streams_group_without_subtopologies_says_why_it_is_not_ready() {
        let group = |topology: Option<Topology>| StreamsGroup {
            state: kreplay_wire::types::GroupState::NotReady,
            group_epoch: GroupEpoch(3),
            assignment_epoch: AssignmentEpoch(2),
            topology,
            members: Vec::new(),
        };
        let view = |topology| streams(&group(topology), &|_| None).streams.unwrap();
        let built = |subtopologies| Some(Topology { epoch: TopologyEpoch(0), subtopologies });
        assert_eq!(view(None), StreamsView::default(), "no member has sent the topology");
        let lacking = view(built(None));
        assert!(lacking.subtopologies.is_none() && lacking.not_ready.unwrap().contains("topics are missing"));
        let ready = view(built(Some(Vec::new())));
        assert_eq!((ready.subtopologies, ready.not_ready), (Some(Vec::new()), None));
    }

    #[test]
    fn a_classic_group_of_other_clients_is_other() {
        let group = |protocol_type: &str| ClassicGroup {
            state: kreplay_wire::types::GroupState::Empty,
            protocol_type: protocol_type.to_owned(),
            assignor: String::new(),
            members: Vec::new(),
        };
        let group_type = |protocol| classic(&group(protocol)).group_type;
        assert_eq!(
            [group_type(""), group_type("consumer"), group_type("connect")],
            [GroupType::Classic, GroupType::Classic, GroupType::Other]
        );
    }
}
