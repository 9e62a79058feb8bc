//! Workers or partitions over time: a lane each.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    ops::RangeInclusive,
};

use kreplay_model::{
    domain::{Ordering, TopicPartition},
    feed::Owner,
    timeline::{Moment, PartitionCell, SpanEnd, WorkerCell},
};

use super::{FeedState, RunTime, TimeGrid};

/// The number of workers up to which each has a lane of its own. Above, workers with adjacent numbers share one.
const MAX_WORKER_LANES: u32 = 200;
/// The number of lanes up to which they are ordered by number if the user has chosen no order.
const MAX_LANES_BY_NUMBER: usize = 18;
/// The smallest share of a cell that is drawn as time in the handler.
const MIN_BUSY_SHARE: f64 = 1.0 / 32.0;
/// The share from which a worker that finishes no record has stalled.
const MIN_STALLED_SHARE: f64 = 0.5;

/// What has a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaneKind {
    /// Workers.
    #[default]
    Workers,
    /// Partitions.
    Partitions,
}

/// The order of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneOrder {
    /// By number, or by topic and number.
    Number,
    /// The least busy first, or the slowest.
    Idle,
    /// First those with the most cells in which nothing moved.
    Stalled,
}

/// Whose lane it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneKey {
    /// Workers with adjacent numbers: the first and the last one.
    Workers(u32, u32),
    /// A partition.
    Partition(TopicPartition),
}

/// A cell of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LaneCell {
    /// Nothing was measured, or nothing was left.
    Empty,
    /// Nothing was handled.
    Waits,
    /// A worker was in the handler, and no record was finished.
    Stalled,
    /// How busy it was, 0 to 1. Of several workers, the least busy one.
    Busy(f64),
}

impl LaneCell {
    fn of_worker(cell: &WorkerCell) -> Self {
        match cell.busy() {
            _ if has_stalled(cell) => Self::Stalled,
            busy if busy < MIN_BUSY_SHARE => Self::Waits,
            busy => Self::Busy(busy),
        }
    }

    fn of_partition(cell: &PartitionCell, highest_per_s: f64) -> Self {
        match cell.mean_per_s() {
            per_s if per_s > 0.0 => Self::Busy((per_s / highest_per_s).clamp(0.0, 1.0)),
            _ if cell.lag.is_none_or(|lag| lag > 0.0) => Self::Waits,
            _ => Self::Empty,
        }
    }

    fn height(self) -> f64 {
        match self {
            Self::Busy(share) => share,
            Self::Stalled => 1.0,
            Self::Empty | Self::Waits => 0.0,
        }
    }

    /// The one of two workers' cells that is worse.
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, cell) | (cell, Self::Empty) => cell,
            (Self::Stalled, _) | (_, Self::Stalled) => Self::Stalled,
            (one, other) if other.height() < one.height() => other,
            (one, _) => one,
        }
    }
}

/// A lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Whose it is.
    pub key: LaneKey,
    /// Its cells, the oldest first.
    pub cells: Vec<LaneCell>,
    /// The cells in which its owner changed, or what it owns.
    pub changes: Vec<bool>,
}

impl Lane {
    /// The mean over the measured cells, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a few hundred cells")]
    pub fn mean(&self) -> f64 {
        let measured: Vec<f64> =
            self.cells.iter().filter(|cell| **cell != LaneCell::Empty).map(|cell| cell.height()).collect();
        if measured.is_empty() { 0.0 } else { measured.iter().sum::<f64>() / measured.len() as f64 }
    }

    /// The number of cells in which nothing moved although there was something to do.
    #[must_use]
    pub fn stalled(&self) -> usize {
        let workers = matches!(self.key, LaneKey::Workers(..));
        let stalls = |cell: &&LaneCell| **cell == LaneCell::Stalled || (!workers && **cell == LaneCell::Waits);
        self.cells.iter().filter(stalls).count()
    }

    fn is_measured(&self) -> bool {
        self.cells.iter().any(|cell| *cell != LaneCell::Empty)
    }
}

/// The lanes of a grid, in order.
#[must_use]
pub fn lanes(feed: &FeedState, kind: LaneKind, order: Option<LaneOrder>, run: RunTime, grid: TimeGrid) -> Vec<Lane> {
    let mut lanes = match kind {
        LaneKind::Workers => of_workers(feed, run, grid),
        LaneKind::Partitions => of_partitions(feed, run, grid),
    };
    let shared = lanes.iter().any(|lane| matches!(lane.key, LaneKey::Workers(first, last) if first < last));
    let worst_first = if lanes.len() > MAX_LANES_BY_NUMBER && !shared { LaneOrder::Idle } else { LaneOrder::Number };
    match order.unwrap_or(worst_first) {
        LaneOrder::Number => {}
        LaneOrder::Idle => lanes.sort_by(|one, other| one.mean().total_cmp(&other.mean())),
        LaneOrder::Stalled => lanes.sort_by_cached_key(|lane| Reverse(lane.stalled())),
    }
    lanes
}

fn of_workers(feed: &FeedState, run: RunTime, grid: TimeGrid) -> Vec<Lane> {
    let of_run: HashSet<u32> = feed.run().into_iter().flat_map(|run| &run.workers).map(|worker| worker.id).collect();
    let has_earlier_run = begins_within_earlier_run(feed, run, grid);
    let known = grid.known_cells(run);
    let mut measured: Vec<(u32, Vec<LaneCell>)> = Vec::new();
    feed.timeline.workers().visit_columns(grid.range(), grid.cells(), |number, columns| {
        let columns = columns.get(..known).unwrap_or(columns);
        if has_lane(columns, || !has_earlier_run || of_run.contains(number)) {
            let cell = |cell: &Option<WorkerCell>| cell.as_ref().map_or(LaneCell::Empty, LaneCell::of_worker);
            measured.push((*number, columns.iter().map(cell).collect()));
        }
    });
    // Not the highest number of the session: other runs may have had more workers.
    let last = measured.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let together = last / MAX_WORKER_LANES + 1;
    let changes = owner_changes(feed, run, grid);
    let mut by_first: BTreeMap<u32, Lane> = BTreeMap::new();
    for (number, cells) in measured {
        let first = number / together * together;
        let lane = by_first.entry(first).or_insert_with(|| Lane {
            key: LaneKey::Workers(first, first + together - 1),
            cells: vec![LaneCell::Empty; grid.cells()],
            changes: vec![false; grid.cells()],
        });
        for (cell, measured) in lane.cells.iter_mut().zip(cells) {
            *cell = cell.worse(measured);
        }
        for at in changes.get(&number).into_iter().flatten() {
            if let Some(change) = lane.changes.get_mut(*at) {
                *change = true;
            }
        }
    }
    by_first.into_values().collect()
}

/// Whether the first cell begins before the end of an earlier run, and so has what was measured of that run.
fn begins_within_earlier_run(feed: &FeedState, run: RunTime, grid: TimeGrid) -> bool {
    let mut others = feed.timeline.runs().map(|other| other.range);
    // What was measured is kept in cells that may begin up to a cell of the grid earlier.
    let from = grid.range().from().plus_ms(-grid.cell_ms());
    others.any(|other| other.from() < run.range.from() && other.to() > from)
}

/// Whether a row with these cells has a lane. What has only the first cell may belong to an earlier run.
fn has_lane<C>(cells: &[Option<C>], is_of_run: impl FnOnce() -> bool) -> bool {
    match cells {
        [first, later @ ..] => later.iter().any(Option::is_some) || (first.is_some() && is_of_run()),
        [] => false,
    }
}

fn of_partitions(feed: &FeedState, run: RunTime, grid: TimeGrid) -> Vec<Lane> {
    let partitions = feed.timeline.partitions();
    let of_run: HashSet<&TopicPartition> = feed.partitions().iter().map(|partition| &partition.id).collect();
    let has_earlier_run = begins_within_earlier_run(feed, run, grid);
    let mut measured: Vec<(TopicPartition, Vec<Option<PartitionCell>>)> = Vec::new();
    let known = grid.known_cells(run);
    partitions.visit_columns(grid.range(), grid.cells(), |id, columns| {
        let columns = columns.get(..known).unwrap_or(columns);
        if has_lane(columns, || !has_earlier_run || of_run.contains(id)) {
            measured.push((id.clone(), columns.to_vec()));
        }
    });
    let rates = measured.iter().flat_map(|(_, cells)| cells.iter().flatten()).map(PartitionCell::mean_per_s);
    let highest_per_s = rates.fold(f64::MIN_POSITIVE, f64::max);
    measured.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let by_partition = by_partition(feed);
    let lane = |(id, columns): (TopicPartition, Vec<Option<PartitionCell>>)| {
        let cell = |cell: &Option<PartitionCell>| {
            cell.as_ref().map_or(LaneCell::Empty, |cell| LaneCell::of_partition(cell, highest_per_s))
        };
        let mut changes = vec![false; grid.cells()];
        let spans = if by_partition { feed.timeline.owners_of(&id, grid.range()) } else { Vec::new() };
        for at in spans.iter().filter_map(|span| span.from).filter_map(|at| change_cell(at, run, grid)) {
            changes[at] = true;
        }
        Lane { cells: columns.iter().map(cell).collect(), changes, key: LaneKey::Partition(id) }
    };
    measured.into_iter().map(lane).filter(Lane::is_measured).collect()
}

/// Whether partitions belong to workers.
fn by_partition(feed: &FeedState) -> bool {
    feed.run().is_some_and(|run| run.plan.ordering == Ordering::Partition)
}

/// The cell of a change of owner. The first assignment of a run is none.
fn change_cell(at: Moment, run: RunTime, grid: TimeGrid) -> Option<usize> {
    let first = grid.cell_at(run.range.from());
    grid.cell_at(at).filter(|cell| Some(*cell) != first && run.range.contains(at))
}

/// The cells in which workers got or lost partitions.
fn owner_changes(feed: &FeedState, run: RunTime, grid: TimeGrid) -> BTreeMap<u32, Vec<usize>> {
    let mut changes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    if !by_partition(feed) {
        return changes;
    }
    for span in feed.timeline.owners(grid.range()) {
        let Some(number) = worker_number(&span.owner) else { continue };
        let ended = span.end.filter(|(_, why)| *why != SpanEnd::RunEnded).map(|(at, _)| at);
        let cells = [span.from, ended].into_iter().flatten().filter_map(|at| change_cell(at, run, grid));
        changes.entry(number).or_default().extend(cells);
    }
    changes
}

/// Whether a worker was in the handler, and finished no record.
pub(crate) fn has_stalled(cell: &WorkerCell) -> bool {
    cell.busy() >= MIN_STALLED_SHARE && cell.handled <= 0.0
}

/// The number of the worker that an event about an assignment names: `worker-3`, or in a group `member-3`.
pub(crate) fn worker_number(owner: &str) -> Option<u32> {
    owner.strip_prefix("worker-").or_else(|| owner.strip_prefix("member-"))?.parse().ok()
}

/// The workers of a lane that the latest snapshot has.
pub(crate) fn workers_of(feed: &FeedState, numbers: RangeInclusive<u32>) -> usize {
    feed.run().map_or(0, |run| run.workers.iter().filter(|worker| numbers.contains(&worker.id)).count())
}

/// The owner that the latest snapshot has for a partition.
pub(crate) fn owner_of<'a>(feed: &'a FeedState, id: &TopicPartition) -> Option<&'a Owner> {
    feed.partitions().iter().find(|partition| partition.id == *id).map(|partition| &partition.owner)
}
