//! When the frames of a feed were.

use std::{collections::VecDeque, time::Instant};

use kreplay_model::{
    feed::{RunView, Snapshot},
    timeline::{Moment, Timeline},
};

use crate::state::FeedState;

/// The times of frames, in milliseconds since 1970.
///
/// They are those of the feed, but never go back. While a run is in progress, they are the time of its first frame plus
/// the time of the run since then, as the timeline has it: a step of the system clock changes neither.
#[derive(Debug, Default)]
pub(super) struct FrameClock {
    /// The time of the last frame; `None` before anything that has a time.
    last_ms: Option<i64>,
    /// The runs, the latest last.
    runs: VecDeque<DatedRun>,
    /// While a run is in progress: the time of its last snapshot, and when that came.
    in_progress: Option<(i64, Instant)>,
}

/// The frames of a run.
#[derive(Debug)]
struct DatedRun {
    id: String,
    /// From its start to its last snapshot, on the timeline.
    from: Moment,
    to: Moment,
    /// By how much the times of its frames are later. Mostly about 0, but the timeline shows a run that was resumed
    /// where it began, and the clock may have been set back before the run.
    offset_ms: i64,
}

impl FrameClock {
    /// The time of the last frame; `None` before anything that has a time.
    pub(super) fn last_ms(&self) -> Option<i64> {
        self.last_ms
    }

    /// The next frame has a snapshot of this time.
    pub(super) fn take_snapshot(&mut self, snapshot: &Snapshot, at: Moment) {
        self.in_progress = None;
        let dated = snapshot.run.as_ref().and_then(|run| Some((run, self.date(run, at)?)));
        match dated {
            Some((run, run_ms)) if !run.state.is_over() => {
                self.in_progress = Some((run_ms, Instant::now()));
                self.take(run_ms);
            }
            Some((_, run_ms)) => self.take(run_ms.max(at.ms())),
            None => self.take(at.ms()),
        }
    }

    /// The next frame has something of this time.
    pub(super) fn take(&mut self, at_ms: i64) {
        // What is later than the run was said by a clock that was set forward.
        let at_ms = self.in_progress.map_or(at_ms, |(run_ms, since)| {
            let elapsed_ms = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
            at_ms.min(run_ms.saturating_add(elapsed_ms))
        });
        self.last_ms = Some(self.last_ms.map_or(at_ms, |last_ms| last_ms.max(at_ms)));
    }

    /// The time of the frames at a moment of the timeline. Moments outside of all runs are those of frames.
    pub(super) fn time_of(&self, at: Moment) -> i64 {
        let run = self.runs.iter().rev().find(|run| (run.from..=run.to).contains(&at));
        run.map_or(at, |run| at.plus_ms(run.offset_ms)).ms()
    }

    /// The time of a snapshot of a run that came with this time; `None` before the start of the run.
    fn date(&mut self, run: &RunView, at: Moment) -> Option<i64> {
        let (from, to) = (Moment::from(run.started_at?), FeedState::moment_of_run(run)?);
        if self.runs.back().is_none_or(|last| last.id != run.id) {
            let first_ms = self.last_ms.map_or(at.ms(), |last_ms| last_ms.max(at.ms()));
            if self.runs.len() == Timeline::MAX_RUNS {
                self.runs.pop_front();
            }
            self.runs.push_back(DatedRun { id: run.id.clone(), from, to, offset_ms: first_ms.saturating_sub(to.ms()) });
        }
        let dated = self.runs.back_mut()?;
        (dated.from, dated.to) = (from, to);
        Some(to.plus_ms(dated.offset_ms).ms())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_model::feed::RunState;

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    /// A snapshot of a run some minutes after its start.
    fn of_run(id: &str, started_ms: i64, minutes: u32) -> Snapshot {
        let run = RunView {
            id: id.into(),
            state: RunState::Running,
            started_at: DateTime::from_timestamp_millis(started_ms),
            elapsed_s: f64::from(minutes) * 60.0,
            ..RunView::default()
        };
        Snapshot { run: Some(run), ..Snapshot::default() }
    }

    fn minute(minute: i64) -> Moment {
        Moment::from_ms(minute * MINUTE_MS)
    }

    #[test]
    fn a_step_of_the_clock_changes_no_times_of_a_run() {
        // The clock is set back by 10 minutes, or set forward by 20.
        for step in [-10, 20] {
            let mut clock = FrameClock::default();
            clock.take_snapshot(&of_run("r", 100 * MINUTE_MS, 0), minute(100));
            clock.take_snapshot(&of_run("r", 100 * MINUTE_MS, 5), minute(105 + step));
            assert_eq!(clock.last_ms(), Some(105 * MINUTE_MS));
            clock.take((106 + step) * MINUTE_MS);
            clock.take_snapshot(&of_run("r", 100 * MINUTE_MS, 10), minute(110 + step));
            assert_eq!(clock.last_ms(), Some(110 * MINUTE_MS), "{step}");
            assert_eq!(clock.time_of(minute(104)), 104 * MINUTE_MS);
        }
    }

    #[test]
    fn frames_of_a_run_that_begins_after_the_clock_was_set_back_follow_the_earlier_ones() {
        let mut clock = FrameClock::default();
        clock.take_snapshot(&Snapshot::default(), minute(100));
        clock.take_snapshot(&of_run("r", 90 * MINUTE_MS, 0), minute(90));
        clock.take_snapshot(&of_run("r", 90 * MINUTE_MS, 3), minute(93));
        assert_eq!(clock.last_ms(), Some(103 * MINUTE_MS));
        assert_eq!(clock.time_of(minute(92)), 102 * MINUTE_MS);
        assert_eq!(clock.time_of(minute(89)), 89 * MINUTE_MS, "before the run");
    }

    #[test]
    fn frames_of_a_resumed_run_have_the_time_of_the_feed() {
        let mut clock = FrameClock::default();
        clock.take_snapshot(&of_run("r", 0, 30), minute(1_000));
        clock.take_snapshot(&of_run("r", 0, 31), minute(1_001));
        assert_eq!(clock.last_ms(), Some(1_001 * MINUTE_MS));
        assert_eq!(clock.time_of(minute(30)), 1_000 * MINUTE_MS, "the timeline has it where the run began");
    }

    #[test]
    fn after_a_run_the_time_of_the_feed_counts_again() {
        let mut clock = FrameClock::default();
        clock.take_snapshot(&of_run("r", 0, 30), minute(30));
        let mut over = of_run("r", 0, 31);
        over.run.iter_mut().for_each(|run| run.state = RunState::Done);
        clock.take_snapshot(&over, minute(31));
        clock.take(40 * MINUTE_MS);
        assert_eq!(clock.last_ms(), Some(40 * MINUTE_MS));
        clock.take_snapshot(&over, minute(35));
        assert_eq!(clock.last_ms(), Some(40 * MINUTE_MS), "it does not go back");
    }
}
