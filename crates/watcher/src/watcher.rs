//! One look after another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures_util::future::join_all;
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{HistoryView, Reason};
use kreplay_monitor::look::{Answer, CommitAnswer, Description, GroupLook, Look, MarkerProbe};
use kreplay_monitor::observer::{Observation, Observer, WantedTimes, Wants};
use kreplay_monitor::rules::Rules;
use kreplay_monitor::verdict::LOOKS_BEFORE_VERDICT;
use tokio::time::{Instant, sleep};

use crate::control::Wishes;
use crate::groups::Groups;
use crate::history::Histories;
use crate::logs::{Logs, ends_below};
use crate::probes::{FewOffsets, Probes};
use crate::schedule::{MAX_GROUPS_PER_LOOK, Schedule};
use crate::selection::GroupSelection;
use crate::source::{Commits, GroupAnswer, WatchClient, WatchError};
use crate::trouble::in_trouble;

/// Rounds of time queries in each look at an interval.
const TIME_ROUNDS: u32 = 2;
/// Rounds of time queries in a look while ages are not known at all, and in each of the few looks of
/// [`Watcher::look_closely`]. A search takes three to five.
const MAX_TIME_ROUNDS: u32 = 6;
/// How long after the first round the further rounds of a look at an interval may begin: other figures must not wait
/// for them.
const FURTHER_ROUNDS_FOR: Duration = Duration::from_secs(2);
/// Time between the looks of [`Watcher::look_closely`].
const CLOSE_INTERVAL: Duration = Duration::from_millis(500);
/// How long one request of a look may take with its retries, unless more is allowed: a broker that does not answer must
/// not hold up the others for long. The first list of groups has the client's own deadline.
const LOOK_DEADLINE: Duration = Duration::from_secs(5);

/// The settings of a watcher.
#[derive(Clone, Debug)]
pub struct WatcherOptions {
    /// Which groups are watched.
    pub selection: GroupSelection,
    /// Time between two looks at groups in view.
    pub interval: Duration,
    /// The name of the cluster while its id is not known.
    pub cluster: String,
    /// The rules of the watch.
    pub rules: Rules,
    /// Why librdkafka is used; `None` with kreplay's own client.
    pub librdkafka_because: Option<String>,
}

/// Looks at the groups of a cluster. Every call ends, whatever the cluster does, and can be dropped at any time.
pub struct Watcher {
    client: WatchClient,
    /// How long one request of a look may take with its retries.
    deadline: Duration,
    groups: Groups,
    logs: Logs,
    schedule: Schedule,
    observer: Observer,
    wants: Wants,
    cluster: String,
    interval: Duration,
    began: Instant,
    history: Option<HistoryView>,
    librdkafka_because: Option<String>,
    probes: Probes,
}

/// Which groups a look is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Those that are due.
    Due,
    /// All of them, with more time queries.
    Close,
}

impl Watcher {
    /// Connects to the cluster and lists its groups.
    ///
    /// # Errors
    /// The cluster does not answer within the deadline of the client, refuses the user, or lacks requests that the
    /// client needs.
    pub async fn open(
        client: impl Into<WatchClient>,
        options: WatcherOptions,
    ) -> Result<(Self, Observation), WatchError> {
        let client = client.into();
        let short = client.within(LOOK_DEADLINE);
        let mut watcher = Self {
            groups: Groups::new(short.clone(), options.selection),
            logs: Logs::new(short.clone()),
            client: short,
            deadline: LOOK_DEADLINE,
            schedule: Schedule::new(options.interval),
            observer: Observer::with_rules(options.rules),
            wants: Wants::default(),
            cluster: options.cluster,
            interval: options.interval,
            began: Instant::now(),
            history: None,
            librdkafka_because: options.librdkafka_because,
            probes: Probes::default(),
        };
        if let Some(id) = client.connect().await? {
            watcher.cluster = id;
        }
        let listing = watcher.list(&client).await?;
        let look = Look { listing, ..Look::empty(Utc::now(), &*watcher.cluster) };
        let mut first = watcher.observer.observe(&look);
        watcher.after(&look, &mut first);
        Ok((watcher, first))
    }

    /// Allows each request of the following looks this time if it is longer than 5 s: a single look must not lack
    /// figures that a busy broker returns late. Once requests have taken half of it, the others have 5 s again: the
    /// broker may not answer at all, and a look has many requests.
    pub fn allow_requests(&mut self, deadline: Duration) {
        let deadline = deadline.max(LOOK_DEADLINE);
        self.deadline = deadline;
        self.client = self.client.within(deadline);
        self.groups.ask_through(self.client.clone());
        self.logs.ask_through(self.client.clone());
    }

    /// Notes that requests have ended that began then. Returns when the next ones begin.
    fn requests_ended(&mut self, began: Instant) -> Instant {
        let next = next_deadline(self.deadline, began.elapsed());
        if next != self.deadline {
            self.allow_requests(next);
        }
        Instant::now()
    }

    /// Takes what happened before the watch. It must precede the first look.
    pub fn take_history(&mut self, histories: &Histories) {
        self.history = Some(histories.view());
        for (group, history) in histories.groups() {
            self.observer.take_history(group, history);
        }
    }

    /// Counts records with this function where only a few offsets are left. It may wait for some seconds, and leaves
    /// out partitions that it cannot read.
    pub fn count_records_with(
        &mut self,
        count: impl Fn(&[FewOffsets]) -> Vec<(TopicPartition, MarkerProbe)> + Send + Sync + 'static,
    ) {
        self.probes.with(Arc::new(count));
    }

    /// The number of partitions of a topic.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn partition_count(&mut self, topic: &str) -> Result<u32, Reason> {
        let name: Arc<str> = topic.into();
        let looks = self.logs.topics(&BTreeSet::from([name.clone()])).await;
        let answer = looks.get(&name).map(|look| look.partitions.clone()).unwrap_or_default();
        answer.value().copied().ok_or_else(|| answer.why_unknown().unwrap_or(Reason::NotAsked))
    }

    /// Time from the start of a look to the next one: none while there are groups that were never looked at.
    #[must_use]
    pub fn interval(&self) -> Duration {
        if self.schedule.has_new() { Duration::ZERO } else { self.interval }
    }

    /// Follows what the view has commanded.
    pub(crate) fn follow(&mut self, wishes: &mut Wishes) {
        self.schedule.view(wishes.in_view.clone());
        if std::mem::take(&mut wishes.refreshes) {
            self.schedule.refresh();
        }
    }

    /// Looks at what is due.
    pub async fn look(&mut self) -> Observation {
        self.look_at(Depth::Due).await
    }

    /// Looks at all groups as often as a verdict needs, and returns what the last look shows.
    pub async fn look_closely(&mut self) -> Observation {
        let mut last = self.look_at(Depth::Close).await;
        for _ in 1..LOOKS_BEFORE_VERDICT {
            sleep(CLOSE_INTERVAL).await;
            let next = self.look_at(Depth::Close).await;
            last = Observation { events: [last.events, next.events].concat(), ..next };
        }
        last
    }

    async fn look_at(&mut self, depth: Depth) -> Observation {
        let now = self.began.elapsed();
        let due = self.schedule.due(now);
        let mut look = Look::empty(Utc::now(), &*self.cluster);
        if due.list {
            look.listing = match self.list(&self.client.clone()).await {
                Ok(listing) => listing,
                Err(error) => Answer::Failed(error.reason()),
            };
        }
        let names = match depth {
            // A new list may have added groups.
            Depth::Due if due.list => self.schedule.due(now).groups,
            Depth::Due => due.groups,
            Depth::Close => self.schedule.all(),
        };
        for page in names.chunks(MAX_GROUPS_PER_LOOK) {
            self.look_at_groups(page, now, &mut look).await;
        }
        let began = Instant::now();
        look.offsets_retention_minutes = self.logs.offsets_retention().await;
        let began = self.requests_ended(began);
        self.complete(&mut look).await;
        self.requests_ended(began);
        look.marker_probes = self.probes.probe(&self.wants.marker_probes, &look).await;
        look.at = Utc::now();
        let taken = self.observer.take(&look);
        self.times(depth).await;
        look.at = Utc::now();
        let mut observation = self.observer.conclude(&look, taken);
        self.after(&look, &mut observation);
        observation
    }

    async fn list(
        &mut self,
        client: &WatchClient,
    ) -> Result<Answer<Vec<kreplay_monitor::look::ListedGroup>>, WatchError> {
        let (at, began) = (self.began.elapsed(), Instant::now());
        let listed = self.groups.list(client).await;
        self.requests_ended(began);
        let listed = listed?;
        self.schedule.listed(listed.iter().map(|group| group.group.clone()), at);
        Ok(Answer::Known(Utc::now(), listed))
    }

    /// Adds to an observation what only the watcher knows, and keeps what the next look needs.
    fn after(&mut self, look: &Look, observation: &mut Observation) {
        observation.snapshot.history.clone_from(&self.history);
        observation.snapshot.librdkafka_because.clone_from(&self.librdkafka_because);
        self.wants = observation.wants.clone();
        self.schedule.pin(in_trouble(&observation.snapshot.groups));
        let topics = observation.snapshot.groups.iter().flat_map(|group| &group.partitions);
        let mut used: BTreeSet<&str> = topics.map(|row| row.topic.as_str()).collect();
        used.extend(look.topics.keys().map(|topic| &**topic));
        self.logs.retain(&used);
    }

    /// Describes groups in a look that began at `now`; after their committed offsets, requests the offsets of the logs.
    async fn look_at_groups(&mut self, names: &[Arc<str>], now: Duration, look: &mut Look) {
        if names.is_empty() {
            return;
        }
        let began = Instant::now();
        let answers = self.groups.ask(names).await;
        let began = self.requests_ended(began);
        self.schedule.looked(names, now);
        if answers.values().any(|answer| matches!(answer.described, Err(Reason::GroupGone))) {
            self.schedule.list_again();
        }
        look.topics.extend(self.logs.topics(&topics(&answers)).await);
        let began = self.requests_ended(began);
        let described_at = Utc::now();
        let mut partitions = BTreeSet::new();
        for (name, answer) in answers {
            let description = match &answer.described {
                Ok(described) => {
                    let description = described.describe(&|topic| self.logs.partition_count(topic));
                    Answer::Known(described_at, description)
                }
                Err(why) => Answer::Failed(why.clone()),
            };
            partitions.extend(self.partitions(description.value(), answer.commits.value()));
            let coordinator = answer.coordinator.map_or(Answer::NotAsked, |id| Answer::Known(described_at, id));
            let (commits, seen_by) = (answer.commits, answer.seen_by);
            look.groups.insert(name, GroupLook { description, commits, coordinator, seen_by });
        }
        // Each partition once, however many groups read it.
        partitions.retain(|partition| !look.partitions.contains_key(partition));
        let offsets = if partitions.is_empty() { BTreeMap::new() } else { self.logs.offsets(partitions).await };
        look.partitions.extend(offsets);
        let began = self.requests_ended(began);
        self.look_again(look).await;
        self.requests_ended(began);
    }

    /// The partitions of a group.
    fn partitions(&self, description: Option<&Description>, commits: Option<&Commits>) -> BTreeSet<TopicPartition> {
        let count = |topic: &str| self.logs.partition_count(topic);
        kreplay_monitor::membership::partitions(description, commits, count).into_keys().collect()
    }

    /// An end below a committed offset may be older than the commit: requests it again.
    async fn look_again(&self, look: &mut Look) {
        let commits = look.groups.values().filter_map(|group| group.commits.value()).flatten();
        let offsets = commits.filter_map(|(partition, answer)| match answer {
            CommitAnswer::Offset(commit) => Some((partition, commit.offset)),
            _ => None,
        });
        let again = ends_below(&look.partitions, offsets);
        if !again.is_empty() {
            look.partitions.extend(self.logs.offsets(again).await);
        }
    }

    /// Adds the newest records and the transactions that the observer wants, of partitions in the look.
    async fn complete(&self, look: &mut Look) {
        let is_in_look = |partition: &&TopicPartition| look.partitions.contains_key(*partition);
        let newest: Vec<TopicPartition> = self.wants.newest.iter().filter(is_in_look).cloned().collect();
        let stable = |partition: &TopicPartition| look.partitions.get(partition)?.stable_end.value().copied();
        let wanted = self.wants.transactions.iter();
        let frozen = wanted.filter_map(|partition| Some((partition.clone(), stable(partition)?))).collect();
        let newest = async { if newest.is_empty() { BTreeMap::new() } else { self.logs.newest(newest).await } };
        let (newest, holders) = tokio::join!(newest, self.client.holders(&frozen));
        for (partition, answer) in newest {
            if let Some(found) = look.partitions.get_mut(&partition) {
                found.newest = answer;
            }
        }
        for (partition, answer) in holders {
            if let Some(found) = look.partitions.get_mut(&partition) {
                found.transaction = answer;
            }
        }
    }

    /// Answers the time queries of the observer, each round after the one before.
    async fn times(&mut self, depth: Depth) {
        let began = Instant::now();
        let mut answers = Vec::new();
        for round in 0..MAX_TIME_ROUNDS {
            let is_further = depth == Depth::Due && round >= TIME_ROUNDS;
            if is_further && began.elapsed() > FURTHER_ROUNDS_FOR {
                break;
            }
            let wanted = if is_further { WantedTimes::WithoutAge } else { WantedTimes::All };
            let queries = self.observer.next_time_queries(&answers, Utc::now(), wanted);
            if queries.is_empty() {
                return;
            }
            let round_began = Instant::now();
            let requests = one_each(queries).into_iter().map(|queries| self.logs.times(queries));
            answers = join_all(requests).await.concat();
            self.requests_ended(round_began);
        }
        self.observer.answer_times(&answers);
    }
}

/// The deadline of the next requests after some have taken this long. A client can give up some time before its
/// deadline: it does not begin another attempt that would end later.
fn next_deadline(deadline: Duration, took: Duration) -> Duration {
    if took < deadline / 2 { deadline } else { LOOK_DEADLINE }
}

/// Splits queries so that no list has a partition twice: a request asks for one time of a partition.
fn one_each(queries: Vec<(TopicPartition, i64)>) -> Vec<Vec<(TopicPartition, i64)>> {
    let mut lists: Vec<Vec<(TopicPartition, i64)>> = Vec::new();
    let mut used: BTreeMap<TopicPartition, usize> = BTreeMap::new();
    for (partition, time) in queries {
        let at = used.entry(partition.clone()).or_default();
        if lists.len() == *at {
            lists.push(Vec::new());
        }
        lists[*at].push((partition, time));
        *at += 1;
    }
    lists
}

/// The topics of groups: those of committed offsets, assignments and subscriptions.
fn topics(answers: &BTreeMap<Arc<str>, GroupAnswer>) -> BTreeSet<Arc<str>> {
    let mut topics = BTreeSet::new();
    for answer in answers.values() {
        topics.extend(answer.described.iter().flat_map(|described| described.topics()));
        topics.extend(answer.commits.value().into_iter().flatten().map(|(partition, _)| partition.topic.clone()));
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_does_not_answer_is_waited_for_only_once() {
        let seconds = Duration::from_secs;
        assert_eq!(next_deadline(seconds(30), seconds(8)), seconds(30), "a busy broker");
        assert_eq!(next_deadline(seconds(30), seconds(26)), LOOK_DEADLINE);
        assert_eq!(next_deadline(LOOK_DEADLINE, seconds(5)), LOOK_DEADLINE);
    }

    #[test]
    fn a_partition_is_asked_once_in_each_request() {
        let query = |partition, time| (TopicPartition::new("orders", partition), time);
        let queries = vec![query(0, 1), query(0, 2), query(1, 3), query(0, 4), query(2, 5)];
        let lists = vec![vec![query(0, 1), query(1, 3), query(2, 5)], vec![query(0, 2)], vec![query(0, 4)]];
        assert_eq!(one_each(queries), lists);
        assert!(one_each(Vec::new()).is_empty());
    }
}
