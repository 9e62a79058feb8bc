//! What is kept of a group.

mod figures;
mod members;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{GroupState, GroupType, GroupView, Reason, SeenBy, VerdictSeverity, WatchEventKind};

use super::held::Held;
use super::partition::Logs;
use super::row::{CommitChange, RowTrack};
use crate::history::{GroupHistory, PastCommits};
use crate::look::{Answer, CommitAnswer, Description, GroupLook, ListedGroup, MarkerProbe};
use crate::memberless::MemberlessChanges;
use crate::rebalance::{RebalanceEvent, Rebalances};
use crate::rules::Rules;
use crate::trend::LagHistory;
use crate::verdict::{Hysteresis, VerdictChange, without_answer};
use view::has_partition_away;

/// For how long the last verdict holds while the coordinator or the broker of a partition does not answer, in
/// milliseconds: as long as a partition has to stand still to be wedged.
const MAX_OUTDATED_MS: i64 = 300_000;

/// Permissions whose absence is remembered, so that each is reported once.
const MAX_REPORTED: usize = 64;

/// Takes an event of the group.
pub(super) type Emit<'a> = &'a mut dyn FnMut(WatchEventKind);

/// A group without members. Of groups with epochs, another epoch means that there were members in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EmptyGroup {
    epoch: Option<i32>,
}

impl EmptyGroup {
    fn of(description: &Description) -> Option<Self> {
        let is_empty = description.state == GroupState::Empty && description.members.is_empty();
        is_empty.then_some(Self { epoch: description.group_epoch })
    }
}

/// A group.
#[derive(Clone, Debug)]
pub(super) struct GroupTrack {
    pub began: DateTime<Utc>,
    pub rules: Rules,
    pub listed: Option<(GroupType, String, Option<GroupState>)>,
    pub description: Held<Description>,
    pub commits: Held<BTreeMap<TopicPartition, CommitAnswer>>,
    pub coordinator: Held<i32>,
    pub seen_by: SeenBy,
    pub rows: BTreeMap<TopicPartition, RowTrack>,
    pub lags: LagHistory,
    pub rebalances: Rebalances,
    pub verdicts: Hysteresis,
    /// When the group was first seen without members; with a history, when it lost the last one.
    pub empty_since: Option<DateTime<Utc>>,
    /// Since when every commit of the group is known: the beginning of the watch, or of the history.
    pub commits_since: DateTime<Utc>,
    past_commits: PastCommits,
    /// When the last member left, as the history says.
    past_empty_since: Option<DateTime<Utc>>,
    /// The group without members, when its committed offsets were last answered; `None` if it had some.
    empty_at_commits: Option<EmptyGroup>,
    memberless: MemberlessChanges,
    pub last_view: Option<Arc<GroupView>>,
    reported: BTreeSet<(String, String)>,
}

impl GroupTrack {
    pub(super) fn new(began: DateTime<Utc>, rules: Rules) -> Self {
        Self {
            began,
            rules,
            listed: None,
            description: Held::default(),
            commits: Held::default(),
            coordinator: Held::default(),
            seen_by: SeenBy::Listed,
            rows: BTreeMap::new(),
            lags: LagHistory::default(),
            rebalances: Rebalances::default(),
            verdicts: Hysteresis::default(),
            empty_since: None,
            commits_since: began,
            past_commits: PastCommits::default(),
            past_empty_since: None,
            empty_at_commits: None,
            memberless: MemberlessChanges::default(),
            last_view: None,
            reported: BTreeSet::new(),
        }
    }

    pub(super) fn take_listed(&mut self, listed: &ListedGroup) {
        self.listed = Some((listed.group_type, listed.protocol.clone(), listed.state.clone()));
    }

    /// Takes what happened before the first look.
    pub(super) fn take_history(&mut self, history: &GroupHistory) {
        self.commits_since = self.commits_since.min(history.from);
        for (partition, past) in history.commits.partitions() {
            let row = self.rows.entry(partition.clone()).or_default();
            row.committed = past.commits.clone();
            row.changed_at = past.changed_at();
        }
        self.past_commits = history.commits.clone();
        self.past_empty_since = history.rebalances.empty_since;
        self.rebalances.take_recorded(history.recorded_rebalances());
    }

    /// Takes what a look says about the group.
    pub(super) fn take(&mut self, now: DateTime<Utc>, look: &GroupLook, emit: Emit<'_>) {
        // After the clock was set back, they would lie in the future, and nothing could be measured from them.
        (self.began, self.commits_since) = (self.began.min(now), self.commits_since.min(now));
        for reason in [look.description.why_unknown(), look.commits.why_unknown(), look.coordinator.why_unknown()] {
            self.report(reason.as_ref(), emit);
        }
        if let (Some(from), Some(to)) = (self.coordinator.last().copied(), look.coordinator.value().copied())
            && from != to
        {
            emit(WatchEventKind::CoordinatorMoved { from, to });
        }
        self.coordinator.take(now, &look.coordinator);
        if let Some(description) = look.description.value() {
            self.take_description(now, look, description, emit);
        }
        self.description.take(now, &look.description);
        let completed = self.past_commits.complete(&look.commits);
        let answer = completed.as_ref().unwrap_or(&look.commits);
        if let Answer::Known(at, commits) = answer {
            for answer in commits.values() {
                if let CommitAnswer::Failed(reason) = answer {
                    self.report(Some(reason), emit);
                }
            }
            let empty = look.description.value().and_then(EmptyGroup::of);
            if empty.is_some() && empty == self.empty_at_commits {
                self.take_memberless(now.min(*at), commits, emit);
            } else {
                self.memberless = MemberlessChanges::default();
                self.take_commits(now.min(*at), commits, emit);
            }
            self.empty_at_commits = empty;
        }
        self.commits.take(now, answer);
    }

    fn take_description(&mut self, now: DateTime<Utc>, look: &GroupLook, description: &Description, emit: Emit<'_>) {
        self.seen_by = look.seen_by;
        if let Some(before) = self.description.last()
            && before.state != description.state
        {
            emit(WatchEventKind::StateChanged { from: before.state.clone(), to: description.state.clone() });
        }
        let is_empty = description.state == GroupState::Empty;
        self.empty_since = is_empty.then(|| self.empty_since.or(self.past_empty_since).unwrap_or(now).min(now));
        self.past_empty_since = None;
        for event in self.rebalances.add(now, description) {
            emit(match event {
                RebalanceEvent::Began { epoch } => WatchEventKind::RebalanceBegan { epoch },
                RebalanceEvent::Ended(entry) => WatchEventKind::RebalanceEnded {
                    duration_ms: entry.duration_ms.unwrap_or(0),
                    error_ms: entry.error_ms,
                    moved: entry.partitions.map(|partitions| partitions.moved),
                },
                RebalanceEvent::Joined(member) => WatchEventKind::MemberJoined { member },
                RebalanceEvent::Left(member) => WatchEventKind::MemberLeft { member },
            });
        }
    }

    /// Takes the offsets of a group that has had no members since the look before. Where they differ, they were changed
    /// from outside, unless they belong to a consumer that assigns its partitions itself.
    fn take_memberless(&mut self, at: DateTime<Utc>, commits: &BTreeMap<TopicPartition, CommitAnswer>, emit: Emit<'_>) {
        let differences = commits.iter().filter_map(|(partition, answer)| {
            let before = self.rows.get(partition)?.committed.last()?;
            Some(offset_of(answer)?.get().saturating_sub(before)).filter(|difference| *difference != 0)
        });
        let differences: Vec<i64> = differences.collect();
        if differences.is_empty() || self.memberless.is_commit(differences.iter().any(|difference| *difference < 0)) {
            return self.take_commits(at, commits, emit);
        }
        let (mut forward, mut back) = (0_u64, 0_u64);
        for (partition, answer) in commits {
            let Some(offset) = offset_of(answer) else { continue };
            let row = self.rows.entry(partition.clone()).or_default();
            let difference = row.take_changed(at, offset);
            row.committed_at = committed_at(answer);
            let sum = if difference < 0 { &mut back } else { &mut forward };
            *sum = sum.saturating_add(difference.unsigned_abs());
        }
        // The lags after a change have nothing to do with those before.
        self.lags.clear();
        let partitions = u64::try_from(differences.len()).unwrap_or(u64::MAX);
        emit(WatchEventKind::OffsetsChanged { partitions, forward, back });
    }

    fn take_commits(&mut self, at: DateTime<Utc>, commits: &BTreeMap<TopicPartition, CommitAnswer>, emit: Emit<'_>) {
        for (partition, answer) in commits {
            let Some(offset) = offset_of(answer) else { continue };
            let row = self.rows.entry(partition.clone()).or_default();
            row.committed_at = committed_at(answer);
            match row.take_committed(at, offset) {
                Some(CommitChange::Advanced { stood_still_since_ms: Some(since) }) => {
                    self.rebalances.stood_still(partition, since, at.timestamp_millis());
                }
                Some(CommitChange::Rewound { from }) => {
                    self.lags.clear();
                    if let Some(from) = Offset::new(from) {
                        emit(WatchEventKind::Rewound { partition: partition.clone(), from, to: offset });
                    }
                }
                Some(CommitChange::Advanced { stood_still_since_ms: None }) | None => {}
            }
        }
    }

    /// Takes the result of a probe.
    pub(super) fn take_probe(&mut self, partition: &TopicPartition, probe: MarkerProbe) {
        if let Some(row) = self.rows.get_mut(partition)
            && row.committed.last() == Some(probe.from.get())
        {
            row.probe = Some(probe);
        }
    }

    /// Judges the group, and keeps its view. A group that was not looked at keeps its last view.
    pub(super) fn evaluate(
        &mut self,
        name: &Arc<str>,
        now: DateTime<Utc>,
        logs: &Logs<'_>,
        is_looked_at: bool,
        emit: Emit<'_>,
    ) {
        if !is_looked_at && self.last_view.is_some() {
            return;
        }
        let (mut view, findings) = self.build_view(name, now, logs, is_looked_at, emit);
        // Without an answer of the coordinator, offsets that stand still prove nothing.
        let findings = match self.outdated_since() {
            None => Some(findings),
            Some((reason, since)) => {
                let ms = (now - since).num_milliseconds();
                (ms > MAX_OUTDATED_MS).then(|| vec![without_answer(reason, ms)])
            }
        };
        let changes = match findings.filter(|_| is_looked_at) {
            Some(findings) => self.verdicts.add(&findings, has_partition_away(&view, now)),
            None => Vec::new(),
        };
        view.verdict = self.verdicts.verdict();
        self.last_view = Some(Arc::new(view));
        for change in changes {
            match change {
                VerdictChange::Raised(verdict) if verdict.severity >= VerdictSeverity::Warning => {
                    emit(WatchEventKind::VerdictRaised { verdict: verdict.kind, evidence: verdict.evidence });
                }
                VerdictChange::Cleared(verdict) if verdict.severity() >= VerdictSeverity::Warning => {
                    emit(WatchEventKind::VerdictCleared { verdict });
                }
                VerdictChange::Raised(_) | VerdictChange::Cleared(_) => {}
            }
        }
    }

    /// Why the coordinator does not answer for the moment, and since when; `None` if it does.
    pub(super) fn outdated_since(&self) -> Option<(&Reason, DateTime<Utc>)> {
        let answers = [self.description.outdated_since(), self.commits.outdated_since()];
        answers.into_iter().flatten().min_by_key(|(_, since)| *since)
    }

    /// Reports a missing permission, once.
    pub(super) fn report(&mut self, reason: Option<&Reason>, emit: Emit<'_>) {
        let Some(Reason::NotAuthorized { operation, resource }) = reason else { return };
        let key = (operation.clone(), resource.clone());
        if self.reported.len() < MAX_REPORTED && self.reported.insert(key) {
            emit(WatchEventKind::PermissionMissing { operation: operation.clone(), resource: resource.clone() });
        }
    }

    /// The last view.
    pub(super) fn view(&self) -> Option<&Arc<GroupView>> {
        self.last_view.as_ref()
    }

    /// The partitions that belong to the group.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.rows.keys()
    }

    /// The committed offsets, except in partitions that were abandoned when the group was judged last.
    pub(super) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Offset)> {
        let rows = self.last_view.iter().flat_map(|view| &view.partitions);
        let abandoned: BTreeSet<(&str, i32)> =
            rows.filter(|row| row.abandoned).map(|row| (row.topic.as_str(), row.partition)).collect();
        let commits = self.commits.through_transients().into_iter().flatten();
        commits.filter_map(move |(partition, answer)| {
            let offset = offset_of(answer)?;
            let is_abandoned = abandoned.contains(&(&*partition.topic, partition.partition.0));
            (!is_abandoned).then_some((partition, offset))
        })
    }

    /// The topics that the members subscribe to.
    pub(super) fn subscribed_topics(&self) -> impl Iterator<Item = Arc<str>> {
        let members = self.description.last().into_iter().flat_map(|group| &group.members);
        members.flat_map(|member| member.subscription.iter().flatten()).cloned()
    }

    /// The number of points that are kept.
    pub(super) fn points(&self) -> usize {
        self.rows.values().map(|row| row.committed.points().len()).sum()
    }
}

/// When the offset of an answer was committed, if the history of the offsets topic has it.
fn committed_at(answer: &CommitAnswer) -> Option<DateTime<Utc>> {
    match answer {
        CommitAnswer::Offset(commit) => commit.committed_at,
        _ => None,
    }
}

/// The offset of an answer, if it has one.
fn offset_of(answer: &CommitAnswer) -> Option<Offset> {
    match answer {
        CommitAnswer::Offset(commit) => Some(commit.offset),
        CommitAnswer::ShareStart { start, .. } => Some(*start),
        CommitAnswer::Nothing | CommitAnswer::Failed(_) => None,
    }
}
