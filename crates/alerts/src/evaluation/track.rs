//! The state of one alert, as in Prometheus (`rules/alerting.go`), extended by conditions that are not known.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::watch::AlertState;

use crate::rule::Times;

/// How long a resolved alert is shown, as in Prometheus.
const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);

/// What changed in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Fired,
    Resolved,
    LostData,
    HasData,
}

/// One alert.
#[derive(Debug, Default)]
pub(crate) struct Track {
    phase: Phase,
    /// The step before: its time, and whether the condition was true.
    last: Option<(DateTime<Utc>, Option<bool>)>,
    /// The first of the latest steps at which the condition was not known.
    unknown_since: Option<DateTime<Utc>>,
    /// Whether `LostData` was reported.
    is_without_data: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Inactive,
    /// `held` is the time during which the condition was known to be true.
    Pending {
        since: DateTime<Utc>,
        held: Duration,
    },
    /// `false_for` is the time during which the condition was known to be false; `None` while it is true.
    Firing {
        since: DateTime<Utc>,
        fired_at: DateTime<Utc>,
        false_for: Option<Duration>,
    },
    Resolved {
        at: DateTime<Utc>,
        fired_at: DateTime<Utc>,
    },
}

impl Track {
    /// Takes the next evaluation. While the condition is not known, only data is lost: the alert neither fires nor
    /// resolves, and the time does not count.
    pub(crate) fn step(
        &mut self,
        times: Times,
        patience: Duration,
        at: DateTime<Utc>,
        truth: Option<bool>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        match truth {
            None => {
                // A time that lies in the future is from before the clock was set back.
                let since = self.unknown_since.map_or(at, |since| since.min(at));
                self.unknown_since = Some(since);
                if !self.is_without_data && elapsed(since, at) >= patience {
                    self.is_without_data = true;
                    changes.push(Change::LostData);
                }
            }
            Some(is_true) => {
                self.unknown_since = None;
                if std::mem::take(&mut self.is_without_data) {
                    changes.push(Change::HasData);
                }
                let counted = self.counted(at, patience, is_true);
                let before = self.phase;
                self.phase = before.next(times, at, is_true, counted);
                changes.extend(before.change(self.phase));
            }
        }
        self.last = Some((at, truth));
        changes
    }

    /// The time since the step before, if the condition was the same then and the watch did not pause in between.
    fn counted(&self, at: DateTime<Utc>, patience: Duration, is_true: bool) -> Duration {
        match self.last {
            Some((last, truth)) if truth == Some(is_true) => {
                Some(elapsed(last, at)).filter(|gap| *gap <= patience).unwrap_or_default()
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether nothing need be remembered.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Inactive && self.unknown_since.is_none()
    }

    /// The state to show; `None` while the alert is inactive.
    pub(crate) fn state(&self, patience: Duration, at: DateTime<Utc>) -> Option<AlertState> {
        match self.phase {
            Phase::Firing { .. } => Some(AlertState::Firing),
            _ if self.no_data_since(patience, at).is_some() => Some(AlertState::NoData),
            Phase::Pending { .. } => Some(AlertState::Pending),
            Phase::Resolved { .. } => Some(AlertState::Resolved),
            Phase::Inactive => None,
        }
    }

    /// Since when it is in its state.
    pub(crate) fn since(&self) -> Option<DateTime<Utc>> {
        match self.phase {
            Phase::Pending { since, .. } | Phase::Firing { since, .. } => Some(since),
            Phase::Resolved { at, .. } => Some(at),
            Phase::Inactive => self.unknown_since,
        }
    }

    /// When it began to fire.
    pub(crate) fn fired_at(&self) -> Option<DateTime<Utc>> {
        match self.phase {
            Phase::Firing { fired_at, .. } | Phase::Resolved { fired_at, .. } => Some(fired_at),
            Phase::Inactive | Phase::Pending { .. } => None,
        }
    }

    /// Since when there is no data, once that is reported.
    pub(crate) fn no_data_since(&self, patience: Duration, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.unknown_since.filter(|since| elapsed(*since, at) >= patience)
    }
}

impl Phase {
    /// The next phase. `counted` is the time to add to that during which the condition was as it is.
    fn next(self, times: Times, at: DateTime<Utc>, is_true: bool, counted: Duration) -> Self {
        match (self, is_true) {
            (Self::Inactive | Self::Resolved { .. }, true) => Self::begin(times, at),
            (Self::Pending { since, held }, true) => {
                let held = held + counted;
                if held >= times.hold {
                    Self::Firing { since, fired_at: at, false_for: None }
                } else {
                    Self::Pending { since, held }
                }
            }
            (Self::Firing { since, fired_at, .. }, true) => Self::Firing { since, fired_at, false_for: None },
            (Self::Firing { since, fired_at, false_for }, false) => {
                let false_for = false_for.map_or(Duration::ZERO, |time| time + counted);
                if false_for < times.keep {
                    Self::Firing { since, fired_at, false_for: Some(false_for) }
                } else {
                    Self::Resolved { at, fired_at }
                }
            }
            (Self::Resolved { at: resolved_at, fired_at }, false) if elapsed(resolved_at, at) <= RESOLVED_RETENTION => {
                Self::Resolved { at: resolved_at.min(at), fired_at }
            }
            (Self::Inactive | Self::Pending { .. } | Self::Resolved { .. }, false) => Self::Inactive,
        }
    }

    /// The phase of an alert whose condition has become true.
    fn begin(times: Times, at: DateTime<Utc>) -> Self {
        if times.hold.is_zero() {
            Self::Firing { since: at, fired_at: at, false_for: None }
        } else {
            Self::Pending { since: at, held: Duration::ZERO }
        }
    }

    /// What the change to another phase means.
    fn change(self, next: Self) -> Option<Change> {
        match (self, next) {
            (Self::Firing { .. }, Self::Firing { .. }) => None,
            (_, Self::Firing { .. }) => Some(Change::Fired),
            (Self::Firing { .. }, Self::Resolved { .. }) => Some(Change::Resolved),
            _ => None,
        }
    }
}

/// The time between two looks; none if the clock went back.
fn elapsed(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}
