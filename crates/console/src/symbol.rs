//! Symbols of states, so that no meaning depends on colour alone. All are one cell wide, and none is an emoji.

use kreplay_model::feed::{PartitionState, RunState, RunStatus, Severity, WorkerState};
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
