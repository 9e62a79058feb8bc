//! Groups: their list, descriptions and committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{GroupType, Reason};
use kreplay_monitor::look::{Answer, Commit, CommitAnswer, ListedGroup};
use kreplay_wire::types::{CommittedOffset, GroupFilter, GroupId, ShareOffset};
use kreplay_wire::{WireClient, WireError};

use crate::describe::Described;
use crate::reason::{Subject, reason};
use crate::selection::GroupSelection;

/// How a group is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Classic,
    Consumer,
    Share,
    Streams,
}

/// A listed group.
#[derive(Clone, Debug)]
struct Known {
    listed: ListedGroup,
    kind: Kind,
    /// `None` if the group could not be listed.
    coordinator: Option<i32>,
}

/// Committed offsets by partition.
pub(crate) type Commits = BTreeMap<TopicPartition, CommitAnswer>;

/// What the coordinator says about a group.
pub(crate) struct GroupAnswer {
    pub(crate) described: Result<Described, Reason>,
    pub(crate) commits: Answer<Commits>,
    pub(crate) coordinator: Answer<i32>,
}

/// The groups of a cluster.
pub(crate) struct Groups {
    client: WireClient,
    selection: GroupSelection,
    known: BTreeMap<Arc<str>, Known>,
}

impl Groups {
    pub(crate) fn new(client: WireClient, selection: GroupSelection) -> Self {
        Self { client, selection, known: BTreeMap::new() }
    }

    /// The selected groups, as `client` lists them. Those of a broker that does not answer are as in the list before.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub(crate) async fn list(&mut self, client: &WireClient) -> Result<Vec<ListedGroup>, WireError> {
        let found = client.list_groups(&GroupFilter::default()).await?;
        let listed = found.groups.into_iter().filter(|group| self.selection.contains(group.id.as_str()));
        let mut known: BTreeMap<Arc<str>, Known> = listed.map(known_group).collect();
        let is_silent =
            |group: &Known| group.coordinator.is_some_and(|id| found.failures.keys().any(|broker| broker.0 == id));
        for (name, group) in std::mem::take(&mut self.known) {
            if is_silent(&group) {
                known.entry(name).or_insert(group);
            }
        }
        for name in self.not_listable(&known).await {
            known.insert(name.clone(), not_listed(name));
        }
        self.known = known;
        Ok(self.known.values().map(|group| group.listed.clone()).collect())
    }

    /// The groups that are selected by name, are not listed, and that the user may not describe.
    async fn not_listable(&self, known: &BTreeMap<Arc<str>, Known>) -> Vec<Arc<str>> {
        let missing = self.selection.names().filter(|name| !known.contains_key(*name)).map(GroupId::from);
        let missing: Vec<GroupId> = missing.collect();
        if missing.is_empty() {
            return Vec::new();
        }
        let described = self.client.describe_classic_groups(missing).await;
        let is_refused = |(group, answer): (GroupId, Result<_, WireError>)| {
            let why = reason(&answer.err()?, Subject::Group(group.as_str()));
            matches!(why, Reason::NotAuthorized { .. }).then(|| Arc::from(group.as_str()))
        };
        described.into_iter().filter_map(is_refused).collect()
    }

    /// Describes groups and requests their committed offsets. An error of one group does not affect the others.
    pub(crate) async fn ask(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, GroupAnswer> {
        let of_kind = |kind: Kind| {
            let is_kind = move |name: &&Arc<str>| self.kind(name) == kind;
            names.iter().filter(is_kind).map(|name| GroupId::from(name.clone())).collect::<Vec<_>>()
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
        let mut described: BTreeMap<GroupId, Result<Described, WireError>> = BTreeMap::new();
        described.extend(classic.into_iter().map(|(group, answer)| (group, answer.map(Described::Classic))));
        described.extend(consumer.into_iter().map(|(group, answer)| (group, answer.map(Described::Consumer))));
        described.extend(share_groups.into_iter().map(|(group, answer)| (group, answer.map(Described::Share))));
        described.extend(streams.into_iter().map(|(group, answer)| (group, answer.map(Described::Streams))));
        let mut offsets: BTreeMap<GroupId, Answer<Commits>> = BTreeMap::new();
        offsets.extend(commits.into_iter().map(|(group, answer)| {
            let answer = answered(&group, answer, committed);
            (group, answer)
        }));
        offsets.extend(share_offsets.into_iter().map(|(group, answer)| {
            let answer = answered(&group, answer, share_start);
            (group, answer)
        }));
        let answer = |(group, described): (GroupId, Result<Described, WireError>)| {
            let described = described.map_err(|error| reason(&error, Subject::Group(group.as_str())));
            let name: Arc<str> = group.as_str().into();
            let coordinator = self.known.get(&name).and_then(|known| known.coordinator);
            let answer = GroupAnswer {
                described: described.and_then(exists),
                commits: offsets.remove(&group).unwrap_or_default(),
                coordinator: coordinator.map_or(Answer::NotAsked, |id| Answer::Known(Utc::now(), id)),
            };
            (name, answer)
        };
        described.into_iter().map(answer).collect()
    }

    fn kind(&self, name: &str) -> Kind {
        self.known.get(name).map_or(Kind::Classic, |known| known.kind)
    }
}

/// Old brokers describe a group that does not exist as dead.
fn exists(described: Described) -> Result<Described, Reason> {
    match &described {
        Described::Classic(group) if group.state == kreplay_wire::types::GroupState::Dead => Err(Reason::GroupGone),
        _ => Ok(described),
    }
}

fn known_group(group: kreplay_wire::types::ListedGroup) -> (Arc<str>, Known) {
    use kreplay_wire::types::GroupType as Wire;
    let is_consumer = group.protocol_type.is_empty() || group.protocol_type == "consumer";
    let (kind, group_type) = match group.group_type {
        Some(Wire::Consumer) => (Kind::Consumer, GroupType::Consumer),
        Some(Wire::Share) => (Kind::Share, GroupType::Share),
        Some(Wire::Streams) => (Kind::Streams, GroupType::Streams),
        Some(Wire::Other(_)) => (Kind::Classic, GroupType::Other),
        // Connect workers and schema registries use the classic protocol for other things than partitions.
        Some(Wire::Classic) | None if !is_consumer => (Kind::Classic, GroupType::Other),
        Some(Wire::Classic) | None => (Kind::Classic, GroupType::Classic),
    };
    let name: Arc<str> = group.id.as_str().into();
    let listed = ListedGroup {
        group: name.clone(),
        group_type,
        protocol: group.protocol_type,
        state: Some(group.state.as_str()).filter(|word| !word.is_empty()).map(|word| word.to_owned().into()),
    };
    (name, Known { listed, kind, coordinator: Some(group.coordinator.0) })
}

/// A group that exists or not: the user may not describe it.
fn not_listed(name: Arc<str>) -> Known {
    let listed = ListedGroup { group: name, group_type: GroupType::Other, protocol: String::new(), state: None };
    Known { listed, kind: Kind::Classic, coordinator: None }
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
    use kreplay_wire::types::{BrokerId, GroupState, GroupType as Wire, ListedGroup as Listed, TopicId};

    use super::*;

    #[test]
    fn listed_types_keep_their_meaning() {
        let listed = |group_type, protocol: &str| {
            known_group(Listed {
                id: "g".into(),
                group_type,
                protocol_type: protocol.to_owned(),
                state: GroupState::Stable,
                coordinator: BrokerId(1),
            })
            .1
        };
        assert_eq!(listed(Some(Wire::Classic), "connect").listed.group_type, GroupType::Other);
        assert_eq!(listed(None, "consumer").listed.group_type, GroupType::Classic);
        assert_eq!(listed(Some(Wire::Share), "share").kind, Kind::Share);
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
