//! The timeline: the feed reduced to bounded history.
//!
//! A [`Timeline`] is fed with snapshots and events, whether they come from a run, a recording, or another process, and
//! answers what the figures were at a moment or over a range, who owned which partition, and what happened when. It has
//! no clock. Its memory does not depend on how long it is fed: figures are kept in tiers of cells, the last minutes in
//! fine ones and the last days in coarse ones. Many partitions share a budget of cells.
//!
//! Time without measurements stays empty. Snapshots say what holds since the one before; if they are too far apart,
//! nothing is known about the time between.

mod detail;
mod difference;
mod figures;
mod groups;
#[cfg(test)]
mod groups_test;
mod marks;
mod members;
mod moment;
mod ownership;
#[cfg(test)]
mod ownership_test;
mod probe;
mod row_cells;
mod rows;
mod summary;
mod tier;
mod tiers;
#[cfg(test)]
mod tiers_test;
#[cfg(test)]
mod timeline_test;

use std::{collections::VecDeque, sync::Arc, time::Duration};

pub use difference::Difference;
pub use figures::Figure;
pub use groups::GroupPartition;
pub use marks::{Mark, MarkClass, MarkKind};
pub use members::{GroupMember, GroupMemberCell};
pub use moment::{Moment, TimeRange};
pub use ownership::{OwnerSpan, SpanEnd};
pub use row_cells::{GroupCell, GroupPartitionCell, PartitionCell, Spread, WorkerCell};
pub use rows::Rows;
pub use summary::{Series, Summary};
pub use tier::{Cell, TierSize};
pub use tiers::{Stretch, Tiers};

use crate::{
    domain::TopicPartition,
    feed::{Event, RunView, Snapshot},
    watch::{WatchEvent, WatchSnapshot},
};
use detail::Detail;
use figures::Figures;
use groups::Groups;
use marks::Marks;
use ownership::Ownership;
use probe::Probes;

/// The time that a run covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunExtent {
    /// The run's id.
    pub id: String,
    /// When it started.
    pub started: Moment,
    /// From its first snapshot to its last one.
    pub range: TimeRange,
}

/// The history of a session or of a watch, in bounded memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    longest_gap_ms: i64,
    longest_look_gap_ms: i64,
    runs: VecDeque<RunExtent>,
    probes: Probes,
    /// The number of joins of the last snapshot.
    joins: u32,
    figures: Figures,
    detail: Detail,
    groups: Groups,
    ownership: Ownership,
    marks: Marks,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new(Self::LONGEST_GAP_OF_RUNS)
    }
}

impl Timeline {
    /// The longest time between two snapshots of a run that say what happened between them. Snapshots are emitted
    /// several times a second.
    pub const LONGEST_GAP_OF_RUNS: Duration = Duration::from_secs(10);
    /// Maximum number of runs whose extents are kept; the oldest are dropped first.
    pub const MAX_RUNS: usize = 1_000;

    /// An empty timeline. Nothing is known about the time between two snapshots that are further apart than
    /// `longest_gap`, which is limited to ten minutes; for a watch, choose a few of its intervals.
    #[must_use]
    pub fn new(longest_gap: Duration) -> Self {
        Self {
            longest_gap_ms: bounded_gap_ms(longest_gap),
            longest_look_gap_ms: bounded_gap_ms(longest_gap),
            runs: VecDeque::new(),
            probes: Probes::default(),
            joins: 0,
            figures: Figures::default(),
            detail: Detail::default(),
            groups: Groups::default(),
            ownership: Ownership::default(),
            marks: Marks::default(),
        }
    }

    /// The same timeline with another longest gap between two looks at consumer groups. It is limited to ten minutes.
    #[must_use]
    pub fn with_longest_gap_of_looks(self, longest_gap: Duration) -> Self {
        Self { longest_look_gap_ms: bounded_gap_ms(longest_gap), ..self }
    }

    /// Adds a snapshot. One of the current run that is no newer than the last one is ignored.
    ///
    /// The time of a snapshot is the start of its run plus the time since then, which a step of the clock does not
    /// change.
    pub fn add_snapshot(&mut self, snapshot: &Snapshot) {
        if let Some(run) = &snapshot.run {
            self.add_run(run);
        }
    }

    fn add_run(&mut self, run: &RunView) {
        let started = run.started_at.map(Moment::from);
        let Some(started) = started else { return };
        let Some(at) = started.plus_s(run.elapsed_s) else { return };
        if self.runs.back().is_none_or(|last| last.id != run.id) {
            self.begin_run(run, started, at);
        } else if self.joins != run.joins {
            self.forget_counts();
        }
        self.joins = run.joins;
        let Some(probe) = self.probes.next(at, self.longest_gap_ms) else { return };
        if let Some(extent) = self.runs.back_mut() {
            extent.range = TimeRange::new(extent.range.from(), at);
        }
        self.figures.record(run, probe);
        self.detail.record(run, at, self.longest_gap_ms);
    }

    fn begin_run(&mut self, run: &RunView, started: Moment, at: Moment) {
        if self.probes.last().is_some_and(|last| at < last) {
            // The clock was set back: the earlier runs and this one have no common order.
            self.figures = Figures::default();
            self.detail = Detail::default();
            self.runs.clear();
        }
        self.forget_counts();
        if self.runs.len() == Self::MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(RunExtent { id: run.id.clone(), started, range: TimeRange::new(at, at) });
    }

    /// The next snapshot is the first one of a run, or one that cannot be compared with the one before.
    fn forget_counts(&mut self) {
        self.probes = Probes::default();
        self.figures.begin_run();
        self.detail.begin_run();
    }

    /// Adds an event of the session. The order in which events are added does not matter, and one that was added before
    /// is ignored.
    pub fn add_event(&mut self, event: &Event) {
        self.ownership.record(event);
        self.marks.record(event);
    }

    /// Adds a look at consumer groups. One that is no newer than the last one is ignored.
    pub fn add_watch(&mut self, look: &WatchSnapshot) {
        self.groups.record(look, self.longest_look_gap_ms);
    }

    /// Adds an event of a watched group. One that was added before is ignored.
    pub fn add_watch_event(&mut self, event: &WatchEvent) {
        self.groups.record_event(event);
    }

    /// The runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunExtent> + ExactSizeIterator {
        self.runs.iter()
    }

    /// From the first look at consumer groups to the last one; `None` before the first.
    #[must_use]
    pub fn looks(&self) -> Option<TimeRange> {
        self.groups.looks()
    }

    /// A figure over time.
    #[must_use]
    pub fn series(&self, figure: Figure) -> &Series {
        self.figures.series(figure)
    }

    /// A figure at a moment; `None` where nothing was measured.
    #[must_use]
    pub fn value_at(&self, figure: Figure, at: Moment) -> Option<f64> {
        self.figures.value_at(figure, at)
    }

    /// The partitions of runs over time.
    #[must_use]
    pub fn partitions(&self) -> &Rows<TopicPartition, PartitionCell> {
        &self.detail.partitions
    }

    /// The moment up to which partitions and workers of runs were measured; `None` before the first measurement of a
    /// run. Until it changes, so do no cells of theirs.
    #[must_use]
    pub fn detail_until(&self) -> Option<Moment> {
        self.detail.until()
    }

    /// The workers of runs over time, by number.
    #[must_use]
    pub fn workers(&self) -> &Rows<u32, WorkerCell> {
        &self.detail.workers
    }

    /// Watched groups over time, by name.
    #[must_use]
    pub fn groups(&self) -> &Rows<Arc<str>, GroupCell> {
        &self.groups.whole
    }

    /// The partitions of watched groups over time.
    #[must_use]
    pub fn group_partitions(&self) -> &Rows<GroupPartition, GroupPartitionCell> {
        &self.groups.partitions
    }

    /// The members of watched groups over time.
    #[must_use]
    pub fn group_members(&self) -> &Rows<GroupMember, GroupMemberCell> {
        &self.groups.members.rows
    }

    /// Who owned which partition in a range, by partition and time.
    #[must_use]
    pub fn owners(&self, range: TimeRange) -> Vec<OwnerSpan> {
        self.ownership.overlapping(range)
    }

    /// Who owned one partition in a range, by time.
    #[must_use]
    pub fn owners_of(&self, partition: &TopicPartition, range: TimeRange) -> Vec<OwnerSpan> {
        self.ownership.of_partition(partition, range)
    }

    /// What happened in a range, by time.
    #[must_use]
    pub fn marks(&self, range: TimeRange) -> Vec<&Mark> {
        self.marks.within(range)
    }

    /// What happened to watched groups in a range, by time.
    pub fn watch_events(&self, range: TimeRange) -> impl Iterator<Item = &WatchEvent> {
        self.groups.events(range)
    }

    /// The number of cells, changes of owner, events of groups, and marks that are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.figures.cells()
            + self.detail.partitions.cells()
            + self.detail.workers.cells()
            + self.groups.kept()
            + self.ownership.len()
            + self.marks.len()
    }
}

/// The longest gap that can be set: ten minutes, in milliseconds.
const MAX_GAP_MS: i64 = 600_000;

fn bounded_gap_ms(gap: Duration) -> i64 {
    i64::try_from(gap.as_millis()).map_or(MAX_GAP_MS, |ms| ms.min(MAX_GAP_MS))
}
