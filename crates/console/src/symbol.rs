//! Symbols of states, so that no meaning depends on colour alone. All are one cell wide, and none is an emoji.

use kreplay_model::{
    feed::{PartitionState, RunState, RunStatus, Severity, WorkerState},
    watch::{PartitionRow, Trend, VerdictKind, VerdictSeverity, VerdictView},
};
use ratatui::style::Style;

use crate::theme::{Role, Theme};

pub(crate) fn run(state: RunState, theme: &Theme) -> (&'static str, Style) {
    let (sign, role) = run_role(state);
    (sign, role(theme))
}

/// The symbol of a run with the role of its colour.
pub(crate) fn run_role(state: RunState) -> (&'static str, Role) {
    match state {
        RunState::Planned => ("○", |theme| theme.notice),
        RunState::Running => ("►", |theme| theme.good),
        RunState::Paused => ("‖", |theme| theme.warning),
        RunState::Draining => ("◌", |theme| theme.notice),
        RunState::Done => ("✓", |theme| theme.good),
        RunState::Failed => ("✗", |theme| theme.bad),
        RunState::Cancelled => ("■", |theme| theme.warning),
    }
}

/// The symbol of a run's status. Waiting and incomplete runs are warnings.
pub(crate) fn status(status: RunStatus, theme: &Theme) -> (&'static str, Style) {
    match status {
        RunStatus::State(state) => run(state, theme),
        RunStatus::Following => run(RunState::Running, theme),
        RunStatus::AwaitsDecision | RunStatus::Retrying(_) | RunStatus::DoneWith(_) => ("!", theme.warning),
    }
}

fn partition(state: PartitionState) -> (&'static str, Role) {
    match state {
        PartitionState::Waiting => ("·", |theme| theme.muted),
        PartitionState::Active => ("►", |theme| theme.notice),
        PartitionState::CaughtUp => ("≡", |theme| theme.good),
        PartitionState::Done => ("✓", |theme| theme.good),
        PartitionState::Failed => ("✗", |theme| theme.bad),
        PartitionState::Elsewhere => ("↗", |theme| theme.muted),
    }
}

/// The symbol of a partition, with its active state replaced if the run has ended or is paused.
pub(crate) fn partition_of(
    run_is_over: bool,
    run_is_paused: bool,
    state: PartitionState,
    theme: &Theme,
) -> (&'static str, Style) {
    let (sign, role) = partition_role(run_is_over, run_is_paused, state);
    (sign, role(theme))
}

/// The symbol of a partition with the role of its colour.
pub(crate) fn partition_role(run_is_over: bool, run_is_paused: bool, state: PartitionState) -> (&'static str, Role) {
    match state {
        PartitionState::Active if run_is_over => ("■", |theme| theme.warning),
        PartitionState::Active if run_is_paused => ("‖", |theme| theme.warning),
        state => partition(state),
    }
}

pub(crate) fn worker(state: WorkerState, theme: &Theme) -> (&'static str, &'static str, Style) {
    match state {
        WorkerState::Idle => ("·", "idle", theme.muted),
        WorkerState::Busy => ("►", "busy", theme.good),
        WorkerState::Leaving => ("◌", "leaving", theme.notice),
    }
}

pub(crate) fn severity(severity: Severity, theme: &Theme) -> (&'static str, Style) {
    match severity {
        Severity::Info => ("·", theme.muted),
        Severity::Notice => ("◆", theme.notice),
        Severity::Warning => ("!", theme.warning),
        Severity::Error => ("✗", theme.bad),
    }
}

/// The symbol of a watched group's verdict with the role of its colour.
pub(crate) fn verdict(verdict: &VerdictView) -> (&'static str, Role) {
    match (verdict.severity, verdict.kind) {
        (_, VerdictKind::Unknown) => ("?", |theme| theme.warning),
        (_, VerdictKind::Gathering) => ("·", |theme| theme.muted),
        (VerdictSeverity::Error, _) => ("✗", |theme| theme.bad),
        (VerdictSeverity::Warning, _) => ("!", |theme| theme.warning),
        (VerdictSeverity::Info, _) => ("◆", |theme| theme.notice),
        (VerdictSeverity::Ok, _) => ("✓", |theme| theme.good),
    }
}

/// The symbol of the trend of a lag with the role of its colour.
pub(crate) fn trend(trend: Trend) -> (&'static str, Role) {
    match trend {
        Trend::Growing => ("↗", |theme| theme.warning),
        Trend::Shrinking => ("↘", |theme| theme.good),
        Trend::Steady => ("→", |theme| theme.muted),
        Trend::Unclear => ("?", |theme| theme.muted),
    }
}

/// The word for the trend of a lag.
pub(crate) fn trend_word(trend: Trend) -> &'static str {
    match trend {
        Trend::Growing => "growing",
        Trend::Shrinking => "shrinking",
        Trend::Steady => "steady",
        Trend::Unclear => "unclear",
    }
}

/// The symbol of a watched group's partition, its word, and the role of its colour. What is worst comes first.
pub(crate) fn group_partition(row: &PartitionRow) -> (&'static str, &'static str, Role) {
    if row.lost.is_some_and(|lost| lost > 0) {
        ("✗", "lost", |theme| theme.bad)
    } else if row.held_by.as_ref().is_some_and(|held| held.wedged) {
        ("‖", "wedged", |theme| theme.bad)
    } else if row.ahead.is_some_and(|ahead| ahead > 0) {
        ("»", "ahead", |theme| theme.bad)
    } else if row.orphan {
        ("!", "orphan", |theme| theme.warning)
    } else if row.abandoned {
        ("–", "abandoned", |theme| theme.muted)
    } else {
        match row.lag {
            None => ("?", "unknown", |theme| theme.muted),
            Some(0) => ("≡", "read", |theme| theme.good),
            Some(_) => ("►", "behind", |theme| theme.notice),
        }
    }
}
