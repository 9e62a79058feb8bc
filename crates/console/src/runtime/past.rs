//! Where the runtime looks up earlier moments: the last frames of the feed, or a recording.

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

use crate::state::Playback;

/// Encoding frames takes at most one part in this many of the time. Frames that come too soon are joined.
const ENCODING_DIVISOR: u32 = 20;

/// The last frames of the feed.
#[derive(Debug)]
pub(super) struct LastFrames {
    past: RecentPast,
    /// What was said since the last frame was added.
    waiting: Option<Frame>,
    /// The time of the last frame; `None` before anything that has one.
    last_ms: Option<i64>,
    /// When the next frame may be added.
    due: Instant,
}

impl LastFrames {
    /// None so far.
    pub(super) fn new() -> Self {
        Self { past: RecentPast::default(), waiting: None, last_ms: None, due: Instant::now() }
    }

    /// Adds a snapshot of the session.
    pub(super) fn add_snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let Some(at) = snapshot.at else { return };
        self.add(Some(at.timestamp_millis()), |frame| frame.snapshot = Some(Arc::clone(snapshot)));
    }

    /// Adds events of the session.
    pub(super) fn add_events(&mut self, events: &[feed::Event]) {
        let Some(last) = events.last() else { return };
        self.add(Some(last.at.timestamp_millis()), |frame| frame.events.extend_from_slice(events));
    }

    /// Adds a look at the groups.
    pub(super) fn add_look(&mut self, look: &Arc<WatchSnapshot>) {
        self.add(Some(look.at.timestamp_millis()), |frame| frame.groups = Some(Arc::clone(look)));
    }

    /// Adds the alerts of the latest look. They have no time of their own, so they belong to the last frame.
    pub(super) fn add_alerts(&mut self, alerts: &Arc<AlertsSnapshot>) {
        self.add(None, |frame| frame.alerts = Some(Arc::clone(alerts)));
    }

    /// Adds events of the groups.
    pub(super) fn add_group_events(&mut self, events: &[WatchEvent]) {
        let Some(last) = events.last() else { return };
        self.add(Some(last.at.timestamp_millis()), |frame| frame.group_events.extend_from_slice(events));
    }

    /// What the feed had said at a moment; `None` before the first frame that is kept.
    pub(super) fn state_at(&mut self, at: Moment) -> Option<Frame> {
        self.encode();
        self.past.state_at(at.ms())
    }

    /// All frames that are kept.
    pub(super) fn all(&mut self) -> RecentFrames {
        self.encode();
        self.past.frames()
    }

    fn add(&mut self, at_ms: Option<i64>, add: impl FnOnce(&mut Frame)) {
        let frame = self.waiting.get_or_insert_default();
        add(frame);
        self.last_ms = self.last_ms.max(at_ms);
        // What came before anything that has a time waits for it.
        let Some(last_ms) = self.last_ms else { return };
        frame.at_ms = last_ms;
        if Instant::now() >= self.due {
            self.encode();
        }
    }

    fn encode(&mut self) {
        let Some(frame) = self.waiting.take_if(|_| self.last_ms.is_some()) else { return };
        let began = Instant::now();
        // A frame that cannot be encoded is a moment that cannot be shown; the console continues.
        drop(self.past.push(&frame));
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
        let part_ms = range.map_or(0, Playback::timeline_part_ms);
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
    /// What the feed had said at a moment; `None` if it is not kept.
    pub(super) fn state_at(&mut self, at: Moment) -> Option<Frame> {
        match self {
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
        timeline::Figure,
    };

    use super::*;
    use crate::state::FeedState;

    fn snapshot(ms: i64) -> Arc<Snapshot> {
        Arc::new(Snapshot { at: DateTime::from_timestamp_millis(ms), ..Snapshot::default() })
    }

    fn shown_ms(frame: Option<Frame>) -> Option<i64> {
        frame?.snapshot?.at.map(|at| at.timestamp_millis())
    }

    #[test]
    fn the_timeline_knows_the_rates_of_a_recording_however_long_it_is() {
        for hours in [1, 6, 24] {
            let ms = hours * 3_600_000;
            let part_ms = Playback::timeline_part_ms(TimeRange::new(Moment::from_ms(0), Moment::from_ms(ms)));
            let mut timeline = FeedState::timeline(Duration::from_millis(part_ms.unsigned_abs()));
            for at_ms in (0..ms).step_by(usize::try_from(part_ms).unwrap()) {
                let elapsed = Duration::from_millis(at_ms.unsigned_abs());
                let mut run = RunView {
                    id: "r".into(),
                    state: RunState::Running,
                    started_at: DateTime::from_timestamp_millis(0),
                    elapsed_s: elapsed.as_secs_f64(),
                    ..RunView::default()
                };
                run.totals.handled = at_ms.unsigned_abs();
                timeline.add_snapshot(&Snapshot { run: Some(run), ..Snapshot::default() });
            }
            let rate = timeline.value_at(Figure::HandledPerS, Moment::from_ms(ms / 2));
            assert!(rate.is_some_and(|rate| (rate - 1_000.0).abs() < 1.0), "{hours} h: {rate:?}");
        }
    }

    #[test]
    fn alerts_before_anything_else_wait_for_a_frame_that_has_a_time() {
        let mut frames = LastFrames::new();
        frames.add_alerts(&Arc::default());
        assert_eq!(frames.all().iter().count(), 0);
        frames.add_snapshot(&snapshot(1_000));
        let first = frames.all().iter().next().unwrap();
        assert_eq!((first.at_ms, first.alerts.is_some()), (1_000, true));
        frames.add_snapshot(&snapshot(1_100));
        assert_eq!(shown_ms(frames.state_at(Moment::from_ms(1_000))), Some(1_000));
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
}
