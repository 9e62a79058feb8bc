//! Conditions on the figures of a group, such as `lag > 1000 and state = Stable`.

mod figure;
pub(crate) mod parse;
mod reading;
mod relation;

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use kreplay_model::{
    domain::{
        Glob, duration,
        number::{self, Count},
        printable,
    },
    watch::{GroupView, VerdictKind, VerdictSeverity},
};

pub use figure::{CountFigure, Figure, TimeFigure};
pub(crate) use relation::{Equality, Relation};

/// Comparisons joined by `and`. Each compares a figure of a group with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub(crate) comparisons: Vec<Comparison>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Comparison {
    Count(CountFigure, Relation, i64),
    Time(TimeFigure, Relation, Duration),
    /// The rebalances of the last part of the watch.
    Rebalances(Duration, Relation, u64),
    /// A state in Kafka's words, compared without regard to case.
    State(Equality, String),
    Verdict(Equality, VerdictKind),
    /// The severity of the verdict.
    Severity(Relation, VerdictSeverity),
}

impl Comparison {
    /// The figure that it compares.
    pub(crate) fn figure(&self) -> Figure {
        match self {
            Self::Count(figure, ..) => Figure::Count(*figure),
            Self::Time(figure, ..) => Figure::Time(*figure),
            Self::Rebalances(..) => Figure::Rebalances,
            Self::State(..) => Figure::State,
            Self::Verdict(..) => Figure::Verdict,
            Self::Severity(..) => Figure::Severity,
        }
    }

    /// Whether it is true; `None` if the figure is not known.
    fn evaluate(&self, group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> Option<bool> {
        match self {
            Self::Count(figure, relation, right) => {
                reading::count(*figure, group, topics).map(|left| relation.holds(&left, right))
            }
            Self::Time(figure, relation, right) => {
                let left = reading::seconds(*figure, group, at, topics)?;
                relation.holds_within(&left.low, &left.high, &right.as_secs_f64())
            }
            Self::Rebalances(window, relation, right) => {
                let (least, most) = reading::rebalances(*window, group, at)?;
                relation.holds_within(&least, &most, right)
            }
            Self::State(equality, word) => {
                reading::state(group).map(|state| equality.holds(state.as_str().eq_ignore_ascii_case(word)))
            }
            Self::Verdict(equality, kind) => {
                let is_known = reading::has_verdict(group) || group.verdict.kind == *kind;
                is_known.then(|| equality.holds(group.verdict.kind == *kind))
            }
            Self::Severity(relation, severity) => {
                reading::has_verdict(group).then(|| relation.holds(&group.verdict.severity, severity))
            }
        }
    }

    /// The figure with its value, such as `lag 1204`.
    fn describe(&self, group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> String {
        let unknown = "not known";
        match self {
            Self::Count(figure, ..) => match reading::count(*figure, group, topics) {
                Some(count) => format!("{} {}", figure.name(), count_text(count)),
                None => format!("{} {unknown}", figure.name()),
            },
            Self::Time(figure, ..) => match reading::seconds(*figure, group, at, topics) {
                Some(seconds) => format!("{} {}", figure.name(), seconds_text(seconds.value)),
                None => format!("{} {unknown}", figure.name()),
            },
            Self::Rebalances(window, ..) => {
                let count = match reading::rebalances(*window, group, at) {
                    Some((least, most)) if least == most => least.to_string(),
                    Some((least, _)) => format!("at least {least}"),
                    None => unknown.to_owned(),
                };
                format!("rebalances in {} {count}", duration::in_units(*window))
            }
            Self::State(..) => {
                format!("state {}", reading::state(group).map_or(unknown.into(), |state| printable(state.as_str())))
            }
            Self::Verdict(..) | Self::Severity(..) => format!("verdict {}", printable(&group.verdict.text)),
        }
    }
}

/// A count with thousands separators.
fn count_text(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{}", Count(count.unsigned_abs()))
}

/// A time; `never` if it is infinite.
fn seconds_text(seconds: f64) -> String {
    if seconds.is_infinite() { "never".to_owned() } else { number::estimate(seconds) }
}

impl Condition {
    /// Whether a group satisfies all comparisons. `None` if that depends on a figure that is not known: one comparison
    /// that is false makes the condition false, whatever is not known.
    ///
    /// If there are patterns of topics, figures of partitions are those of the topics that match one of them.
    #[must_use]
    pub fn evaluate(&self, group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> Option<bool> {
        let mut is_known = true;
        for comparison in &self.comparisons {
            match comparison.evaluate(group, at, topics) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => is_known = false,
            }
        }
        is_known.then_some(true)
    }

    /// The figures that it compares with their values, such as `lag 1,204, members 3`.
    #[must_use]
    pub fn describe(&self, group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> String {
        let mut described: Vec<String> = Vec::new();
        for comparison in &self.comparisons {
            let text = comparison.describe(group, at, topics);
            if !described.contains(&text) {
                described.push(text);
            }
        }
        described.join(", ")
    }

    /// Why it is not true: the first comparison that is false, or else the first one that is not known. `None` if the
    /// condition is true.
    #[must_use]
    pub fn explain(&self, group: &GroupView, at: DateTime<Utc>, topics: &[Glob]) -> Option<String> {
        let with = |truth| self.comparisons.iter().find(|it| it.evaluate(group, at, topics) == truth);
        if let Some(comparison) = with(Some(false)) {
            return Some(format!("{comparison} is false: {}", comparison.describe(group, at, topics)));
        }
        with(None).map(|comparison| format!("{comparison} is not known"))
    }

    /// The figures that it compares.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        self.comparisons.iter().map(Comparison::figure)
    }
}

impl fmt::Display for Condition {
    /// A form that can be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, comparison) in self.comparisons.iter().enumerate() {
            if at > 0 {
                f.write_str(" and ")?;
            }
            comparison.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(figure, relation, value) => write!(f, "{} {} {value}", figure.name(), relation.word()),
            Self::Time(figure, relation, time) => {
                write!(f, "{} {} {}", figure.name(), relation.word(), duration::in_units(*time))
            }
            Self::Rebalances(window, relation, count) => {
                write!(f, "rebalances in {} {} {count}", duration::in_units(*window), relation.word())
            }
            Self::State(equality, word) => write!(f, "state {} {word}", equality.word()),
            Self::Verdict(equality, kind) => write!(f, "verdict {} {}", equality.word(), json_word(kind)?),
            Self::Severity(relation, severity) => write!(f, "severity {} {}", relation.word(), json_word(severity)?),
        }
    }
}

/// A unit variant by its name in JSON.
pub(crate) fn json_word(value: &impl serde::Serialize) -> Result<String, fmt::Error> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(fmt::Error),
    }
}

#[cfg(test)]
#[path = "condition/condition_test.rs"]
mod tests;
