//! Distributes the width of the partition table over its columns.

use kreplay_model::{
    domain::Offset,
    feed::{PartitionView, Recent},
};
use ratatui::layout::{Alignment, Rect};

use crate::{
    number,
    state::Column,
    text::{clean, width},
};

/// The content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotContent {
    /// The symbol of the partition's state.
    State,
    /// A sortable value.
    Column(Column),
    /// The recent rates.
    Trend,
}

/// A column with its position and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) content: SlotContent,
    pub(crate) x: u16,
    pub(crate) width: u16,
}

impl Slot {
    /// Names are aligned left, numbers right.
    pub(crate) fn alignment(self) -> Alignment {
        match self.content {
            SlotContent::Column(Column::Topic | Column::Owner) | SlotContent::State => Alignment::Left,
            SlotContent::Column(_) | SlotContent::Trend => Alignment::Right,
        }
    }
}

const ORDER: [SlotContent; 12] = [
    SlotContent::State,
    SlotContent::Column(Column::Topic),
    SlotContent::Column(Column::Partition),
    SlotContent::Column(Column::Owner),
    SlotContent::Column(Column::Position),
    SlotContent::Column(Column::End),
    SlotContent::Column(Column::Lag),
    SlotContent::Column(Column::Ahead),
    SlotContent::Column(Column::Rate),
    SlotContent::Trend,
    SlotContent::Column(Column::P95),
    SlotContent::Column(Column::Progress),
];

/// Minimum useful width of the topic column. Other columns shrink in favour of it.
const MIN_TOPIC_WIDTH: u16 = 16;
/// Maximum width of a name column while other columns need room.
const MAX_NAME_WIDTH: u16 = 40;

/// Distributes the width. Numbers get the width of their largest value. If there is too little room, the columns ahead,
/// trend, p95, end, and owner are dropped in this order. Spare room widens names, trend, and progress, then the gaps.
pub(crate) fn slots(partitions: &[PartitionView], inner: Rect) -> Vec<Slot> {
    let needs = Needs::of(partitions);
    // Padding between content and border, if there is room.
    let (before, after) = (u16::from(inner.width >= 100), u16::from(inner.width >= 70));
    let inner = Rect { x: inner.x + before, width: inner.width - before - after, ..inner };
    let mut widths: Vec<u16> = ORDER.iter().map(|content| needs.min_width(*content)).collect();
    let mut left = shrink(&mut widths, inner.width, needs.topic.clamp(5, MIN_TOPIC_WIDTH));
    for (content, max) in [
        (SlotContent::Column(Column::Topic), needs.topic),
        (SlotContent::Column(Column::Owner), needs.owner),
        (SlotContent::Column(Column::Progress), 16),
        (SlotContent::Trend, 16),
    ] {
        widen(&mut widths, content, max, &mut left);
    }
    let gaps = number::cells(widths.iter().filter(|width| **width > 0).count().saturating_sub(1)).max(1);
    let gap = 1 + (left / gaps).min(2);
    left -= (gap - 1) * gaps;
    widen(&mut widths, SlotContent::Trend, number::cells(Recent::CAPACITY), &mut left);
    widen(&mut widths, SlotContent::Column(Column::Progress), 60, &mut left);
    widen(&mut widths, SlotContent::Column(Column::Topic), u16::MAX, &mut left);
    place(&widths, inner, gap)
}

/// Drops columns until the topic column fits. Returns the spare width.
fn shrink(widths: &mut [u16], room: u16, topic: u16) -> u16 {
    const REDUCTIONS: [(SlotContent, u16); 6] = [
        (SlotContent::Column(Column::Ahead), 0),
        (SlotContent::Trend, 5),
        (SlotContent::Trend, 0),
        (SlotContent::Column(Column::P95), 0),
        (SlotContent::Column(Column::End), 0),
        (SlotContent::Column(Column::Owner), 0),
    ];
    set(widths, SlotContent::Column(Column::Topic), topic);
    for (content, width) in REDUCTIONS {
        if used(widths) <= room {
            break;
        }
        set(widths, content, width);
    }
    let over = used(widths).saturating_sub(room);
    set(widths, SlotContent::Column(Column::Topic), topic.saturating_sub(over).max(5));
    room.saturating_sub(used(widths))
}

fn used(widths: &[u16]) -> u16 {
    let shown = widths.iter().filter(|width| **width > 0);
    shown.fold(0_u16, |sum, width| sum.saturating_add(*width + 1)).saturating_sub(1)
}

fn set(widths: &mut [u16], content: SlotContent, width: u16) {
    if let Some(at) = ORDER.iter().position(|other| *other == content) {
        widths[at] = width;
    }
}

fn widen(widths: &mut [u16], content: SlotContent, max: u16, left: &mut u16) {
    if let Some(at) = ORDER.iter().position(|other| *other == content).filter(|at| widths[*at] > 0) {
        let more = max.saturating_sub(widths[at]).min(*left);
        widths[at] += more;
        *left -= more;
    }
}

/// The last columns are dropped if even the necessary ones do not fit.
fn place(widths: &[u16], inner: Rect, gap: u16) -> Vec<Slot> {
    let mut x = inner.x;
    let mut slots = Vec::with_capacity(widths.len());
    for (content, width) in ORDER.into_iter().zip(widths).filter(|(_, width)| **width > 0) {
        if x + width > inner.right() {
            break;
        }
        slots.push(Slot { content, x, width: *width });
        // The symbol belongs to the name after it.
        x += width + if content == SlotContent::State { 1 } else { gap };
    }
    slots
}

/// The widths of the column contents. They are based on the plan's end offsets, so that columns do not move during a
/// run.
struct Needs {
    topic: u16,
    owner: u16,
    offset: u16,
    lag: u16,
}

impl Needs {
    fn of(partitions: &[PartitionView]) -> Self {
        let widest = |cells: &dyn Fn(&PartitionView) -> usize| {
            number::cells(partitions.iter().map(cells).max().unwrap_or(0)).clamp(5, MAX_NAME_WIDTH)
        };
        let digits = |value: &dyn Fn(&PartitionView) -> u64| {
            number::cells(number::count(partitions.iter().map(value).max().unwrap_or(0)).len()).max(5)
        };
        Self {
            topic: widest(&|partition| width(&clean(&partition.id.topic))),
            owner: widest(&|partition| width(&clean(&partition.owner.to_string()))),
            offset: digits(&|partition| partition.end.since(Offset::ZERO)),
            lag: digits(&|partition| partition.end.since(partition.first)),
        }
    }

    fn min_width(&self, content: SlotContent) -> u16 {
        match content {
            SlotContent::State => 1,
            SlotContent::Trend => 8,
            SlotContent::Column(Column::Topic) => 5,
            SlotContent::Column(Column::Partition) => 4,
            SlotContent::Column(Column::Owner) => self.owner.min(9),
            SlotContent::Column(Column::Position | Column::Progress) => self.offset.max(8),
            SlotContent::Column(Column::End) => self.offset,
            SlotContent::Column(Column::Lag | Column::Ahead) => self.lag,
            SlotContent::Column(Column::Rate | Column::P95) => 7,
        }
    }
}
