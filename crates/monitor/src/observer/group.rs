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
use crate::rebalance::{RebalanceEvent, Rebalances};
use crate::rules::Rules;
use crate::trend::LagHistory;
use crate::verdict::{Hysteresis, VerdictChange};

/// Permissions whose absence is remembered, so that each is reported once.
const MAX_REPORTED: usize = 64;

/// Takes an event of the group.
pub(super) type Emit<'a> = &'a mut dyn FnMut(WatchEventKind);

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
    pub last_view: Option<GroupView>,
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
        for (partition, series) in history.commits.series() {
            self.rows.entry(partition.clone()).or_default().committed = series.clone();
        }
        self.past_commits = history.commits.clone();
        self.past_empty_since = history.rebalances.empty_since;
        self.rebalances.take_recorded(history.recorded_rebalances());
    }

    /// Takes what a look says about the group.
    pub(super) fn take(&mut self, now: DateTime<Utc>, look: &GroupLook, emit: Emit<'_>) {
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
            self.take_commits(now.min(*at), commits, emit);
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
        self.empty_since = is_empty.then(|| self.empty_since.or(self.past_empty_since).unwrap_or(now));
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

    fn take_commits(&mut self, at: DateTime<Utc>, commits: &BTreeMap<TopicPartition, CommitAnswer>, emit: Emit<'_>) {
        for (partition, answer) in commits {
            let offset = match answer {
                CommitAnswer::Offset(commit) => commit.offset,
                CommitAnswer::ShareStart { start, .. } => *start,
                CommitAnswer::Failed(reason) => {
                    self.report(Some(reason), emit);
                    continue;
                }
                CommitAnswer::Nothing => continue,
            };
            let row = self.rows.entry(partition.clone()).or_default();
            if let CommitAnswer::Offset(commit) = answer {
                row.committed_at = commit.committed_at;
            }
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
        let (view, findings) = self.build_view(name, now, logs, is_looked_at, emit);
        self.last_view = Some(view);
        let changes = if is_looked_at { self.verdicts.add(&findings) } else { Vec::new() };
        if let Some(view) = &mut self.last_view {
            view.verdict = self.verdicts.verdict();
        }
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

    /// Reports a missing permission, once.
    pub(super) fn report(&mut self, reason: Option<&Reason>, emit: Emit<'_>) {
        let Some(Reason::NotAuthorized { operation, resource }) = reason else { return };
        let key = (operation.clone(), resource.clone());
        if self.reported.len() < MAX_REPORTED && self.reported.insert(key) {
            emit(WatchEventKind::PermissionMissing { operation: operation.clone(), resource: resource.clone() });
        }
    }

    /// The last view.
    pub(super) fn view(&self) -> Option<&GroupView> {
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
            let offset = match answer {
                CommitAnswer::Offset(commit) => commit.offset,
                CommitAnswer::ShareStart { start, .. } => *start,
                CommitAnswer::Nothing | CommitAnswer::Failed(_) => return None,
            };
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
