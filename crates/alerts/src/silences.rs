//! Silences: rules whose alerts take no actions for a time.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The longest silence: 31 days, like the longest time of a rule.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(31 * 24 * 3600);

/// Silenced rules. Serialized, an object with the end of each silence by the name of the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Silences(BTreeMap<String, DateTime<Utc>>);

impl Silences {
    /// Silences a rule from now on. A silence of no time ends an earlier one. Silences that have ended are removed.
    pub fn add(&mut self, rule: &str, now: DateTime<Utc>, length: Duration) {
        let length = TimeDelta::from_std(length.min(LONGEST_SILENCE)).unwrap_or_default();
        self.0.insert(rule.to_owned(), now + length);
        self.0.retain(|_, until| *until > now);
    }

    /// When the silence of a rule ends; `None` if it is not silenced at this time.
    #[must_use]
    pub fn until(&self, rule: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.get(rule).copied().filter(|until| *until > at)
    }

    /// The rules that were silenced, with the end of the silence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, DateTime<Utc>)> {
        self.0.iter().map(|(rule, until)| (rule.as_str(), *until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::time;

    #[test]
    fn a_silence_ends_by_itself_or_by_another_one() {
        let mut silences = Silences::default();
        silences.add("lag", time(0), Duration::from_secs(60));
        silences.add("age", time(0), Duration::MAX);
        assert_eq!((silences.until("lag", time(59)), silences.until("lag", time(60))), (Some(time(60)), None));
        assert_eq!(silences.until("age", time(1)), Some(time(31 * 24 * 3600)));
        silences.add("age", time(61), Duration::ZERO);
        assert_eq!(silences, Silences::default());
        let text = serde_json::to_string(&silences).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str::<Silences>(&text).unwrap()), ("{}", silences));
    }
}
