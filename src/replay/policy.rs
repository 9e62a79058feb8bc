//! What a run does about records that fail and records that are gone, in words for a person.

use super::{OnFailure, OnRetention, Settings};

impl Settings {
    /// What becomes of a record that fails.
    #[must_use]
    pub fn failures_in_words(&self) -> String {
        let retry = self.retry;
        let mut text = match retry.attempts {
            0 => "no retry".to_owned(),
            1 => format!("1 retry after {:?}", retry.first_delay),
            several => format!("{several} retries, the first after {:?}", retry.first_delay),
        };
        if self.quarantine {
            text.push_str(", then its key is put in quarantine; what is not released:");
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

    /// What happens where retention was faster than the run.
    #[must_use]
    pub fn retention_in_words(&self) -> &'static str {
        match self.on_retention {
            OnRetention::Fail => "the partition fails",
            OnRetention::Earliest => "goes on behind the gap, which is counted",
            OnRetention::Pause => "the run pauses",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::replay::Retry;

    #[test]
    fn failures_read_as_a_sentence() {
        let with = |attempts, quarantine, on_failure| {
            let retry = Retry { attempts, first_delay: Duration::from_millis(20), ..Retry::default() };
            Settings { retry, on_failure, quarantine, ..Settings::default() }.failures_in_words()
        };
        assert_eq!(with(0, false, OnFailure::Fail), "no retry, then the run fails");
        assert_eq!(with(1, false, OnFailure::Pause), "1 retry after 20ms, then the run pauses");
        assert_eq!(
            with(3, true, OnFailure::DeadLetter),
            "3 retries, the first after 20ms, then its key is put in quarantine; what is not released: dead-letter to \
             {topic}.dlq"
        );
    }
}
