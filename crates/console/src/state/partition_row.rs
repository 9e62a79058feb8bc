//! The columns of the partition table.

use std::{borrow::Cow, cmp::Ordering};

use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::{Owner, PartitionState, PartitionView, RunState},
};

use super::FeedState;
use crate::{
    number::{self, Forms},
    symbol,
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{clean, width},
    theme::Role,
};

/// A partition, and what its cells depend on besides.
#[derive(Clone, Copy, Debug)]
pub struct PartitionRow<'a> {
    /// The partition.
    pub partition: &'a PartitionView,
    /// The state of its run.
    pub run: Option<RunState>,
    /// The feed, which has its recent rates.
    pub feed: &'a FeedState,
}

/// Minimum width of a number, for its heading.
const MIN_NUMBER_CELLS: u16 = 5;
/// Width of the largest count with its separators.
const MAX_NUMBER_CELLS: u16 = 26;
/// Maximum width of a name while other columns need room.
const MAX_NAME_CELLS: u16 = 40;
/// Minimum useful width of the topic. Other columns disappear in favour of it.
const USEFUL_TOPIC_CELLS: u16 = 16;
/// Width of trend and bar before the gaps are widened.
const USEFUL_CHART_CELLS: u16 = 16;
const MAX_BAR_CELLS: u16 = 60;
/// Maximum width of a trend.
pub(crate) const MAX_TREND_CELLS: usize = 32;

impl TableRow for PartitionRow<'_> {
    type Key = TopicPartition;

    /// Numbers have the width of their largest value in the plan, so that columns do not move during a run.
    fn columns() -> Vec<Column<Self>> {
        vec![
            Self::state(),
            Self::topic(),
            Self::number(),
            Self::owner(),
            Self::position(),
            Self::end(),
            Self::lag(),
            Self::ahead(),
            Self::rate(),
            Self::trend(),
            Self::p95(),
            Self::progress(),
        ]
    }

    fn key(&self) -> &TopicPartition {
        &self.partition.id
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        let PartitionView { id, owner, state, .. } = self.partition;
        vec![id.to_string().into(), owner.to_string().into(), state.to_string().into()]
    }
}

impl PartitionRow<'_> {
    fn state() -> Column<Self> {
        let sign = |row: &Self| {
            let over = row.run.is_some_and(RunState::is_over);
            let (sign, role) = symbol::partition_role(over, row.run == Some(RunState::Paused), row.partition.state);
            Cell::name(sign, role)
        };
        Column::new("state", "", Width::fixed(1), sign)
            .joins_next()
            .value(Kind::State, |row: &Self| Value::text(row.partition.state.to_string()))
            .unsorted()
    }

    fn topic() -> Column<Self> {
        let width_rule =
            Width::natural(5, MAX_NAME_CELLS).starting_with(USEFUL_TOPIC_CELLS).shrinking_to(5).growing_to(u16::MAX);
        Column::new("topic", "topic", width_rule, |row: &Self| Cell::name(clean(&row.partition.id.topic), BASE))
            .measured(|row| width(&clean(&row.partition.id.topic)))
            .value(Kind::Text, |row| Value::text(&*row.partition.id.topic))
    }

    fn number() -> Column<Self> {
        let number = |row: &Self| Cell::number(Forms::of(row.partition.id.partition.to_string()), BASE);
        Column::new("partition", "part", Width::fixed(4), number)
            .right()
            .value(Kind::Count, |row| Value::count(u64::try_from(row.partition.id.partition.0).ok()))
    }

    fn owner() -> Column<Self> {
        let width_rule = Width::natural(5, MAX_NAME_CELLS).starting_with(9);
        let name = |row: &Self| Cell::name(clean(&row.partition.owner.to_string()), row.quiet());
        Column::new("owner", "owner", width_rule, name)
            .disappears(5)
            .measured(|row| match &row.partition.owner {
                Owner::Member(name) => width(&clean(name)),
                owner => owner.to_string().len(),
            })
            .value(Kind::Text, |row| Value::text(row.partition.owner.to_string()))
            .compared(|a, b| compare_owners(&a.partition.owner, &b.partition.owner))
    }

    fn position() -> Column<Self> {
        let offset = |row: &Self| Cell::number(number::counts(above_zero(row.partition.position)), BASE);
        Column::new("position", "position", Width::natural(8, MAX_NUMBER_CELLS).shrinking_to(8), offset)
            .right()
            .measured(Self::offset_cells)
            .value(Kind::Count, |row| Value::Count(above_zero(row.partition.position)))
    }

    fn end() -> Column<Self> {
        let offset = |row: &Self| Cell::number(number::counts(above_zero(row.partition.end)), MUTED);
        Column::new("end", "end", NUMBER, offset)
            .right()
            .disappears(4)
            .measured(Self::offset_cells)
            .value(Kind::Count, |row| Value::Count(above_zero(row.partition.end)))
    }

    fn lag() -> Column<Self> {
        let lag = |row: &Self| {
            let forms = row.partition.lag.known().map_or_else(|| Forms::of("?"), number::counts);
            Cell::number(forms, row.quiet())
        };
        Column::new("lag", "lag", NUMBER.shrinking_to(MIN_NUMBER_CELLS), lag)
            .right()
            .measured(Self::planned_cells)
            .value(Kind::Count, |row| Value::count(row.partition.lag.known()))
            .largest_first()
    }

    fn ahead() -> Column<Self> {
        Column::new("ahead", "ahead", NUMBER, |row: &Self| Cell::number(number::counts(row.partition.ahead), MUTED))
            .right()
            .disappears(1)
            .measured(Self::planned_cells)
            .value(Kind::Count, |row| Value::Count(row.partition.ahead))
            .largest_first()
    }

    fn rate() -> Column<Self> {
        let rate = |row: &Self| match row.current_rate() {
            Some(rate) => Cell::number(number::rates(rate), row.quiet()),
            None => Cell::number(Forms::of("–"), MUTED),
        };
        Column::new("rate", "rate/s", Width::fixed(7), rate)
            .right()
            .value(Kind::Rate, |row| Value::number(row.current_rate()))
            .largest_first()
    }

    fn trend() -> Column<Self> {
        let width_rule = Width::natural(8, USEFUL_CHART_CELLS)
            .starting_with(8)
            .shrinking_to(5)
            .growing_to(number::cells(MAX_TREND_CELLS))
            .in_turn(2);
        let rates = |row: &Self| {
            let history = row.feed.run_history();
            let rates = history.map(|history| history.trend(&row.partition.id, MAX_TREND_CELLS));
            Cell::trend(rates.unwrap_or_default(), |theme| theme.chart)
        };
        Column::new("trend", "trend", width_rule, rates).right().disappears(2).sorts_by("rate")
    }

    fn p95() -> Column<Self> {
        let p95 = |row: &Self| {
            Cell::number(row.partition.p95_ms.map_or_else(|| Forms::of("–"), number::latencies), row.quiet())
        };
        Column::new("p95", "p95", Width::fixed(7), p95)
            .right()
            .disappears(3)
            .value(Kind::Duration, |row| Value::number(row.partition.p95_ms.map(number::seconds_of_ms)))
            .largest_first()
    }

    fn progress() -> Column<Self> {
        let width_rule = Width::natural(8, USEFUL_CHART_CELLS).starting_with(8).growing_to(MAX_BAR_CELLS).in_turn(1);
        let share = |row: &Self| {
            let (bar, text): (Role, Role) =
                if row.is_done() { (|theme| theme.good, |theme| theme.good) } else { (|theme| theme.bar, BASE) };
            Cell::progress(row.partition.progress(), bar, text)
        };
        Column::new("progress", "progress", width_rule, share)
            .right()
            .value(Kind::Share, |row| Value::number(Some(row.partition.progress())))
    }

    fn is_done(&self) -> bool {
        self.partition.state == PartitionState::Done
    }

    /// The style of values that no longer change when the partition is done.
    fn quiet(&self) -> Role {
        if self.is_done() { MUTED } else { BASE }
    }

    /// The rate; `None` once the run has ended, because the last one is meaningless then.
    fn current_rate(&self) -> Option<f64> {
        let over = self.run.is_some_and(RunState::is_over);
        (!over).then_some(self.partition.records_per_s)
    }

    fn offset_cells(&self) -> usize {
        number::count_cells(above_zero(self.partition.end))
    }

    fn planned_cells(&self) -> usize {
        number::count_cells(self.partition.end.since(self.partition.first))
    }
}

const NUMBER: Width = Width::natural(MIN_NUMBER_CELLS, MAX_NUMBER_CELLS);
const BASE: Role = |theme| theme.base;
const MUTED: Role = |theme| theme.muted;

fn above_zero(offset: Offset) -> u64 {
    offset.since(Offset::ZERO)
}

/// Orders owners by kind, and workers by number: worker 10 comes after worker 9.
fn compare_owners(a: &Owner, b: &Owner) -> Ordering {
    let rank = |owner: &Owner| match owner {
        Owner::None => (0, 0),
        Owner::Shared => (1, 0),
        Owner::Worker(number) => (2, *number),
        Owner::Member(_) => (3, 0),
    };
    match (a, b) {
        (Owner::Member(a), Owner::Member(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}
