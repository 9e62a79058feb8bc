//! What can be clicked and what scrolls, as it was drawn.

use kreplay_model::{domain::TopicPartition, timeline::Moment};
use ratatui::layout::{Position, Rect};

use super::{
    layout::Panel,
    state::{ChangeChoice, Extent, Extents, FormField, GroupPanel, LaneKey, Scrollable},
};

/// What is at a place of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A panel of the dashboard.
    Panel(Panel),
    /// A heading of the partition table, with the id of the column that it sorts by.
    Column(&'static str),
    /// A row of the partition table.
    Partition(TopicPartition),
    /// An event of the log, by its sequence number.
    Event(u64),
    /// The topic list, outside its rows.
    TopicList,
    /// A heading of the topic list, with the id of the column that it sorts by.
    TopicColumn(&'static str),
    /// A topic of the list.
    Topic(String),
    /// The quarantine window, outside its rows.
    Quarantine,
    /// A quarantined key, by its hash.
    QuarantinedKey(u64),
    /// The window of failed records by kind, outside its rows.
    Errors,
    /// A kind of failed records, by its pattern.
    ErrorKind(String),
    /// The window of a record, outside its lines.
    Record,
    /// A line of a record, by its number.
    RecordLine(usize),
    /// The watched groups, outside their rows.
    Watch,
    /// A heading of the table of watched groups, with the id of the column that it sorts by.
    GroupColumn(&'static str),
    /// A watched group.
    Group(String),
    /// The count of groups without trouble.
    OtherGroups,
    /// A panel of the opened group, outside its rows.
    GroupPanel(GroupPanel),
    /// A heading of a panel of the opened group, with the id of the column that it sorts by.
    GroupPanelColumn(GroupPanel, &'static str),
    /// A partition of the opened group.
    GroupPartition(TopicPartition),
    /// A member of the opened group, by its id.
    Member(String),
    /// The window that changes a group, outside its choices.
    Change,
    /// A change of a group that can be chosen.
    ChangeChoice(ChangeChoice),
    /// The launch form, outside its fields.
    Launch,
    /// A field of the launch form.
    LaunchField(FormField),
    /// A bucket of the records by time in the launch form, by its index.
    LaunchBucket(usize),
    /// A page that shows a run, outside of its rows.
    Page,
    /// A lane of the workers.
    Lane(LaneKey),
    /// A line of the heat map, by its first row.
    HeatRow(usize),
    /// A cell of the heat map: the first row of its line, and the start of its time.
    HeatCell(usize, Moment),
    /// An event of the whole log, by its sequence number.
    LoggedEvent(u64),
    /// A heading of the hot keys, with the id of the column that it sorts by.
    HotKeyColumn(&'static str),
    /// A hot key, by its text.
    HotKey(String),
    /// A heading of the table of runs that have a journal, with the id of the column that it sorts by.
    JournalColumn(&'static str),
    /// A run that has a journal, by its id.
    Journal(String),
    /// The timeline, outside its columns.
    Timeline,
    /// A moment of the timeline.
    Moment(Moment),
    /// A window that a click closes.
    Window,
    /// A question or prompt. It is answered only by keys, never by a stray click.
    Prompt,
    /// A hit of the palette, by its index.
    PaletteHit(usize),
    /// A column that can be shown or hidden, by its index.
    ColumnChoice(usize),
    /// A preset of the list, by its index.
    Preset(usize),
}

/// The areas of a frame and what they show, and the extents of what scrolls. The screens fill it while they draw, so
/// that nothing is measured twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitMap {
    areas: Vec<(Rect, Target)>,
    extents: Extents,
}

impl HitMap {
    /// Adds an area in front of those added before.
    pub(crate) fn add(&mut self, area: Rect, target: Target) {
        self.areas.push((area, target));
    }

    /// Adds the size of something that scrolls: the number of rows or lines, and how many of them are visible at once.
    pub(crate) fn add_extent(&mut self, scrollable: Scrollable, len: usize, page: usize) {
        self.extents.add(scrollable, Extent { len, page });
    }

    /// Adds a watched group that is visible.
    pub(crate) fn add_group(&mut self, name: &str) {
        self.extents.add_group(name);
    }

    /// Forgets the visible groups, because something is drawn over them.
    pub(crate) fn cover_groups(&mut self) {
        self.extents.cover_groups();
    }

    /// The sizes of everything that scrolls.
    #[must_use]
    pub fn extents(&self) -> &Extents {
        &self.extents
    }

    /// What is in front at a position.
    #[must_use]
    pub fn at(&self, x: u16, y: u16) -> Option<&Target> {
        let position = Position::new(x, y);
        self.areas.iter().rev().find(|(area, _)| area.contains(position)).map(|(_, target)| target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_in_front_is_hit() {
        let mut hits = HitMap::default();
        hits.add(Rect::new(0, 0, 10, 10), Target::Panel(Panel::Events));
        hits.add(Rect::new(2, 2, 4, 1), Target::Event(7));
        assert_eq!(hits.at(2, 2), Some(&Target::Event(7)));
        assert_eq!(hits.at(6, 2), Some(&Target::Panel(Panel::Events)));
        assert_eq!(hits.at(10, 2), None);
    }
}
