//! The mouse: the wheel scrolls what is under the pointer, a click focuses, selects, sorts, or closes, and dragging
//! marks a range of time.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{
    Effect, Event, columns, errors, focus, group_change, inspect, journals, launch_form, palette, presets, quarantine,
    run_pages, scroll, time_counts, timeline, topics, watch,
};
use crate::{
    hit_map::{HitMap, Target},
    layout::Panel,
    state::{FormField, GroupPanel, HotKeyRow, Layer, PartitionRow, ScreenId, Scrollable, State, TroubleKey},
};

/// Lines scrolled per wheel notch.
const LINES_PER_NOTCH: isize = 3;

impl Event {
    /// The event of a mouse gesture on a frame; `None` if it means nothing there.
    #[must_use]
    pub fn from_mouse(event: MouseEvent, hits: &HitMap) -> Option<Self> {
        let target = hits.at(event.column, event.row)?.clone();
        match event.kind {
            MouseEventKind::ScrollUp => Some(Self::Wheel(target, -LINES_PER_NOTCH)),
            MouseEventKind::ScrollDown => Some(Self::Wheel(target, LINES_PER_NOTCH)),
            MouseEventKind::Down(MouseButton::Left) => Some(Self::Click(target)),
            MouseEventKind::Drag(MouseButton::Left) => Some(Self::Drag(target)),
            _ => None,
        }
    }
}

pub(super) fn wheel(state: &mut State, target: &Target, by: isize) -> Vec<Effect> {
    state.stale = true;
    match target {
        Target::Panel(panel) => scroll::panel(state, *panel, by),
        Target::Column(_) | Target::Partition(_) => scroll::panel(state, Panel::Partitions, by),
        Target::Event(_) => scroll::panel(state, Panel::Events, by),
        Target::TopicList | Target::TopicColumn(_) | Target::Topic(_) => topics::scroll(state, by),
        Target::Quarantine | Target::QuarantinedKey(_) => quarantine::scroll(state, by),
        Target::Errors | Target::ErrorKind(_) => errors::scroll(state, by),
        Target::Record | Target::RecordLine(_) => inspect::scroll(state, by),
        Target::Watch | Target::GroupColumn(_) | Target::Group(_) | Target::OtherGroups => watch::scroll(state, by),
        Target::GroupPanel(panel) | Target::GroupPanelColumn(panel, _) => watch::scroll_panel(state, *panel, by),
        Target::GroupPartition(_) => watch::scroll_panel(state, GroupPanel::Partitions, by),
        Target::Member(_) => watch::scroll_panel(state, GroupPanel::Members, by),
        Target::Change | Target::ChangeChoice(_) => group_change::scroll(state, by),
        Target::Launch | Target::LaunchField(_) | Target::LaunchBucket(_) => {
            launch_form::move_focus(state, by.signum());
        }
        Target::PaletteHit(_) => palette::scroll(state, by),
        Target::ColumnChoice(_) => columns::scroll(state, by.signum()),
        Target::Preset(_) => presets::scroll(state, by.signum()),
        Target::Page
        | Target::Lane(_)
        | Target::HeatRow(_)
        | Target::HeatCell(..)
        | Target::LoggedEvent(_)
        | Target::HotKeyColumn(_)
        | Target::HotKey(_)
        | Target::JournalColumn(_)
        | Target::Journal(_) => scroll::on_run_page(state, by),
        Target::Timeline | Target::Moment(_) => timeline::zoom(state, by < 0),
        Target::Window | Target::Prompt => scroll::text(state, by),
    }
    Vec::new()
}

pub(super) fn click(state: &mut State, target: Target) -> Vec<Effect> {
    state.stale = true;
    state.user.pressed = match target {
        Target::Moment(at) | Target::HeatCell(_, at) => Some(at),
        _ => None,
    };
    match target {
        Target::Panel(panel) => focus(state, panel),
        Target::Column(column) => {
            focus(state, Panel::Partitions);
            state.user.table.sort_by::<PartitionRow<'_>>(column);
            scroll::follow(state);
        }
        Target::Partition(id) => {
            focus(state, Panel::Partitions);
            state.user.table.selected = Some(id);
            scroll::follow(state);
        }
        Target::Event(seq) => {
            focus(state, Panel::Events);
            let page = state.extents.page(Scrollable::Panel(Panel::Events)).unwrap_or(1);
            state.user.log.select_seq(&state.feed.events, seq, page);
        }
        Target::TopicColumn(column) => topics::sort_by(state, column),
        Target::Topic(name) => topics::select(state, name),
        Target::QuarantinedKey(hash) => quarantine::select(state, hash),
        Target::ErrorKind(pattern) => errors::select(state, pattern),
        Target::RecordLine(line) => inspect::select(state, line),
        Target::GroupColumn(column) => watch::sort_groups_by(state, column),
        Target::Group(name) => watch::select(state, name),
        Target::OtherGroups => watch::select_trouble(state, TroubleKey::Others),
        Target::GroupPanel(panel) => watch::focus_panel(state, panel),
        Target::GroupPanelColumn(panel, column) => watch::sort_panel_by(state, panel, column),
        Target::GroupPartition(id) => watch::select_partition(state, id),
        Target::Member(id) => watch::select_member(state, id),
        Target::ChangeChoice(choice) => group_change::choose(state, choice),
        Target::LaunchField(field) => launch_form::focus(state, field),
        Target::LaunchBucket(bucket) => {
            launch_form::focus(state, FormField::Times);
            time_counts::begin_at(state, bucket);
        }
        Target::PaletteHit(row) => palette::select(state, row),
        Target::ColumnChoice(row) => columns::click(state, row),
        Target::Preset(row) => presets::select(state, row),
        Target::Lane(key) => state.user.workers.selected = Some(key),
        Target::HeatRow(row) => state.user.heat.row = row,
        Target::HeatCell(row, at) => run_pages::point_at(state, row, at),
        Target::LoggedEvent(seq) => state.user.event_log.table.selected = Some(seq),
        Target::HotKeyColumn(column) => state.user.hot_keys.sort_by::<HotKeyRow<'_>>(column),
        Target::HotKey(key) => state.user.hot_keys.selected = Some(key),
        Target::JournalColumn(column) => journals::sort_by(state, column),
        Target::Journal(id) => state.user.journal.selected = Some(id),
        Target::Window => close_window(state),
        // A click beside the rows must not close the window, because reopening would change the selection.
        Target::Moment(at) => return timeline::move_to(state, at),
        Target::TopicList
        | Target::Page
        | Target::Timeline
        | Target::Watch
        | Target::Change
        | Target::Quarantine
        | Target::Errors
        | Target::Record
        | Target::Launch
        | Target::Prompt => {}
    }
    Vec::new()
}

/// Marks the time between the click and the pointer.
pub(super) fn drag(state: &mut State, target: &Target) -> Vec<Effect> {
    if let Target::LaunchBucket(bucket) = *target {
        if launch_form::is_on_chart(state) {
            state.stale = true;
            time_counts::move_to(state, bucket);
        }
        return Vec::new();
    }
    let Some(from) = state.user.pressed else { return Vec::new() };
    match *target {
        Target::Moment(at) if is_timeline(state) => {
            state.stale = true;
            state.user.timeline.marker = Some(from);
            timeline::move_to(state, at)
        }
        Target::HeatCell(_, at) => {
            state.stale = true;
            run_pages::mark_to(state, from, at);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn is_timeline(state: &State) -> bool {
    state.user.navigation.front().screen == ScreenId::Timeline
}

/// Closes the window that was clicked, unless something else is in front by now.
fn close_window(state: &mut State) {
    let navigation = &mut state.user.navigation;
    if navigation.dialog.is_none() && navigation.front().screen.layer() == Layer::Window {
        navigation.back();
    }
}
