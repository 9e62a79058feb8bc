//! Alerts: conditions that need the user's attention.

use std::borrow::Cow;

use super::State;
use crate::action::Action;

/// A condition that needs the user's attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert<'a> {
    /// The subject.
    pub title: Cow<'static, str>,
    /// What happened and what to do.
    pub text: Cow<'a, str>,
    /// Whether it is a final failure, not something waiting for the user.
    pub failed: bool,
}

impl State {
    /// The current alert: why no run can be started, why the run failed, or what an active run is waiting for.
    #[must_use]
    pub fn alert(&self) -> Option<Alert<'_>> {
        let failed = |title: &'static str, text| Some(Alert { title: title.into(), text, failed: true });
        let waits = |title, text| Some(Alert { title, text, failed: false });
        if let Some(problem) = &self.feed.snapshot.problem {
            return failed("No run can be started", problem.into());
        }
        let run = self.run()?;
        if let Some(error) = &run.error {
            return failed("The run failed", error.into());
        }
        if !self.run_is_active() {
            return None;
        }
        if let Some(failure) = &run.paused_by {
            return waits(self.title_of_pause(run.paused_record.is_some()), failure.into());
        }
        if !run.quarantine.awaits_decision {
            return None;
        }
        let press = |key| format!(" Press {key} to release them or to dead-letter them.");
        let how = self.with_key(Action::Quarantine, press);
        waits("Quarantined keys wait for a decision".into(), format!("Everything else is handled.{how}").into())
    }

    /// The title of the alert of a paused run, with the keys that help.
    fn title_of_pause(&self, by_a_record: bool) -> Cow<'static, str> {
        let (cause, retry) = if by_a_record { ("a failed record", "to retry it") } else { ("a failure", "to retry") };
        let choices = self.with_key(Action::FailedRecord, |key| format!("{key} for choices"));
        let retry = self.with_key(Action::TogglePause, |key| format!("{key} {retry}"));
        let keys = [choices, retry].into_iter().skip(usize::from(!by_a_record)).filter(|text| !text.is_empty());
        let keys = keys.collect::<Vec<_>>().join(", ");
        let press = if keys.is_empty() { "" } else { ": press " };
        format!("Paused by {cause}{press}{keys}").into()
    }
}
