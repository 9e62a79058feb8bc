//! Conditions to wait for, such as `lag = 0 and state = Stable for 10s`.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use kreplay_alerts::Condition;
use kreplay_model::{
    domain::duration,
    watch::{GroupView, WatchSnapshot},
};

use super::duration::parse_duration;

/// A condition on all watched groups, for a time without interruption. A condition that depends on a figure that is not
/// known is not satisfied, and neither is a condition on no groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    condition: Condition,
    /// How long it must be true.
    hold: Duration,
}

impl Until {
    /// Whether all groups satisfy the condition at this look.
    #[must_use]
    pub fn holds(&self, snapshot: &WatchSnapshot) -> bool {
        let satisfies = |group: &GroupView| self.condition.evaluate(group, snapshot.at, &[]) == Some(true);
        !snapshot.groups.is_empty() && snapshot.groups.iter().all(satisfies)
    }
}

/// Waits until a condition has been true for its time.
#[derive(Clone, Debug)]
pub struct Wait {
    until: Until,
    true_since: Option<DateTime<Utc>>,
}

impl Wait {
    /// Waits for a condition.
    #[must_use]
    pub fn new(until: Until) -> Self {
        Self { until, true_since: None }
    }

    /// Takes the next look. Returns whether the wait is over.
    pub fn take(&mut self, snapshot: &WatchSnapshot) -> bool {
        if !self.until.holds(snapshot) {
            self.true_since = None;
            return false;
        }
        let since = *self.true_since.get_or_insert(snapshot.at);
        (snapshot.at - since).to_std().is_ok_and(|time| time >= self.until.hold)
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (condition, hold) = match text.rsplit_once(" for ") {
            Some((condition, hold)) => (
                condition,
                parse_duration(hold.trim())
                    .map_err(|_| format!("`{}` is not a duration; write 10s or 5m after `for`", hold.trim()))?,
            ),
            None => (text, Duration::ZERO),
        };
        Ok(Self { condition: condition.parse()?, hold })
    }
}

impl fmt::Display for Until {
    /// A form that can be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)?;
        if self.hold > Duration::ZERO {
            write!(f, " for {}", duration::in_units(self.hold))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "until_test.rs"]
mod tests;
