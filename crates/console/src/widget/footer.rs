//! The footer: a message or hint, and the most useful keys, on one or two lines.

use kreplay_model::feed::RunState;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::paint;
use crate::{
    action::Action,
    key::Mode,
    layout::Panel,
    state::{Dialog, ScreenId, State, StatusKind},
    text::{clean, cut, width},
    theme::Theme,
};

/// How to dismiss an error message.
const DISMISS_HINT: &str = "   Esc dismisses";

/// Draws the footer. `scrolls` says whether the window in front is longer than the screen.
pub(crate) fn render(buf: &mut Buffer, area: Rect, state: &State, scrolls: bool, theme: &Theme) {
    let message = message(state, area.width.saturating_sub(2), theme);
    let hint = hint(state, theme);
    let keys = keys(state, area.width, scrolls, theme);
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
        let waits = state.feed.alert().is_some() || !state.feed.quarantined().is_empty();
        let hint = hint.filter(|_| state.user.focus == Panel::Partitions && running && !waits);
        row(buf, 0, &message.or(hint).unwrap_or(keys));
    }
}

fn message<'a>(state: &State, room: u16, theme: &Theme) -> Option<Line<'a>> {
    let status = state.user.status.as_ref()?;
    let text = clean(&status.text).into_owned();
    Some(match status.kind {
        StatusKind::Info => Line::from(vec![Span::styled("✓ ", theme.good), Span::styled(text, theme.base)]),
        StatusKind::Refused => Line::from(vec![Span::styled("! ", theme.warning), Span::styled(text, theme.warning)]),
        StatusKind::Error => Line::from(vec![
            Span::styled("✗ ", theme.bad),
            Span::styled(cut(&text, usize::from(room).saturating_sub(2 + width(DISMISS_HINT))).into_owned(), theme.bad),
            Span::styled(DISMISS_HINT, theme.key),
        ]),
    })
}

fn hint<'a>(state: &State, theme: &Theme) -> Option<Line<'a>> {
    // The hint is about an active run.
    if state.mode() != Mode::Dashboard || !state.run_is_active() {
        return None;
    }
    state.hint.as_ref().map(|hint| Line::styled(clean(hint).into_owned(), theme.notice))
}

/// The most useful keys that fit.
fn keys<'a>(state: &State, room: u16, scrolls: bool, theme: &Theme) -> Line<'a> {
    let mode = state.mode();
    let mut spans = Vec::new();
    let mut left = usize::from(room.saturating_sub(2));
    for action in useful_actions(state).iter().filter(|action| is_worth_showing(state, **action, scrolls)) {
        let Some(key) = action.key(mode) else { continue };
        let (key, label) = (key.to_string(), label(state, *action, action.entry().label));
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

/// The label of an action in the current state.
fn label(state: &State, action: Action, usual: &'static str) -> &'static str {
    let run_state = state.run().map(|run| run.state);
    match (action, run_state) {
        (Action::TogglePause, Some(RunState::Paused)) => "resume",
        (Action::ToggleAuto, _) if state.feed.adaptive() => "auto off",
        (Action::Run, Some(state)) if state.is_over() => "run again",
        (Action::Accept, _)
            if matches!(state.user.navigation.dialog, Some(Dialog::Filter(_) | Dialog::TopicFilter(_))) =>
        {
            "keep"
        }
        (Action::Accept, _)
            if matches!(state.user.navigation.dialog, Some(Dialog::Number { .. } | Dialog::Rate { .. })) =>
        {
            "set"
        }
        (Action::Close, _)
            if matches!(state.user.navigation.dialog, Some(Dialog::Filter(_) | Dialog::TopicFilter(_))) =>
        {
            "undo"
        }
        (Action::Close, _) if matches!(state.user.navigation.dialog, Some(Dialog::Ask(_))) => "no",
        (Action::Close, _) if state.mode() == Mode::Choosing && !state.user.topics.filter.is_empty() => "clear filter",
        _ => usual,
    }
}

/// Whether the footer should show an action in the current state.
fn is_worth_showing(state: &State, action: Action, scrolls: bool) -> bool {
    match action {
        Action::Quarantine | Action::FailedRecord | Action::StopPlanning => action.refusal(state).is_none(),
        Action::Compare => !state.feed.snapshot.finished.is_empty(),
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Top | Action::Bottom => {
            let text = matches!(state.mode(), Mode::Reading | Mode::Planning)
                && state.user.navigation.front().screen != ScreenId::Partition;
            !text || scrolls
        }
        _ => true,
    }
}

fn useful_actions(state: &State) -> &'static [Action] {
    use Action as A;
    match state.mode() {
        Mode::Choosing => &[
            A::Replay,
            A::Mark,
            A::MarkAll,
            A::Filter,
            A::Close,
            A::Plan,
            A::Help,
            A::ListTopics,
            A::MoreWorkers,
            A::FewerWorkers,
        ],
        Mode::Deciding => &[A::Release, A::DeadLetter, A::ReleaseAll, A::DeadLetterAll, A::Close, A::Up, A::Down],
        Mode::FailedRecord => &[A::RetryRecord, A::SkipRecord, A::DeadLetterRecord, A::Close],
        Mode::Typing => &[A::Accept, A::Close, A::DeleteAll],
        Mode::Asking => &[A::Accept, A::Close],
        Mode::Reading if state.user.navigation.front().screen == ScreenId::Partition => &[A::Close, A::Up, A::Down],
        Mode::Planning => {
            &[A::Close, A::Up, A::Down, A::MoreWorkers, A::FewerWorkers, A::PlanAgain, A::StopPlanning, A::PageDown]
        }
        Mode::Reading => &[A::Close, A::Up, A::Down, A::PageDown, A::PageUp, A::Top, A::Bottom],
        Mode::Dashboard => match state.user.focus {
            Panel::Events => &[A::Help, A::FocusNext, A::Details, A::EventFilter, A::Up, A::Down, A::Bottom, A::Quit],
            Panel::Workers => &[
                A::Help,
                A::FocusNext,
                A::MoreWorkers,
                A::FewerWorkers,
                A::SetConcurrency,
                A::ToggleAuto,
                A::SetRate,
                A::Quit,
            ],
            Panel::Throughput => &[A::Help, A::FocusNext, A::MoreWorkers, A::FewerWorkers, A::Compare, A::Quit],
            Panel::Partitions if state.run_is_active() => &[
                A::Help,
                A::FailedRecord,
                A::Quarantine,
                A::MoreWorkers,
                A::FewerWorkers,
                A::TogglePause,
                A::Stop,
                A::Quit,
                A::FocusNext,
                A::RunDetails,
                A::SortNext,
                A::Filter,
                A::SetConcurrency,
                A::ToggleAuto,
                A::SetRate,
                A::Details,
                A::Compare,
            ],
            Panel::Partitions if state.run().is_none() => &[A::Help, A::Run, A::Topics, A::FocusNext, A::Quit],
            Panel::Partitions => &[
                A::Help,
                A::Run,
                A::MoreWorkers,
                A::FewerWorkers,
                A::Quit,
                A::Compare,
                A::Topics,
                A::Plan,
                A::RunDetails,
                A::FocusNext,
                A::SortNext,
                A::Filter,
            ],
        },
    }
}
