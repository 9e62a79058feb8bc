//! Retrying while the schema registry does not answer.

use std::time::{Duration, Instant};

use super::Undecodable;

/// Delay between attempts. It also bounds how quickly a cancellation is noticed.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Calls `attempt` until it succeeds or fails permanently, for up to `max_wait` and while `is_wanted` returns `true`.
/// `on_first_failure` receives the first temporary failure.
///
/// # Errors
/// The last failure if the time is over or `is_wanted` returned `false`; any permanent failure.
pub fn retry_until<T>(
    max_wait: Duration,
    is_wanted: impl Fn() -> bool,
    on_first_failure: impl FnOnce(&Undecodable),
    mut attempt: impl FnMut() -> Result<T, Undecodable>,
) -> Result<T, Undecodable> {
    let mut result = attempt();
    let Err(first @ Undecodable::Unreachable(_)) = &result else { return result };
    on_first_failure(first);
    let begun = Instant::now();
    while matches!(result, Err(Undecodable::Unreachable(_))) && is_wanted() && begun.elapsed() < max_wait {
        std::thread::sleep(RETRY_INTERVAL);
        result = attempt();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transient() -> Undecodable {
        Undecodable::Unreachable("away".into())
    }

    #[test]
    fn transient_failures_are_retried_and_reported_once() {
        let (mut attempts, mut reports) = (0, 0);
        let result = retry_until(
            Duration::MAX,
            || true,
            |_| reports += 1,
            || {
                attempts += 1;
                if attempts < 3 { Err(transient()) } else { Ok(attempts) }
            },
        );
        assert_eq!((result, reports), (Ok(3), 1));
    }

    #[test]
    fn retrying_ends_at_timeout_on_cancellation_and_on_permanent_failure() {
        let never = || Err::<(), _>(transient());
        assert_eq!(retry_until(Duration::ZERO, || true, |_| {}, never), Err(transient()));
        assert_eq!(retry_until(Duration::MAX, || false, |_| {}, never), Err(transient()));
        let bad = Undecodable::Bad("x".into());
        let mut reports = 0;
        assert_eq!(retry_until(Duration::MAX, || true, |_| reports += 1, || Err::<(), _>(bad.clone())), Err(bad));
        assert_eq!(reports, 0);
    }
}
