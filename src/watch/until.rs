//! Conditions to wait for, such as `lag = 0 and state = Stable for 10s`.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use kreplay_alerts::Condition;
use kreplay_model::{
    domain::{
        duration,
        number::{counted, estimate},
        printable,
    },
    watch::{GroupView, WatchSnapshot},
};

use super::duration::parse_duration;

/// Shorter intervals count as this one: groups that are not visible are observed only this often.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);
/// Observations that are further apart than this number of intervals say nothing about the time between them.
const PATIENCE_INTERVALS: u32 = 3;

/// A condition on all watched groups, for a time without interruption. A condition that depends on a figure that is not
/// known is not satisfied, and neither is a condition on no groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    condition: Condition,
    /// How long it must be true.
    hold: Duration,
}

impl Until {
    /// Why it does not hold at this look: a group that does not satisfy the condition, with its figures. `None` if it
    /// holds.
    #[must_use]
    fn explain(&self, snapshot: &WatchSnapshot) -> Option<String> {
        if snapshot.groups.is_empty() {
            return Some("no group is watched".to_owned());
        }
        let why = |group: &GroupView| {
            let why = self.condition.explain(group, snapshot.at, &[])?;
            Some(format!("{}: {why}", printable(&group.group)))
        };
        let mut unsatisfied = snapshot.groups.iter().filter_map(|group| why(group));
        let first = unsatisfied.next()?;
        Some(match unsatisfied.count() {
            0 => first,
            others => {
                format!("{first}; {} of {} do not satisfy it", others + 1, counted(snapshot.groups.len(), "group"))
            }
        })
    }
}

/// Waits until a condition has been true for its time.
#[derive(Clone, Debug)]
pub struct Wait {
    until: Until,
    /// The longest time between two observations that counts.
    patience: Duration,
    /// The latest look and how long the condition had been true then; `None` if it was false.
    true_for: Option<(DateTime<Utc>, Duration)>,
    /// Why it is not over, as of the latest look.
    why_not: Option<String>,
}

impl Wait {
    /// Waits for a condition. `interval` is the time between two looks.
    #[must_use]
    pub fn new(until: Until, interval: Duration) -> Self {
        let patience = interval.max(SHORTEST_INTERVAL).saturating_mul(PATIENCE_INTERVALS);
        Self { until, patience, true_for: None, why_not: None }
    }

    /// Takes the next look. Returns whether the wait is over. `missing` is a name or pattern to watch that has no
    /// group at this look: the condition is then false.
    pub fn take(&mut self, snapshot: &WatchSnapshot, missing: Option<&str>) -> bool {
        let without_group = missing.map(|pattern| format!("no group matches `{}`", printable(pattern)));
        if let Some(why) = without_group.or_else(|| self.until.explain(snapshot)) {
            self.true_for = None;
            self.why_not = Some(why);
            return false;
        }
        let time = self.true_for.map_or(Duration::ZERO, |(last, time)| {
            let gap = (snapshot.at - last).to_std().unwrap_or_default();
            // While nothing is observed, such as during a pause of the watch, the condition may have been false.
            if gap <= self.patience { time.saturating_add(gap) } else { time }
        });
        self.true_for = Some((snapshot.at, time));
        let is_over = time >= self.until.hold;
        self.why_not = (!is_over).then(|| {
            let [time, hold] = [time, self.until.hold].map(|time| estimate(time.as_secs_f64()));
            format!("it had been true for {time} of {hold}")
        });
        is_over
    }

    /// Why it is not over.
    #[must_use]
    pub fn why_not(&self) -> &str {
        self.why_not.as_deref().unwrap_or("no observation was completed")
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (condition, hold) = match text.rsplit_once(" for ") {
            Some((condition, hold)) => (
                condition,
                parse_duration(hold.trim()).map_err(|_| {
                    format!("`{}` is not a duration; use a value such as 10s or 5m after `for`", hold.trim())
                })?,
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
