//! Waiting for a registry that does not answer.

use std::time::{Duration, Instant};

use super::Undecodable;

/// The pause between two attempts, which bounds how late it is seen that nobody waits any more.
const PAUSE: Duration = Duration::from_millis(100);

/// Attempts something again and again while the registry does not answer: for `patience`, and while `wanted` says so.
/// `told` hears of the first failure.
///
/// # Errors
/// The last failure, where patience or interest has ended; any failure that will not pass.
pub fn patiently<T>(
    patience: Duration,
    wanted: impl Fn() -> bool,
    told: impl FnOnce(&Undecodable),
    mut attempt: impl FnMut() -> Result<T, Undecodable>,
) -> Result<T, Undecodable> {
    let mut result = attempt();
    let Err(first @ Undecodable::Unreachable(_)) = &result else { return result };
    told(first);
    let begun = Instant::now();
    while matches!(result, Err(Undecodable::Unreachable(_))) && wanted() && begun.elapsed() < patience {
        std::thread::sleep(PAUSE);
        result = attempt();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing() -> Undecodable {
        Undecodable::Unreachable("away".into())
    }

    #[test]
    fn what_passes_is_waited_for_and_told_once() {
        let (mut attempts, mut told) = (0, 0);
        let result = patiently(
            Duration::MAX,
            || true,
            |_| told += 1,
            || {
                attempts += 1;
                if attempts < 3 { Err(passing()) } else { Ok(attempts) }
            },
        );
        assert_eq!((result, told), (Ok(3), 1));
    }

    #[test]
    fn patience_interest_and_what_does_not_pass_end_it() {
        let never = || Err::<(), _>(passing());
        assert_eq!(patiently(Duration::ZERO, || true, |_| {}, never), Err(passing()));
        assert_eq!(patiently(Duration::MAX, || false, |_| {}, never), Err(passing()));
        let bad = Undecodable::Bad("x".into());
        let mut told = 0;
        assert_eq!(patiently(Duration::MAX, || true, |_| told += 1, || Err::<(), _>(bad.clone())), Err(bad));
        assert_eq!(told, 0);
    }
}
