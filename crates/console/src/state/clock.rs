//! Moments as text.

use chrono::{DateTime, Utc};
use kreplay_model::timeline::Moment;

use super::{State, TimelineSubject};
use crate::number;

impl State {
    /// A moment as text: the time since the start of its run with some decimals of a second, or the time of day of a
    /// watch, in UTC.
    #[must_use]
    pub fn clock(&self, subject: TimelineSubject<'_>, at: Moment, decimals: usize) -> String {
        if let (TimelineSubject::Runs, Some(run)) = (subject, self.run_at(at)) {
            return number::clock(at.ms() - run.started.ms(), decimals);
        }
        let time = DateTime::<Utc>::from_timestamp_millis(at.ms()).unwrap_or_default();
        time.format("%H:%M:%S").to_string()
    }
}
