//! The state of the console. Only [`super::update`] changes it; the screens only read it.

use std::{sync::Arc, time::Duration};

use kreplay_model::{
    domain::{Concurrency, Ordering},
    feed::{PartitionView, RunView, TopicView},
    watch::AlertState,
};
use ratatui::layout::{Rect, Size};

use super::{
    action::Action,
    key::{Key, Mode},
    keymap::Keymap,
    layout::{self, Areas},
    text::{clean, wrap},
};

mod alert;
mod attachment;
mod audit_view;
mod change_choice;
mod change_view;
mod chart_export;
mod clock;
mod column_choice;
mod comparison;
mod copied;
mod dialog;
mod error_row;
mod event_log;
mod event_row;
mod export_subject;
mod extents;
mod feed_state;
mod filters;
mod group_history;
mod group_partition_row;
mod group_row;
mod heat_cells;
mod heat_map;
mod heat_view;
mod hot_key_row;
mod inspect_view;
mod journal_feed;
mod journal_row;
mod kept_events;
mod lanes;
mod launch;
mod line_input;
mod log_view;
mod member_row;
mod moment;
mod navigation;
mod palette;
mod partition_row;
mod partition_table;
mod pending;
mod planned_offset_row;
mod playback;
mod race;
mod recording_state;
mod run_history;
mod saved_layout;
mod screen_id;
mod status;
mod table_in_front;
mod time_columns;
mod time_window;
mod timeline_marks;
mod timeline_strip;
mod timeline_view;
mod topic_row;
mod topics;
mod trouble;
mod user_state;
mod watch_view;
mod watched;
mod worker_step;
mod workers_view;

pub use alert::Alert;
pub use attachment::Attachment;
pub use audit_view::AuditView;
pub use change_choice::{ChangeChoice, ScopeChoice};
pub use change_view::{AskedChange, ChangeAccess, ChangeFeed, ChangePhase, ChangeView, change_result};
pub use column_choice::ColumnChoice;
pub use comparison::{Compared, DigestMatch, base, compare};
pub use copied::{Copied, MAX_COPIED_BYTES};
pub use dialog::{Asked, Dialog, Question};
pub use error_row::ErrorRow;
pub use event_log::EventLogView;
pub use event_row::EventRow;
pub use export_subject::ExportSubject;
pub use extents::{Extent, Extents, Scrollable};
pub use feed_state::FeedState;
pub use filters::{FilterPrompt, Filters};
pub use group_history::{GroupHistory, MemberLane};
pub use group_partition_row::GroupPartitionRow;
pub use group_row::GroupRow;
pub use heat_cells::HeatCells;
pub use heat_map::{HeatMap, HeatRow};
pub use heat_view::{HeatMetric, HeatOrder, HeatView};
pub use hot_key_row::HotKeyRow;
pub use inspect_view::InspectView;
pub(crate) use inspect_view::{LABEL_CELLS, MAX_WIDTH as RECORD_WIDTH};
pub use journal_feed::JournalFeed;
pub use journal_row::JournalRow;
pub use kept_events::KeptEvents;
pub use lanes::{Lane, LaneCell, LaneKey, LaneKind, LaneOrder, lanes};
pub(crate) use lanes::{has_stalled, owner_of, worker_number, workers_of};
pub use launch::{
    Candidate, CommandLine, Cycle, Field, FieldKind, FormField, HandlerKind, LaunchAccess, LaunchOptions, LaunchView,
    LeftOut, LeftOutWhy, PlanWait, Preset, PresetChoice, TimeCountsView,
};
pub(crate) use launch::{text as launch_text, topic_names as launch_topics};
pub use line_input::{Edit, LineInput};
pub use log_view::LogView;
pub use member_row::GroupMemberRow;
pub use navigation::{Navigation, Place};
pub use palette::{Hit, Palette, PaletteEntry, PaletteItem, Verb};
pub(crate) use partition_row::MAX_TREND_CELLS;
pub use partition_row::PartitionRow;
pub use partition_table::Rows;
pub use pending::Pending;
pub use planned_offset_row::PlannedOffsetRow;
pub use playback::{Playback, SPEEDS};
pub use race::{LaneRun, MAX_LANES, Race, RaceError, RaceLane, RacePhase, parse_lanes};
pub(crate) use race::{RaceStep, forecast};
pub use recording_state::RecordingState;
pub use run_history::{ChartMark, ChartMarkKind, RunHistory};
pub use saved_layout::{SavedLayout, SavedLayoutError};
pub use screen_id::{Layer, ScreenId};
pub use status::{Shown, Status, StatusKind};
pub use table_in_front::{ColumnName, TableId};
pub use time_columns::{COLUMN_LENGTHS_MS, TimeColumns};
pub use time_window::{RunTime, TimeGrid, TimeWindow};
pub use timeline_marks::TimelineMark;
pub use timeline_strip::{Strip, StripFigure};
pub use timeline_view::{TimelineSubject, TimelineView};
pub use topic_row::TopicRow;
pub use topics::Topics;
pub use trouble::{TroubleItem, TroubleKey, TroubleView, evidence, needs_attention};
pub use user_state::UserState;
pub use watch_view::{GroupPanel, WatchView};
pub use watched::{TopicGroups, Watched};
pub use worker_step::WorkerStep;
pub use workers_view::WorkersView;

/// The state of the console.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What the feed said, as of the moment that is shown.
    pub feed: FeedState,
    /// What the feed said last, without its timeline, while an earlier moment is shown.
    pub latest: Option<Box<FeedState>>,
    /// The playback, if a recording is shown.
    pub playback: Option<Playback>,
    /// Whether the feed is being recorded.
    pub recording: RecordingState,
    /// The race, also one that has ended.
    pub race: Option<Race>,
    /// What the user did.
    pub user: UserState,
    /// The processes to which the console is attached; `None` if its own process has the session.
    pub attachment: Option<Attachment>,
    /// The cells of the heat map while it is in front.
    pub heat_cells: Option<Arc<HeatCells>>,
    /// Whether runs can be chosen in the launch form.
    pub launch_access: LaunchAccess,
    /// Whether presets of the launch form are kept.
    pub keeps_presets: bool,
    /// The terminal's size in cells.
    pub size: Size,
    /// Time since the console was opened.
    pub now: Duration,
    /// A hint with the most useful keys, shown while there is no message.
    pub hint: Option<String>,
    /// What the last frame showed of everything that scrolls.
    pub extents: Extents,
    /// The keys in force.
    pub keymap: Arc<Keymap>,
    /// Whether no colours may be shown (`NO_COLOR`), so that there is no choice of a theme.
    pub no_color: bool,
    /// Whether the screen must be redrawn.
    pub stale: bool,
}

impl State {
    /// The state before the first snapshot, with the default keys and the dashboard as home screen.
    #[must_use]
    pub fn new(width: u16, height: u16, hint: Option<String>) -> Self {
        Self::with_home(ScreenId::Dashboard, width, height, hint)
    }

    /// The state before the first snapshot, with the given home screen.
    #[must_use]
    pub fn with_home(home: ScreenId, width: u16, height: u16, hint: Option<String>) -> Self {
        Self {
            feed: FeedState::default(),
            latest: None,
            playback: None,
            recording: RecordingState::default(),
            race: None,
            user: UserState::new(home),
            attachment: None,
            heat_cells: None,
            launch_access: LaunchAccess::default(),
            keeps_presets: false,
            size: Size::new(width, height),
            now: Duration::ZERO,
            hint,
            extents: Extents::default(),
            keymap: Arc::default(),
            no_color: false,
            stale: true,
        }
    }

    /// The same state with other keys.
    #[must_use]
    pub fn with_keymap(self, keymap: Keymap) -> Self {
        Self { keymap: Arc::new(keymap), ..self }
    }

    /// The current run, or the last one.
    #[must_use]
    pub fn run(&self) -> Option<&RunView> {
        self.feed.run()
    }

    /// Its partitions.
    #[must_use]
    pub fn partitions(&self) -> &[PartitionView] {
        self.feed.partitions()
    }

    /// Whether a run is running, paused, or draining.
    #[must_use]
    pub fn run_is_active(&self) -> bool {
        self.feed.run_is_active()
    }

    /// The cluster's topics, if known.
    #[must_use]
    pub fn catalog(&self) -> &[TopicView] {
        self.feed.catalog()
    }

    /// The topics chosen for the next replay.
    #[must_use]
    pub fn chosen(&self) -> Vec<&TopicView> {
        self.user.topics.chosen(&self.feed)
    }

    /// The number of workers in the latest snapshot, of the active run or otherwise of the next one.
    #[must_use]
    pub fn concurrency(&self) -> Option<u32> {
        let choosing = self.chooses_topics() || self.feed.snapshot.catalog.is_some() || self.run().is_some();
        let next = || choosing.then_some(self.feed.snapshot.next.concurrency);
        self.feed.adjustable_run().map(|run| run.concurrency).or_else(next)
    }

    /// The number of workers that the user last requested.
    #[must_use]
    pub fn wanted_concurrency(&self) -> Option<u32> {
        let shown = self.concurrency()?;
        Some(self.user.pending.as_ref().map_or(shown, |pending| pending.to))
    }

    /// The number of workers that the user last requested, and the number after a step; `None` if there is none.
    #[must_use]
    pub fn workers_after(&self, step: WorkerStep) -> Option<(u32, u32)> {
        let now = self.wanted_concurrency()?;
        Some((now, step.apply(now, self.max_concurrency())))
    }

    /// Whether the topic list is open, in front or behind other screens.
    #[must_use]
    pub fn chooses_topics(&self) -> bool {
        self.user.navigation.is_open(ScreenId::Topics)
    }

    /// Whether topics are being chosen between runs, so that settings apply to a run of those topics.
    #[must_use]
    pub fn plans_next_run(&self) -> bool {
        self.chooses_topics() && !self.run_is_active()
    }

    /// Whether the plan is in front.
    #[must_use]
    pub fn shows_plan(&self) -> bool {
        self.user.navigation.front().screen == ScreenId::Plan
    }

    /// Whether the runs of the session change anything but their own figures: neither dry runs nor simulated work do.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        let is_simulated = |handler: &str| handler == "null" || handler.starts_with("simulate:");
        self.run().is_some_and(|run| run.dry_run().is_none() && !is_simulated(&run.plan.handler))
    }

    /// Whether there is a plan to show, or one is being made. In the topic list, a new one is always made.
    #[must_use]
    pub fn has_plan_to_show(&self) -> bool {
        let planning = &self.feed.snapshot.planning;
        // A plan of other topics would be mistaken for the plan of the run.
        let fits =
            planning.forecast.as_ref().is_some_and(|plan| self.run().is_none_or(|run| run.plan.topics == plan.topics));
        (fits || planning.in_progress.is_some()) && !self.chooses_topics()
    }

    /// The maximum number of workers of the run or, while topics are chosen between runs, of a run of those topics.
    #[must_use]
    pub fn max_concurrency(&self) -> u32 {
        let max = Concurrency::MAX.get();
        if self.plans_next_run() {
            let partitions = self.chosen().iter().fold(0_u32, |sum, topic| sum.saturating_add(topic.partitions));
            let bound = self.feed.snapshot.next.ordering == Ordering::Partition && partitions > 0;
            return if bound { partitions.min(max) } else { max };
        }
        self.run().map_or(max, |run| if run.max_concurrency == 0 { max } else { run.max_concurrency.min(max) })
    }

    /// The current mode, which determines what keys do.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let navigation = &self.user.navigation;
        navigation.dialog.as_ref().map_or(navigation.front().screen.mode(), Dialog::mode)
    }

    /// The mode of the keys that apply besides those of [`Self::mode`], while a recording is shown.
    #[must_use]
    pub fn playback_mode(&self) -> Option<Mode> {
        (self.playback.is_some() && self.user.navigation.dialog.is_none()).then_some(Mode::Playback)
    }

    /// The action of a key. Keys of the playback come first, except on the timeline, whose cursor they would displace.
    #[must_use]
    pub fn action_of(&self, key: Key) -> Option<Action> {
        let mode = self.mode();
        let (first, second) = match self.playback_mode() {
            Some(playback) if mode == Mode::Timeline => (mode, Some(playback)),
            Some(playback) => (playback, Some(mode)),
            None => (mode, None),
        };
        self.keymap.lookup(first, key).or_else(|| self.keymap.lookup(second?, key))
    }

    /// Whether the last frame showed only a part of the text in front.
    #[must_use]
    pub fn front_scrolls(&self) -> bool {
        let front = Scrollable::Screen(self.user.navigation.front().screen);
        let extent = self.extents.of(front).filter(|_| self.user.navigation.dialog.is_none());
        extent.is_some_and(|extent| extent.max_scroll() > 0)
    }

    /// The name of the theme that the user has chosen, or that is previewed; `None` is that of the options.
    #[must_use]
    pub fn theme(&self) -> Option<&'static str> {
        let previewed = match &self.user.navigation.dialog {
            Some(Dialog::Palette(palette)) => palette.previewed_theme(),
            _ => None,
        };
        previewed.or(self.user.theme).filter(|_| !self.no_color)
    }

    /// The key of an action in a mode, as shown on the screen; `None` if the action is unbound.
    #[must_use]
    pub fn key_of(&self, action: Action, mode: Mode) -> Option<String> {
        self.keymap.key(action, mode).map(|key| key.to_string())
    }

    /// A text with the key of an action on the dashboard, such as "quit with q"; empty if the action is unbound.
    pub(crate) fn with_key(&self, action: Action, text: impl FnOnce(String) -> String) -> String {
        self.key_of(action, Mode::Dashboard).map(text).unwrap_or_default()
    }

    /// The whole screen.
    #[must_use]
    pub fn screen(&self) -> Rect {
        Rect::new(0, 0, self.size.width, self.size.height)
    }

    /// The layout of the dashboard; `None` if the terminal is too small.
    #[must_use]
    pub fn areas(&self) -> Option<Areas> {
        let room = usize::from(self.size.width).saturating_sub(layout::ALERT_FRAME_COLUMNS);
        let alert = self.alert().map(|alert| super::number::cells(wrap(&clean(&alert.text), room).len()));
        layout::areas(self.screen(), self.user.side, alert)
    }

    /// The rule of the first alert that fires, the most urgent one.
    #[must_use]
    pub fn rule_to_silence(&self) -> Option<&str> {
        let alerts = &self.feed.alerts.as_ref()?.alerts;
        alerts.iter().find(|alert| alert.state == AlertState::Firing).map(|alert| alert.rule.as_str())
    }

    /// The row of the selected key, or the first row without a selection. `None` while the selected key is not in
    /// quarantine, for example while it is being retried.
    #[must_use]
    pub fn quarantined_row(&self) -> Option<usize> {
        let place = self.user.navigation.place(ScreenId::Quarantine);
        let Some(selected) = place.and_then(|place| place.selected_key) else { return Some(0) };
        self.feed.quarantined().iter().position(|key| key.hash == selected)
    }
}
