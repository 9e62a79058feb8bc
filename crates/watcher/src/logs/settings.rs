//! When settings are requested again, and what a failure says about them.

use std::time::{Duration, Instant};

use kreplay_model::watch::Reason;

/// Time between two requests for the settings of a topic or of the brokers.
const EVERY: Duration = Duration::from_secs(300);
/// Time until the next request after one that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The requests for the settings of a topic or of the brokers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SettingsRequests {
    /// When the next one is due; at once if `None`.
    due: Option<Instant>,
    /// Whether the settings are known from an earlier one.
    are_known: bool,
}

impl SettingsRequests {
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// Takes the answer to a request; `None` if the request failed and the settings that are known remain valid.
    pub(super) fn take<T>(&mut self, found: Result<T, Reason>, now: Instant) -> Option<Result<T, Reason>> {
        let is_answered = found.as_ref().map_or_else(is_answer, |_| true);
        self.due = Some(now + if is_answered { EVERY } else { AFTER_FAILURE });
        let remain_valid = found.as_ref().is_err_and(|why| self.are_known && !is_answer(why));
        self.are_known = found.is_ok() || remain_valid;
        (!remain_valid).then_some(found)
    }
}

/// Whether the cluster has answered that there are no settings, or none for this user.
fn is_answer(why: &Reason) -> bool {
    matches!(why, Reason::TopicGone | Reason::NotAuthorized { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_failed_is_repeated_soon() {
        let now = Instant::now();
        let mut requests = SettingsRequests::default();
        assert!(requests.is_due(now));
        assert_eq!(requests.take::<u32>(Err(Reason::TimedOut), now), Some(Err(Reason::TimedOut)));
        assert!(!requests.is_due(now) && requests.is_due(now + AFTER_FAILURE));
        assert_eq!(requests.take(Ok(1), now), Some(Ok(1)));
        assert!(!requests.is_due(now + AFTER_FAILURE) && requests.is_due(now + EVERY));
    }

    #[test]
    fn known_settings_are_kept_until_the_cluster_refuses_them() {
        let now = Instant::now();
        let mut requests = SettingsRequests::default();
        assert_eq!(requests.take(Ok(1), now), Some(Ok(1)));
        for why in [Reason::TimedOut, Reason::Other("UNKNOWN_SERVER_ERROR".to_owned())] {
            assert_eq!(requests.take::<u32>(Err(why), now), None);
            assert!(requests.is_due(now + AFTER_FAILURE));
        }
        assert_eq!(requests.take::<u32>(Err(Reason::TopicGone), now), Some(Err(Reason::TopicGone)));
        assert_eq!(requests.take::<u32>(Err(Reason::TimedOut), now), Some(Err(Reason::TimedOut)));
    }
}
