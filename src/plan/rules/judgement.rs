//! Rules that may be unable to say whether a record meets them.

use std::{fmt, str::FromStr};

/// Whether a record meets a rule; `None` where the rule cannot read what it needs, such as a value that is not JSON.
pub(super) type Judgement = Option<bool>;

/// Met where one is met, unmet where all are unmet.
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

/// What becomes of a record that a filter cannot judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnjudged {
    /// It is handled as if it matched.
    Pass,
    /// It is left out.
    Drop,
    /// It fails, and the failure policy decides.
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
            other => Err(format!("`{other}` is none of pass, drop and fail")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_met_decides_and_one_that_is_unclear_leaves_the_rest_open() {
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
    fn policies_read_back_as_they_are_shown() {
        for policy in [OnUnjudged::Pass, OnUnjudged::Drop, OnUnjudged::Fail] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("skip".parse::<OnUnjudged>().unwrap_err().contains("pass, drop and fail"));
    }
}
