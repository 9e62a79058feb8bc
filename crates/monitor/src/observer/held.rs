//! A value that stays known until its request fails.

use chrono::{DateTime, Utc};
use kreplay_model::watch::Reason;

use crate::look::Answer;

/// The last answer to a request that is repeated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held<T> {
    last: Option<(DateTime<Utc>, T)>,
    failure: Option<Reason>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { last: None, failure: None }
    }
}

impl<T: Clone> Held<T> {
    /// Takes an answer of a look at `now`. An answer cannot be later than its look, nor than a look after it: the time
    /// without one begins again when the clock is set back.
    pub(super) fn take(&mut self, now: DateTime<Utc>, answer: &Answer<T>) {
        if let Some((at, _)) = &mut self.last {
            *at = now.min(*at);
        }
        match answer {
            Answer::NotAsked => {}
            Answer::Failed(reason) => self.failure = Some(reason.clone()),
            Answer::Known(at, value) => {
                self.last = Some((now.min(*at), value.clone()));
                self.failure = None;
            }
        }
    }

    /// The value; `None` while its request fails.
    pub(super) fn current(&self) -> Option<&T> {
        self.last.as_ref().filter(|_| self.failure.is_none()).map(|(_, value)| value)
    }

    /// The value; also while its request fails because the coordinator moves, loads, or does not answer in time.
    pub(super) fn through_transients(&self) -> Option<&T> {
        self.last.as_ref().filter(|_| self.failure.as_ref().is_none_or(is_transient)).map(|(_, value)| value)
    }

    /// Why there is no newer value, and when the last one was answered, if its request fails for such a reason.
    pub(super) fn outdated_since(&self) -> Option<(&Reason, DateTime<Utc>)> {
        self.failure.as_ref().filter(|why| is_transient(why)).zip(self.at())
    }

    /// The last value, even if its request fails now.
    pub(super) fn last(&self) -> Option<&T> {
        self.last.as_ref().map(|(_, value)| value)
    }

    /// When the value was answered.
    pub(super) fn at(&self) -> Option<DateTime<Utc>> {
        self.last.as_ref().map(|(at, _)| *at)
    }

    /// Why the value is not known, or not current; `None` if it is.
    pub(super) fn why(&self) -> Option<Reason> {
        match (&self.failure, &self.last) {
            (Some(reason), _) => Some(reason.clone()),
            (None, None) => Some(Reason::NotAsked),
            (None, Some(_)) => None,
        }
    }
}

fn is_transient(reason: &Reason) -> bool {
    matches!(reason, Reason::CoordinatorMoved | Reason::CoordinatorLoading | Reason::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_hides_the_value_until_the_next_answer() {
        let at = DateTime::UNIX_EPOCH;
        let mut held = Held::default();
        assert_eq!((held.current(), held.why()), (None, Some(Reason::NotAsked)));
        held.take(at, &Answer::Known(at, 5));
        held.take(at, &Answer::NotAsked);
        assert_eq!((held.current(), held.why()), (Some(&5), None));
        held.take(at, &Answer::Failed(Reason::NoLeader));
        assert_eq!((held.current(), held.through_transients(), held.at()), (None, None, Some(at)));
        held.take(at, &Answer::Failed(Reason::CoordinatorMoved));
        assert_eq!((held.current(), held.through_transients()), (None, Some(&5)));
        held.take(at, &Answer::Known(at, 6));
        assert_eq!((held.current(), held.why()), (Some(&6), None));
    }
}
