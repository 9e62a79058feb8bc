//! Updates the console's state. It is a pure function of the previous state and an event.

use std::{sync::Arc, time::Duration};

use kreplay_model::feed::{self, EventKind, Severity, Snapshot};
use ratatui::layout::Size;

use super::{
    key::Key,
    layout::Panel,
    state::{Dialog, Extents, Question, State, Status, StatusKind},
    text::clean,
};

mod attachment;
mod audit;
mod clipboard;
mod close;
mod columns;
mod concurrency;
mod cursor;
mod effect;
mod errors;
mod event;
mod event_log;
mod export;
mod failed_record;
mod filter;
mod group_change;
mod hot_keys;
mod inspect;
mod journals;
mod launch;
mod launch_draft;
mod launch_form;
mod motion;
mod mouse;
mod navigate;
mod palette;
mod past;
mod perform;
mod plan;
mod playback;
mod presets;
mod quarantine;
mod question;
mod race;
mod rate;
mod record;
mod reopen;
mod run;
mod run_pages;
mod scroll;
mod silence;
mod table;
mod time_counts;
mod timeline;
mod topics;
mod typing;
mod watch;

pub use effect::Effect;
pub use event::Event;
pub use perform::perform;

/// Updates the state for an event and returns the effects to execute.
#[must_use = "effects must be executed"]
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    let Some(event) = past::keep(state, event) else { return Vec::new() };
    let effects = apply(state, event);
    if state.stale {
        state.keep_heat_cells();
    }
    effects
}

fn apply(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Snapshot(snapshot) => apply_snapshot(state, snapshot),
        Event::Events(events) => add_events(state, events),
        Event::WatchBegan => watch::begin(state),
        Event::Groups(snapshot) => watch::learn(state, snapshot),
        Event::Alerts(snapshot) => watch::learn_alerts(state, snapshot),
        Event::GroupEvents(events) => watch::add_events(state, &events),
        Event::ChangeAccess(access) => group_change::allow(state, access),
        Event::LaunchAccess(access) => launch_form::allow(state, access),
        Event::PresetAccess => presets::allow(state),
        Event::Presets(presets) => presets::learn(state, presets),
        Event::PresetKept(preset, kept) => presets::learn_kept(state, *preset, kept),
        Event::PresetDeleted(name, deleted) => presets::learn_deleted(state, &name, deleted),
        Event::JournalAccess => journals::begin(state),
        Event::Journals(listing) => journals::learn(state, listing),
        Event::GroupChange(progress) => group_change::learn(state, &progress),
        Event::Exported(outcome) => export::learn(state, outcome),
        Event::Layout(layout) => reopen::arrange(state, &layout),
        Event::RecordingAccess(recording) => record::allow(state, recording),
        Event::RecordingBegan(began) => record::begin(state, began),
        Event::RecordingStopped => record::stop(state),
        Event::RecordingEnded(ended) => record::end(state, ended),
        Event::Attached(view) => attachment::learn(state, view),
        Event::InspectorBegan => inspect::allow(state),
        Event::Inspected(answer) => inspect::learn(state, &answer),
        Event::AuditorBegan => audit::allow(state),
        Event::Audited(answer) => audit::learn(state, &answer),
        Event::TimeCounterBegan => time_counts::allow(state),
        Event::TimesCounted(answer) => time_counts::learn(state, &answer),
        Event::FeedEnded => end_feed(state),
        Event::Moment(at, frame) => past::show(state, at, frame.map(|frame| *frame)),
        Event::Recording(range, at) => playback::open(state, range, at),
        Event::RecordedMoment(frame) => playback::learn(state, &frame),
        Event::Key(key) => press(state, key),
        Event::Paste(text) => paste(state, &text),
        Event::Click(target) => mouse::click(state, target),
        Event::Drag(target) => mouse::drag(state, &target),
        Event::Wheel(target, by) => mouse::wheel(state, &target, by),
        Event::Drawn(extents) => learn_extents(state, extents),
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
    if state.mode().takes_text() {
        state.stale = true;
        typing::insert(state, text);
    }
    Vec::new()
}

/// Another frame is needed only if the footer shows keys for scrolling from now on, or no longer. The watcher learns
/// which groups became visible. A message that the frame shows will expire.
fn learn_extents(state: &mut State, extents: Extents) -> Vec<Effect> {
    if let Some(status) = &mut state.user.status {
        status.drawn();
    }
    let before = state.front_scrolls();
    state.extents = extents;
    state.stale |= state.front_scrolls() != before;
    watch::look(state)
}

fn resize(state: &mut State, width: u16, height: u16) -> Vec<Effect> {
    state.size = Size::new(width, height);
    state.stale = true;
    // The terminal may have had other sizes since the last frame, and dropped what was outside of them, even if the
    // size of that frame is back: a frame of changes would leave holes.
    vec![Effect::Redraw]
}

fn tick(state: &mut State, now: Duration) -> Vec<Effect> {
    let before = std::mem::replace(&mut state.now, now);
    state.stale |= state.latest.is_some() && before.as_secs() != now.as_secs();
    state.stale |= state.user.status.take_if(|status| status.expires(now)).is_some();
    drop_resolved_change(state);
    watch::tick(state, before);
    group_change::tick(state, before);
    attachment::tick(state, before);
    journals::tick(state, before);
    let mut effects = race::tick(state);
    effects.extend(launch_form::tick(state));
    effects.extend(time_counts::tick(state));
    effects.extend(playback::tick(state, now.saturating_sub(before)));
    effects
}

/// Shows another run than before.
fn begin_run(state: &mut State) {
    state.user.table.offset = 0;
    state.user.workers_from = 0;
    // What is fixed there are moments of the run before.
    state.user.workers.window.follow();
    state.user.heat.window.follow();
    state.user.heat.marker = None;
}

fn apply_snapshot(state: &mut State, snapshot: Arc<Snapshot>) -> Vec<Effect> {
    if *state.feed.snapshot == *snapshot {
        return Vec::new();
    }
    state.feed.timeline.add_snapshot(&snapshot);
    if let Some(run) = &snapshot.run
        && state.run().is_none_or(|before| before.id != run.id)
    {
        begin_run(state);
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
    launch_form::learn(state);
    navigate::close_obsolete(state);
    reopen::page(state);
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
        let text = clean(&error.text()).into_owned();
        show_message(state, StatusKind::Error, text);
    }
    let from_seq = state.feed.events.next_seq();
    for event in &events {
        state.feed.timeline.add_event(event);
    }
    for event in &events {
        state.feed.errors.add(event);
    }
    state.feed.events.add(events);
    state.user.log.hold(&state.feed.events, from_seq);
    drop_repeated_error(state);
    state.stale = true;
    Vec::new()
}

/// Removes an error message that repeats the alert: it would only hide the key hints.
fn drop_repeated_error(state: &mut State) {
    let repeats_alert = |status: &Status| {
        let alert = state.alert().map(|alert| clean(&alert.text).into_owned());
        status.kind == StatusKind::Error && alert.is_some_and(|alert| status.text.ends_with(&alert))
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
    // Nothing opens by itself under the hands of the user.
    state.user.reopen = None;
    if let Some(action) = state.action_of(key) {
        return perform(state, action);
    }
    if state.mode().takes_text() {
        typing::press(state, key);
    }
    Vec::new()
}

fn focus(state: &mut State, panel: Panel) {
    state.user.focus = panel;
    if panel != Panel::Partitions {
        state.user.side = panel;
    }
}

fn ask(state: &mut State, question: Question) -> Vec<Effect> {
    state.user.navigation.dialog = Some(Dialog::Ask(question));
    Vec::new()
}

fn show_message(state: &mut State, kind: StatusKind, text: impl Into<String>) {
    state.user.status = Some(Status::new(kind, text.into()));
}

/// Shows in the dialog why its input is not accepted.
fn reject(state: &mut State, reason: impl Into<String>) {
    if let Some(dialog) = &mut state.user.navigation.dialog {
        dialog.set_error(Some(reason.into()));
    }
}
