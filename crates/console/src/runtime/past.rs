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

/// Encoding frames takes at most one part in this many of the time. Frames that come too soon are joined.
const ENCODING_DIVISOR: u32 = 20;
/// The parts into which a recording is divided for the timeline, at most.
const TIMELINE_PARTS: i64 = 2_000;
/// The shortest of these parts, in milliseconds.
const MIN_PART_MS: i64 = 100;

/// The last frames of the feed.
#[derive(Debug)]
pub(super) struct LastFrames {
    past: RecentPast,
    /// What was said since the last frame was added.
    waiting: Option<Frame>,
    /// When the next frame may be added.
    due: Instant,
}

impl LastFrames {
    /// None so far.
    pub(super) fn new() -> Self {
        Self { past: RecentPast::default(), waiting: None, due: Instant::now() }
    }

    /// Adds a snapshot of the session.
    pub(super) fn add_snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let Some(at) = snapshot.at else { return };
        self.add(at.timestamp_millis(), |frame| frame.snapshot = Some(Arc::clone(snapshot)));
    }

    /// Adds events of the session.
    pub(super) fn add_events(&mut self, events: &[feed::Event]) {
        let Some(last) = events.last() else { return };
        self.add(last.at.timestamp_millis(), |frame| frame.events.extend_from_slice(events));
    }

    /// Adds a look at the groups.
    pub(super) fn add_look(&mut self, look: &Arc<WatchSnapshot>) {
        self.add(look.at.timestamp_millis(), |frame| frame.groups = Some(Arc::clone(look)));
    }

    /// Adds the alerts of the latest look.
    pub(super) fn add_alerts(&mut self, alerts: &Arc<AlertsSnapshot>) {
        self.add(i64::MIN, |frame| frame.alerts = Some(Arc::clone(alerts)));
    }

    /// Adds events of the groups.
    pub(super) fn add_group_events(&mut self, events: &[WatchEvent]) {
        let Some(last) = events.last() else { return };
        self.add(last.at.timestamp_millis(), |frame| frame.group_events.extend_from_slice(events));
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

    fn add(&mut self, at_ms: i64, add: impl FnOnce(&mut Frame)) {
        // What has no time of its own belongs to the last frame.
        let first_ms = || self.past.range().map_or(at_ms, |(_, last)| last);
        let before_ms = self.waiting.as_ref().map_or_else(first_ms, |frame| frame.at_ms);
        let frame = self.waiting.get_or_insert_default();
        frame.at_ms = at_ms.max(before_ms);
        add(frame);
        if Instant::now() >= self.due {
            self.encode();
        }
    }

    fn encode(&mut self) {
        let Some(frame) = self.waiting.take() else { return };
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
        let part_ms = range.map_or(MIN_PART_MS, |range| (range.ms() / TIMELINE_PARTS).max(MIN_PART_MS));
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
