//! Three-valued logic: a rule may be unable to judge a record.

use std::{fmt, str::FromStr};

/// Whether a record meets a rule; `None` if the rule cannot read what it needs, such as a value that is not JSON.
pub(super) type Judgement = Option<bool>;

/// Met if any is met, unmet if all are unmet, otherwise unknown.
pub(super) fn any_met(judgements: impl IntoIterator<Item = Judgement>) -> Judgement {
    let mut all_judged = true;
    for judgement in judgements {
        match judgement {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all_judged = false,
        }
    }
    all_judged.then_some(false)
}

/// What to do with a record that the filter cannot judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnjudged {
    /// Handle it as if it matched.
    Pass,
    /// Exclude it.
    Drop,
    /// Fail it. The failure policy decides what follows.
    Fail,
}

impl fmt::Display for OnUnjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Fail => "fail",
        })
    }
}

impl FromStr for OnUnjudged {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "pass" => Ok(Self::Pass),
            "drop" => Ok(Self::Drop),
            "fail" => Ok(Self::Fail),
            other => Err(format!("`{other}` is not one of pass, drop and fail")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_met_rule_decides_and_an_unclear_one_prevents_unmet() {
        for (judgements, expected) in [
            (&[][..], Some(false)),
            (&[Some(false)], Some(false)),
            (&[Some(false), Some(true)], Some(true)),
            (&[None, Some(true)], Some(true)),
            (&[None, Some(false)], None),
            (&[None], None),
        ] {
            assert_eq!(any_met(judgements.iter().copied()), expected, "{judgements:?}");
        }
    }

    #[test]
    fn displayed_policies_parse_back() {
        for policy in [OnUnjudged::Pass, OnUnjudged::Drop, OnUnjudged::Fail] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("skip".parse::<OnUnjudged>().unwrap_err().contains("pass, drop and fail"));
    }
}
