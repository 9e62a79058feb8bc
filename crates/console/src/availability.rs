//! Whether an action is available now, and if not, why.

use std::borrow::Cow;

use kreplay_model::{control::Decision, feed::RunState, watch::AlertView};

use crate::{
    action::Action,
    layout::Panel,
    names,
    state::{JournalFeed, Layer, MAX_COPIED_BYTES, Race, ScreenId, State, TableId, WorkerStep},
};

mod attached;
mod audit;
mod dialog;
mod groups;
mod launch;
mod quarantine;
mod record;
mod time;
mod workers;

pub(crate) use audit::no_audit;
pub(crate) use groups::{no_group, no_group_to_change, no_watch, unexecutable_change};
pub(crate) use launch::no_form;
pub(crate) use record::no_inspected_record;
pub(crate) use time::no_timeline;
pub(crate) use workers::at_most;

use audit::{no_audit_in_progress, not_auditable};
use dialog::not_acceptable;
use groups::{no_choice_of_partitions, no_group_to_open, unchangeable, unplannable_change, unselected_group};
use quarantine::{no_key_selected, no_paused_record, nothing_quarantined, undecidable};
use record::{no_search, no_value, undecidable_record};
use workers::{fixed_concurrency, no_race_possible, no_step, single_threaded};

/// Why an action is not available, in one sentence.
pub(crate) type Refusal = Option<Cow<'static, str>>;

impl Action {
    /// Why the action is not available now, in one sentence; `None` if it is.
    #[must_use]
    pub fn refusal(self, state: &State) -> Option<Cow<'static, str>> {
        self.refusal_by_source(state).or_else(|| self.refusal_at_moment(state))
    }

    /// Why the source of what is shown does not allow the action: an earlier moment, a recording, or an attached
    /// process.
    pub(crate) fn refusal_by_source(self, state: &State) -> Refusal {
        time::refusal_in_past(self, state).or_else(|| attached::refusal_if_attached(self, state))
    }

    /// Why the action is not available as of the moment that is shown.
    #[allow(clippy::too_many_lines, reason = "one line for each action")]
    fn refusal_at_moment(self, state: &State) -> Refusal {
        match self {
            Self::TogglePause => not_pausable(state),
            Self::Stop => refuse_unless(state.run_is_active(), "no run is active"),
            Self::Topics if state.feed.lists_topics() => None,
            Self::Run | Self::Restart | Self::Topics | Self::ListTopics | Self::SetRate => no_session(state),
            Self::Replay => not_replayable(state),
            Self::Launch => no_form(state),
            Self::StartRequest | Self::TryRequest => launch::not_startable(state),
            Self::CopyCommand => launch::no_command(state),
            Self::SavePreset | Self::Presets => launch::no_presets(state),
            Self::LoadPreset | Self::DeletePreset => launch::no_preset(state),
            Self::Mark | Self::MarkAll => {
                refuse_unless(!state.user.topics.shown(&state.feed).is_empty(), "there is no topic to mark")
            }
            Self::Plan if state.shows_plan() || state.has_plan_to_show() => None,
            Self::Plan | Self::PlanAgain => not_plannable(state),
            Self::StopPlanning => {
                let in_progress = state.feed.snapshot.planning.in_progress.is_some();
                refuse_unless(in_progress, "no plan is being made").or_else(|| no_session(state))
            }
            Self::Audit => state.topics_to_audit().err(),
            Self::AuditAgain | Self::AuditAll | Self::Rehearse => not_auditable(state),
            Self::StopAudit => no_audit_in_progress(state),
            Self::Groups | Self::Trouble | Self::GroupEvents => no_watch(state),
            Self::Alerts => {
                let why = "no alerts are evaluated here; `kreplay rules` prints the rules";
                refuse_unless(state.feed.alerts.is_some(), why)
            }
            Self::SilenceRule => refuse_unless(state.rule_to_silence().is_some(), "no alert is firing"),
            Self::EndSilences => {
                let is_silenced = |alert: &AlertView| alert.silenced_until.is_some();
                let any = state.feed.alerts.as_ref().is_some_and(|alerts| alerts.alerts.iter().any(is_silenced));
                refuse_unless(any, "no alert is silenced")
            }
            Self::RefreshGroups | Self::PauseWatch => {
                no_watch(state).or_else(|| refuse_unless(!state.feed.ended, "the session has ended"))
            }
            Self::OpenGroup => no_group_to_open(state),
            Self::ChangeGroup => unselected_group(state).or_else(|| unchangeable(state)),
            Self::PlanChange => unplannable_change(state),
            Self::ChangeScope => no_choice_of_partitions(state),
            Self::ExecuteChange => unexecutable_change(state),
            Self::Quarantine => nothing_quarantined(state),
            Self::Release => no_key_selected(state).or_else(|| undecidable(state, Decision::Release)),
            Self::ReleaseAll => undecidable(state, Decision::Release),
            Self::DeadLetter => no_key_selected(state).or_else(|| undecidable(state, Decision::DeadLetter)),
            Self::DeadLetterAll => undecidable(state, Decision::DeadLetter),
            Self::FailedRecord => no_paused_record(state),
            Self::RetryRecord | Self::SkipRecord | Self::DeadLetterRecord => {
                no_paused_record(state).or_else(|| no_session(state))
            }
            Self::Errors => refuse_unless(!state.feed.errors.kinds().is_empty(), "no record has failed yet"),
            Self::Inspect => state.record_to_inspect().err(),
            Self::ToggleFold | Self::Fold | Self::Unfold | Self::FoldLevel | Self::UnfoldLevel => {
                refuse_unless(state.shows_record_tree(), "there is nothing to fold in this record")
            }
            Self::ToggleHex | Self::Search => no_value(state),
            Self::NextMatch | Self::PreviousMatch => no_value(state).or_else(|| no_search(state)),
            Self::RetryInspected => undecidable_record(state),
            Self::SkipInspected => undecidable_record(state).or_else(|| {
                let why = "only the record that paused the run can be skipped; this one waits with its key";
                refuse_unless(state.inspects_paused_record(), why)
            }),
            Self::DeadLetterInspected => undecidable_record(state).or_else(|| {
                let is_key = state.inspected_key().is_some();
                if is_key { undecidable(state, Decision::DeadLetter) } else { None }
            }),
            Self::MoreWorkers => no_step(state, WorkerStep::More),
            Self::FewerWorkers => no_step(state, WorkerStep::Fewer),
            Self::DoubleWorkers => no_step(state, WorkerStep::Double),
            Self::HalveWorkers => no_step(state, WorkerStep::Halve),
            Self::SetConcurrency => fixed_concurrency(state),
            Self::ToggleAuto => fixed_concurrency(state).or_else(|| single_threaded(state)),
            Self::Details => nothing_selected(state),
            Self::StartRace => no_race_possible(state),
            Self::StopRace => refuse_unless(state.race.as_ref().is_some_and(Race::is_active), "no race is running")
                .or_else(|| no_session(state)),
            Self::RunDetails => refuse_unless(state.run().is_some(), NO_RUN_YET),
            Self::Accept => not_acceptable(state),
            Self::Filter => unfiltered_window(state),
            Self::Copy => nothing_to_copy(state),
            Self::Columns => no_columns(state),
            Self::SwitchLanes => not_on(state, ScreenId::Workers, "lanes can be switched only on the Workers screen"),
            Self::Journals => {
                let is_known = state.feed.journal != JournalFeed::Unavailable;
                refuse_unless(is_known, "no directory for journals; set run.state_dir")
            }
            Self::ListJournals => not_on(state, ScreenId::Journals, "runs can be reloaded only in the list of runs"),
            Self::WrapEvents => not_on(state, ScreenId::EventLog, "events can be wrapped only in the event log"),
            Self::SortNext | Self::SortReverse if state.user.navigation.front().screen == ScreenId::EventLog => {
                refuse_unless(false, "events are ordered by time")
            }
            Self::SwitchMetric => not_on(state, ScreenId::HeatMap, "figures can be chosen only on the heat map"),
            Self::Timeline
            | Self::CursorLeft
            | Self::CursorRight
            | Self::CursorFarLeft
            | Self::CursorFarRight
            | Self::ZoomIn
            | Self::ZoomOut
            | Self::WholeTimeline
            | Self::PreviousMark
            | Self::NextMark
            | Self::Latest
            | Self::SetMarker
            | Self::ShowMoment
            | Self::Freeze
            | Self::Record
            | Self::TogglePlayback
            | Self::SlowerPlayback
            | Self::FasterPlayback
            | Self::SeekBack
            | Self::SeekForward
            | Self::SeekFarBack
            | Self::SeekFarForward => time::refusal_of_time(self, state),
            Self::SortNext
            | Self::SortReverse
            | Self::ToggleEmpty
            | Self::FocusNext
            | Self::FocusPrevious
            | Self::EventFilter
            | Self::Compare
            | Self::Help
            | Self::Up
            | Self::Down
            | Self::HalfPageUp
            | Self::HalfPageDown
            | Self::PageUp
            | Self::PageDown
            | Self::Top
            | Self::Bottom
            | Self::Close
            | Self::DeleteLeft
            | Self::DeleteAll
            | Self::Quit
            | Self::Interrupt
            | Self::Suspend
            | Self::Redraw
            | Self::Palette
            | Self::Complete
            | Self::InputLeft
            | Self::InputRight
            | Self::WordLeft
            | Self::WordRight
            | Self::InputStart
            | Self::InputEnd
            | Self::DeleteRight
            | Self::DeleteWord
            | Self::ToggleColumn
            | Self::Mouse
            | Self::Race
            | Self::Workers
            | Self::HeatMap
            | Self::EventLog
            | Self::Export
            | Self::HotKeys => None,
        }
    }
}

fn nothing_to_copy(state: &State) -> Refusal {
    match state.under_cursor() {
        None => Some("there is nothing to copy here".into()),
        Some(copied) => {
            refuse_unless(copied.text.len() <= MAX_COPIED_BYTES, "the text is too long for the clipboard of a terminal")
        }
    }
}

/// Why the window in front cannot be filtered. Pages without a filter ignore the key.
fn unfiltered_window(state: &State) -> Refusal {
    let front = state.user.navigation.front().screen;
    refuse_unless(front.layer() == Layer::Page || front == ScreenId::Help, "this window has no filter")
}

fn no_table(state: &State) -> Refusal {
    refuse_unless(state.table_in_front().is_some(), "the current screen has no table")
}

fn no_columns(state: &State) -> Refusal {
    let is_log = state.table_in_front() == Some(TableId::Events);
    no_table(state).or_else(|| refuse_unless(!is_log, "the event log has no columns to choose"))
}

const NO_RUN_YET: &str = "there is no run yet";

fn refuse_unless(is_available: bool, why: &'static str) -> Refusal {
    (!is_available).then_some(Cow::Borrowed(why))
}

/// Why an action of one page has no effect on the page in front.
fn not_on(state: &State, page: ScreenId, why: &'static str) -> Refusal {
    refuse_unless(state.user.navigation.front().screen == page, why)
}

/// Why no command can be sent to the session.
fn no_session(state: &State) -> Refusal {
    let ended = || {
        let quit = state.with_key(Action::Quit, |key| format!("; quit with {key}"));
        Cow::Owned(format!("the session has ended{quit}"))
    };
    state.feed.ended.then(ended).or_else(|| refuse_unless(state.feed.snapshot.at.is_some(), "not connected yet"))
}

fn not_pausable(state: &State) -> Refusal {
    match state.run().map(|run| run.state).filter(|_| state.run_is_active()) {
        Some(RunState::Running | RunState::Paused) => None,
        Some(RunState::Draining) => Some("the run is already ending".into()),
        _ => Some("no run is active".into()),
    }
}

fn not_replayable(state: &State) -> Refusal {
    refuse_unless(state.chooses_topics(), "topics are chosen in the topic list")
        .or_else(|| refuse_unless(!state.chosen().is_empty(), "there is no topic to replay"))
        .or_else(|| state.user.topics.lost_selection(&state.feed).map(not_in_list))
        .or_else(|| no_session(state))
}

/// Why a topic cannot be replayed that has left the list.
fn not_in_list(name: &str) -> Cow<'static, str> {
    Cow::Owned(format!("{} is no longer in the list; choose again", names::topic(name)))
}

fn not_plannable(state: &State) -> Refusal {
    let has_topics = if state.chooses_topics() { !state.chosen().is_empty() } else { state.run().is_some() };
    let no_topic = || {
        let choose = state.with_key(Action::Topics, |key| format!("; choose one with {key}"));
        Cow::Owned(format!("there is no topic to plan{choose}"))
    };
    no_session(state).or_else(|| (!has_topics).then(no_topic))
}

fn nothing_selected(state: &State) -> Refusal {
    match state.user.focus {
        Panel::Partitions => no_partition(state),
        Panel::Events => no_event(state),
        Panel::Throughput | Panel::Workers => refuse_unless(state.run().is_some(), NO_RUN_YET),
    }
}

/// Why no partition can be shown.
pub(crate) fn no_partition(state: &State) -> Refusal {
    refuse_unless(state.selected().is_some(), "there is no partition to show")
}

/// Why no event can be shown.
pub(crate) fn no_event(state: &State) -> Refusal {
    refuse_unless(!state.user.log.is_empty(&state.feed.events), "there is no event to show")
}
