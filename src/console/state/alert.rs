//! What must not be overlooked.

use super::State;

/// What must not be overlooked, in full sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert<'a> {
    /// What it is about.
    pub title: &'static str,
    /// What is known, and what to do.
    pub text: &'a str,
    /// Whether something went wrong for good, rather than waits for the user.
    pub failed: bool,
}

impl State {
    /// What must not be overlooked: why nothing can be run, why the run failed, or what it waits for. A run that is over
    /// waits for nothing.
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
        if !self.going() {
            return None;
        }
        if let Some(failure) = &run.paused_by {
            let title = if run.paused_record.is_some() {
                "Paused by a failed record: f decides, p tries again"
            } else {
                "Paused by a failure: p tries again"
            };
            return waits(title, failure);
        }
        if !run.quarantine.awaits_decision {
            return None;
        }
        waits(
            "Keys in quarantine wait for a decision",
            "Everything else is handled. Q shows them: release them, or send them to the dead letters.",
        )
    }
}
