//! Whether an action is available now, and if not, why.

use std::borrow::Cow;

use kreplay_model::{
    control::{Decision, RecordDecision},
    domain::{Concurrency, Ordering},
    feed::RunState,
    watch::{AlertView, GroupChangeStep},
};

use crate::{
    action::Action,
    layout::Panel,
    number,
    state::{
        Asked, ChangeAccess, ChangePhase, Dialog, JournalFeed, Layer, MAX_COPIED_BYTES, Question, Race, ScreenId,
        State, TableId, WorkerStep,
    },
};

mod attached;
mod audit;
mod launch;
mod record;
mod time;

pub(crate) use audit::no_audit;
pub(crate) use launch::no_form;
pub(crate) use record::no_inspected_record;
pub(crate) use time::no_timeline;

use audit::{no_audit_in_progress, not_auditable};
use record::{no_search, no_value, undecidable_record};

/// Why an action is not available, in one sentence.
pub(crate) type Refusal = Option<Cow<'static, str>>;

impl Action {
    /// Why the action is not available now, in one sentence; `None` if it is.
    #[must_use]
    pub fn refusal(self, state: &State) -> Option<Cow<'static, str>> {
        time::refusal_in_past(self, state)
            .or_else(|| attached::refusal_if_attached(self, state))
            .or_else(|| self.refusal_at_moment(state))
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
            Self::SilenceRule => refuse_unless(state.rule_to_silence().is_some(), "no alert fires"),
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
                refuse_unless(state.shows_record_tree(), "nothing of this record can be folded")
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
            Self::ListJournals => not_on(state, ScreenId::Journals, "only the runs that have a journal are listed"),
            Self::WrapEvents => not_on(state, ScreenId::EventLog, "only events are wrapped"),
            Self::SortNext | Self::SortReverse if state.user.navigation.front().screen == ScreenId::EventLog => {
                refuse_unless(false, "events are ordered by time")
            }
            Self::SwitchMetric => not_on(state, ScreenId::HeatMap, "figures are chosen on the heat map"),
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

/// Why no race can be started.
fn no_race_possible(state: &State) -> Refusal {
    let has_group = state.run().is_some_and(|run| run.plan.group.is_some()) || state.feed.snapshot.next.group.is_some();
    let follows = state.run().is_some_and(|run| run.plan.follow);
    let single = state.run().is_some_and(|run| run.limits.single_threaded);
    no_session(state)
        .or_else(|| refuse_unless(state.run().is_some(), NO_RUN_YET))
        .or_else(|| refuse_unless(!state.race.as_ref().is_some_and(Race::is_active), "a race is running"))
        .or_else(|| refuse_unless(!state.run_is_active(), "a run is active; a race starts runs of its own"))
        .or_else(|| refuse_unless(!has_group, "a race never commits in a group; start kreplay without one"))
        .or_else(|| refuse_unless(!follows, "a run that follows the log does not end"))
        .or_else(|| refuse_unless(!single, SINGLE_THREADED))
        .or_else(|| refuse_unless(state.max_concurrency() > 1, "there is only one possible number of workers"))
}

fn not_replayable(state: &State) -> Refusal {
    refuse_unless(state.chooses_topics(), "topics are chosen in the topic list")
        .or_else(|| refuse_unless(!state.chosen().is_empty(), "there is no topic to replay"))
        .or_else(|| no_session(state))
}

fn not_plannable(state: &State) -> Refusal {
    let has_topics = if state.chooses_topics() { !state.chosen().is_empty() } else { state.run().is_some() };
    let no_topic = || {
        let choose = state.with_key(Action::Topics, |key| format!("; choose one with {key}"));
        Cow::Owned(format!("there is no topic to plan{choose}"))
    };
    no_session(state).or_else(|| (!has_topics).then(no_topic))
}

/// Why no groups are shown.
pub(crate) fn no_watch(state: &State) -> Refusal {
    refuse_unless(state.feed.watched.is_on(), "no consumer groups are watched; `kreplay watch` watches them")
}

/// Why the screen of a group has nothing to show. A group that vanished is still named there.
pub(crate) fn no_group(state: &State) -> Refusal {
    let has_group = state.user.watch.opened.is_some() || state.opened_group().is_some();
    no_watch(state).or_else(|| refuse_unless(has_group, "there is no group to show"))
}

fn no_group_to_open(state: &State) -> Refusal {
    let has_one = match state.user.navigation.front().screen {
        ScreenId::Trouble => !state.trouble().is_empty(),
        ScreenId::Groups => state.selected_group().is_some(),
        ScreenId::Group => return refuse_unless(false, "the group is open"),
        _ => false,
    };
    refuse_unless(has_one, "there is no group to open")
}

/// Why the group under the cursor cannot be named.
fn unselected_group(state: &State) -> Refusal {
    let has_one = match state.user.navigation.front().screen {
        ScreenId::Trouble => state.selected_trouble_group().is_some(),
        ScreenId::Groups => state.selected_group().is_some(),
        _ => state.group_to_change().is_some(),
    };
    no_watch(state).or_else(|| refuse_unless(has_one, "there is no group to change"))
}

/// Why no change can even be planned.
fn unchangeable(state: &State) -> Refusal {
    match &state.feed.changes.access {
        ChangeAccess::Unavailable(reason) => Some(reason.clone()),
        ChangeAccess::PlanOnly(_) | ChangeAccess::Full => refuse_unless(!state.feed.ended, "the session has ended"),
    }
}

/// Why the window that changes a group has nothing to show.
pub(crate) fn no_group_to_change(state: &State) -> Refusal {
    let has_group = state.group_to_change().is_some();
    no_watch(state).or_else(|| refuse_unless(has_group, "there is no group to change")).or_else(|| unchangeable(state))
}

fn unplannable_change(state: &State) -> Refusal {
    no_group_to_change(state).or_else(|| {
        let is_choosing = state.change_phase() == ChangePhase::Choosing;
        refuse_unless(is_choosing, "close this plan before choosing another change")
    })
}

fn no_choice_of_partitions(state: &State) -> Refusal {
    unplannable_change(state).or_else(|| {
        let why = "only resets and shifts have a choice of partitions";
        refuse_unless(state.user.watch.change.choice.is_reset(), why)
    })
}

/// Why the plan of a change cannot be executed.
pub(crate) fn unexecutable_change(state: &State) -> Refusal {
    let phase = state.change_phase();
    let plan = match phase {
        ChangePhase::Answered(_, GroupChangeStep::Planned(plan)) => plan,
        ChangePhase::Answered(_, GroupChangeStep::Executing(_)) => return Some("the plan is being executed".into()),
        _ => return Some("there is no plan to execute".into()),
    };
    if let ChangeAccess::PlanOnly(reason) = &state.feed.changes.access {
        return Some(reason.clone());
    }
    let is_typed = !plan.group.chars().any(char::is_control);
    unchangeable(state).or_else(|| refuse_unless(plan.has_changes, "this plan changes nothing")).or_else(|| {
        refuse_unless(is_typed, "the group's name cannot be typed here; `kreplay groups` can change the group")
    })
}

fn nothing_quarantined(state: &State) -> Refusal {
    refuse_unless(!state.feed.quarantined().is_empty(), "no key is in quarantine")
}

fn no_key_selected(state: &State) -> Refusal {
    // Never decide about a different key than the one under the cursor.
    nothing_quarantined(state).or_else(|| {
        refuse_unless(
            state.quarantined_row().is_some(),
            "that key is not in quarantine; choose another, or wait until it returns",
        )
    })
}

/// Why a decision cannot be made about any key.
fn undecidable(state: &State, decision: Decision) -> Refusal {
    let possible = decision == Decision::Release || state.run().is_some_and(|run| run.quarantine.dead_letters);
    nothing_quarantined(state)
        .or_else(|| {
            refuse_unless(possible, "this run has no dead-letter topic; start it with --on-failure dead-letter")
        })
        .or_else(|| no_session(state))
}

fn no_paused_record(state: &State) -> Refusal {
    refuse_unless(state.feed.paused_record().is_some(), "no record has paused the run")
}

/// Why the number of workers cannot be changed at all.
fn fixed_concurrency(state: &State) -> Refusal {
    no_session(state).or_else(|| refuse_unless(state.wanted_concurrency().is_some(), "there is no run to change yet"))
}

fn single_threaded(state: &State) -> Refusal {
    let single = state.run().is_some_and(|run| run.limits.single_threaded) && state.run_is_active();
    refuse_unless(!single, SINGLE_THREADED)
}

const SINGLE_THREADED: &str = "this run is single-threaded: it has one worker";

fn no_step(state: &State, step: WorkerStep) -> Refusal {
    fixed_concurrency(state).or_else(|| {
        let (now, to) = state.workers_after(step)?;
        let why = || if step.adds() { at_most(state).into() } else { "at least 1 worker".into() };
        (now == to).then(why)
    })
}

/// Why there cannot be more workers.
pub(crate) fn at_most(state: &State) -> String {
    let max = state.max_concurrency();
    let workers = number::counted(max.into(), "worker");
    let by_partition = format!("at most {workers} with ordering partition: one per partition");
    if max >= Concurrency::MAX.get() {
        return match state.run() {
            Some(run) if run.limits.single_threaded && !state.plans_next_run() => SINGLE_THREADED.into(),
            _ => format!("at most {workers}"),
        };
    }
    match state.run() {
        _ if state.plans_next_run() => by_partition,
        Some(run) if run.limits.single_threaded => SINGLE_THREADED.into(),
        Some(run) if run.plan.ordering == Ordering::Partition => by_partition,
        Some(_) => format!("at most {workers} in this run"),
        None => format!("at most {max} {workers}"),
    }
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

/// Why the input or the answer cannot be accepted: the situation may have changed since the question.
fn not_acceptable(state: &State) -> Refusal {
    match state.user.navigation.dialog {
        Some(Dialog::Ask(Question::DecideKey(decision, hash))) => {
            let waits = state.feed.quarantined().iter().any(|key| key.hash == hash);
            refuse_unless(waits, "that key is no longer in quarantine").or_else(|| undecidable(state, decision))
        }
        Some(Dialog::Ask(question)) => asked_action(question)?.refusal(state),
        Some(Dialog::Prompt { asked, .. }) => match asked {
            Asked::Workers => fixed_concurrency(state),
            Asked::Rate => no_session(state),
            Asked::RehearsedPartitions => not_auditable(state),
            Asked::RaceWorkers => no_race_possible(state),
            Asked::ChangeValue(_) => unplannable_change(state),
            Asked::GroupName => unexecutable_change(state),
            Asked::RecordText | Asked::ExportFile(_) | Asked::PresetName => None,
        },
        _ => None,
    }
}

/// The action that a question asks about; `None` if it concerns a single key.
fn asked_action(question: Question) -> Option<Action> {
    match question {
        Question::Restart => Some(Action::Restart),
        Question::Race => Some(Action::StartRace),
        Question::Stop => Some(Action::Stop),
        Question::Quit => Some(Action::Quit),
        Question::DecideAll(Decision::Release) => Some(Action::ReleaseAll),
        Question::DecideAll(Decision::DeadLetter) => Some(Action::DeadLetterAll),
        Question::DecideRecord(RecordDecision::Skip) => Some(Action::SkipRecord),
        Question::DecideRecord(RecordDecision::DeadLetter) => Some(Action::DeadLetterRecord),
        Question::ReplayInstead => Some(Action::Replay),
        Question::LaunchInstead { .. } => Some(Action::StartRequest),
        // The alert may be resolved by now; its rule can still be silenced.
        Question::DecideKey(..) | Question::Silence | Question::ReplacePreset | Question::DeletePreset => None,
    }
}
