//! How a run is to go, whatever it reads.

use std::time::Duration;

use super::probe::Probe;
use crate::{
    domain::{Batch, Concurrency, Ordering, RateLimit, Tier},
    handler::HandlerSpec,
};

/// How a run is to go, whatever it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many workers, or how many to begin with.
    pub concurrency: Concurrency,
    /// Whether the number of workers is found out on the way.
    pub adaptive: bool,
    /// The most workers that are tried then.
    pub max_concurrency: Concurrency,
    /// One worker, and one lane for all records, in the order of their arrival.
    pub single_threaded: bool,
    /// Whose lag holds the run back.
    pub protect: Option<Protect>,
    /// How records come out of the client.
    pub tier: Tier,
    /// The most records taken from a client at once.
    pub fetch_batch: u32,
    /// With [`Tier::Dedicated`], how many clients read at most; `None` means one for each core.
    pub fetch_clients: Option<u32>,
    /// What a measurement asks of the run; an ordinary run has none.
    pub probe: Option<Probe>,
    /// The most that is handed out in a second.
    pub rate: Option<RateLimit>,
    /// What keeps its order.
    pub ordering: Ordering,
    /// The most records a handler gets at once.
    pub batch: Batch,
    /// What is done with the records.
    pub handler: HandlerSpec,
    /// The consumer group that shares the work and keeps the positions; `None` touches no group.
    pub group: Option<String>,
    /// How often a failed record is tried again, and when.
    pub retry: Retry,
    /// What happens to a record that fails for good.
    pub on_failure: OnFailure,
    /// Reading pauses above so many bytes of waiting records.
    pub buffer_bytes: u64,
    /// How often positions are committed.
    pub commit_interval: Duration,
    /// The longest wait for work in hand when partitions are revoked or the run is stopped.
    pub drain_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::default(),
            adaptive: false,
            max_concurrency: Concurrency::MAX,
            single_threaded: false,
            protect: None,
            tier: Tier::default(),
            fetch_batch: 1000,
            fetch_clients: None,
            probe: None,
            rate: None,
            ordering: Ordering::default(),
            batch: Batch::default(),
            handler: HandlerSpec::default(),
            group: None,
            retry: Retry::default(),
            on_failure: OnFailure::default(),
            buffer_bytes: 32 << 20,
            commit_interval: Duration::from_millis(200),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Another consumer group that must not suffer from the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protect {
    /// Its id.
    pub group: String,
    /// Above this lag, over all partitions that it has committed offsets for, the run slows down.
    pub max_lag: u64,
}

impl Settings {
    /// How many clients read where no group decides it, as far as the partitions allow.
    #[must_use]
    pub fn clients(&self) -> usize {
        match self.fetch_clients {
            Some(clients) => clients as usize,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// When a failed record is tried again. Only its own lane waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often at most, after the first attempt.
    pub attempts: u32,
    /// The wait before the first of them; each further wait is twice as long.
    pub first_delay: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, first_delay: Duration::from_secs(1) }
    }
}

impl Retry {
    /// The wait before attempt `retry` (1 is the first retry), or `None` when there is none left.
    #[must_use]
    pub fn delay(self, retry: u32) -> Option<Duration> {
        const LONGEST: Duration = Duration::from_secs(300);
        (1..=self.attempts).contains(&retry).then(|| {
            let factor = 1_u32.checked_shl(retry - 1).unwrap_or(u32::MAX);
            self.first_delay.saturating_mul(factor).min(LONGEST)
        })
    }
}

/// What happens to a record that fails for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The run fails; positions stay below the record.
    #[default]
    Fail,
    /// The record is passed over and counted.
    Skip,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let retry = Retry::default();
        let waits: Vec<_> = (1..=4).map(|attempt| retry.delay(attempt).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), None]);
        assert_eq!(retry.delay(0), None);
    }

    #[test]
    fn a_wait_has_an_upper_bound() {
        let retry = Retry { attempts: 100, first_delay: Duration::from_secs(1) };
        assert_eq!(retry.delay(60), Some(Duration::from_secs(300)));
    }
}
