//! What the clients return.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{Reason, SeenBy};
use kreplay_monitor::look::{Answer, CommitAnswer, Description, ListedGroup, TopicId};

/// How a group is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Classic,
    Consumer,
    Share,
    Streams,
    /// The client cannot describe it.
    NotDescribed,
}

/// A listed group.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) group: ListedGroup,
    pub(crate) kind: Kind,
    /// `None` if the list does not say.
    pub(crate) coordinator: Option<i32>,
}

/// The groups in a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) groups: BTreeMap<Arc<str>, Listed>,
    pub(crate) missing: Missing,
}

/// Which groups may be missing in a list because brokers have not answered it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Missing {
    /// None.
    #[default]
    None,
    /// Those that the client cannot describe.
    NotDescribed,
    /// Any: a group may have moved to a broker that has not answered.
    Any,
}

impl Missing {
    /// Whether a group that was listed before may be missing.
    pub(crate) fn may_have(&self, group: &Listed) -> bool {
        match self {
            Self::None => false,
            Self::NotDescribed => group.kind == Kind::NotDescribed,
            Self::Any => true,
        }
    }
}

/// Committed offsets by partition.
pub(crate) type Commits = BTreeMap<TopicPartition, CommitAnswer>;
/// The settings of a resource that have a value, by name.
pub(crate) type Settings = BTreeMap<String, String>;

/// The settings of topics that a watch needs.
pub(crate) const TOPIC_SETTINGS: [&str; 2] = ["cleanup.policy", "retention.ms"];

/// A group as a client describes it.
pub(crate) trait Described {
    /// The topics that members have or subscribe to.
    fn topics(&self) -> BTreeSet<Arc<str>>;

    /// The description. `partition_count` has the number of partitions of a topic, if known.
    fn describe(&self, partition_count: &dyn Fn(&str) -> Option<u32>) -> Description;
}

/// What the coordinator says about a group.
pub(crate) struct GroupAnswer {
    pub(crate) described: Result<Box<dyn Described + Send + Sync>, Reason>,
    pub(crate) commits: Answer<Commits>,
    /// The coordinator, if the description names it.
    pub(crate) coordinator: Option<i32>,
    pub(crate) seen_by: SeenBy,
}

/// A topic that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicFound {
    pub(crate) partitions: u32,
    pub(crate) id: Option<TopicId>,
}

/// The topics that the members of a group have, will have or subscribe to.
pub(crate) fn topics_of(description: &Description) -> BTreeSet<Arc<str>> {
    let mut topics = BTreeSet::new();
    for member in &description.members {
        topics.extend(member.subscription.iter().flatten().cloned());
        let partitions = member.assigned.iter().chain(&member.target).flatten();
        topics.extend(partitions.map(|partition| partition.topic.clone()));
    }
    topics
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::GroupType;

    use super::*;

    #[test]
    fn groups_of_a_broker_that_has_not_answered_may_be_missing() {
        let group = |kind| Listed {
            group: ListedGroup {
                group: "g".into(),
                group_type: GroupType::Classic,
                protocol: String::new(),
                state: None,
            },
            kind,
            coordinator: None,
        };
        let (classic, not_described) = (group(Kind::Classic), group(Kind::NotDescribed));
        assert!(Missing::Any.may_have(&classic) && !Missing::None.may_have(&classic));
        assert!(Missing::NotDescribed.may_have(&not_described) && !Missing::NotDescribed.may_have(&classic));
    }
}
