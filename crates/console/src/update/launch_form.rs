//! The launch form: opens it, fills it in, has it planned, and starts what it describes.

use std::{sync::Arc, time::Duration};

use kreplay_model::{
    control::{Command, NumberedRequest, RunField, RunRequest},
    timeline::Moment,
};

use super::{Effect, ask, clipboard, launch_draft::touch, show_message, time_counts};
use crate::{
    action::Action,
    state::{
        Cycle, Edit, FieldKind, FormField, LaunchAccess, LineInput, PlanWait, Question, ScreenId, State, StatusKind,
        launch_text,
    },
};

/// How long the draft stays unchanged before it is planned.
const QUIET_TIME: Duration = Duration::from_millis(250);

/// Learns whether runs can be chosen.
pub(super) fn allow(state: &mut State, access: LaunchAccess) -> Vec<Effect> {
    state.launch_access = access;
    state.stale = true;
    Vec::new()
}

/// Opens the form with the last draft. The topics that are chosen in the topic list, and the time between marker and
/// cursor of the timeline, are taken over.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    let draft = state.user.launch.draft.clone().unwrap_or_else(|| first_draft(state));
    let draft = with_chosen_topics(state, draft);
    let draft = with_marked_time(state, draft);
    if state.user.launch.draft.as_ref() != Some(&draft) || state.user.launch.asked == 0 {
        state.user.launch.draft = Some(draft);
        touch(state);
    }
    state.user.navigation.open(ScreenId::Launch);
    let is_shown = |field| state.launch_fields().iter().any(|shown| shown.id == field);
    let field = if is_shown(state.user.launch.focus) { state.user.launch.focus } else { FormField::default() };
    focus(state, field);
    // Records may have been written since.
    let mut effects = time_counts::forget(state);
    if !state.feed.lists_topics() {
        effects.push(Effect::Send(Command::ListTopics));
    }
    effects
}

/// The settings of the process, with the number of workers and the rate that were set since it started.
fn first_draft(state: &State) -> RunRequest {
    let next = &state.feed.snapshot.next;
    let workers = if next.adaptive { "auto".to_owned() } else { next.concurrency.to_string() };
    let rate = next.rate.map_or_else(|| "off".to_owned(), |rate| rate.to_string());
    state.draft().with(RunField::Workers, workers).with(RunField::Rate, rate)
}

fn with_chosen_topics(state: &State, draft: RunRequest) -> RunRequest {
    let chosen = state.chosen();
    if !state.chooses_topics() || chosen.is_empty() {
        return draft;
    }
    let names: Vec<&str> = chosen.iter().map(|topic| topic.name.as_str()).collect();
    draft.with(RunField::Topics, names.join(","))
}

fn with_marked_time(state: &State, draft: RunRequest) -> RunRequest {
    let is_timeline = state.user.navigation.front().screen == ScreenId::Timeline;
    let chosen = state.user.timeline.marker.filter(|_| is_timeline);
    let (Some(marker), Some(cursor)) = (chosen, state.timeline_cursor()) else { return draft };
    let (from, to) = (marker.min(cursor), marker.max(cursor));
    match (time(from), time(to)) {
        (Some(from), Some(to)) if from != to => draft.with(RunField::From, from).with(RunField::To, to),
        _ => draft,
    }
}

/// A moment as the command line has it.
fn time(at: Moment) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_millis(at.ms())?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// Replaces the draft, as if every field had been typed.
pub(super) fn replace_draft(state: &mut State, draft: RunRequest) {
    if state.user.launch.draft.as_ref() != Some(&draft) {
        state.user.launch.draft = Some(draft);
        touch(state);
    }
    // The field may be gone with its handler.
    let shown = state.user.launch.focus;
    let is_shown = state.launch_fields().iter().any(|field| field.id == shown);
    focus(state, if is_shown { shown } else { FormField::default() });
}

/// Has the draft planned once it has not changed for a moment.
pub(super) fn tick(state: &mut State) -> Vec<Effect> {
    if !state.user.navigation.is_open(ScreenId::Launch) || Action::Launch.refusal(state).is_some() {
        return Vec::new();
    }
    match state.user.launch.wait {
        PlanWait::Changed => state.user.launch.wait = PlanWait::Since(state.now),
        PlanWait::Since(since) if state.now.saturating_sub(since) >= QUIET_TIME => {
            state.user.launch.wait = PlanWait::Nothing;
            state.user.launch.asked = state.user.launch.number;
            return vec![Effect::Send(Command::PlanRequest(numbered(state, false)))];
        }
        PlanWait::Nothing | PlanWait::Since(_) => {}
    }
    Vec::new()
}

fn numbered(state: &State, dry_run: bool) -> Arc<NumberedRequest> {
    let mut request = state.draft();
    request.dry_run |= dry_run;
    Arc::new(NumberedRequest { number: state.user.launch.number, request })
}

/// Starts what the form describes. Asks first if a run is active.
pub(super) fn start(state: &mut State, dry_run: bool) -> Vec<Effect> {
    if state.run_is_active() {
        return ask(state, Question::LaunchInstead { dry_run });
    }
    send(state, dry_run)
}

/// Sends the draft to be started. The form stays open until the answer.
pub(super) fn send(state: &mut State, dry_run: bool) -> Vec<Effect> {
    touch(state);
    let view = &mut state.user.launch;
    view.wait = PlanWait::Nothing;
    view.asked = view.number;
    view.starting = Some(view.number);
    state.user.pending = None;
    show_message(state, StatusKind::Info, "starting");
    vec![Effect::Send(Command::Launch(numbered(state, dry_run)))]
}

/// Learns from a snapshot whether what was sent was started. If it was refused, the form stays open.
pub(super) fn learn(state: &mut State) {
    let Some(number) = state.user.launch.starting else { return };
    let planning = &state.feed.snapshot.planning;
    if planning.launched >= number {
        state.user.launch.starting = None;
        let home = state.user.navigation.home();
        state.user.navigation.open(home);
    } else if planning.read >= number {
        state.user.launch.starting = None;
        let reason = planning.refused.first().map_or("the request was not accepted", |problem| problem.text.as_str());
        let text = format!("not started: {reason}");
        show_message(state, StatusKind::Refused, text);
    }
}

/// Moves the focus by fields.
pub(super) fn move_focus(state: &mut State, by: isize) {
    let fields = state.launch_fields();
    let now = fields.iter().position(|field| field.id == state.user.launch.focus).unwrap_or(0);
    let to = now.saturating_add_signed(by).min(fields.len().saturating_sub(1));
    if let Some(field) = fields.get(to) {
        focus(state, field.id);
    }
}

/// Moves the focus to a field.
pub(super) fn focus(state: &mut State, id: FormField) {
    let Some(field) = state.launch_fields().into_iter().find(|field| field.id == id) else { return };
    let view = &mut state.user.launch;
    view.focus = id;
    view.input = LineInput::new(field.value);
    view.cycle = None;
}

/// Changes the text of the focused field.
pub(super) fn change(state: &mut State, change: impl FnOnce(&mut LineInput)) {
    if state.focused_field().is_none_or(|field| field.kind != FieldKind::Text) {
        return;
    }
    let before = state.user.launch.input.text().to_owned();
    change(&mut state.user.launch.input);
    if state.user.launch.input.text() != before {
        state.user.launch.cycle = None;
        take_over(state);
    }
}

/// Whether the focused field is the chart of records by time.
pub(super) fn is_on_chart(state: &State) -> bool {
    state.fills_form() && state.user.launch.focus == FormField::Times
}

/// Moves on the chart as the cursor would move in a text. What deletes a text makes the range the whole log.
pub(super) fn edit_chart(state: &mut State, edit: Edit) {
    match edit {
        Edit::Left => time_counts::step(state, -1),
        Edit::Right => time_counts::step(state, 1),
        Edit::WordLeft => time_counts::step(state, -time_counts::FAR_BUCKETS),
        Edit::WordRight => time_counts::step(state, time_counts::FAR_BUCKETS),
        Edit::Start => time_counts::move_to(state, 0),
        Edit::End => time_counts::move_to(state, usize::MAX),
        Edit::DeleteLeft | Edit::DeleteRight | Edit::DeleteWord | Edit::DeleteAll => time_counts::clear(state),
    }
}

/// Puts the text of the focused field into the draft.
fn take_over(state: &mut State) {
    let (id, text) = (state.user.launch.focus, state.user.launch.input.text().to_owned());
    put(state, id, &text);
}

fn put(state: &mut State, id: FormField, text: &str) {
    let mut draft = state.draft();
    launch_text::put(&mut draft, id, text);
    if state.user.launch.draft.as_ref() != Some(&draft) {
        state.user.launch.draft = Some(draft);
        touch(state);
    }
}

/// Chooses a word of the focused field by its first letter, or the next one with a space. `false` if the field is text.
pub(super) fn choose_by_letter(state: &mut State, letter: char) -> bool {
    let Some(field) = state.focused_field() else { return true };
    let words = match field.kind {
        FieldKind::Choice(words) => words,
        FieldKind::Text => return false,
        FieldKind::Chart => {
            if letter == ' ' {
                time_counts::mark(state);
            }
            return true;
        }
    };
    let now = words.iter().position(|word| *word == field.value).unwrap_or(0);
    let after = words.iter().cycle().skip(now + 1).take(words.len());
    let found = after.copied().find(|word| letter == ' ' || word.starts_with(letter));
    if let Some(word) = found {
        put(state, field.id, word);
    }
    true
}

/// Moves the cursor in the text of the focused field, or chooses its next or previous word.
pub(super) fn sideways(state: &mut State, forward: bool) {
    let Some(field) = state.focused_field() else { return };
    match field.kind {
        FieldKind::Text => state.user.launch.input.edit(if forward { Edit::Right } else { Edit::Left }),
        FieldKind::Choice(words) => {
            let now = words.iter().position(|word| *word == field.value).unwrap_or(0);
            let to = (now + if forward { 1 } else { words.len() - 1 }) % words.len();
            put(state, field.id, words[to]);
        }
        FieldKind::Chart => time_counts::step(state, if forward { 1 } else { -1 }),
    }
}

/// Completes the text of the focused field. If there is nothing to complete, the next field has the focus.
pub(super) fn complete(state: &mut State) {
    let is_text = state.focused_field().is_some_and(|field| field.kind == FieldKind::Text);
    let candidates = if is_text { state.launch_candidates() } else { Vec::new() };
    let view = &state.user.launch;
    let typed = launch_text::typed(view.focus, view.input.text()).to_owned();
    let is_complete = view.cycle.is_none() && candidates.len() == 1 && candidates[0].text == typed;
    if candidates.is_empty() || is_complete {
        return move_focus(state, 1);
    }
    let longer = launch_text::common_prefix(&candidates, &typed).filter(|prefix| prefix.len() > typed.len());
    let (cycle, by) = match (&view.cycle, longer) {
        (None, Some(prefix)) => (None, prefix),
        (before, _) => {
            let at = before.as_ref().map_or(0, |cycle| (cycle.at + 1) % candidates.len());
            let typed = before.as_ref().map_or(typed, |cycle| cycle.typed.clone());
            (Some(Cycle { typed, at }), candidates[at].text.clone())
        }
    };
    let text = launch_text::completed(view.focus, view.input.text(), &by);
    state.user.launch.input.set(&text);
    state.user.launch.cycle = cycle;
    take_over(state);
}

/// Copies the command line that does what the draft describes.
pub(super) fn copy_command(state: &mut State) -> Vec<Effect> {
    let Some(line) = state.launch_command() else { return Vec::new() };
    clipboard::copy_text(state, "command", line.text())
}
