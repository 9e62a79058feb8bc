//! What the feed said: the latest snapshot, the latest events, and the history made from them.

use std::{sync::Arc, time::Duration};

use kreplay_model::{
    domain::RateLimit,
    feed::{PartitionView, PausedRecord, QuarantinedKey, RunState, RunView, Snapshot, TopicView, errors::ErrorKinds},
    timeline::{Moment, TimeRange, Timeline},
    watch::AlertsSnapshot,
};

use super::{ChangeFeed, JournalFeed, KeptEvents, RunTime, Watched};

/// Looks at groups that are further apart than this say nothing about the time between them.
const LONGEST_GAP_OF_LOOKS: Duration = Duration::from_secs(60);

/// What the feed said. It holds nothing that the user did, so that another one can be shown under the same
/// [`super::UserState`]: an earlier moment, a recording, or another process.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedState {
    /// The moment that is shown; `None` is the latest one.
    pub moment: Option<Moment>,
    /// The latest snapshot of the session.
    pub snapshot: Arc<Snapshot>,
    /// Whether the session has ended.
    pub ended: bool,
    /// The latest events.
    pub events: KeptEvents,
    /// The failed records of the session, by kind of error.
    pub errors: ErrorKinds,
    /// Runs and watched groups over time. It may go on after the moment that is shown.
    pub timeline: Timeline,
    /// The watched consumer groups.
    pub watched: Watched,
    /// The alerts on them; `None` if no rules were evaluated yet.
    pub alerts: Option<Arc<AlertsSnapshot>>,
    /// What was said about changes of their committed offsets.
    pub changes: ChangeFeed,
    /// The runs that have a journal.
    pub journal: JournalFeed,
}

impl Default for FeedState {
    fn default() -> Self {
        Self {
            moment: None,
            snapshot: Arc::default(),
            ended: false,
            events: KeptEvents::default(),
            errors: ErrorKinds::default(),
            timeline: Self::timeline(Duration::ZERO),
            watched: Watched::default(),
            alerts: None,
            changes: ChangeFeed::default(),
            journal: JournalFeed::default(),
        }
    }
}

impl FeedState {
    /// An empty timeline of a feed, whose snapshots may be this far apart.
    pub(crate) fn timeline(apart: Duration) -> Timeline {
        // The snapshot of a moment may be older than the moment.
        let gap = apart * 2;
        Timeline::new(gap.max(Timeline::LONGEST_GAP_OF_RUNS)).with_longest_gap_of_looks(gap.max(LONGEST_GAP_OF_LOOKS))
    }

    /// The current run, or the last one.
    #[must_use]
    pub fn run(&self) -> Option<&RunView> {
        self.snapshot.run.as_ref()
    }

    /// Its partitions.
    #[must_use]
    pub fn partitions(&self) -> &[PartitionView] {
        self.run().map_or(&[], |run| &run.partitions)
    }

    /// Whether a run is running, paused, or draining.
    #[must_use]
    pub fn run_is_active(&self) -> bool {
        !self.ended
            && self
                .run()
                .is_some_and(|run| matches!(run.state, RunState::Running | RunState::Paused | RunState::Draining))
    }

    /// The time that the current run covers so far, or until the moment that is shown; `None` before its second
    /// snapshot.
    #[must_use]
    pub fn run_time(&self) -> Option<RunTime> {
        let run = self.run()?;
        let extent = self.timeline.runs().rev().find(|extent| extent.id == run.id)?;
        let until =
            self.moment.map_or(extent.range.to(), |moment| moment.clamp(extent.range.from(), extent.range.to()));
        let range = TimeRange::new(extent.range.from(), until);
        (range.ms() > 0).then_some(RunTime { range, is_over: run.state.is_over() })
    }

    /// The cluster's topics, if known.
    #[must_use]
    pub fn catalog(&self) -> &[TopicView] {
        self.snapshot.catalog.as_deref().unwrap_or_default()
    }

    /// Whether the cluster's topics are known or being listed.
    #[must_use]
    pub fn lists_topics(&self) -> bool {
        self.snapshot.catalog.is_some() || self.snapshot.listing
    }

    /// The run whose settings the keys change. Once it has ended, the keys change the next run's settings instead.
    pub(super) fn adjustable_run(&self) -> Option<&RunView> {
        self.run().filter(|run| !run.state.is_over())
    }

    /// Whether concurrency is automatic.
    #[must_use]
    pub fn adaptive(&self) -> bool {
        self.adjustable_run().map_or(self.snapshot.next.adaptive, |run| run.limits.adaptive)
    }

    /// The throttle, if any.
    #[must_use]
    pub fn rate(&self) -> Option<RateLimit> {
        self.adjustable_run().map_or(self.snapshot.next.rate, |run| run.limits.rate)
    }

    /// The quarantined keys, oldest first. Empty once the run has ended, because nothing can be decided then.
    #[must_use]
    pub fn quarantined(&self) -> &[QuarantinedKey] {
        self.run().filter(|_| self.run_is_active()).map_or(&[], |run| &run.quarantine.waiting)
    }

    /// The record that paused the run, while it needs a decision.
    #[must_use]
    pub fn paused_record(&self) -> Option<&PausedRecord> {
        self.run().filter(|run| self.run_is_active() && run.state == RunState::Paused)?.paused_record.as_ref()
    }
}
