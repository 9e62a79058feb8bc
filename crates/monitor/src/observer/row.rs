//! What is kept of one partition of a group.

use chrono::{DateTime, Utc};
use kreplay_model::domain::Offset;
use kreplay_model::watch::PartitionRow;

use crate::look::MarkerProbe;
use crate::series::{Change, Series};

/// A consumer whose backlog is no more than what arrives in this many usual commit intervals keeps up.
const KEEPS_UP_INTERVALS: i64 = 2;

/// One partition of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct RowTrack {
    pub committed: Series,
    /// The first committed offset that was seen since the watch began, or since it went back.
    pub first_committed: Option<Offset>,
    /// The offset from which the committed offset went back, until it is reached again.
    pub rewound_from: Option<i64>,
    pub unowned_since_ms: Option<i64>,
    /// Whether the group had left the topic when it last had members; `None` if it had none yet.
    pub left_by_members: Option<bool>,
    /// Since when records have been waiting behind the present committed offset.
    pub waiting_since_ms: Option<i64>,
    /// Since when more has been left to read than arrives between commits.
    pub backlogged_since_ms: Option<i64>,
    pub last_known_lag: Option<(DateTime<Utc>, i64)>,
    pub probe: Option<MarkerProbe>,
    /// Whether lost records were reported since there were none.
    pub is_loss_reported: bool,
    /// The look of the last truncation that was reported.
    pub truncation_reported: Option<DateTime<Utc>>,
    /// When the offset was committed, from the history of the offsets topic.
    pub committed_at: Option<DateTime<Utc>>,
    /// When the offset was changed while the group had no members; `None` if a consumer committed it.
    pub changed_at: Option<DateTime<Utc>>,
}

/// A committed offset that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitChange {
    /// It advanced. The time of the change before, if records were waiting since then.
    Advanced { stood_still_since_ms: Option<i64> },
    /// It went back.
    Rewound { from: i64 },
}

impl RowTrack {
    /// Takes a committed offset, answered at `at`.
    pub(super) fn take_committed(&mut self, at: DateTime<Utc>, offset: Offset) -> Option<CommitChange> {
        // After the clock was set back, it would lie in the future.
        self.changed_at = self.changed_at.min(Some(at));
        let before = self.committed.last();
        let change_before = self.committed.last_change_ms();
        let was_waiting = self.waiting_since_ms.is_some();
        let change = self.committed.add(at.timestamp_millis(), offset.get());
        self.first_committed = self.first_committed.or(Some(offset));
        if self.rewound_from.is_some_and(|from| offset.get() >= from) {
            self.rewound_from = None;
        }
        let before = before.filter(|before| *before != offset.get())?;
        self.waiting_since_ms = None;
        self.changed_at = None;
        if let Change::Back { from } = change {
            self.first_committed = Some(offset);
            self.rewound_from = Some(self.rewound_from.map_or(from, |earlier| earlier.max(from)));
            return Some(CommitChange::Rewound { from });
        }
        (offset.get() > before)
            .then_some(CommitChange::Advanced { stood_still_since_ms: change_before.filter(|_| was_waiting) })
    }

    /// Takes an offset that was changed while the group had no members. Records that were waiting still wait. Returns
    /// the difference in offsets.
    pub(super) fn take_changed(&mut self, at: DateTime<Utc>, offset: Offset) -> i64 {
        let before = self.committed.last();
        let difference = self.committed.move_to(at.timestamp_millis(), offset.get());
        self.first_committed = self.first_committed.or(Some(offset));
        if difference == 0 {
            return 0;
        }
        self.first_committed = Some(offset);
        self.changed_at = Some(at);
        let reference = self.rewound_from.max(before.filter(|_| difference < 0));
        self.rewound_from = reference.filter(|from| *from > offset.get());
        difference
    }

    /// When a consumer was last seen to commit an offset.
    pub(super) fn last_commit_ms(&self) -> Option<i64> {
        // The time from the history is that of the present offset.
        let known = self.committed_at.filter(|_| self.changed_at.is_none()).map(|at| at.timestamp_millis());
        known.max(self.committed.last_change_ms())
    }

    /// Takes the lag of a look, as of a time, or keeps the last one.
    pub(super) fn take_lag(&mut self, now: DateTime<Utc>, as_of: Option<DateTime<Utc>>, lag: Option<i64>) {
        let kept = self.last_known_lag.map(|(at, lag)| (at.min(now), lag));
        self.last_known_lag = lag.map(|lag| (as_of.unwrap_or(now), lag)).or(kept);
    }

    /// Notes whether records wait.
    pub(super) fn take_waiting(&mut self, now_ms: i64, is_waiting: bool) {
        self.waiting_since_ms = is_waiting.then(|| since(self.waiting_since_ms, now_ms));
    }

    /// What is left to read beyond what arrives between commits: 0 for a consumer that keeps up. Before two commits
    /// were seen, everything counts.
    pub(super) fn backlog(&self, readable: u64, in_per_s: Option<f64>) -> u64 {
        let interval_ms = self.committed.median_interval_ms().unwrap_or(0).saturating_mul(KEEPS_UP_INTERVALS);
        #[allow(clippy::cast_precision_loss, reason = "a comparison of magnitudes")]
        let in_transit = in_per_s.unwrap_or(0.0) * interval_ms as f64 / 1000.0;
        #[allow(clippy::cast_precision_loss, reason = "a comparison of magnitudes")]
        let is_backlog = readable as f64 > in_transit;
        if is_backlog { readable } else { 0 }
    }

    /// Notes whether there is a backlog.
    pub(super) fn take_backlog(&mut self, now_ms: i64, is_backlogged: bool) {
        self.backlogged_since_ms = is_backlogged.then(|| since(self.backlogged_since_ms, now_ms));
    }

    /// The offsets that were deleted before the group read them. Those of which a probe showed that they were no
    /// records, such as transaction markers, do not count.
    pub(super) fn lost_records(&self, row: &PartitionRow) -> Option<u64> {
        let (committed, log_start) = (row.committed?, row.log_start?);
        let is_empty =
            |probe: &MarkerProbe| probe.from == committed && probe.records == 0 && log_start <= probe.reached;
        if self.probe.as_ref().is_some_and(is_empty) { Some(0) } else { row.lost }
    }

    /// Notes whether the partition has no owner although its group is stable.
    pub(super) fn take_unowned(&mut self, now_ms: i64, is_unowned: bool) {
        self.unowned_since_ms = is_unowned.then(|| since(self.unowned_since_ms, now_ms));
    }
}

/// Since when something holds that holds now and was first seen at `first_ms`. A time that lies in the future is from
/// before the clock was set back: it begins again, because nothing could be measured from it until the clock has caught
/// up.
fn since(first_ms: Option<i64>, now_ms: i64) -> i64 {
    first_ms.map_or(now_ms, |first| first.min(now_ms))
}
