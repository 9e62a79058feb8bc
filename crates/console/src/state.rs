//! The state of the console. Only [`super::update`] changes it; the screens only read it.

use std::{sync::Arc, time::Duration};

use kreplay_model::control::{Decision, RecordDecision};
use kreplay_model::{
    domain::{Concurrency, Ordering, RateLimit},
    feed::{PartitionView, PausedRecord, QuarantinedKey, RunState, RunView, Snapshot, TopicView},
};
use ratatui::layout::{Rect, Size};

use super::{
    keymap::Mode,
    layout::{self, Areas, Panel},
    text::{clean, wrap},
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
pub use comparison::{Compared, DigestMatch, base, compare};
pub use history::{History, Mark, MarkKind};
pub use log::Log;
pub use pending::Pending;
pub use status::{Status, StatusKind};
pub use table::{Column, Rows, Table};
pub use topics::Topics;

/// A yes-or-no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Stop the active run and start it again?
    Restart,
    /// Stop the run before its end?
    Stop,
    /// Stop the run and quit?
    Quit,
    /// Apply the decision to all quarantined keys?
    DecideAll(Decision),
    /// Apply the decision to one quarantined key, by its hash?
    DecideKey(Decision, u64),
    /// Apply the decision to the record that paused the run?
    DecideRecord(RecordDecision),
    /// Stop the active run and replay the chosen topics?
    ReplayInstead,
}

/// A window or prompt in front of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The help, with its scroll offset in lines.
    Help(usize),
    /// The comparison of this session's runs, with its scroll offset in lines.
    Compare(usize),
    /// The plan, with its scroll offset in lines.
    Plan(usize),
    /// The details of the selected partition.
    Details,
    /// The selected event, with its scroll offset in lines.
    Event(usize),
    /// The record that paused the run.
    FailedRecord,
    /// The details of the run, with the scroll offset in lines.
    Run(usize),
    /// The prompt for the number of workers.
    Number {
        /// The text typed so far.
        text: String,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the rate limit.
    Rate {
        /// The text typed so far.
        text: String,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The input of the partition filter, with its previous value.
    Filter(String),
    /// The input of the topic filter, with its previous value.
    TopicFilter(String),
    /// The quarantined keys, with the hash of the selected one.
    Quarantine(Option<u64>),
    /// A question.
    Ask(Question),
}

/// The state of the console.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The terminal's size in cells.
    pub size: Size,
    /// Time since the console was opened.
    pub now: Duration,
    /// The latest snapshot of the session.
    pub snapshot: Arc<Snapshot>,
    /// Whether the session has ended.
    pub ended: bool,
    /// The event log.
    pub log: Log,
    /// The current run over time.
    pub history: History,
    /// The partition table.
    pub table: Table,
    /// The index of the first worker shown.
    pub workers_from: usize,
    /// The panel that has the focus.
    pub focus: Panel,
    /// The panel shown below the partitions on a small screen.
    pub side: Panel,
    /// The topic list, a window between the dashboard and the overlay.
    pub topics: Topics,
    /// The window or prompt in front.
    pub overlay: Option<Overlay>,
    /// The message in the footer.
    pub status: Option<Status>,
    /// A change of concurrency that no snapshot shows yet.
    pub pending: Option<Pending>,
    /// A hint with the most useful keys, shown while there is no message.
    pub hint: Option<String>,
    /// Whether the screen must be redrawn.
    pub stale: bool,
}

impl State {
    /// The state before the first snapshot.
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

    /// The current run, or the last one.
    #[must_use]
    pub fn run(&self) -> Option<&RunView> {
        self.snapshot.run.as_ref()
    }

    /// Its partitions.
    #[must_use]
    pub fn partitions(&self) -> &[PartitionView] {
        self.run().map_or(&[], |run| &run.partitions)
    }

    /// The rows of the partition table, in order.
    #[must_use]
    pub fn rows(&self) -> Rows {
        self.table.rows(self.partitions())
    }

    /// Whether a run is running, paused, or draining.
    #[must_use]
    pub fn run_is_active(&self) -> bool {
        !self.ended
            && self
                .run()
                .is_some_and(|run| matches!(run.state, RunState::Running | RunState::Paused | RunState::Draining))
    }

    /// The cluster's topics, if known.
    #[must_use]
    pub fn catalog(&self) -> &[TopicView] {
        self.snapshot.catalog.as_deref().unwrap_or_default()
    }

    /// The topics chosen for the next replay.
    #[must_use]
    pub fn chosen(&self) -> Vec<&TopicView> {
        self.topics.chosen(self.catalog())
    }

    /// The run whose settings the keys change. Once it has ended, the keys change the next run's settings instead.
    fn adjustable_run(&self) -> Option<&RunView> {
        self.run().filter(|run| !run.state.is_over())
    }

    /// The number of workers in the latest snapshot, of the active run or otherwise of the next one.
    #[must_use]
    pub fn concurrency(&self) -> Option<u32> {
        let choosing = self.topics.open || self.snapshot.catalog.is_some() || self.run().is_some();
        let next = || choosing.then_some(self.snapshot.next.concurrency);
        self.adjustable_run().map(|run| run.concurrency).or_else(next)
    }

    /// Whether concurrency is automatic.
    #[must_use]
    pub fn adaptive(&self) -> bool {
        self.adjustable_run().map_or(self.snapshot.next.adaptive, |run| run.limits.adaptive)
    }

    /// The throttle, if any.
    #[must_use]
    pub fn rate(&self) -> Option<RateLimit> {
        self.adjustable_run().map_or(self.snapshot.next.rate, |run| run.limits.rate)
    }

    /// The number of workers that the user last requested.
    #[must_use]
    pub fn wanted_concurrency(&self) -> Option<u32> {
        let shown = self.concurrency()?;
        Some(self.pending.as_ref().map_or(shown, |pending| pending.to))
    }

    /// The maximum number of workers of the run or, while topics are chosen between runs, of a run of those topics.
    #[must_use]
    pub fn max_concurrency(&self) -> u32 {
        let max = Concurrency::MAX.get();
        if self.topics.open && !self.run_is_active() {
            let partitions = self.chosen().iter().fold(0_u32, |sum, topic| sum.saturating_add(topic.partitions));
            let bound = self.snapshot.next.ordering == Ordering::Partition && partitions > 0;
            return if bound { partitions.min(max) } else { max };
        }
        self.run().map_or(max, |run| if run.max_concurrency == 0 { max } else { run.max_concurrency.min(max) })
    }

    /// The current mode, which determines what keys do.
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

    /// The layout of the dashboard; `None` if the terminal is too small.
    #[must_use]
    pub fn areas(&self) -> Option<Areas> {
        let room = usize::from(self.size.width).saturating_sub(layout::ALERT_FRAME_COLUMNS);
        let alert = self.alert().map(|alert| super::number::cells(wrap(&clean(alert.text), room).len()));
        layout::areas(self.screen(), self.side, alert)
    }

    /// The quarantined keys, oldest first. Empty once the run has ended, because nothing can be decided then.
    #[must_use]
    pub fn quarantined(&self) -> &[QuarantinedKey] {
        self.run().filter(|_| self.run_is_active()).map_or(&[], |run| &run.quarantine.waiting)
    }

    /// The row of the selected key, or the first row without a selection. `None` while the selected key is not in
    /// quarantine, for example while it is being retried.
    #[must_use]
    pub fn quarantined_row(&self) -> Option<usize> {
        let Some(Overlay::Quarantine(Some(selected))) = self.overlay else { return Some(0) };
        self.quarantined().iter().position(|key| key.hash == selected)
    }

    /// The record that paused the run, while it needs a decision.
    #[must_use]
    pub fn paused_record(&self) -> Option<&PausedRecord> {
        self.run().filter(|run| self.run_is_active() && run.state == RunState::Paused)?.paused_record.as_ref()
    }

    /// The selected partition.
    #[must_use]
    pub fn selected(&self) -> Option<&PartitionView> {
        let rows = self.rows();
        let index = rows.shown.get(self.table.selected_row(&rows, self.partitions())?)?;
        self.partitions().get(*index)
    }
}
