//! The footer: a message or hint, and the most useful keys, on one or two lines.

use kreplay_model::feed::RunState;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

mod useful_actions;

use super::paint;
use crate::{
    action::Action,
    key::Mode,
    layout::Panel,
    state::{Asked, Dialog, Playback, ScreenId, State, StatusKind},
    text::{clean, cut, width},
    theme::Theme,
};
use useful_actions::useful_actions;

/// Draws the footer.
pub(crate) fn render(buf: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let message = message(state, area.width.saturating_sub(2), theme);
    let hint = hint(state, theme);
    let keys = keys(state, area.width, theme);
    let row = |buf: &mut Buffer, at: u16, line: &Line<'_>| {
        paint::line(buf, area.x + 1, area.y + at, area.width - 2, line);
    };
    if area.height > 1 {
        if let Some(line) = message.or(hint) {
            row(buf, 0, &line);
        }
        row(buf, 1, &keys);
    } else {
        // On one line, the hint replaces the keys only for the partition table of a running run that needs no decision.
        let running = state.run().is_some_and(|run| run.state == RunState::Running);
        let waits = state.alert().is_some() || !state.feed.quarantined().is_empty();
        let hint = hint.filter(|_| state.user.focus == Panel::Partitions && running && !waits);
        row(buf, 0, &message.or(hint).unwrap_or(keys));
    }
}

fn message<'a>(state: &State, room: u16, theme: &Theme) -> Option<Line<'a>> {
    let status = state.user.status.as_ref()?;
    let text = clean(&status.text).into_owned();
    Some(match status.kind {
        StatusKind::Info => Line::from(vec![Span::styled("✓ ", theme.good), Span::styled(text, theme.base)]),
        StatusKind::Asked => Line::from(vec![Span::styled("… ", theme.muted), Span::styled(text, theme.base)]),
        StatusKind::Refused => Line::from(vec![Span::styled("! ", theme.warning), Span::styled(text, theme.warning)]),
        StatusKind::Error => {
            let dismiss = state.with_key(Action::Close, |key| format!("   {key} dismisses"));
            Line::from(vec![
                Span::styled("✗ ", theme.bad),
                Span::styled(cut(&text, usize::from(room).saturating_sub(2 + width(&dismiss))).into_owned(), theme.bad),
                Span::styled(dismiss, theme.key),
            ])
        }
    })
}

fn hint<'a>(state: &State, theme: &Theme) -> Option<Line<'a>> {
    // The hint is about an active run.
    if state.mode() != Mode::Dashboard || !state.run_is_active() || state.shows_past() {
        return None;
    }
    state.hint.as_ref().map(|hint| Line::styled(clean(hint).into_owned(), theme.notice))
}

/// The most useful keys that fit.
fn keys<'a>(state: &State, room: u16, theme: &Theme) -> Line<'a> {
    let mode = state.mode();
    let mut spans = Vec::new();
    let mut left = usize::from(room.saturating_sub(2));
    let of_past = of_past(state).iter().chain(useful_actions(state));
    for action in of_past.filter(|action| is_worth_showing(state, **action)) {
        let of_playback = || state.playback_mode().and_then(|playback| state.key_of(*action, playback));
        let Some(key) = state.key_of(*action, mode).or_else(of_playback) else { continue };
        let label = label(state, *action, action.entry().label);
        let cells = width(&key) + width(label) + 3;
        if cells > left + 2 {
            break;
        }
        left = left.saturating_sub(cells);
        if !spans.is_empty() {
            spans.push(Span::styled("  ", theme.muted));
        }
        spans.push(Span::styled(key, theme.key));
        spans.push(Span::styled(format!(" {label}"), theme.muted));
    }
    Line::from(spans)
}

/// The actions that come first while an earlier moment is shown.
fn of_past(state: &State) -> &'static [Action] {
    use Action as A;
    let is_text = matches!(state.mode(), Mode::Typing | Mode::Asking);
    match &state.playback {
        _ if is_text => &[],
        Some(_) if state.mode() == Mode::Timeline => &[A::TogglePlayback],
        Some(_) => &[
            A::TogglePlayback,
            A::SeekBack,
            A::SeekForward,
            A::PreviousMark,
            A::NextMark,
            A::SlowerPlayback,
            A::FasterPlayback,
            A::Timeline,
        ],
        None if state.shows_past() => &[A::Freeze],
        None => &[],
    }
}

/// The label of an action in the current state.
fn label(state: &State, action: Action, usual: &'static str) -> &'static str {
    if let (Action::Accept, Some(asked)) = (action, state.asked()) {
        return accept_label(asked);
    }
    let run_state = state.run().map(|run| run.state);
    match (action, run_state) {
        (Action::TogglePause, Some(RunState::Paused)) => "resume",
        (Action::Freeze, _) if state.shows_past() => "latest",
        (Action::TogglePlayback, _) if state.playback.as_ref().is_some_and(Playback::is_playing) => "pause",
        (Action::ToggleAuto, _) if state.feed.adaptive() => "auto off",
        (Action::Run, Some(state)) if state.is_over() => "run again",
        (Action::Accept, _) if state.user.navigation.dialog.as_ref().is_some_and(Dialog::is_filter) => "keep",
        (Action::Accept, _) if state.mode() == Mode::Palette => "run",
        (Action::Close, _) if state.user.navigation.dialog.as_ref().is_some_and(Dialog::is_filter) => "undo",
        (Action::Close, _) if matches!(state.user.navigation.dialog, Some(Dialog::Ask(_))) => "no",
        (Action::Close, _) if state.mode() == Mode::Choosing && !state.user.topics.table.filter.is_empty() => {
            "clear filter"
        }
        (Action::PauseWatch, _) if state.feed.watched.is_paused() => "resume",
        (Action::Close, _) if state.mode() == Mode::Watching && has_group_filter(state) => "clear filter",
        (Action::Close, _)
            if matches!(state.mode(), Mode::Watching | Mode::Charting | Mode::Racing | Mode::Listing) =>
        {
            "back"
        }
        (Action::FocusNext, _) if state.mode() == Mode::Watching => "next panel",
        _ => usual,
    }
}

/// Whether the page of watched groups in front has a filter.
fn has_group_filter(state: &State) -> bool {
    match state.user.navigation.front().screen {
        ScreenId::Groups => !state.user.watch.groups.filter.is_empty(),
        ScreenId::Group => !state.user.watch.partitions.filter.is_empty(),
        _ => false,
    }
}

/// Whether the footer should show an action in the current state.
fn is_worth_showing(state: &State, action: Action) -> bool {
    if action.refusal_by_source(state).is_some() || (state.shows_past() && action.refusal(state).is_some()) {
        return false;
    }
    match action {
        Action::Quarantine
        | Action::Audit
        | Action::StopAudit
        | Action::FailedRecord
        | Action::Errors
        | Action::ToggleFold
        | Action::Search
        | Action::NextMatch
        | Action::ToggleHex
        | Action::RetryInspected
        | Action::SkipInspected
        | Action::DeadLetterInspected
        | Action::StopPlanning
        | Action::OpenGroup
        | Action::ChangeGroup
        | Action::PlanChange
        | Action::ChangeScope
        | Action::WrapEvents
        | Action::ListJournals
        | Action::PreviousMark
        | Action::NextMark
        | Action::ExecuteChange => action.refusal(state).is_none(),
        Action::SortNext if state.mode() == Mode::Listing => action.refusal(state).is_none(),
        Action::Groups | Action::Trouble if !state.feed.watched.is_on() => false,
        Action::Alerts => state.feed.alerts.as_ref().is_some_and(|alerts| !alerts.alerts.is_empty()),
        Action::Groups => state.user.navigation.front().screen != ScreenId::Groups,
        Action::Trouble => state.user.navigation.front().screen != ScreenId::Trouble,
        Action::Close if state.mode() == Mode::Watching => {
            let navigation = &state.user.navigation;
            navigation.front().screen != navigation.home() || has_group_filter(state)
        }
        Action::SavePreset | Action::Presets => state.keeps_presets,
        Action::Compare => !state.feed.snapshot.finished.is_empty(),
        Action::Latest if !state.is_charting() => {
            state.user.timeline.cursor.is_some() && (!state.shows_past() || state.playback.is_some())
        }
        Action::ShowMoment => !state.shows_past(),
        Action::WholeTimeline if !state.is_charting() => state.user.timeline.column_ms.is_some(),
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Top | Action::Bottom => {
            let text = matches!(state.mode(), Mode::Reading | Mode::Planning | Mode::Auditing)
                && state.user.navigation.front().screen != ScreenId::Partition;
            !text || state.front_scrolls()
        }
        _ => true,
    }
}

/// What the key that accepts the text of a prompt does.
fn accept_label(asked: Asked) -> &'static str {
    match asked {
        Asked::Workers | Asked::Rate | Asked::RehearsedPartitions => "set",
        Asked::RaceWorkers => "start",
        Asked::ChangeValue(_) => "plan",
        Asked::GroupName => "execute",
        Asked::RecordText => "search",
        Asked::ExportFile(_) => "write",
        Asked::PresetName => "save",
    }
}
