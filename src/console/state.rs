//! All that the console knows. It changes only in [`super::update`], and views only read it.

use std::{sync::Arc, time::Duration};

use ratatui::layout::{Rect, Size};

use super::{
    keymap::Mode,
    layout::{self, Areas, Panel},
    text::{clean, wrap},
};
use crate::{
    domain::{Concurrency, Ordering, RateLimit},
    feed::{PartitionView, PausedRecord, QuarantinedKey, RunState, RunView, Snapshot, TopicView},
    replay::{Decision, RecordDecision},
};

mod alert;
mod comparison;
mod history;
mod log;
mod pending;
mod status;
mod table;
mod topics;

pub use alert::Alert;
pub use comparison::{Compared, Sameness, base, compare};
pub use history::{History, Mark, MarkKind};
pub use log::Log;
pub use pending::Pending;
pub use status::{Status, StatusKind};
pub use table::{Column, Rows, Table};
pub use topics::Topics;

/// A question that waits for yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Stop the run that is going and start it again?
    Restart,
    /// Stop the run before its end?
    Cancel,
    /// Stop the run and leave?
    Quit,
    /// Decide so for every key in quarantine?
    DecideAll(Decision),
    /// Decide so for one key in quarantine, by its hash?
    DecideKey(Decision, u64),
    /// Decide so for the record that paused the run?
    DecideRecord(RecordDecision),
    /// Stop the run that is going, and replay the chosen topics?
    ReplayInstead,
}

/// What stands in front of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// Every key, scrolled by so many lines.
    Help(usize),
    /// The runs of this session, scrolled by so many lines.
    Compare(usize),
    /// What a run would be like, scrolled by so many lines.
    Plan(usize),
    /// One partition.
    Details,
    /// The selected event, scrolled by so many lines.
    Event(usize),
    /// The record that paused the run.
    FailedRecord,
    /// The run, scrolled by so many lines.
    Run(usize),
    /// The number of workers is being typed.
    Number {
        /// What is typed so far.
        text: String,
        /// Why it was not taken.
        error: Option<String>,
    },
    /// The most that is handed out in a second is being typed.
    Rate {
        /// What is typed so far.
        text: String,
        /// Why it was not taken.
        error: Option<String>,
    },
    /// The filter of the partitions is being typed; what it was before.
    Filter(String),
    /// The filter of the topics is being typed; what it was before.
    TopicFilter(String),
    /// The keys in quarantine; the selected one, by its hash.
    Quarantine(Option<u64>),
    /// A question waits.
    Ask(Question),
}

/// All that the console knows.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The terminal's size in cells.
    pub size: Size,
    /// Time since the console was opened.
    pub now: Duration,
    /// The session at its latest moment.
    pub snapshot: Arc<Snapshot>,
    /// Whether the session has ended, so that nothing more will come.
    pub ended: bool,
    /// The events.
    pub log: Log,
    /// The present run over time.
    pub history: History,
    /// The partition table.
    pub table: Table,
    /// The first worker shown.
    pub workers_from: usize,
    /// The panel that has the keys.
    pub focus: Panel,
    /// The panel that shares a small screen with the partitions.
    pub side: Panel,
    /// The topics to choose from, in a window between the dashboard and what stands in front.
    pub topics: Topics,
    /// What stands in front.
    pub overlay: Option<Overlay>,
    /// The message in the footer.
    pub status: Option<Status>,
    /// A change of concurrency that the feed does not show yet.
    pub pending: Option<Pending>,
    /// What to press, shown while nothing else has to be said.
    pub hint: Option<String>,
    /// Whether the screen shows something else than this state.
    pub stale: bool,
}

impl State {
    /// A console that has heard nothing yet.
    #[must_use]
    pub fn new(width: u16, height: u16, hint: Option<String>) -> Self {
        Self {
            size: Size::new(width, height),
            now: Duration::ZERO,
            snapshot: Arc::default(),
            ended: false,
            log: Log::default(),
            history: History::default(),
            table: Table::default(),
            workers_from: 0,
            focus: Panel::Partitions,
            side: Panel::Events,
            topics: Topics::default(),
            overlay: None,
            status: None,
            pending: None,
            hint,
            stale: true,
        }
    }

    /// The run under way, or the last one.
    #[must_use]
    pub fn run(&self) -> Option<&RunView> {
        self.snapshot.run.as_ref()
    }

    /// Its partitions.
    #[must_use]
    pub fn partitions(&self) -> &[PartitionView] {
        self.run().map_or(&[], |run| &run.partitions)
    }

    /// The partitions that the table shows, in its order.
    #[must_use]
    pub fn rows(&self) -> Rows {
        self.table.rows(self.partitions())
    }

    /// Whether a run is handling records, pauses or drains: something that quitting would cut short.
    #[must_use]
    pub fn going(&self) -> bool {
        !self.ended
            && self
                .run()
                .is_some_and(|run| matches!(run.state, RunState::Running | RunState::Paused | RunState::Draining))
    }

    /// The cluster's topics, as far as they are known.
    #[must_use]
    pub fn catalog(&self) -> &[TopicView] {
        self.snapshot.catalog.as_deref().unwrap_or_default()
    }

    /// The topics that would be replayed.
    #[must_use]
    pub fn chosen(&self) -> Vec<&TopicView> {
        self.topics.chosen(self.catalog())
    }

    /// The run whose settings the keys change; once it is over, they change those of the next one.
    fn set_now(&self) -> Option<&RunView> {
        self.run().filter(|run| !run.state.is_over())
    }

    /// The number of workers as the feed shows it: of the run that goes, otherwise of the next one.
    #[must_use]
    pub fn concurrency(&self) -> Option<u32> {
        let choosing = self.topics.open || self.snapshot.catalog.is_some() || self.run().is_some();
        let next = || choosing.then_some(self.snapshot.next.concurrency);
        self.set_now().map(|run| run.concurrency).or_else(next)
    }

    /// Whether kreplay finds that number by itself.
    #[must_use]
    pub fn adaptive(&self) -> bool {
        self.set_now().map_or(self.snapshot.next.adaptive, |run| run.limits.adaptive)
    }

    /// The most that is handed out in a second, where there is a limit.
    #[must_use]
    pub fn rate(&self) -> Option<RateLimit> {
        self.set_now().map_or(self.snapshot.next.rate, |run| run.limits.rate)
    }

    /// The number of workers as the user last wanted it.
    #[must_use]
    pub fn wanted_concurrency(&self) -> Option<u32> {
        let shown = self.concurrency()?;
        Some(self.pending.as_ref().map_or(shown, |pending| pending.to))
    }

    /// The most workers that the run can have; while topics are chosen between runs, a run of those.
    #[must_use]
    pub fn max_concurrency(&self) -> u32 {
        let max = Concurrency::MAX.get();
        if self.topics.open && !self.going() {
            let partitions = self.chosen().iter().fold(0_u32, |sum, topic| sum.saturating_add(topic.partitions));
            let bound = self.snapshot.next.ordering == Ordering::Partition && partitions > 0;
            return if bound { partitions.min(max) } else { max };
        }
        self.run().map_or(max, |run| if run.max_concurrency == 0 { max } else { run.max_concurrency.min(max) })
    }

    /// What the keys are for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.overlay {
            None if self.topics.open => Mode::Choosing,
            None => Mode::Dashboard,
            Some(Overlay::Help(_) | Overlay::Compare(_) | Overlay::Details | Overlay::Event(_) | Overlay::Run(_)) => {
                Mode::Reading
            }
            Some(Overlay::FailedRecord) => Mode::FailedRecord,
            Some(Overlay::Number { .. } | Overlay::Rate { .. } | Overlay::Filter(_) | Overlay::TopicFilter(_)) => {
                Mode::Typing
            }
            Some(Overlay::Plan(_)) => Mode::Planning,
            Some(Overlay::Quarantine(_)) => Mode::Deciding,
            Some(Overlay::Ask(_)) => Mode::Asking,
        }
    }

    /// The whole screen.
    #[must_use]
    pub fn screen(&self) -> Rect {
        Rect::new(0, 0, self.size.width, self.size.height)
    }

    /// Where each panel is; `None` when the terminal is too small.
    #[must_use]
    pub fn areas(&self) -> Option<Areas> {
        let room = usize::from(self.size.width).saturating_sub(layout::ALERT_AROUND);
        let alert = self.alert().map(|alert| super::number::cells(wrap(&clean(alert.text), room).len()));
        layout::areas(self.screen(), self.side, alert)
    }

    /// The keys in quarantine, the oldest first; none once the run is over, when nothing can be decided any more.
    #[must_use]
    pub fn quarantined(&self) -> &[QuarantinedKey] {
        self.run().filter(|_| self.going()).map_or(&[], |run| &run.quarantine.waiting)
    }

    /// The row of the selected key among them; `None` while that key is not there, as when it is being tried again. Without
    /// a selection the first row.
    #[must_use]
    pub fn quarantined_row(&self) -> Option<usize> {
        let Some(Overlay::Quarantine(Some(selected))) = self.overlay else { return Some(0) };
        self.quarantined().iter().position(|key| key.hash == selected)
    }

    /// The record that paused the run, while the run waits for a decision about it.
    #[must_use]
    pub fn paused_record(&self) -> Option<&PausedRecord> {
        self.run().filter(|run| self.going() && run.state == RunState::Paused)?.paused_record.as_ref()
    }

    /// The selected partition.
    #[must_use]
    pub fn selected(&self) -> Option<&PartitionView> {
        let rows = self.rows();
        let index = rows.shown.get(self.table.selected_row(&rows, self.partitions())?)?;
        self.partitions().get(*index)
    }
}
