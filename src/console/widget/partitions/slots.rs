//! How the columns of the partition table share its width.

use ratatui::layout::{Alignment, Rect};

use crate::{
    console::{
        number,
        state::Column,
        text::{clean, width},
    },
    domain::Offset,
    feed::{PartitionView, Recent},
};

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The sign of the partition's state.
    State,
    /// A value that can be sorted by.
    Column(Column),
    /// The rate over the last moments.
    Trend,
}

/// A column and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) what: What,
    pub(crate) x: u16,
    pub(crate) width: u16,
}

impl Slot {
    /// Names stand on the left, numbers on the right.
    pub(crate) fn alignment(self) -> Alignment {
        match self.what {
            What::Column(Column::Topic | Column::Owner) | What::State => Alignment::Left,
            What::Column(_) | What::Trend => Alignment::Right,
        }
    }
}

const ORDER: [What; 12] = [
    What::State,
    What::Column(Column::Topic),
    What::Column(Column::Partition),
    What::Column(Column::Owner),
    What::Column(Column::Position),
    What::Column(Column::End),
    What::Column(Column::Lag),
    What::Column(Column::Ahead),
    What::Column(Column::Rate),
    What::Trend,
    What::Column(Column::P95),
    What::Column(Column::Progress),
];

/// Below this a topic's name says too little: other columns make room for it.
const TOPIC_MIN: u16 = 16;
/// The widest a column of names gets while others want room.
const NAME_MAX: u16 = 40;

/// Shares a width out: numbers get what their largest value needs; ahead, trend, p95, end and owner give way to names, in
/// this order; what is left over widens names, trend and progress, then the gaps.
pub(crate) fn slots(partitions: &[PartitionView], inner: Rect) -> Vec<Slot> {
    let needs = Needs::of(partitions);
    // Cells between contents and border, where there are some to spare.
    let (before, after) = (u16::from(inner.width >= 100), u16::from(inner.width >= 70));
    let inner = Rect { x: inner.x + before, width: inner.width - before - after, ..inner };
    let mut widths: Vec<u16> = ORDER.iter().map(|what| needs.least(*what)).collect();
    let mut left = shrink(&mut widths, inner.width, needs.topic.clamp(5, TOPIC_MIN));
    for (what, most) in [
        (What::Column(Column::Topic), needs.topic),
        (What::Column(Column::Owner), needs.owner),
        (What::Column(Column::Progress), 16),
        (What::Trend, 16),
    ] {
        widen(&mut widths, what, most, &mut left);
    }
    let gaps = number::cells(widths.iter().filter(|width| **width > 0).count().saturating_sub(1)).max(1);
    let gap = 1 + (left / gaps).min(2);
    left -= (gap - 1) * gaps;
    widen(&mut widths, What::Trend, number::cells(Recent::CAPACITY), &mut left);
    widen(&mut widths, What::Column(Column::Progress), 60, &mut left);
    widen(&mut widths, What::Column(Column::Topic), u16::MAX, &mut left);
    place(&widths, inner.x, gap)
}

/// Takes columns away until the topic has its room; returns what is left over.
fn shrink(widths: &mut [u16], room: u16, topic: u16) -> u16 {
    const GIVE_WAY: [(What, u16); 6] = [
        (What::Column(Column::Ahead), 0),
        (What::Trend, 5),
        (What::Trend, 0),
        (What::Column(Column::P95), 0),
        (What::Column(Column::End), 0),
        (What::Column(Column::Owner), 0),
    ];
    set(widths, What::Column(Column::Topic), topic);
    for (what, width) in GIVE_WAY {
        if used(widths) <= room {
            break;
        }
        set(widths, what, width);
    }
    let over = used(widths).saturating_sub(room);
    set(widths, What::Column(Column::Topic), topic.saturating_sub(over).max(5));
    room.saturating_sub(used(widths))
}

fn used(widths: &[u16]) -> u16 {
    let shown = widths.iter().filter(|width| **width > 0);
    shown.fold(0_u16, |sum, width| sum.saturating_add(*width + 1)).saturating_sub(1)
}

fn set(widths: &mut [u16], what: What, width: u16) {
    if let Some(at) = ORDER.iter().position(|other| *other == what) {
        widths[at] = width;
    }
}

fn widen(widths: &mut [u16], what: What, most: u16, left: &mut u16) {
    if let Some(at) = ORDER.iter().position(|other| *other == what).filter(|at| widths[*at] > 0) {
        let more = most.saturating_sub(widths[at]).min(*left);
        widths[at] += more;
        *left -= more;
    }
}

fn place(widths: &[u16], from: u16, gap: u16) -> Vec<Slot> {
    let mut x = from;
    let mut slots = Vec::with_capacity(widths.len());
    for (what, width) in ORDER.into_iter().zip(widths).filter(|(_, width)| **width > 0) {
        slots.push(Slot { what, x, width: *width });
        // The sign belongs to the name after it.
        x += width + if what == What::State { 1 } else { gap };
    }
    slots
}

/// How wide the contents of the columns are. Ends are fixed by the plan, so columns do not jump while a run goes on.
struct Needs {
    topic: u16,
    owner: u16,
    offset: u16,
    lag: u16,
}

impl Needs {
    fn of(partitions: &[PartitionView]) -> Self {
        let widest = |cells: &dyn Fn(&PartitionView) -> usize| {
            number::cells(partitions.iter().map(cells).max().unwrap_or(0)).clamp(5, NAME_MAX)
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

    fn least(&self, what: What) -> u16 {
        match what {
            What::State => 1,
            What::Trend => 8,
            What::Column(Column::Topic) => 5,
            What::Column(Column::Partition) => 4,
            What::Column(Column::Owner) => self.owner.min(9),
            What::Column(Column::Position | Column::Progress) => self.offset.max(8),
            What::Column(Column::End) => self.offset,
            What::Column(Column::Lag | Column::Ahead) => self.lag,
            What::Column(Column::Rate | Column::P95) => 7,
        }
    }
}
