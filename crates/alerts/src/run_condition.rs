//! Conditions on the figures of a run, such as `dead_letters > 0` or `rate < 500 and state = running`.

mod reading;

use std::{fmt, str::FromStr, time::Duration};

use kreplay_model::{
    domain::{
        duration,
        number::{Count, estimate, rate},
    },
    feed::RunState,
};

use crate::condition::{Equality, Relation, parse};
pub(crate) use reading::RunReading;

/// The names of all figures, for messages.
const NAMES: &str = "lag, dead_letters, skipped, rate, failures_per_s, eta or state";

/// The states that a condition can name. A run that is planned has no figures yet.
const STATES: [RunState; 6] =
    [RunState::Running, RunState::Paused, RunState::Draining, RunState::Done, RunState::Failed, RunState::Cancelled];

/// Comparisons of figures of a run, joined by `and`.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCondition {
    comparisons: Vec<Comparison>,
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    Count(CountFigure, Relation, u64),
    /// A number of something per second.
    Rate(RateFigure, Relation, f64),
    Eta(Relation, Duration),
    State(Equality, RunState),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountFigure {
    Lag,
    DeadLetters,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RateFigure {
    Records,
    Failures,
}

const COUNTS: [(&str, CountFigure); 3] =
    [("lag", CountFigure::Lag), ("dead_letters", CountFigure::DeadLetters), ("skipped", CountFigure::Skipped)];
const RATES: [(&str, RateFigure); 2] = [("rate", RateFigure::Records), ("failures_per_s", RateFigure::Failures)];

impl CountFigure {
    fn name(self) -> &'static str {
        COUNTS.iter().find(|(_, figure)| *figure == self).map_or("", |(name, _)| name)
    }

    fn read(self, run: &RunReading) -> Option<u64> {
        match self {
            Self::Lag => run.lag,
            Self::DeadLetters => Some(run.dead_letters),
            Self::Skipped => Some(run.skipped),
        }
    }
}

impl RateFigure {
    fn name(self) -> &'static str {
        RATES.iter().find(|(_, figure)| *figure == self).map_or("", |(name, _)| name)
    }

    fn read(self, run: &RunReading) -> Option<f64> {
        match self {
            Self::Records => run.rate,
            Self::Failures => run.failures_per_s,
        }
    }
}

impl Comparison {
    fn evaluate(&self, run: &RunReading) -> Option<bool> {
        match self {
            Self::Count(figure, relation, right) => figure.read(run).map(|left| relation.holds(&left, right)),
            Self::Rate(figure, relation, right) => figure.read(run).map(|left| relation.holds(&left, right)),
            Self::Eta(relation, right) => run.eta_s.map(|left| relation.holds(&left, &right.as_secs_f64())),
            Self::State(equality, state) => {
                (run.state != RunState::Planned).then(|| equality.holds(run.state == *state))
            }
        }
    }

    /// The figure with its value, such as `dead_letters 3`.
    fn describe(&self, run: &RunReading) -> String {
        let (name, value) = match self {
            Self::Count(figure, ..) => (figure.name(), figure.read(run).map(|count| Count(count).to_string())),
            Self::Rate(figure, ..) => (figure.name(), figure.read(run).map(rate)),
            Self::Eta(..) => ("eta", run.eta_s.map(estimate)),
            Self::State(..) => ("state", Some(run.state.to_string())),
        };
        format!("{name} {}", value.as_deref().unwrap_or("not known"))
    }
}

impl RunCondition {
    /// Whether a run satisfies all comparisons. `None` if that depends on a figure that is not known.
    pub(crate) fn evaluate(&self, run: &RunReading) -> Option<bool> {
        let truths = || self.comparisons.iter().map(|comparison| comparison.evaluate(run));
        if truths().any(|truth| truth == Some(false)) {
            return Some(false);
        }
        truths().all(|truth| truth.is_some()).then_some(true)
    }

    /// The figures that it compares with their values.
    pub(crate) fn describe(&self, run: &RunReading) -> String {
        let mut described: Vec<String> = self.comparisons.iter().map(|comparison| comparison.describe(run)).collect();
        described.dedup();
        described.join(", ")
    }
}

impl FromStr for RunCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(" and ").map(comparison).collect::<Result<_, _>>().map(|comparisons| Self { comparisons })
    }
}

fn comparison(text: &str) -> Result<Comparison, String> {
    let (figure, relation, value) = parse::parts(text)?;
    let name = figure.to_ascii_lowercase();
    if let Some((_, count)) = COUNTS.iter().find(|(known, _)| *known == name) {
        return Ok(Comparison::Count(*count, relation, parse::number(&name, value)?));
    }
    if let Some((_, rate)) = RATES.iter().find(|(known, _)| *known == name) {
        let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| format!("`{value}` is not a number; {name} is a number per second"))?;
        return Ok(Comparison::Rate(*rate, relation, number));
    }
    match name.as_str() {
        "eta" => Ok(Comparison::Eta(relation, parse::time(value)?)),
        "state" => {
            let state = STATES.into_iter().find(|state| state.to_string() == value.to_ascii_lowercase());
            let state = state.ok_or_else(|| {
                format!("`{value}` is not a state of a run; use {}", STATES.map(|state| state.to_string()).join(", "))
            })?;
            Ok(Comparison::State(parse::equality(&name, relation)?, state))
        }
        _ => Err(format!("`{figure}` is not a figure of a run; use {NAMES}")),
    }
}

impl fmt::Display for RunCondition {
    /// A form that can be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, comparison) in self.comparisons.iter().enumerate() {
            if at > 0 {
                f.write_str(" and ")?;
            }
            match comparison {
                Comparison::Count(figure, relation, value) => {
                    write!(f, "{} {} {value}", figure.name(), relation.word())?;
                }
                Comparison::Rate(figure, relation, value) => {
                    write!(f, "{} {} {value}", figure.name(), relation.word())?;
                }
                Comparison::Eta(relation, time) => {
                    write!(f, "eta {} {}", relation.word(), duration::in_units(*time))?;
                }
                Comparison::State(equality, state) => write!(f, "state {} {state}", equality.word())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_condition_is_read_as_it_was() {
        for text in
            ["lag > 1000 and rate < 0.5", "eta >= 1h30m", "state != failed and dead_letters = 0 and skipped <= 1"]
        {
            let condition: RunCondition = text.parse().unwrap();
            assert_eq!(condition.to_string(), text);
            assert_eq!(condition.to_string().parse(), Ok(condition));
        }
    }

    #[test]
    fn problems_say_what_to_write() {
        for (text, part) in [
            ("members > 1", "`members` is not a figure of a run; use lag, dead_letters"),
            ("state = planned", "is not a state of a run; use running, paused"),
            ("state > failed", "state can be compared with = and != only"),
            ("rate < fast", "`fast` is not a number; rate is a number per second"),
            ("rate < inf", "is not a number"),
            ("lag > -1", "is not a whole number"),
            ("lag", "is not a comparison"),
        ] {
            let problem = text.parse::<RunCondition>().unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
