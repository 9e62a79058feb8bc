//! Which groups may be changed.

use kreplay_kafka::DescribedGroup;

use super::error::GroupsError;

/// Refuses a group that has members, or is not used by consumers.
pub(super) fn require_no_members(group: &str, described: DescribedGroup) -> Result<(), GroupsError> {
    match described {
        DescribedGroup::Missing | DescribedGroup::Empty => Ok(()),
        DescribedGroup::Active { state, members } => {
            Err(GroupsError::Active { group: group.to_owned(), state, members })
        }
        DescribedGroup::NotConsumers(reason) => Err(not_consumers(group, reason)),
    }
}

/// Refuses a group whose members own partitions of the topics, or that is not used by consumers. A member may be
/// subscribed to a topic without owning any of its partitions; that is for the broker to refuse.
pub(super) fn require_unused_topics<'a>(
    group: &str,
    described: DescribedGroup,
    topics: impl IntoIterator<Item = &'a str>,
) -> Result<(), GroupsError> {
    match described {
        DescribedGroup::Missing | DescribedGroup::Empty => Ok(()),
        DescribedGroup::Active { members, .. } => {
            let is_owned = |topic: &&str| members.iter().any(|member| member.topics.iter().any(|own| own == topic));
            match topics.into_iter().find(is_owned) {
                Some(topic) => Err(GroupsError::Subscribed { group: group.to_owned(), topic: topic.to_owned() }),
                None => Ok(()),
            }
        }
        DescribedGroup::NotConsumers(reason) => Err(not_consumers(group, reason)),
    }
}

fn not_consumers(group: &str, reason: String) -> GroupsError {
    GroupsError::NotConsumers { group: group.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use kreplay_kafka::DescribedMember;
    use kreplay_model::domain::Classified as _;

    use super::*;

    fn active(topic: &str) -> DescribedGroup {
        let member = DescribedMember {
            client_id: "app\u{1b}".into(),
            host: "10.0.0.7".into(),
            instance_id: Some("app-1".into()),
            topics: vec![topic.into()],
        };
        DescribedGroup::Active { state: "Stable".into(), members: vec![member] }
    }

    #[test]
    fn only_a_group_without_members_is_changed() {
        assert!(require_no_members("g", DescribedGroup::Missing).is_ok());
        assert!(require_no_members("g", DescribedGroup::Empty).is_ok());
        let error = require_no_members("g", active("t")).unwrap_err();
        assert!(error.class().is_usage());
        assert_eq!(
            error.to_string(),
            "group `g` is active (Stable), and only a group without members can be changed; stop app\\u{1b} (app-1) on \
             10.0.0.7"
        );
        let error = require_no_members("g", DescribedGroup::NotConsumers("connect".into())).unwrap_err();
        assert!(error.class().is_usage() && error.to_string().contains("(connect)"), "{error}");
    }

    #[test]
    fn offsets_of_a_topic_are_forgotten_only_if_no_member_owns_its_partitions() {
        assert!(require_unused_topics("g", active("t"), ["u"]).is_ok());
        let error = require_unused_topics("g", active("t"), ["u", "t"]).unwrap_err();
        assert!(matches!(error, GroupsError::Subscribed { topic, .. } if topic == "t"));
        assert!(require_unused_topics("g", DescribedGroup::NotConsumers("share".into()), ["u"]).is_err());
    }
}
