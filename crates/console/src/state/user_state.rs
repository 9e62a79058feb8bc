//! What the user did: open screens, selection, scroll positions, and filters.

use kreplay_model::{domain::TopicPartition, timeline::Moment};

use super::{
    AuditView, EventLogView, HeatView, InspectView, LaunchView, LogView, Navigation, PaletteEntry, Pending, ScreenId,
    Status, TimelineView, Topics, WatchView, WorkersView,
};
use crate::{layout::Panel, table::TableState};

/// What the user did. It holds nothing that the feed said, except names of what is selected.
#[derive(Clone, Debug, PartialEq)]
pub struct UserState {
    /// The event panel.
    pub log: LogView,
    /// The partition table.
    pub table: TableState<TopicPartition>,
    /// Whether empty partitions are shown even if others have records.
    pub show_empty: bool,
    /// The index of the first worker shown.
    pub workers_from: usize,
    /// The panel that has the focus.
    pub focus: Panel,
    /// The panel shown below the partitions on a small screen.
    pub side: Panel,
    /// The topic list.
    pub topics: Topics,
    /// The watched groups.
    pub watch: WatchView,
    /// The screen of the workers.
    pub workers: WorkersView,
    /// The heat map.
    pub heat: HeatView,
    /// The whole event log.
    pub event_log: EventLogView,
    /// The hot keys.
    pub hot_keys: TableState<String>,
    /// The table of runs that have a journal.
    pub journal: TableState<String>,
    /// The failed records by kind: the selected one, by its pattern.
    pub errors: TableState<String>,
    /// The record that is looked at.
    pub inspect: InspectView,
    /// The audit of topics.
    pub audit: AuditView,
    /// The launch form.
    pub launch: LaunchView,
    /// The timeline.
    pub timeline: TimelineView,
    /// A page that is opened once it has something to show: the one of the saved layout.
    pub reopen: Option<ScreenId>,
    /// The open screens and the dialog in front of them.
    pub navigation: Navigation,
    /// The numbers of workers of the race that a question is about.
    pub racing: Vec<u32>,
    /// The message in the footer.
    pub status: Option<Status>,
    /// A change of concurrency that no snapshot shows yet.
    pub pending: Option<Pending>,
    /// The entries of the palette that were used last, the latest first.
    pub recent: Vec<PaletteEntry>,
    /// The name of the theme that the user has chosen; `None` is that of the options.
    pub theme: Option<&'static str>,
    /// The words that the help shows.
    pub help_filter: String,
    /// The moment that was clicked last, from which the mouse may be dragged.
    pub pressed: Option<Moment>,
    /// Whether the mouse is captured. If not, it selects text in the terminal.
    pub mouse: bool,
}

impl UserState {
    /// At the home screen.
    #[must_use]
    pub fn new(home: ScreenId) -> Self {
        Self {
            log: LogView::default(),
            table: TableState::sorted_by("topic"),
            show_empty: false,
            workers_from: 0,
            focus: Panel::Partitions,
            side: Panel::Events,
            topics: Topics::default(),
            watch: WatchView::default(),
            workers: WorkersView::default(),
            heat: HeatView::default(),
            event_log: EventLogView::default(),
            hot_keys: TableState::default(),
            journal: newest_first(),
            errors: most_frequent_first(),
            inspect: InspectView::default(),
            audit: AuditView::default(),
            launch: LaunchView::default(),
            timeline: TimelineView::default(),
            reopen: None,
            navigation: Navigation::new(home),
            racing: Vec::new(),
            status: None,
            pending: None,
            recent: Vec::new(),
            theme: None,
            help_filter: String::new(),
            pressed: None,
            mouse: true,
        }
    }
}

/// The runs that have a journal, the latest first.
fn newest_first() -> TableState<String> {
    let mut table = TableState::sorted_by("started");
    table.reverse();
    table
}

fn most_frequent_first() -> TableState<String> {
    let mut table = TableState::sorted_by("count");
    table.reverse();
    table
}
