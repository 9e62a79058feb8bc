//! The thread of an action.

mod alertmanager;
mod single;

use std::{
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use crate::{
    action::Action,
    delivery::{Delivery, Outlet},
    failure::Failures,
    notice::Notice,
};

/// What the thread of an action works with.
pub(crate) struct Worker {
    pub(crate) action: Action,
    /// The notices to deliver. It is closed when the notifier ends.
    pub(crate) notices: Receiver<Notice>,
    pub(crate) failures: Arc<Failures>,
    pub(crate) pace: Pace,
}

/// The times of retries and repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The delay before the first retry. Each further delay is twice as long.
    pub(crate) first_retry: Duration,
    /// The longest delay before a retry.
    pub(crate) longest_retry: Duration,
    /// The interval at which an alert that fires is sent to an Alertmanager again. Prometheus has the same default
    /// (`--rules.alert.resend-delay`).
    pub(crate) resend: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
            resend: Duration::from_secs(60),
        }
    }
}

impl Pace {
    /// The delay before the next attempt after this number of failed ones.
    pub(crate) fn retry_after(&self, failed: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failed.saturating_sub(1));
        self.first_retry.saturating_mul(factor).min(self.longest_retry)
    }
}

impl Worker {
    /// Delivers notices until no more can come and all are delivered or given up.
    pub(crate) fn run(self, outlet: &Outlet) {
        match Delivery::of(&self.action, outlet) {
            Some(delivery) => single::run(&self, &delivery),
            None => alertmanager::run(&self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_limit() {
        let pace = Pace::default();
        let delays = [1, 2, 3, 5, 6, 40].map(|failed| pace.retry_after(failed).as_secs());
        assert_eq!(delays, [1, 2, 4, 16, 30, 30]);
    }
}
