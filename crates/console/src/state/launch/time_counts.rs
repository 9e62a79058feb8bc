//! The records of the chosen topics by time, and the range that is picked on them.

use std::{ops::Range, sync::Arc};

use chrono::{DateTime, SecondsFormat};
use kreplay_model::{
    control::{RunField, RunRequest},
    time_counts::{TimeCountProgress, TimeCountStep, TimeCountTask, TimeCounts},
};

/// The records of the chosen topics by time, and the cursor on them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeCountsView {
    /// Whether records can be counted at all.
    pub is_available: bool,
    /// The last task; `None` before the first one.
    pub task: Option<TimeCountTask>,
    /// The number of times that were looked up; `None` if nothing is being counted.
    pub lookups: Option<u32>,
    /// The counts of the task.
    pub counts: Option<Arc<TimeCounts>>,
    /// Why the task has no counts, in one sentence.
    pub problem: Option<String>,
    /// The bucket under the cursor.
    pub cursor: usize,
    /// The bucket at which the range begins or ends, while the cursor is at the other end.
    pub anchor: Option<usize>,
}

impl TimeCountsView {
    /// A new task, whose number no other task has.
    pub(crate) fn ask(&mut self, topics: Arc<[String]>) -> TimeCountTask {
        let number = self.task.as_ref().map_or(0, |before| before.number) + 1;
        let task = TimeCountTask { number, topics };
        let is_available = self.is_available;
        *self = Self { is_available, task: Some(task.clone()), lookups: Some(0), ..Self::default() };
        task
    }

    /// Forgets the counts, but not the number of the last task, and whether counting must be stopped.
    pub(crate) fn forget(&mut self) -> bool {
        let was_counting = self.lookups.is_some();
        let number = self.task.as_ref().map_or(0, |before| before.number);
        let task = Some(TimeCountTask { number, topics: Arc::default() });
        *self = Self { is_available: self.is_available, task, ..Self::default() };
        was_counting
    }

    /// Takes an answer. Answers to earlier tasks are ignored.
    pub(crate) fn learn(&mut self, answer: &TimeCountProgress) {
        if self.task.as_ref().is_none_or(|task| task.number != answer.number) {
            return;
        }
        self.lookups = None;
        match &answer.step {
            TimeCountStep::LookingUp(lookups) => self.lookups = Some(*lookups),
            TimeCountStep::Done(counts) => {
                self.cursor = counts.counts.len().saturating_sub(1);
                self.counts = Some(Arc::clone(counts));
            }
            TimeCountStep::Failed(problem) => self.problem = Some(problem.clone()),
        }
    }

    /// Whether the counts are those of these topics, or are being made.
    #[must_use]
    pub fn is_about(&self, topics: &[String]) -> bool {
        self.task.as_ref().is_some_and(|task| *task.topics == *topics)
    }

    /// The number of buckets.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.counts.as_ref().map_or(0, |counts| counts.counts.len())
    }

    /// The range from the anchor to the cursor, as the values of the fields.
    #[must_use]
    pub fn picked(&self) -> Option<(String, String)> {
        let counts = self.counts.as_ref()?;
        let other = self.anchor.unwrap_or(self.cursor);
        let border = |at: usize| text(*counts.borders_ms.get(at)?);
        Some((border(self.cursor.min(other))?, border(self.cursor.max(other) + 1)?))
    }

    /// The buckets that have a part of the range of a request; `None` if that is not given by times.
    #[must_use]
    pub fn in_range(&self, request: &RunRequest) -> Option<Range<usize>> {
        let borders = &self.counts.as_ref()?.borders_ms;
        let from = time(request.value(RunField::From), &["earliest"], i64::MIN)?;
        let to = time(request.value(RunField::To), &["latest", "never"], i64::MAX)?;
        let is_inside = |at: &usize| borders[*at] < to && from < borders[at + 1];
        let first = (0..self.buckets()).find(is_inside)?;
        let last = (0..self.buckets()).rfind(is_inside)?;
        Some(first..last + 1)
    }
}

/// A moment as the command line has it.
fn text(at_ms: i64) -> Option<String> {
    Some(DateTime::from_timestamp_millis(at_ms)?.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// The moment of a field in milliseconds since 1970; `if_open` for words that leave the range open.
fn time(value: &str, open: &[&str], if_open: i64) -> Option<i64> {
    if open.contains(&value) {
        return Some(if_open);
    }
    DateTime::parse_from_rfc3339(value).ok().map(|time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view(counts: &[u64]) -> TimeCountsView {
        let mut view = TimeCountsView::default();
        let task = view.ask(Arc::from(["orders".to_owned()]));
        let borders = (0..).map(|at| 1_767_225_600_000 + at * 60_000);
        let borders_ms = borders.take(counts.len() + 1).collect();
        let counts = Arc::new(TimeCounts { borders_ms, counts: counts.to_vec() });
        view.learn(&TimeCountProgress { number: task.number, step: TimeCountStep::Done(counts) });
        view
    }

    #[test]
    fn the_buckets_between_anchor_and_cursor_are_the_range() {
        let mut view = view(&[1, 2, 3, 4]);
        assert_eq!(view.cursor, 3);
        assert_eq!(view.picked(), Some(("2026-01-01T00:03:00Z".into(), "2026-01-01T00:04:00Z".into())));
        view.anchor = Some(1);
        assert_eq!(view.picked(), Some(("2026-01-01T00:01:00Z".into(), "2026-01-01T00:04:00Z".into())));
    }

    #[test]
    fn answers_to_other_tasks_are_ignored() {
        let mut view = view(&[1]);
        let before = view.task.clone().unwrap();
        assert!(view.is_about(&["orders".to_owned()]));
        view.ask(Arc::from(["payments".to_owned()]));
        view.learn(&TimeCountProgress { number: before.number, step: TimeCountStep::Failed("late".into()) });
        assert_eq!((view.lookups, view.problem.as_deref()), (Some(0), None));
        assert!(view.forget());
        let number = view.task.as_ref().unwrap().number;
        view.learn(&TimeCountProgress { number: number - 1, step: TimeCountStep::LookingUp(3) });
        assert_eq!(view.lookups, None);
        assert!(view.ask(Arc::default()).number > number);
    }

    #[test]
    fn only_times_are_shown_on_the_chart() {
        let view = view(&[1, 2, 3, 4]);
        let range = |from: &str, to: &str| {
            view.in_range(&RunRequest::default().with(RunField::From, from).with(RunField::To, to))
        };
        assert_eq!(range("earliest", "latest"), Some(0..4));
        assert_eq!(range("2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z"), Some(1..3));
        assert_eq!(range("2026-01-01T01:00:00+00:58", "never"), Some(2..4));
        assert_eq!(range("2027-01-01T00:00:00Z", "latest"), None);
        assert_eq!((range("-1h", "latest"), range("17", "latest")), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_picked_is_what_is_shown(count in 1..40_usize, cursor in 0..40_usize, anchor in 0..40_usize) {
            let (cursor, anchor) = (cursor % count, anchor % count);
            let view = TimeCountsView { cursor, anchor: Some(anchor), ..view(&vec![1; count]) };
            let (from, to) = view.picked().unwrap();
            let request = RunRequest::default().with(RunField::From, from).with(RunField::To, to);
            prop_assert_eq!(view.in_range(&request), Some(cursor.min(anchor)..cursor.max(anchor) + 1));
        }
    }
}
