//! Conditions to wait for, such as `lag = 0 and state = Stable for 10s`.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use kreplay_model::watch::{GroupView, PartitionRow, RecordsLeft, VerdictKind, WatchSnapshot};

use super::duration::parse_duration;

/// A condition on watched groups. It is true if each group satisfies each comparison, for a time without interruption.
/// A comparison with a figure that is not known is not satisfied, and neither is a condition on no groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    comparisons: Vec<Comparison>,
    /// How long it must be true.
    hold: Duration,
}

#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    Count(CountFigure, Relation, i64),
    Age(Relation, Duration),
    /// A state in Kafka's words, compared without regard to case.
    State(Equality, String),
    Verdict(Equality, VerdictKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountFigure {
    Lag,
    Readable,
    Lost,
    RecordsLeft,
    Members,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Equality {
    Is,
    IsNot,
}

/// Longer operators first: `<=` begins with `<`.
const RELATIONS: [(&str, Relation); 7] = [
    ("!=", Relation::NotEqual),
    ("<=", Relation::LessOrEqual),
    (">=", Relation::GreaterOrEqual),
    ("==", Relation::Equal),
    ("=", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::Greater),
];
const COUNTS: [(&str, CountFigure); 5] = [
    ("lag", CountFigure::Lag),
    ("readable", CountFigure::Readable),
    ("lost", CountFigure::Lost),
    ("records_left", CountFigure::RecordsLeft),
    ("members", CountFigure::Members),
];
const FIGURES: &str = "lag, readable, lost, records_left, age, members, state or verdict";

impl Relation {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    fn word(self) -> &'static str {
        RELATIONS.iter().rev().find(|(_, relation)| *relation == self).map_or("=", |(word, _)| word)
    }
}

impl Equality {
    fn holds(self, is_equal: bool) -> bool {
        (self == Self::Is) == is_equal
    }

    fn word(self) -> &'static str {
        if self == Self::Is { "=" } else { "!=" }
    }
}

impl Comparison {
    fn holds(&self, group: &GroupView) -> bool {
        let of_lag = |value: Option<i64>| value.filter(|_| group.lag.unknown_partitions == 0);
        let signed = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
        match self {
            Self::Count(figure, relation, right) => {
                let left = match figure {
                    CountFigure::Lag => of_lag(group.lag.total).map(|lag| lag - without_records(group)),
                    CountFigure::Readable => {
                        of_lag(signed(group.lag.readable)).map(|readable| readable - without_records(group))
                    }
                    CountFigure::RecordsLeft => of_lag(records_left(group)),
                    CountFigure::Lost => of_lag(signed(group.lag.lost)),
                    CountFigure::Members => group.as_of.and_then(|_| i64::try_from(group.members.len()).ok()),
                };
                left.is_some_and(|left| relation.holds(&left, right))
            }
            Self::Age(relation, right) => {
                group.age_s.is_some_and(|age| relation.holds(&age.value, &right.as_secs_f64()))
            }
            Self::State(equality, word) => {
                let is_equal = |state: &kreplay_model::watch::GroupState| state.as_str().eq_ignore_ascii_case(word);
                group.state.as_ref().is_some_and(|state| equality.holds(is_equal(state)))
            }
            Self::Verdict(equality, kind) => {
                let is_known = !matches!(group.verdict.kind, VerdictKind::Gathering | VerdictKind::Unknown);
                (is_known || group.verdict.kind == *kind) && equality.holds(group.verdict.kind == *kind)
            }
        }
    }
}

/// The partitions that count for the lag of a group.
fn counted(group: &GroupView) -> impl Iterator<Item = &PartitionRow> {
    group.partitions.iter().filter(|row| !row.abandoned)
}

/// Readable offsets without a record, such as transaction markers: a group that waits behind them has caught up.
fn without_records(group: &GroupView) -> i64 {
    let is_empty = |row: &&PartitionRow| row.records_left == Some(RecordsLeft::Exactly(0));
    let offsets: u64 = counted(group).filter(is_empty).filter_map(|row| row.readable).sum();
    i64::try_from(offsets).unwrap_or(0)
}

/// The records that are left; `None` if the number is not known exactly for a partition.
fn records_left(group: &GroupView) -> Option<i64> {
    counted(group).try_fold(0_i64, |sum, row| match row.records_left {
        Some(RecordsLeft::Exactly(records)) => sum.checked_add(i64::try_from(records).ok()?),
        _ => None,
    })
}

impl Condition {
    /// Whether all groups satisfy all comparisons at this look.
    #[must_use]
    pub fn holds(&self, snapshot: &WatchSnapshot) -> bool {
        let satisfies = |group: &GroupView| self.comparisons.iter().all(|comparison| comparison.holds(group));
        !snapshot.groups.is_empty() && snapshot.groups.iter().all(satisfies)
    }
}

/// Waits until a condition has been true for its time.
#[derive(Clone, Debug)]
pub struct Wait {
    condition: Condition,
    true_since: Option<DateTime<Utc>>,
}

impl Wait {
    /// Waits for a condition.
    #[must_use]
    pub fn new(condition: Condition) -> Self {
        Self { condition, true_since: None }
    }

    /// Takes the next look. Returns whether the wait is over.
    pub fn take(&mut self, snapshot: &WatchSnapshot) -> bool {
        if !self.condition.holds(snapshot) {
            self.true_since = None;
            return false;
        }
        let since = *self.true_since.get_or_insert(snapshot.at);
        (snapshot.at - since).to_std().is_ok_and(|time| time >= self.condition.hold)
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (comparisons, hold) = match text.rsplit_once(" for ") {
            Some((comparisons, hold)) => (
                comparisons,
                parse_duration(hold.trim())
                    .map_err(|_| format!("`{}` is not a duration; write 10s or 5m after `for`", hold.trim()))?,
            ),
            None => (text, Duration::ZERO),
        };
        let comparisons = comparisons.split(" and ").map(comparison).collect::<Result<_, _>>()?;
        Ok(Self { comparisons, hold })
    }
}

fn comparison(text: &str) -> Result<Comparison, String> {
    let text = text.trim();
    let at = text.find(['=', '<', '>', '!']).ok_or_else(|| {
        format!("`{text}` is not a comparison; write a figure, an operator and a value, such as lag = 0")
    })?;
    let (figure, rest) = (text[..at].trim(), &text[at..]);
    let (word, relation) = RELATIONS
        .iter()
        .find(|(word, _)| rest.starts_with(word))
        .ok_or_else(|| format!("`{text}` has no operator; use =, !=, <, <=, > or >="))?;
    let value = rest[word.len()..].trim();
    let name = figure.to_ascii_lowercase();
    if let Some((_, figure)) = COUNTS.iter().find(|(word, _)| *word == name) {
        let number = value.parse().map_err(|_| format!("`{value}` is not a whole number; {name} is a count"))?;
        return Ok(Comparison::Count(*figure, *relation, number));
    }
    let equality = || match relation {
        Relation::Equal => Ok(Equality::Is),
        Relation::NotEqual => Ok(Equality::IsNot),
        _ => Err(format!("{name} can be compared with = and != only")),
    };
    match name.as_str() {
        "age" => {
            let age = parse_duration(value).map_err(|_| format!("`{value}` is not a duration; write 10s or 5m"))?;
            Ok(Comparison::Age(*relation, age))
        }
        "state" if value.is_empty() || value.contains(char::is_whitespace) => {
            Err(format!("`{value}` is not a state; write one of Kafka's words, such as Stable or Empty"))
        }
        "state" => Ok(Comparison::State(equality()?, value.to_owned())),
        "verdict" => Ok(Comparison::Verdict(equality()?, verdict(value)?)),
        _ => Err(format!("`{figure}` is not a figure; use {FIGURES}")),
    }
}

/// A verdict by its name in JSON, such as `falling_behind`.
fn verdict(word: &str) -> Result<VerdictKind, String> {
    let name = word.to_ascii_lowercase().replace(['-', ' '], "_");
    serde_json::from_value(serde_json::Value::String(name))
        .map_err(|_| format!("`{word}` is not a verdict; use a name such as fine, stopped or falling_behind"))
}

impl fmt::Display for Condition {
    /// A form that can be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, comparison) in self.comparisons.iter().enumerate() {
            if at > 0 {
                f.write_str(" and ")?;
            }
            match comparison {
                Comparison::Count(figure, relation, value) => {
                    let name = COUNTS.iter().find(|(_, known)| known == figure).map_or("lag", |(name, _)| name);
                    write!(f, "{name} {} {value}", relation.word())?;
                }
                Comparison::Age(relation, age) => write!(f, "age {} {}ms", relation.word(), age.as_millis())?,
                Comparison::State(equality, word) => write!(f, "state {} {word}", equality.word())?,
                Comparison::Verdict(equality, kind) => {
                    let name = serde_json::to_value(kind).map_err(|_| fmt::Error)?;
                    write!(f, "verdict {} {}", equality.word(), name.as_str().unwrap_or_default())?;
                }
            }
        }
        if self.hold > Duration::ZERO {
            write!(f, " for {}ms", self.hold.as_millis())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "condition_test.rs"]
mod tests;
