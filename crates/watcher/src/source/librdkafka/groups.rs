//! Groups: their list, descriptions and committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use kreplay_kafka::{ClientError, GroupViewer, SeenCommit, SeenCommits, SeenError, SeenGroup};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{Reason, SeenBy};
use kreplay_monitor::look::{Answer, Commit, CommitAnswer};

use super::Librdkafka;
use super::describe::{Subscriptions, description, listed};
use crate::reason::{Subject, reason_of_librdkafka};
use crate::selection::GroupSelection;
use crate::source::answer::{Commits, Described, GroupAnswer, Kind, Listing, Missing};

impl Librdkafka {
    pub(in crate::source) async fn list(&self, selection: &GroupSelection) -> Result<Listing, ClientError> {
        let found = self.call(GroupViewer::list).await;
        let seen = found.map_err(|why| ClientError::Refused(why.to_string()))??;
        let missing = match (seen.has_all_consumers, seen.has_all_others) {
            // An error does not name its broker.
            (false, _) => Missing::Any,
            (true, false) => Missing::NotDescribed,
            (true, true) => Missing::None,
        };
        let mut listing = Listing { missing, ..Listing::default() };
        let mut subscriptions = BTreeMap::new();
        for group in seen.groups.into_iter().filter(|group| selection.contains(&group.group)) {
            let (found, topics) = listed(group);
            let name = found.group.group.clone();
            subscriptions.insert(name.clone(), topics);
            listing.groups.insert(name, found);
        }
        self.shared.known.lock().subscriptions = subscriptions;
        Ok(listing)
    }

    pub(in crate::source) async fn refused(&self, names: &[Arc<str>]) -> Vec<Arc<str>> {
        let described = self.describe(names.to_vec()).await;
        let is_refused = |(name, answer): (&Arc<str>, Result<SeenGroup, Reason>)| {
            matches!(answer, Err(Reason::NotAuthorized { .. })).then(|| name.clone())
        };
        names.iter().zip(described).filter_map(is_refused).collect()
    }

    pub(in crate::source) async fn groups(&self, groups: &[(Arc<str>, Kind)]) -> BTreeMap<Arc<str>, GroupAnswer> {
        let names = |are_described: bool| {
            let of = move |(_, kind): &&(Arc<str>, Kind)| (*kind != Kind::NotDescribed) == are_described;
            groups.iter().filter(of).map(|(name, _)| name.clone()).collect::<Vec<Arc<str>>>()
        };
        let (described, others) = (names(true), names(false));
        let all = [&described[..], &others].concat();
        let (descriptions, commits) = tokio::join!(self.describe(described), self.committed(all.clone()));
        let not_described = others.iter().map(|_| Err(Reason::NotInLibrdkafka));
        let descriptions = descriptions.into_iter().chain(not_described);
        let known = self.shared.known.lock();
        let mut answers = BTreeMap::new();
        for ((name, described), commits) in all.into_iter().zip(descriptions).zip(commits) {
            let answer = group_answer(described, commits, known.subscriptions.get(&name));
            answers.insert(name, answer);
        }
        answers
    }

    /// Describes groups, in the order given.
    async fn describe(&self, names: Vec<Arc<str>>) -> Vec<Result<SeenGroup, Reason>> {
        if names.is_empty() {
            return Vec::new();
        }
        let asked = names.clone();
        let found = self.call(move |viewer, patience| viewer.describe(&texts(&asked), patience)).await;
        match found {
            Ok(answers) => answers
                .into_iter()
                .zip(&names)
                .map(|(answer, name)| answer.map_err(|error| reason_of_librdkafka(&error, Subject::Group(name))))
                .collect(),
            Err(why) => names.iter().map(|_| Err(why.clone())).collect(),
        }
    }

    /// The committed offsets of groups, in the order given.
    async fn committed(&self, names: Vec<Arc<str>>) -> Vec<Answer<Commits>> {
        if names.is_empty() {
            return Vec::new();
        }
        let asked = names.clone();
        let found = self.call(move |viewer, patience| viewer.committed(&texts(&asked), patience)).await;
        match found {
            Ok(answers) => answers.into_iter().zip(&names).map(|(answer, name)| commits(answer, name)).collect(),
            Err(why) => names.iter().map(|_| Answer::Failed(why.clone())).collect(),
        }
    }
}

fn texts(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

/// What is known about a group. Offsets of a group that is not described are known only if there are some: those of a
/// share group are kept elsewhere.
fn group_answer(
    described: Result<SeenGroup, Reason>,
    commits: Answer<Commits>,
    subscriptions: Option<&Subscriptions>,
) -> GroupAnswer {
    match described {
        Ok(group) => {
            let coordinator = group.coordinator;
            let (description, seen_by) = description(group, subscriptions);
            let boxed: Box<dyn Described + Send + Sync> = Box::new(description);
            GroupAnswer { described: Ok(boxed), commits, coordinator, seen_by }
        }
        Err(why) => {
            let hides_commits = why == Reason::NotInLibrdkafka && commits.value().is_none_or(BTreeMap::is_empty);
            let commits = if hides_commits { Answer::Failed(why.clone()) } else { commits };
            GroupAnswer { described: Err(why), commits, coordinator: None, seen_by: SeenBy::Librdkafka }
        }
    }
}

fn commits(answer: Result<SeenCommits, SeenError>, group: &str) -> Answer<Commits> {
    match answer {
        Ok(offsets) => Answer::Known(Utc::now(), offsets.into_iter().map(commit).collect()),
        Err(error) => Answer::Failed(reason_of_librdkafka(&error, Subject::Group(group))),
    }
}

fn commit((partition, found): (TopicPartition, Result<SeenCommit, SeenError>)) -> (TopicPartition, CommitAnswer) {
    let answer = match found {
        Ok(found) => CommitAnswer::Offset(Commit {
            offset: found.offset,
            leader_epoch: found.leader_epoch,
            topic_id: None,
            committed_at: None,
            metadata: found.metadata.into(),
        }),
        Err(error) => CommitAnswer::Failed(reason_of_librdkafka(&error, Subject::Topic(&partition.topic))),
    };
    (partition, answer)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn no_offsets_of_a_group_that_is_not_described_are_unknown_ones() {
        let known = |commits| Answer::Known(DateTime::UNIX_EPOCH, commits);
        let not_described = |commits| group_answer(Err(Reason::NotInLibrdkafka), known(commits), None).commits;
        assert_eq!(not_described(BTreeMap::new()), Answer::Failed(Reason::NotInLibrdkafka));
        let some = BTreeMap::from([(TopicPartition::new("t", 0), CommitAnswer::Nothing)]);
        assert_eq!(not_described(some.clone()), known(some));
        let timed_out = group_answer(Err(Reason::TimedOut), known(BTreeMap::new()), None);
        assert_eq!(timed_out.commits, known(BTreeMap::new()));
    }
}
