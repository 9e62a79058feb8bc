//! The failure policy: the one place that decides what follows a failure. Pure: the parts of the run carry it out.

use std::time::Duration;

use kreplay_model::domain::Record;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    handler::Advice,
    settings::{OnFailure, OnRetention, Settings},
};

/// A record whose partition another process has taken over waits for the group to confirm that: how long at a time, and
/// for how many attempts. After that, the group is not the cause.
const FENCED_BACKOFF: Duration = Duration::from_secs(1);
const MAX_FENCED_ATTEMPTS: u32 = 60;

/// What follows a failed attempt to handle a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureResponse {
    /// Another attempt after this delay.
    Retry(Duration),
    /// Another attempt after this delay. It does not count, because the group is about to revoke the partition.
    AwaitRevocation(Duration),
    /// The record is counted and passed over.
    Skip,
    /// The record goes to the dead letters.
    DeadLetter,
    /// The record's key is quarantined.
    Quarantine,
    /// The run pauses until it is resumed.
    PauseRun,
    /// The run fails.
    FailRun,
}

/// What follows if retention has deleted records before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryResponse {
    /// The partition fails; the others continue.
    FailPartition,
    /// Reading continues after the gap, which is counted as lost.
    SkipGap,
    /// The run pauses until it is resumed.
    PauseRun,
}

/// What happens to quarantined keys without a decision of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineResponse {
    /// Their records go to the dead letters.
    DeadLetter,
    /// The run fails.
    FailRun,
}

/// The policy of a run.
#[derive(Clone, Debug)]
pub struct FailurePolicy {
    settings: Settings,
    /// The seed of this run's random delays.
    seed: u64,
}

impl FailurePolicy {
    /// The policy of a run with these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), seed: rand::random() }
    }

    /// After the given attempt to handle a record has failed.
    #[must_use]
    pub fn after_attempt(&self, record: &Record, attempt: u32, advice: Advice) -> FailureResponse {
        let Settings { retry, on_failure, quarantine, group, .. } = &self.settings;
        if advice == Advice::Fenced && group.is_some() && attempt < MAX_FENCED_ATTEMPTS {
            return FailureResponse::AwaitRevocation(FENCED_BACKOFF);
        }
        if matches!(advice, Advice::Stop | Advice::Fenced) {
            return FailureResponse::FailRun;
        }
        let may_retry = advice != Advice::GiveUp;
        if let Some(delay) = may_retry.then(|| retry.delay(attempt, self.chance(record, attempt))).flatten() {
            return FailureResponse::Retry(match advice {
                Advice::After(least) | Advice::UnableFor(least) => delay.max(least),
                _ => delay,
            });
        }
        let is_of_record = advice.blames_record();
        if !is_of_record && *on_failure != OnFailure::Pause {
            // Skipping this record would skip all others as well, one after another.
            return FailureResponse::FailRun;
        }
        if is_of_record && *quarantine && record.lane_hash().is_some() {
            return FailureResponse::Quarantine;
        }
        match on_failure {
            OnFailure::Skip => FailureResponse::Skip,
            OnFailure::Pause => FailureResponse::PauseRun,
            OnFailure::DeadLetter => FailureResponse::DeadLetter,
            OnFailure::Fail => FailureResponse::FailRun,
        }
    }

    /// After retention has deleted records before they were read.
    #[must_use]
    pub fn after_expiry(&self) -> ExpiryResponse {
        match self.settings.on_retention {
            OnRetention::Fail => ExpiryResponse::FailPartition,
            OnRetention::Earliest => ExpiryResponse::SkipGap,
            OnRetention::Pause => ExpiryResponse::PauseRun,
        }
    }

    /// When the quarantine is full: what happens to its oldest key.
    #[must_use]
    pub fn when_quarantine_is_full(&self) -> QuarantineResponse {
        if self.settings.dead_letters() { QuarantineResponse::DeadLetter } else { QuarantineResponse::FailRun }
    }

    /// When nothing but the quarantine is left; `None` if the user of the console decides.
    #[must_use]
    pub fn when_only_quarantine_is_left(&self, has_console: bool) -> Option<QuarantineResponse> {
        (!has_console).then(|| self.when_quarantine_is_full())
    }

    /// Whether a run stops that is paused for another reason than its user's command: without a
    /// console it cannot be resumed.
    #[must_use]
    pub fn stops_when_paused(has_console: bool) -> bool {
        !has_console
    }

    /// A number from 0 to 1 that differs for each attempt of each record, and for each run.
    fn chance(&self, record: &Record, attempt: u32) -> f64 {
        let mut place = [0; 16];
        place[..8].copy_from_slice(&record.offset.to_le_bytes());
        place[8..12].copy_from_slice(&record.partition.to_le_bytes());
        place[12..].copy_from_slice(&attempt.to_le_bytes());
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let chance = (xxh3_64_with_seed(&place, self.seed) >> 11) as f64 / (1_u64 << 53) as f64;
        chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(change: impl FnOnce(&mut Settings)) -> FailurePolicy {
        let mut settings = Settings::default();
        change(&mut settings);
        FailurePolicy::new(&settings)
    }

    #[test]
    fn the_settings_decide_about_retention_and_the_quarantine() {
        for (on_retention, expected) in [
            (OnRetention::Fail, ExpiryResponse::FailPartition),
            (OnRetention::Earliest, ExpiryResponse::SkipGap),
            (OnRetention::Pause, ExpiryResponse::PauseRun),
        ] {
            assert_eq!(policy(|settings| settings.on_retention = on_retention).after_expiry(), expected);
        }
        let with_letters = policy(|settings| settings.on_failure = OnFailure::DeadLetter);
        let without = policy(|settings| settings.on_failure = OnFailure::Fail);
        assert_eq!(with_letters.when_only_quarantine_is_left(false), Some(QuarantineResponse::DeadLetter));
        assert_eq!(without.when_only_quarantine_is_left(false), Some(QuarantineResponse::FailRun));
        assert_eq!(with_letters.when_only_quarantine_is_left(true), None);
        assert_eq!(without.when_quarantine_is_full(), QuarantineResponse::FailRun);
        assert!(FailurePolicy::stops_when_paused(false) && !FailurePolicy::stops_when_paused(true));
    }
}
