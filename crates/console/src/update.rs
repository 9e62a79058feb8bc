//! Updates the console's state. It is a pure function of the previous state and an event.

use std::{sync::Arc, time::Duration};

use crossterm::event::MouseEvent;
use kreplay_model::control::{Command, Decision, RecordDecision};
use kreplay_model::feed::{self, EventKind, Severity, Snapshot};
use ratatui::layout::Size;

use super::{
    action::Action,
    keymap::{Key, Mode, lookup},
    layout::Panel,
    state::{Overlay, Question, State, Status, StatusKind},
    text::clean,
};

mod concurrency;
mod failed_record;
mod mouse;
mod plan;
mod quarantine;
mod rate;
mod run;
mod scroll;
mod topics;
mod typing;

/// Maximum width of a record key in a message, in cells.
const MAX_KEY_CELLS: usize = 24;

/// Descriptions of records and keys, for messages and questions.
pub(super) mod names {
    pub(crate) use super::{failed_record::name as paused_record, quarantine::name as quarantined_key};
}

/// An input event of the console.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A new snapshot of the session.
    Snapshot(Arc<Snapshot>),
    /// New events of the session.
    Events(Vec<feed::Event>),
    /// The session has ended.
    FeedEnded,
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// A mouse event.
    Mouse(MouseEvent),
    /// The terminal was resized.
    Resize(u16, u16),
    /// The time since the console was opened.
    Tick(Duration),
}

/// An effect for the runtime to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a command to the session.
    Send(Command),
    /// End the session and close the console.
    Quit,
    /// Suspend the process and return the terminal to the shell.
    Suspend,
    /// Redraw every cell.
    Redraw,
}

/// Updates the state for an event and returns the effects to execute.
#[must_use = "effects must be executed"]
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Snapshot(snapshot) => apply_snapshot(state, snapshot),
        Event::Events(events) => add_events(state, events),
        Event::FeedEnded => end_feed(state),
        Event::Key(key) => press(state, key),
        Event::Paste(text) => paste(state, &text),
        Event::Mouse(event) => mouse::handle(state, event),
        Event::Resize(width, height) => resize(state, width, height),
        Event::Tick(now) => tick(state, now),
    }
}

fn end_feed(state: &mut State) -> Vec<Effect> {
    state.stale |= !state.feed.ended;
    state.feed.ended = true;
    Vec::new()
}

fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    // Outside text input, pasting is an accident: each character would act as a command.
    if state.mode() == Mode::Typing {
        state.stale = true;
        text.chars().for_each(|c| typing::insert(state, c));
    }
    Vec::new()
}

fn resize(state: &mut State, width: u16, height: u16) -> Vec<Effect> {
    state.size = Size::new(width, height);
    state.stale = true;
    Vec::new()
}

fn tick(state: &mut State, now: Duration) -> Vec<Effect> {
    state.now = now;
    if state.user.status.as_ref().is_some_and(|status| status.is_expired(now)) {
        state.user.status = None;
        state.stale = true;
    }
    drop_resolved_change(state);
    Vec::new()
}

fn apply_snapshot(state: &mut State, snapshot: Arc<Snapshot>) -> Vec<Effect> {
    if *state.feed.snapshot == *snapshot {
        return Vec::new();
    }
    if let Some(run) = &snapshot.run {
        state.feed.history.record(run);
        if state.run().is_none_or(|before| before.id != run.id) {
            state.user.table.offset = 0;
            state.user.workers_from = 0;
        }
    }
    let was_active = state.run_is_active();
    let before = state.run().map(|run| (run.id.clone(), run.state.is_over()));
    let ended = |run: &feed::RunView| before.as_ref().is_none_or(|(id, over)| *id != run.id || !over);
    let ended = snapshot.run.as_ref().is_some_and(ended);
    state.feed.snapshot = snapshot;
    state.stale = true;
    drop_resolved_change(state);
    run::announce_end(state, was_active, ended);
    drop_repeated_error(state);
    topics::open_automatically(state);
    failed_record::close_when_decided(state);
    if matches!(state.user.overlay, Some(Overlay::Ask(_) | Overlay::Quarantine(_))) && !state.run_is_active() {
        // The run ended while the window was open, so there is nothing left to stop or to decide.
        state.user.overlay = None;
        show_message(state, StatusKind::Info, "the run has ended");
    }
    Vec::new()
}

fn drop_resolved_change(state: &mut State) {
    let (Some(pending), Some(concurrency)) = (&state.user.pending, state.concurrency()) else { return };
    let (run_id, over) = state.run().map_or(("", true), |run| (&run.id, run.state.is_over()));
    if pending.is_resolved(run_id, concurrency, over, state.now) {
        state.user.pending = None;
        state.stale = true;
    }
}

fn add_events(state: &mut State, events: Vec<feed::Event>) -> Vec<Effect> {
    if events.is_empty() {
        return Vec::new();
    }
    let last_error = events.iter().rev().find(|event| {
        event.seq >= state.feed.events.next_seq() && event.kind.severity() == Severity::Error && is_message(&event.kind)
    });
    if let Some(error) = last_error {
        let text = clean(&error.kind.to_string()).into_owned();
        show_message(state, StatusKind::Error, text);
    }
    let from_seq = state.feed.events.next_seq();
    state.feed.events.add(events);
    state.user.log.hold(&state.feed.events, from_seq);
    drop_repeated_error(state);
    state.stale = true;
    Vec::new()
}

/// Removes an error message that repeats the alert: it would only hide the key hints.
fn drop_repeated_error(state: &mut State) {
    let repeats_alert = |status: &Status| {
        let alert = state.feed.alert().map(|alert| clean(alert.text));
        status.kind == StatusKind::Error && alert.is_some_and(|alert| status.text.ends_with(alert.as_ref()))
    };
    if state.user.status.as_ref().is_some_and(repeats_alert) {
        state.user.status = None;
    }
}

/// Whether an error is shown as a message. The end of a failed run is shown as an alert instead.
fn is_message(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Finished { .. })
}

fn press(state: &mut State, key: Key) -> Vec<Effect> {
    state.stale = true;
    let mode = state.mode();
    if let Some(action) = lookup(mode, key) {
        return perform(state, action);
    }
    if mode == Mode::Typing {
        typing::press(state, key);
    }
    Vec::new()
}

/// Performs a user action.
pub fn perform(state: &mut State, action: Action) -> Vec<Effect> {
    state.stale = true;
    match action {
        Action::Run => run::run(state),
        Action::Restart => run::restart(state),
        Action::TogglePause => run::toggle_pause(state),
        Action::Stop => run::stop(state),
        Action::Quit => run::quit(state),
        Action::Interrupt => run::interrupt(state),
        Action::Accept => accept(state),
        Action::MoreWorkers => concurrency::change(state, |now| now + 1),
        Action::FewerWorkers => concurrency::change(state, |now| now.saturating_sub(1)),
        Action::DoubleWorkers => concurrency::change(state, |now| now.saturating_mul(2)),
        Action::HalveWorkers => concurrency::change(state, |now| now / 2),
        Action::ToggleAuto => concurrency::toggle_auto(state),
        Action::Topics => topics::open(state),
        Action::ListTopics => topics::reload(state),
        Action::Replay => topics::replay(state),
        Action::Plan => plan::toggle(state),
        Action::PlanAgain => plan::make(state),
        Action::StopPlanning => plan::stop(state),
        Action::Release => quarantine::decide(state, Decision::Release),
        Action::ReleaseAll => quarantine::decide_all(state, Decision::Release),
        Action::DeadLetter => quarantine::decide(state, Decision::DeadLetter),
        Action::DeadLetterAll => quarantine::decide_all(state, Decision::DeadLetter),
        Action::RetryRecord => failed_record::retry(state),
        Action::SkipRecord => failed_record::decide(state, RecordDecision::Skip),
        Action::DeadLetterRecord => failed_record::decide(state, RecordDecision::DeadLetter),
        Action::Suspend => vec![Effect::Suspend],
        Action::Redraw => vec![Effect::Redraw],
        other => {
            change_view(state, other);
            Vec::new()
        }
    }
}

/// Performs actions that only change the view.
fn change_view(state: &mut State, action: Action) {
    match action {
        Action::SetConcurrency => concurrency::ask(state),
        Action::Quarantine => quarantine::open(state),
        Action::FailedRecord => failed_record::open(state),
        Action::SetRate => rate::ask(state),
        Action::SortNext => {
            let columns = &super::state::Column::ALL;
            let at = columns.iter().position(|column| *column == state.user.table.sort).unwrap_or(0);
            state.user.table.sort_by(columns[(at + 1) % columns.len()]);
        }
        Action::SortReverse => state.user.table.descending = !state.user.table.descending,
        Action::Mark => topics::mark(state),
        Action::MarkAll => topics::mark_all(state),
        Action::Filter if state.user.topics.open => {
            state.user.overlay = Some(Overlay::TopicFilter(state.user.topics.filter.clone()));
        }
        Action::Filter => {
            focus(state, Panel::Partitions);
            state.user.overlay = Some(Overlay::Filter(state.user.table.filter.clone()));
        }
        Action::ToggleEmpty => {
            state.user.table.show_empty = !state.user.table.show_empty;
            scroll::follow(state);
        }
        Action::Details => details(state),
        Action::FocusNext => focus(state, state.user.focus.step(true)),
        Action::FocusPrevious => focus(state, state.user.focus.step(false)),
        Action::EventFilter => state.user.log.cycle_severity(),
        Action::RunDetails if state.run().is_none() => show_message(state, StatusKind::Refused, "there is no run yet"),
        Action::RunDetails => toggle(state, &Overlay::Run(0)),
        Action::Compare => toggle(state, &Overlay::Compare(0)),
        Action::Help => toggle(state, &Overlay::Help(0)),
        Action::Close => close(state),
        Action::DeleteLeft => typing::delete_left(state),
        Action::DeleteAll => typing::delete_all(state),
        moving => scroll::by_action(state, moving),
    }
}

/// Opens the details of the selection in the focused panel. Panels without a selection open the details of the run.
fn details(state: &mut State) {
    match state.user.focus {
        Panel::Partitions if state.selected().is_some() => {
            // Sorted rows can move, so the selection is fixed to the partition.
            state.user.table.selected = state.selected().map(|partition| partition.id.clone());
            state.user.overlay = Some(Overlay::Details);
        }
        Panel::Events if !state.user.log.is_empty(&state.feed.events) => {
            state.user.log.fix_cursor(&state.feed.events);
            state.user.overlay = Some(Overlay::Event(0));
        }
        Panel::Partitions | Panel::Events => {}
        Panel::Throughput | Panel::Workers if state.run().is_none() => {
            show_message(state, StatusKind::Refused, "there is no run yet");
        }
        Panel::Throughput | Panel::Workers => state.user.overlay = Some(Overlay::Run(0)),
    }
}

fn toggle(state: &mut State, overlay: &Overlay) {
    let open = state.user.overlay.as_ref().map(std::mem::discriminant) == Some(std::mem::discriminant(overlay));
    state.user.overlay = if open { None } else { Some(overlay.clone()) };
}

fn focus(state: &mut State, panel: Panel) {
    state.user.focus = panel;
    if panel != Panel::Partitions {
        state.user.side = panel;
    }
}

fn accept(state: &mut State) -> Vec<Effect> {
    match state.user.overlay.clone() {
        Some(Overlay::Ask(question)) => {
            state.user.overlay = None;
            run::answer(state, question)
        }
        Some(Overlay::Number { text, .. }) => concurrency::accept(state, &text),
        Some(Overlay::Rate { text, .. }) => rate::accept(state, &text),
        Some(Overlay::Filter(_) | Overlay::TopicFilter(_)) => {
            state.user.overlay = None;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Closes the window in front. Without one, dismisses the message, then clears the filter. In the topic list, only
/// error messages must be dismissed first.
fn close(state: &mut State) {
    match state.user.overlay.take() {
        Some(Overlay::Filter(before)) => {
            state.user.table.filter = before;
            scroll::follow(state);
        }
        Some(Overlay::TopicFilter(before)) => {
            state.user.topics.filter = before;
            topics::follow(state);
        }
        // Returns to the quarantine window that the question came from.
        Some(Overlay::Ask(Question::DecideAll(_))) => quarantine::open(state),
        Some(Overlay::Ask(Question::DecideKey(_, hash))) => state.user.overlay = Some(Overlay::Quarantine(Some(hash))),
        Some(Overlay::Ask(Question::DecideRecord(_))) => failed_record::open(state),
        Some(_) => {}
        None if state.user.topics.open => match &state.user.status {
            Some(status) if status.kind == StatusKind::Error => state.user.status = None,
            _ if state.user.topics.filter.is_empty() => state.user.topics.open = false,
            _ => {
                state.user.topics.filter.clear();
                topics::follow(state);
            }
        },
        None if state.user.status.is_some() => state.user.status = None,
        None => {
            state.user.table.filter.clear();
            scroll::follow(state);
        }
    }
}

fn ask(state: &mut State, question: Question) -> Vec<Effect> {
    state.user.overlay = Some(Overlay::Ask(question));
    Vec::new()
}

fn show_message(state: &mut State, kind: StatusKind, text: impl Into<String>) {
    state.user.status = Some(Status { kind, text: text.into(), since: state.now });
}
