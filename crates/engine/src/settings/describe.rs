//! Descriptions of what a run does about failed records and about records deleted by retention.

use super::{OnFailure, OnRetention, Settings};

impl Settings {
    /// Describes what happens to a record that fails.
    #[must_use]
    pub fn describe_on_failure(&self) -> String {
        let retry = self.retry;
        let mut text = match retry.attempts {
            0 => "no retry".to_owned(),
            1 => format!("1 retry after {:?}", retry.first_delay),
            several => format!("{several} retries, the first after {:?}", retry.first_delay),
        };
        if self.quarantine {
            text.push_str(", then its key is quarantined; if not released:");
        } else {
            text.push_str(", then");
        }
        match self.on_failure {
            OnFailure::Fail => text.push_str(" the run fails"),
            OnFailure::Skip => text.push_str(" the record is skipped"),
            OnFailure::Pause => text.push_str(" the run pauses"),
            OnFailure::DeadLetter => text.extend([" dead-letter to ", &self.dead_letter.topic]),
        }
        text
    }

    /// Describes what happens if retention deletes records before they are read.
    #[must_use]
    pub fn describe_on_retention(&self) -> &'static str {
        match self.on_retention {
            OnRetention::Fail => "the partition fails",
            OnRetention::Earliest => "continues after the gap and counts it",
            OnRetention::Pause => "the run pauses",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Retry;

    #[test]
    fn the_failure_policy_reads_as_a_sentence() {
        let with = |attempts, quarantine, on_failure| {
            let retry = Retry { attempts, first_delay: Duration::from_millis(20), ..Retry::default() };
            Settings { retry, on_failure, quarantine, ..Settings::default() }.describe_on_failure()
        };
        assert_eq!(with(0, false, OnFailure::Fail), "no retry, then the run fails");
        assert_eq!(with(1, false, OnFailure::Pause), "1 retry after 20ms, then the run pauses");
        assert_eq!(
            with(3, true, OnFailure::DeadLetter),
            "3 retries, the first after 20ms, then its key is quarantined; if not released: dead-letter to \
             {topic}.dlq"
        );
    }
}
