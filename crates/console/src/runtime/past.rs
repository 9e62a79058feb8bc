//! Where the runtime looks up earlier moments: the last frames of the feed, or a recording.

mod frame_clock;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::{
    feed::{self, Snapshot},
    recording::{Frame, Past, RecentFrames, RecentPast},
    timeline::{Moment, TimeRange},
    watch::{AlertsSnapshot, WatchEvent, WatchSnapshot},
};

use frame_clock::FrameClock;

/// Encoding frames takes at most one part in this many of the time. Frames that come too soon are joined.
const ENCODING_DIVISOR: u32 = 20;
/// The parts into which a recording is divided for the timeline, unless they would be too long.
const TIMELINE_PARTS: i64 = 2_000;
/// The shortest of these parts, in milliseconds.
const MIN_PART_MS: i64 = 100;
/// The longest of them. Snapshots that are more than 10 seconds apart say nothing about the time between them
/// ([`Timeline::LONGEST_GAP_OF_RUNS`](kreplay_model::timeline::Timeline::LONGEST_GAP_OF_RUNS)), and the one at a moment
/// may be older than the moment.
const MAX_PART_MS: i64 = 5_000;

/// The last frames of the feed.
#[derive(Debug)]
pub(super) struct LastFrames {
    past: RecentPast,
    clock: FrameClock,
    /// What was said since the last frame was added.
    waiting: Option<Frame>,
    /// When the next frame may be added.
    due: Instant,
}

impl LastFrames {
    /// None so far.
    pub(super) fn new() -> Self {
        Self { past: RecentPast::default(), clock: FrameClock::default(), waiting: None, due: Instant::now() }
    }

    /// Adds a snapshot of the session.
    pub(super) fn add_snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let Some(at) = snapshot.at else { return };
        self.clock.take_snapshot(snapshot, at.into());
        self.add(|frame| frame.snapshot = Some(Arc::clone(snapshot)));
    }

    /// Adds events of the session.
    pub(super) fn add_events(&mut self, events: &[feed::Event]) {
        let Some(last) = events.last() else { return };
        self.clock.take(last.at.timestamp_millis());
        self.add(|frame| frame.events.extend_from_slice(events));
    }

    /// Adds a look at the groups.
    pub(super) fn add_look(&mut self, look: &Arc<WatchSnapshot>) {
        self.clock.take(look.at.timestamp_millis());
        self.add(|frame| frame.groups = Some(Arc::clone(look)));
    }

    /// Adds the alerts of the latest look. They have no time of their own, so they belong to the last frame.
    pub(super) fn add_alerts(&mut self, alerts: &Arc<AlertsSnapshot>) {
        self.add(|frame| frame.alerts = Some(Arc::clone(alerts)));
    }

    /// Adds events of the groups.
    pub(super) fn add_group_events(&mut self, events: &[WatchEvent]) {
        let Some(last) = events.last() else { return };
        self.clock.take(last.at.timestamp_millis());
        self.add(|frame| frame.group_events.extend_from_slice(events));
    }

    /// What the feed had said at a moment; `None` before the first frame that is kept.
    pub(super) fn state_at(&mut self, at: Moment) -> Option<Frame> {
        self.encode();
        self.past.state_at(self.clock.time_of(at))
    }

    /// What the feed has said so far; `None` before the first frame.
    pub(super) fn latest(&mut self) -> Option<Frame> {
        self.encode();
        self.past.state_at(i64::MAX)
    }

    /// All frames that are kept.
    pub(super) fn all(&mut self) -> RecentFrames {
        self.encode();
        self.past.frames()
    }

    fn add(&mut self, add: impl FnOnce(&mut Frame)) {
        add(self.waiting.get_or_insert_default());
        if Instant::now() >= self.due {
            self.encode();
        }
    }

    fn encode(&mut self) {
        // What came before anything that has a time waits for it.
        let Some(at_ms) = self.clock.last_ms() else { return };
        let Some(frame) = self.waiting.take() else { return };
        let began = Instant::now();
        // A frame that cannot be encoded is a moment that cannot be shown; the console continues.
        drop(self.past.push(&Frame { at_ms, ..frame }));
        let took: Duration = began.elapsed();
        self.due = Instant::now() + took * (ENCODING_DIVISOR - 1);
    }
}

/// A recording, and how much of it the timeline has.
#[derive(Debug)]
pub(super) struct Recording {
    past: Box<dyn Past>,
    range: Option<TimeRange>,
    opened_at: Option<Moment>,
    /// The next moment for the timeline; `None` when it is complete.
    next: Option<Moment>,
    part_ms: i64,
}

impl Recording {
    /// A recording of which the timeline has nothing yet, opened at a moment or at its first one.
    pub(super) fn new(past: Box<dyn Past>, opened_at: Option<Moment>) -> Self {
        let range = past.range().map(|(from, to)| TimeRange::new(Moment::from_ms(from), Moment::from_ms(to)));
        let part_ms = range.map_or(MIN_PART_MS, |range| (range.ms() / TIMELINE_PARTS).clamp(MIN_PART_MS, MAX_PART_MS));
        Self { past, range, opened_at, next: range.map(TimeRange::from), part_ms }
    }

    /// The moment at which it was opened; `None` for its first one.
    pub(super) fn opened_at(&self) -> Option<Moment> {
        self.opened_at
    }

    /// The time of the recording; `None` if it is empty.
    pub(super) fn range(&self) -> Option<TimeRange> {
        self.range
    }

    /// What the feed had said at a moment.
    pub(super) fn state_at(&self, at: Moment) -> Option<Frame> {
        self.past.state_at(at.ms())
    }

    /// The next moment for the timeline; `None` when it is complete.
    pub(super) fn next_for_timeline(&mut self) -> Option<Frame> {
        let (at, range) = (self.next?, self.range?);
        self.next = (at < range.to()).then(|| at.plus_ms(self.part_ms).min(range.to()));
        self.past.state_at(at.ms())
    }

    /// Whether the timeline is complete.
    pub(super) fn is_loaded(&self) -> bool {
        self.next.is_none()
    }
}

/// Where earlier moments are looked up.
#[derive(Debug)]
pub(super) enum Moments {
    /// A feed that continues.
    Feed(Box<LastFrames>),
    /// A recording.
    Recording(Recording),
}

impl Moments {
    /// What the feed had said at a moment; `None` if it is not kept. The latest moment of a feed has its last frame,
    /// whatever their clocks say.
    pub(super) fn state_at(&mut self, at: Moment, is_latest: bool) -> Option<Frame> {
        match self {
            Self::Feed(frames) if is_latest => frames.latest(),
            Self::Feed(frames) => frames.state_at(at),
            Self::Recording(recording) => recording.state_at(at),
        }
    }

    /// The last frames of a feed; `None` for a recording.
    pub(super) fn of_feed(&mut self) -> Option<&mut LastFrames> {
        match self {
            Self::Feed(frames) => Some(frames),
            Self::Recording(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kreplay_model::{
        feed::{RunState, RunView},
        timeline::{Figure, Timeline},
    };

    use super::*;

    fn snapshot(ms: i64) -> Arc<Snapshot> {
        Arc::new(Snapshot { at: DateTime::from_timestamp_millis(ms), ..Snapshot::default() })
    }

    fn shown_ms(frame: Option<Frame>) -> Option<i64> {
        frame?.snapshot?.at.map(|at| at.timestamp_millis())
    }

    #[test]
    fn frames_that_come_too_soon_are_joined_and_the_last_one_can_be_shown() {
        let mut frames = LastFrames::new();
        frames.add_snapshot(&snapshot(1_000));
        frames.due = Instant::now() + Duration::from_secs(3_600);
        frames.add_snapshot(&snapshot(1_100));
        frames.add_snapshot(&snapshot(1_200));
        assert!(frames.waiting.is_some(), "encoding waits");
        assert_eq!(shown_ms(frames.state_at(Moment::from_ms(1_200))), Some(1_200));
        assert_eq!(shown_ms(frames.state_at(Moment::from_ms(1_199))), Some(1_000));
        assert_eq!(frames.state_at(Moment::from_ms(999)), None);
    }

    /// A snapshot of a run that handles 1,000 records per second.
    fn of_run(started_ms: i64, elapsed_ms: i64, at_ms: i64) -> Arc<Snapshot> {
        let mut run = RunView {
            id: "r".into(),
            state: RunState::Running,
            started_at: DateTime::from_timestamp_millis(started_ms),
            elapsed_s: Duration::from_millis(elapsed_ms.unsigned_abs()).as_secs_f64(),
            ..RunView::default()
        };
        run.totals.handled = elapsed_ms.unsigned_abs();
        Arc::new(Snapshot { at: DateTime::from_timestamp_millis(at_ms), run: Some(run), ..Snapshot::default() })
    }

    #[test]
    fn after_the_clock_was_set_back_the_moments_of_a_run_can_still_be_told_apart() {
        let mut frames = LastFrames::new();
        let started_ms = 1_790_000_000_000;
        for second in 0..60 {
            let (elapsed_ms, step_ms) = (second * 1_000, if second < 30 { 0 } else { -600_000 });
            frames.add_snapshot(&of_run(started_ms, elapsed_ms, started_ms + elapsed_ms + step_ms));
            frames.encode();
        }
        let handled = |frame: Option<Frame>| frame?.snapshot?.run.as_ref().map(|run| run.totals.handled);
        for second in [0, 29, 30, 45, 59] {
            let at = Moment::from_ms(started_ms + second * 1_000);
            assert_eq!(handled(frames.state_at(at)), Some(second.unsigned_abs() * 1_000));
        }
        assert_eq!(handled(frames.latest()), Some(59_000));
        let times: Vec<i64> = frames.all().iter().map(|frame| frame.at_ms - started_ms).collect();
        assert_eq!((times.first(), times.last()), (Some(&0), Some(&59_000)));
    }

    #[test]
    fn alerts_before_anything_else_wait_for_a_frame_that_has_a_time() {
        let mut frames = LastFrames::new();
        frames.add_alerts(&Arc::default());
        assert_eq!((frames.all().iter().count(), frames.latest()), (0, None));
        frames.add_snapshot(&snapshot(1_000));
        let first = frames.all().iter().next().unwrap();
        assert_eq!((first.at_ms, first.alerts.is_some()), (1_000, true));
        frames.add_snapshot(&snapshot(1_100));
        assert_eq!(shown_ms(frames.state_at(Moment::from_ms(1_000))), Some(1_000));
    }

    #[test]
    fn alerts_belong_to_the_frame_before_them() {
        let mut frames = LastFrames::new();
        frames.add_snapshot(&snapshot(1_000));
        frames.add_alerts(&Arc::default());
        assert!(frames.state_at(Moment::from_ms(1_000)).unwrap().alerts.is_some());
    }

    #[test]
    fn the_timeline_gets_a_recording_from_its_first_moment_to_its_last_one() {
        let mut past = RecentPast::default();
        for ms in (1_000..=1_450).step_by(50) {
            past.push(&Frame { at_ms: ms, snapshot: Some(snapshot(ms)), ..Frame::default() }).unwrap();
        }
        let mut recording = Recording::new(Box::new(past), None);
        let mut shown = Vec::new();
        while !recording.is_loaded() {
            shown.extend(shown_ms(recording.next_for_timeline()));
        }
        assert_eq!(shown, [1_000, 1_100, 1_200, 1_300, 1_400, 1_450]);
        assert_eq!(recording.next_for_timeline(), None);
    }

    /// The recording of a run, however long it is.
    #[derive(Debug)]
    struct Recorded {
        ms: i64,
    }

    impl Past for Recorded {
        fn range(&self) -> Option<(i64, i64)> {
            Some((0, self.ms))
        }

        fn state_at(&self, at_ms: i64) -> Option<Frame> {
            Some(Frame { at_ms, snapshot: Some(of_run(0, at_ms, at_ms)), ..Frame::default() })
        }

        fn next_mark(&self, _: i64, _: bool) -> Option<i64> {
            None
        }
    }

    #[test]
    fn the_timeline_knows_the_rates_of_a_recording_however_long_it_is() {
        for hours in [1, 6, 24] {
            let ms = hours * 3_600_000;
            let mut recording = Recording::new(Box::new(Recorded { ms }), None);
            let mut timeline = Timeline::default();
            let mut moments = 0;
            while !recording.is_loaded() {
                let frame = recording.next_for_timeline().unwrap();
                timeline.add_snapshot(&frame.snapshot.unwrap());
                moments += 1;
            }
            assert!(moments <= TIMELINE_PARTS.max(ms / MAX_PART_MS) + 2, "{moments}");
            for at_ms in [ms / 3, ms / 2, ms - 1_000] {
                let rate = timeline.value_at(Figure::HandledPerS, Moment::from_ms(at_ms));
                assert!(rate.is_some_and(|rate| (rate - 1_000.0).abs() < 1.0), "{hours} h: {rate:?} at {at_ms}");
            }
        }
    }
}
