//! Groups: their list, descriptions and committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{GroupType, Reason, SeenBy};
use kreplay_monitor::look::{Answer, Commit, CommitAnswer, ListedGroup};
use kreplay_wire::WireError;
use kreplay_wire::types::{CommittedOffset, GroupFilter, GroupId, ShareOffset};

use super::Wire;
use super::describe::WireGroup;
use crate::reason::{Subject, reason};
use crate::selection::GroupSelection;
use crate::source::answer::{Commits, Described, GroupAnswer, Kind, Listed, Listing, Missing};

impl Wire {
    pub(in crate::source) async fn list(&self, selection: &GroupSelection) -> Result<Listing, WireError> {
        let found = self.client.list_groups(&GroupFilter::default()).await?;
        let listed = found.groups.into_iter().filter(|group| selection.contains(group.id.as_str()));
        let missing = if found.failures.is_empty() { Missing::None } else { Missing::Any };
        Ok(Listing { groups: listed.map(listed_group).collect(), missing })
    }

    pub(in crate::source) async fn refused(&self, names: &[Arc<str>]) -> Vec<Arc<str>> {
        let described = self.client.describe_classic_groups(names.iter().cloned().map(GroupId::from)).await;
        let is_refused = |(group, answer): (GroupId, Result<_, WireError>)| {
            let why = reason(&answer.err()?, Subject::Group(group.as_str()));
            matches!(why, Reason::NotAuthorized { .. }).then(|| Arc::from(group.as_str()))
        };
        described.into_iter().filter_map(is_refused).collect()
    }

    pub(in crate::source) async fn groups(&self, groups: &[(Arc<str>, Kind)]) -> BTreeMap<Arc<str>, GroupAnswer> {
        let of_kind = |kind: Kind| {
            let is_kind = move |(_, of): &&(Arc<str>, Kind)| *of == kind;
            groups.iter().filter(is_kind).map(|(name, _)| GroupId::from(name.clone())).collect::<Vec<_>>()
        };
        let (classic, consumer) = (of_kind(Kind::Classic), of_kind(Kind::Consumer));
        let (share, streams) = (of_kind(Kind::Share), of_kind(Kind::Streams));
        let with_commits: Vec<GroupId> = [&classic[..], &consumer, &streams].concat();
        let (classic, consumer, share_groups, streams, commits, share_offsets) = tokio::join!(
            self.client.describe_classic_groups(classic),
            self.client.describe_consumer_groups(consumer),
            self.client.describe_share_groups(share.iter().cloned()),
            self.client.describe_streams_groups(streams),
            self.client.committed_offsets(with_commits, false),
            self.client.share_group_offsets(share.iter().cloned()),
        );
        let mut described: BTreeMap<GroupId, Result<WireGroup, WireError>> = BTreeMap::new();
        described.extend(classic.into_iter().map(|(group, answer)| (group, answer.map(WireGroup::Classic))));
        described.extend(consumer.into_iter().map(|(group, answer)| (group, answer.map(WireGroup::Consumer))));
        described.extend(share_groups.into_iter().map(|(group, answer)| (group, answer.map(WireGroup::Share))));
        described.extend(streams.into_iter().map(|(group, answer)| (group, answer.map(WireGroup::Streams))));
        let mut offsets: BTreeMap<GroupId, Answer<Commits>> = BTreeMap::new();
        offsets.extend(commits.into_iter().map(|(group, answer)| {
            let answer = answered(&group, answer, committed);
            (group, answer)
        }));
        offsets.extend(share_offsets.into_iter().map(|(group, answer)| {
            let answer = answered(&group, answer, share_start);
            (group, answer)
        }));
        let answer = |(group, described): (GroupId, Result<WireGroup, WireError>)| {
            let described = described.map_err(|error| reason(&error, Subject::Group(group.as_str())));
            let boxed = |group: WireGroup| -> Box<dyn Described + Send + Sync> { Box::new(group) };
            let answer = GroupAnswer {
                described: described.and_then(exists).map(boxed),
                commits: offsets.remove(&group).unwrap_or_default(),
                coordinator: None,
                seen_by: SeenBy::Wire,
            };
            (group.as_str().into(), answer)
        };
        described.into_iter().map(answer).collect()
    }
}

/// Old brokers describe a group that does not exist as dead.
fn exists(described: WireGroup) -> Result<WireGroup, Reason> {
    match &described {
        WireGroup::Classic(group) if group.state == kreplay_wire::types::GroupState::Dead => Err(Reason::GroupGone),
        _ => Ok(described),
    }
}

fn listed_group(group: kreplay_wire::types::ListedGroup) -> (Arc<str>, Listed) {
    use kreplay_wire::types::GroupType as WireType;
    let is_consumer = group.protocol_type.is_empty() || group.protocol_type == "consumer";
    let (kind, group_type) = match group.group_type {
        Some(WireType::Consumer) => (Kind::Consumer, GroupType::Consumer),
        Some(WireType::Share) => (Kind::Share, GroupType::Share),
        Some(WireType::Streams) => (Kind::Streams, GroupType::Streams),
        Some(WireType::Other(_)) => (Kind::Classic, GroupType::Other),
        // Connect workers and schema registries use the classic protocol for other things than partitions.
        Some(WireType::Classic) | None if !is_consumer => (Kind::Classic, GroupType::Other),
        Some(WireType::Classic) | None => (Kind::Classic, GroupType::Classic),
    };
    let name: Arc<str> = group.id.as_str().into();
    let listed = ListedGroup {
        group: name.clone(),
        group_type,
        protocol: group.protocol_type,
        state: Some(group.state.as_str()).filter(|word| !word.is_empty()).map(|word| word.to_owned().into()),
    };
    (name, Listed { group: listed, kind, coordinator: Some(group.coordinator.0) })
}

/// The offsets of one group as an answer of a look.
fn answered<T>(
    group: &GroupId,
    answer: Result<BTreeMap<TopicPartition, T>, WireError>,
    convert: impl Fn(&TopicPartition, T) -> CommitAnswer,
) -> Answer<Commits> {
    match answer {
        Ok(offsets) => {
            let convert = |(partition, found)| {
                let answer = convert(&partition, found);
                (partition, answer)
            };
            Answer::Known(Utc::now(), offsets.into_iter().map(convert).collect())
        }
        Err(error) => Answer::Failed(reason(&error, Subject::Group(group.as_str()))),
    }
}

fn committed(partition: &TopicPartition, found: Result<Option<CommittedOffset>, WireError>) -> CommitAnswer {
    match found {
        Ok(None) => CommitAnswer::Nothing,
        Ok(Some(found)) => CommitAnswer::Offset(Commit {
            offset: found.offset,
            leader_epoch: found.leader_epoch.map(|epoch| epoch.0),
            topic_id: None,
            committed_at: None,
            metadata: found.metadata.into(),
        }),
        Err(error) => CommitAnswer::Failed(reason(&error, Subject::Topic(&partition.topic))),
    }
}

fn share_start(partition: &TopicPartition, found: Result<ShareOffset, WireError>) -> CommitAnswer {
    match found {
        Ok(ShareOffset { start: Some(start), lag, .. }) => CommitAnswer::ShareStart { start, lag: lag.known() },
        Ok(ShareOffset { start: None, .. }) => CommitAnswer::Nothing,
        Err(error) => CommitAnswer::Failed(reason(&error, Subject::Topic(&partition.topic))),
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::{Lag, Offset};
    use kreplay_wire::types::{BrokerId, GroupState, GroupType as WireType, ListedGroup as WireListed, TopicId};

    use super::*;

    #[test]
    fn listed_types_keep_their_meaning() {
        let listed = |group_type, protocol: &str| {
            listed_group(WireListed {
                id: "g".into(),
                group_type,
                protocol_type: protocol.to_owned(),
                state: GroupState::Stable,
                coordinator: BrokerId(1),
            })
            .1
        };
        assert_eq!(listed(Some(WireType::Classic), "connect").group.group_type, GroupType::Other);
        assert_eq!(listed(None, "consumer").group.group_type, GroupType::Classic);
        assert_eq!(listed(Some(WireType::Share), "share").kind, Kind::Share);
    }

    #[test]
    fn a_share_group_that_has_read_nothing_has_no_offset() {
        let offset = |start| ShareOffset { topic_id: TopicId::ZERO, start, leader_epoch: None, lag: Lag::Known(3) };
        let partition = TopicPartition::new("t", 0);
        assert_eq!(share_start(&partition, Ok(offset(None))), CommitAnswer::Nothing);
        assert_eq!(
            share_start(&partition, Ok(offset(Offset::new(7)))),
            CommitAnswer::ShareStart { start: Offset::new(7).unwrap(), lag: Some(3) }
        );
    }
}
