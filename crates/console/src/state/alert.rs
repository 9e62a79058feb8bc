//! Alerts: conditions that need the user's attention.

use super::FeedState;

/// A condition that needs the user's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert<'a> {
    /// The subject.
    pub title: &'static str,
    /// What happened and what to do.
    pub text: &'a str,
    /// Whether it is a final failure, not something waiting for the user.
    pub failed: bool,
}

impl FeedState {
    /// The current alert: why no run can be started, why the run failed, or what an active run is waiting for.
    #[must_use]
    pub fn alert(&self) -> Option<Alert<'_>> {
        let failed = |title, text| Some(Alert { title, text, failed: true });
        let waits = |title, text| Some(Alert { title, text, failed: false });
        if let Some(problem) = &self.snapshot.problem {
            return failed("No run can be started", problem);
        }
        let run = self.run()?;
        if let Some(error) = &run.error {
            return failed("The run failed", error);
        }
        if !self.run_is_active() {
            return None;
        }
        if let Some(failure) = &run.paused_by {
            let title = if run.paused_record.is_some() {
                "Paused by a failed record: press f for choices, p to retry it"
            } else {
                "Paused by a failure: press p to retry"
            };
            return waits(title, failure);
        }
        if !run.quarantine.awaits_decision {
            return None;
        }
        waits(
            "Quarantined keys wait for a decision",
            "Everything else is handled. Press Q to release them or to dead-letter them.",
        )
    }
}
