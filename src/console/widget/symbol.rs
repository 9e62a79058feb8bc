//! One sign for each state, so that colour never carries a meaning alone. All are one cell wide and no emoji.

use ratatui::style::Style;

use crate::{
    console::theme::Theme,
    feed::{PartitionState, RunState, Severity, Standing, WorkerState},
};

pub(crate) fn run(state: RunState, theme: &Theme) -> (&'static str, Style) {
    match state {
        RunState::Planned => ("○", theme.notice),
        RunState::Running => ("►", theme.good),
        RunState::Paused => ("‖", theme.warning),
        RunState::Draining => ("◌", theme.notice),
        RunState::Done => ("✓", theme.good),
        RunState::Failed => ("✗", theme.bad),
        RunState::Cancelled => ("■", theme.warning),
    }
}

/// Where a run stands: what keeps it waiting, or what it was not able to do, is a warning.
pub(crate) fn standing(standing: Standing, theme: &Theme) -> (&'static str, Style) {
    match standing {
        Standing::As(state) => run(state, theme),
        Standing::Following => run(RunState::Running, theme),
        Standing::AwaitsDecision | Standing::Retrying(_) | Standing::DoneWith(_) => ("!", theme.warning),
    }
}

fn partition(state: PartitionState, theme: &Theme) -> (&'static str, Style) {
    match state {
        PartitionState::Waiting => ("·", theme.muted),
        PartitionState::Active => ("►", theme.notice),
        PartitionState::CaughtUp => ("≡", theme.good),
        PartitionState::Done => ("✓", theme.good),
        PartitionState::Failed => ("✗", theme.bad),
        PartitionState::Elsewhere => ("↗", theme.muted),
    }
}

/// The same in a run that is over, where nothing is being read any more, or that is paused.
pub(crate) fn partition_of(
    run_is_over: bool,
    run_is_paused: bool,
    state: PartitionState,
    theme: &Theme,
) -> (&'static str, Style) {
    match state {
        PartitionState::Active if run_is_over => ("■", theme.warning),
        PartitionState::Active if run_is_paused => ("‖", theme.warning),
        state => partition(state, theme),
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
