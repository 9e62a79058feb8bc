//! Which partitions belong to a group, why, and who owns them.

mod expiry;
mod left;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::Why;

pub use expiry::{DEFAULT_OFFSETS_RETENTION_MINUTES, expires_soon, expiry};
pub use left::{ABANDONED_AFTER_INTERVALS, METADATA_AGE_MS, has_left, is_orphan};

use crate::look::{CommitAnswer, Description, Member, Protocol};

/// How one partition belongs to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belonging {
    /// Why it belongs to the group.
    pub why: BTreeSet<Why>,
    /// The id of the member that has it. Share groups have no owners: several members may read a partition.
    pub owner: Option<Arc<str>>,
}

/// The partitions of a group: committed ∪ assigned ∪ target ∪ all partitions of subscribed topics.
#[must_use]
pub fn partitions(
    description: Option<&Description>,
    commits: Option<&BTreeMap<TopicPartition, CommitAnswer>>,
    partition_count: impl Fn(&str) -> Option<u32>,
) -> BTreeMap<TopicPartition, Belonging> {
    let mut found: BTreeMap<TopicPartition, Belonging> = BTreeMap::new();
    let mut add = |partition: TopicPartition, why: Why, owner: Option<&Arc<str>>| {
        let belonging = found.entry(partition).or_default();
        belonging.why.insert(why);
        belonging.owner = owner.cloned().or(belonging.owner.take());
    };
    for (partition, answer) in commits.into_iter().flatten() {
        if !matches!(answer, CommitAnswer::Nothing) {
            add(partition.clone(), Why::Committed, None);
        }
    }
    let has_owners = description.is_some_and(|group| group.group_type != kreplay_model::watch::GroupType::Share);
    for member in description.into_iter().flat_map(|group| &group.members) {
        for partition in member.assigned.iter().flatten() {
            add(partition.clone(), Why::Assigned, has_owners.then_some(&member.member_id));
        }
        for partition in member.target.iter().flatten() {
            add(partition.clone(), Why::Target, None);
        }
        for topic in member.subscription.iter().flatten() {
            for number in 0..partition_count(topic).unwrap_or(0) {
                if let Ok(number) = i32::try_from(number) {
                    add(TopicPartition::new(topic.clone(), number), Why::Subscribed, None);
                }
            }
        }
    }
    found
}

/// The topics that the group subscribes to; `None` if the subscription of a member is not known, or if it has no
/// members.
#[must_use]
pub fn subscription(description: &Description) -> Option<BTreeSet<Arc<str>>> {
    let mut topics = BTreeSet::new();
    for member in &description.members {
        topics.extend(member.subscription.as_ref()?.iter().cloned());
    }
    (!description.members.is_empty()).then_some(topics)
}

/// The number of members without partitions; `None` if an assignment is not known.
#[must_use]
pub fn idle_members(description: &Description) -> Option<u64> {
    let counts: Option<Vec<usize>> = description.members.iter().map(Member::assigned_count).collect();
    Some(counts?.into_iter().filter(|count| *count == 0).map(|_| 1).sum())
}

/// The number of members that still use the classic protocol; `None` if a protocol is not known.
#[must_use]
pub fn classic_members(description: &Description) -> Option<u64> {
    let is_known = description.members.iter().all(|member| member.protocol != Protocol::Unknown);
    let classic = description.members.iter().filter(|member| member.protocol == Protocol::Classic);
    is_known.then(|| classic.map(|_| 1).sum())
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Offset;
    use kreplay_model::watch::{GroupState, GroupType};
    use proptest::prelude::*;

    use super::*;
    use crate::look::Commit;

    fn group(members: Vec<Member>) -> Description {
        Description {
            group_type: GroupType::Consumer,
            protocol: None,
            state: GroupState::Stable,
            group_epoch: Some(1),
            assignment_epoch: Some(1),
            members,
            rebalance_timeout_ms: None,
            streams: None,
        }
    }

    fn member(id: &str, assigned: &[TopicPartition], topics: Option<&[&str]>) -> Member {
        Member {
            member_id: id.into(),
            assigned: Some(assigned.iter().cloned().collect()),
            subscription: topics.map(|topics| topics.iter().map(|topic| Arc::from(*topic)).collect()),
            ..Member::default()
        }
    }

    fn committed(offset: i64) -> CommitAnswer {
        CommitAnswer::Offset(Commit {
            offset: Offset::new(offset).unwrap(),
            leader_epoch: None,
            topic_id: None,
            committed_at: None,
            metadata: "".into(),
        })
    }

    #[test]
    fn a_new_partition_of_a_subscribed_topic_belongs_to_the_group() {
        let at = |number| TopicPartition::new("orders", number);
        let group = group(vec![member("a", &[at(0)], Some(&["orders"]))]);
        let commits = BTreeMap::from([(at(0), committed(5)), (TopicPartition::new("old", 0), committed(1))]);
        let found = partitions(Some(&group), Some(&commits), |topic| (topic == "orders").then_some(2));
        assert_eq!(found[&at(0)].why, BTreeSet::from([Why::Committed, Why::Assigned, Why::Subscribed]));
        assert_eq!(found[&at(0)].owner.as_deref(), Some("a"));
        assert_eq!(found[&at(1)], Belonging { why: BTreeSet::from([Why::Subscribed]), owner: None });
        assert_eq!(found[&TopicPartition::new("old", 0)].why, BTreeSet::from([Why::Committed]));
    }

    #[test]
    fn a_group_with_one_unknown_subscription_has_an_unknown_one() {
        let known = member("a", &[], Some(&["x"]));
        assert_eq!(subscription(&group(vec![known.clone(), member("b", &[], None)])), None);
        assert_eq!(subscription(&group(vec![])), None);
        assert_eq!(subscription(&group(vec![known])).unwrap().len(), 1);
    }

    #[test]
    fn partitions_of_share_groups_have_no_owner() {
        let at = TopicPartition::new("orders", 0);
        let mut group = group(vec![member("a", std::slice::from_ref(&at), None)]);
        group.group_type = GroupType::Share;
        assert_eq!(partitions(Some(&group), None, |_| None)[&at].owner, None);
    }

    proptest! {
        #[test]
        fn each_partition_is_there_for_a_reason(assigned in proptest::collection::btree_set(0..8_i32, 0..6), commits in proptest::collection::btree_set(0..8_i32, 0..6), count in proptest::option::of(0..8_u32)) {
            let at = |number: i32| TopicPartition::new("t", number);
            let owned: Vec<TopicPartition> = assigned.iter().map(|number| at(*number)).collect();
            let group = group(vec![member("a", &owned, Some(&["t"]))]);
            let commits_by_partition = commits.iter().map(|number| (at(*number), committed(1))).collect();
            let found = partitions(Some(&group), Some(&commits_by_partition), |_| count);
            for number in 0..8 {
                let reasons = [
                    (commits.contains(&number), Why::Committed),
                    (assigned.contains(&number), Why::Assigned),
                    (i64::from(number) < i64::from(count.unwrap_or(0)), Why::Subscribed),
                ];
                let expected: BTreeSet<Why> = reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect();
                let found = found.get(&at(number)).map(|found| found.why.clone()).unwrap_or_default();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
