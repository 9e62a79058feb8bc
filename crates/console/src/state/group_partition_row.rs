//! The columns of a watched group's partitions.

use std::{borrow::Cow, sync::Arc};

use kreplay_model::{
    domain::{Offset, TopicPartition},
    watch::{OwnerView, PartitionRow, Reason, Why},
};

use super::group_row::signed;
use crate::{
    number::{self, Forms},
    symbol,
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{clean, width},
    theme::Role,
};

/// A partition of a watched group.
#[derive(Clone, Debug)]
pub struct GroupPartitionRow<'a> {
    /// What identifies it.
    pub id: TopicPartition,
    /// The partition.
    pub partition: &'a PartitionRow,
}

const BASE: Role = |theme| theme.popup;
const MUTED: Role = |theme| theme.muted;
const MAX_NAME_CELLS: u16 = 40;
const WHY_SEPARATOR: &str = ", ";
/// Minimum useful width of a topic and of an owner.
const USEFUL_NAME_CELLS: u16 = 12;
const OFFSET: Width = Width::natural(7, 26).starting_with(9).shrinking_to(5);
const PART_OF_LAG: Width = Width::natural(5, 26).starting_with(7);

impl TableRow for GroupPartitionRow<'_> {
    type Key = TopicPartition;

    fn columns() -> Vec<Column<Self>> {
        let mut columns =
            vec![Self::sign(), Self::topic(), Self::number(), Self::committed(), Self::end(), Self::lag()];
        columns.extend([Self::lost(), Self::readable(), Self::held_back(), Self::ahead()]);
        columns.extend([Self::age(), Self::deadline(), Self::owner(), Self::why()]);
        columns
    }

    fn key(&self) -> &TopicPartition {
        &self.id
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.id.to_string().into(), self.owner_name().into(), self.why_text().into()]
    }
}

impl<'a> GroupPartitionRow<'a> {
    /// The rows of partitions, in the same order. Those of one topic that follow each other share its name.
    #[must_use]
    pub fn all(partitions: &'a [PartitionRow]) -> Vec<Self> {
        let mut topic: Arc<str> = Arc::default();
        let row = |partition: &'a PartitionRow| {
            if *topic != *partition.topic {
                topic = Arc::from(partition.topic.as_str());
            }
            Self { id: TopicPartition::new(Arc::clone(&topic), partition.partition), partition }
        };
        partitions.iter().map(row).collect()
    }

    /// The name of the owner as it is shown; empty without an owner.
    #[must_use]
    pub fn owner_name(&self) -> String {
        self.partition.owner.as_ref().map_or_else(String::new, owner_name)
    }

    /// Why the partition belongs to the group, and whether something is wrong with that.
    #[must_use]
    pub fn why_text(&self) -> String {
        self.why_words().collect::<Vec<_>>().join(WHY_SEPARATOR)
    }

    fn why_words(&self) -> impl Iterator<Item = &'static str> {
        let word = |why: &Why| match why {
            Why::Committed => "committed",
            Why::Assigned => "assigned",
            Why::Target => "target",
            Why::Subscribed => "subscribed",
        };
        let wrong = [(self.partition.abandoned, "abandoned"), (self.partition.orphan, "orphan")];
        let wrong = wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word);
        wrong.chain(self.partition.why.iter().map(word))
    }

    /// The width of [`Self::why_text`], without making it.
    fn why_cells(&self) -> usize {
        let (words, cells) = self.why_words().fold((0_usize, 0), |(count, sum), word| (count + 1, sum + word.len()));
        cells + words.saturating_sub(1) * WHY_SEPARATOR.len()
    }

    fn sign() -> Column<Self> {
        let sign = |row: &Self| {
            let (sign, _, role) = symbol::group_partition(row.partition);
            Cell::name(sign, role)
        };
        Column::new("state", "", Width::fixed(1), sign)
            .joins_next()
            .value(Kind::State, |row: &Self| Value::text(symbol::group_partition(row.partition).1))
            .unsorted()
    }

    fn topic() -> Column<Self> {
        let width_rule =
            Width::natural(5, MAX_NAME_CELLS).starting_with(USEFUL_NAME_CELLS).shrinking_to(5).growing_to(u16::MAX);
        Column::new("topic", "topic", width_rule, |row: &Self| Cell::name(clean(&row.partition.topic), BASE))
            .measured(|row| width(&clean(&row.partition.topic)))
            .value(Kind::Text, |row| Value::text(&row.partition.topic))
    }

    fn number() -> Column<Self> {
        let number = |row: &Self| Cell::number(Forms::of(row.partition.partition.to_string()), BASE);
        Column::new("partition", "part", Width::natural(4, 10), number)
            .right()
            .measured(|row| number_cells(row.partition.partition))
            .value(Kind::Count, |row| signed(Some(row.partition.partition.into())))
    }

    fn committed() -> Column<Self> {
        Column::new("committed", "committed", Width::natural(9, 26).starting_with(9), |row: &Self| {
            match row.partition.why_unknown {
                Some(Reason::NeverCommitted) => Cell::number(Forms::of("–"), MUTED),
                _ => row.offset(row.partition.committed),
            }
        })
        .right()
        .disappears(9)
        .measured(|row| offset_cells(row.partition.committed))
        .value(Kind::Count, |row| Value::count(row.partition.committed.map(above_zero)))
    }

    fn end() -> Column<Self> {
        Column::new("end", "end", OFFSET, |row: &Self| row.offset(row.partition.end))
            .right()
            .disappears(6)
            .measured(|row| offset_cells(row.partition.end))
            .value(Kind::Count, |row| Value::count(row.partition.end.map(above_zero)))
    }

    fn lag() -> Column<Self> {
        let lag = |row: &Self| match row.partition.lag {
            Some(lag) => Cell::number(number::lags(lag), BASE),
            None => row.unknown(),
        };
        Column::new("lag", "lag", Width::natural(7, 26).starting_with(7), lag)
            .right()
            .measured(|row| row.partition.lag.map_or(1, |lag| number::count_cells(lag.unsigned_abs()) + 1))
            .value(Kind::Count, |row| signed(row.partition.lag))
            .largest_first()
    }

    fn lost() -> Column<Self> {
        Column::new("lost", "lost", PART_OF_LAG, |row: &Self| row.part_cell(row.partition.lost))
            .disappears(8)
            .right()
            .measured(|row| part_cells(row.partition.lost))
            .value(Kind::Count, |row| Value::count(row.partition.lost))
            .largest_first()
    }

    fn readable() -> Column<Self> {
        let readable = |row: &Self| row.part_cell(row.partition.readable);
        Column::new("readable", "readable", Width::natural(8, 26).starting_with(8), readable)
            .disappears(3)
            .right()
            .measured(|row| part_cells(row.partition.readable))
            .value(Kind::Count, |row| Value::count(row.partition.readable))
            .largest_first()
    }

    fn held_back() -> Column<Self> {
        Column::new("held", "held", PART_OF_LAG, |row: &Self| row.part_cell(row.partition.held_back))
            .disappears(7)
            .right()
            .measured(|row| part_cells(row.partition.held_back))
            .value(Kind::Count, |row| Value::count(row.partition.held_back))
            .largest_first()
    }

    fn ahead() -> Column<Self> {
        Column::new("ahead", "ahead", PART_OF_LAG, |row: &Self| row.part_cell(row.partition.ahead))
            .disappears(4)
            .right()
            .measured(|row| part_cells(row.partition.ahead))
            .value(Kind::Count, |row| Value::count(row.partition.ahead))
            .largest_first()
    }

    fn age() -> Column<Self> {
        let age = |row: &Self| match row.partition.age_s {
            Some(age) => Cell::number(number::ages(age, row.partition.age_exactness), BASE),
            None if row.partition.lag == Some(0) => Cell::number(Forms::of("–"), MUTED),
            None => row.unknown(),
        };
        Column::new("age", "age", Width::natural(7, 8).starting_with(7), age)
            .right()
            .disappears(12)
            .value(Kind::Duration, |row| Value::number(row.partition.age_s.map(|age| age.value)))
            .largest_first()
    }

    fn deadline() -> Column<Self> {
        let deadline = |row: &Self| match row.partition.deadline_s {
            Some(left) => Cell::number(number::times(left), BASE),
            None => Cell::number(Forms::of("–"), MUTED),
        };
        Column::new("deadline", "deadline", Width::fixed(8), deadline)
            .right()
            .disappears(5)
            .value(Kind::Duration, |row| Value::number(row.partition.deadline_s))
    }

    fn owner() -> Column<Self> {
        let owner = |row: &Self| match &row.partition.owner {
            Some(owner) => Cell::name(clean(&owner_name(owner)), BASE),
            None => Cell::name("–", MUTED),
        };
        Column::new("owner", "owner", Width::natural(5, MAX_NAME_CELLS).starting_with(USEFUL_NAME_CELLS), owner)
            .disappears(11)
            .measured(|row| row.partition.owner.as_ref().map_or(0, owner_cells))
            .value(Kind::Text, |row| match &row.partition.owner {
                Some(owner) => Value::text(owner_name(owner)),
                None => Value::Unknown,
            })
    }

    fn why() -> Column<Self> {
        let why = |row: &Self| Cell::name(row.why_text(), MUTED);
        Column::new("why", "why", Width::natural(9, 42).starting_with(9), why)
            .disappears(2)
            .measured(Self::why_cells)
            .value(Kind::State, |row| Value::text(row.why_text()))
            .unsorted()
    }

    fn offset(&self, offset: Option<Offset>) -> Cell {
        offset.map_or_else(|| self.unknown(), |offset| Cell::number(number::counts(above_zero(offset)), BASE))
    }

    fn part_cell(&self, part: Option<u64>) -> Cell {
        match part {
            Some(0) => Cell::number(Forms::of("0"), MUTED),
            Some(part) => Cell::number(number::counts(part), BASE),
            None => self.unknown(),
        }
    }

    /// The cell of a figure that is not known. A figure that was not requested yet is on its way.
    fn unknown(&self) -> Cell {
        let is_on_its_way = self.partition.why_unknown == Some(Reason::NotAsked);
        Cell::number(Forms::of(if is_on_its_way { "…" } else { "?" }), MUTED)
    }
}

/// The name of an owner: its client and host, or else its id.
fn owner_name(owner: &OwnerView) -> String {
    match (&owner.client_id, &owner.host) {
        (Some(client), Some(host)) => format!("{client}@{}", host.trim_start_matches('/')),
        (Some(client), None) => client.clone(),
        _ => owner.member_id.clone(),
    }
}

/// The width of an owner's name, without making it.
fn owner_cells(owner: &OwnerView) -> usize {
    let cells = |text: &str| width(&clean(text));
    match (&owner.client_id, &owner.host) {
        (Some(client), Some(host)) => cells(client) + 1 + cells(host.trim_start_matches('/')),
        (Some(client), None) => cells(client),
        _ => cells(&owner.member_id),
    }
}

fn above_zero(offset: Offset) -> u64 {
    offset.since(Offset::ZERO)
}

/// The width of a partition's number.
fn number_cells(number: i32) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(number < 0)
}

fn offset_cells(offset: Option<Offset>) -> usize {
    part_cells(offset.map(above_zero))
}

fn part_cells(count: Option<u64>) -> usize {
    count.map_or(1, number::count_cells)
}
