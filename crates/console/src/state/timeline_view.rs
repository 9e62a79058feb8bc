//! What the user looks at on the timeline.

use kreplay_model::timeline::{Moment, RunExtent, TimeRange};

use super::{Playback, ScreenId, Scrollable, State, TimeColumns};
use crate::key::Mode;

/// Columns that are assumed before the first frame of the timeline.
const COLUMNS_BEFORE_THE_FIRST_FRAME: usize = 60;

/// What the user looks at on the timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimelineView {
    /// The group whose timeline is shown; `None` is that of the session's runs.
    pub group: Option<String>,
    /// The length of a column in milliseconds; `None` shows the whole run, or the whole watch.
    pub column_ms: Option<i64>,
    /// The moment under the cursor; `None` follows the latest one.
    pub cursor: Option<Moment>,
    /// The moment with which the one under the cursor is compared.
    pub marker: Option<Moment>,
    /// A moment of the last column while there is a cursor.
    pub(crate) end: Option<Moment>,
}

/// What a timeline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineSubject<'a> {
    /// The runs of the session.
    Runs,
    /// A watched group.
    Group(&'a str),
}

impl State {
    /// What the timeline is about; `None` if nothing was measured.
    #[must_use]
    pub fn timeline_subject(&self) -> Option<TimelineSubject<'_>> {
        let timeline = &self.feed.timeline;
        match &self.user.timeline.group {
            Some(group) => timeline.looks().map(|_| TimelineSubject::Group(group)),
            None => (timeline.runs().len() > 0).then_some(TimelineSubject::Runs),
        }
    }

    /// Whether a page of a run over time is in front, which has a window in time of its own.
    #[must_use]
    pub fn is_charting(&self) -> bool {
        self.user.navigation.front().screen.mode() == Mode::Charting
    }

    /// Whether such a page has a cursor of its own that goes from event to event. In a recording, the playback does.
    #[must_use]
    pub fn visits_events_on_chart(&self) -> bool {
        self.is_charting() && self.playback.is_none()
    }

    /// The time that the timeline has; `None` if nothing was measured.
    #[must_use]
    pub fn timeline_range(&self) -> Option<TimeRange> {
        let timeline = &self.feed.timeline;
        let subject = self.timeline_subject()?;
        if let Some(playback) = &self.playback {
            return Some(playback.range());
        }
        match subject {
            TimelineSubject::Runs => {
                Some(TimeRange::new(timeline.runs().next()?.started, timeline.runs().next_back()?.range.to()))
            }
            TimelineSubject::Group(_) => timeline.looks(),
        }
    }

    /// The run that a moment belongs to: the last one that had started, or the first one.
    #[must_use]
    pub fn run_at(&self, at: Moment) -> Option<&RunExtent> {
        let timeline = &self.feed.timeline;
        timeline.runs().rev().find(|run| run.started <= at).or_else(|| timeline.runs().next())
    }

    /// The moment under the cursor of the timeline, or the latest one.
    #[must_use]
    pub fn timeline_cursor(&self) -> Option<Moment> {
        let range = self.timeline_range()?;
        Some(self.user.timeline.cursor.map_or(range.to(), |cursor| cursor.clamp(range.from(), range.to())))
    }

    /// The moment from which the next event is looked for: the one that is shown, or the one under the cursor.
    #[must_use]
    pub fn moment_to_leave(&self) -> Option<Moment> {
        self.playback.as_ref().map(Playback::at).or_else(|| self.timeline_cursor())
    }

    /// The time that the whole timeline shows: the run under the cursor, or the watch.
    #[must_use]
    pub fn timeline_whole(&self) -> Option<TimeRange> {
        let range = self.timeline_range()?;
        let run =
            matches!(self.timeline_subject()?, TimelineSubject::Runs).then(|| self.run_at(self.timeline_cursor()?));
        Some(run.flatten().map_or(range, |run| TimeRange::new(run.started, run.range.to())))
    }

    /// The columns that the timeline shows if it has this number.
    #[must_use]
    pub fn timeline_columns(&self, count: usize) -> Option<TimeColumns> {
        let (whole, cursor) = (self.timeline_whole()?, self.timeline_cursor()?);
        let view = &self.user.timeline;
        let Some(length_ms) = view.column_ms else {
            return Some(TimeColumns::ending_with(whole.to(), count, TimeColumns::length_for(whole, count)));
        };
        let latest = self.timeline_range()?.to();
        let end = view.cursor.and(view.end).map_or(latest, |end| end.min(latest));
        Some(TimeColumns::ending_with(end, count, length_ms).showing(cursor))
    }

    /// The columns that the last frame of the timeline showed.
    pub(crate) fn drawn_timeline_columns(&self) -> Option<TimeColumns> {
        let count = self.extents.page(Scrollable::Screen(ScreenId::Timeline));
        self.timeline_columns(count.unwrap_or(COLUMNS_BEFORE_THE_FIRST_FRAME))
    }
}
