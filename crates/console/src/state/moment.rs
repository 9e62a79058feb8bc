//! Which moment is shown: the latest one, or an earlier one under the same choices of the user.

use kreplay_model::{feed::errors::ErrorKinds, recording::Frame, timeline::Moment};

use super::{FeedState, KeptEvents, State, TimelineSubject, Watched};

impl State {
    /// Whether an earlier moment is shown, or one of a recording.
    #[must_use]
    pub fn shows_past(&self) -> bool {
        self.feed.moment.is_some()
    }

    /// What the feed said last, even while an earlier moment is shown.
    #[must_use]
    pub fn latest_feed(&self) -> &FeedState {
        self.latest.as_deref().unwrap_or(&self.feed)
    }

    /// Whether closing the console would end a run.
    #[must_use]
    pub fn ends_run_on_quit(&self) -> bool {
        self.playback.is_none() && self.latest_feed().run_is_active()
    }

    /// A moment as text: since the start of its run, or the time of day of a watch without runs.
    #[must_use]
    pub fn moment_text(&self, at: Moment) -> String {
        let has_runs = self.feed.timeline.runs().len() > 0;
        self.clock(if has_runs { TimelineSubject::Runs } else { TimelineSubject::Group("") }, at, 1)
    }
}

impl FeedState {
    /// The moment of the latest snapshot or look, or the earlier one that is shown; `None` before the first.
    #[must_use]
    pub fn at(&self) -> Option<Moment> {
        let snapshot = self.snapshot.at.map(Moment::from);
        let look = self.watched.snapshot().map(|look| Moment::from(look.at));
        self.moment.or(snapshot.max(look))
    }

    /// What the feed had said at a moment. The timeline, journals, and what was said about changes of groups belong
    /// to no moment, so they are taken from `now`. Groups that were not known yet are in the state `unlisted`.
    pub(crate) fn of_frame(at: Moment, frame: Frame, now: &mut Self, unlisted: Watched) -> Self {
        let mut errors = ErrorKinds::default();
        frame.events.iter().for_each(|event| errors.add(event));
        Self {
            moment: Some(at),
            errors,
            snapshot: frame.snapshot.unwrap_or_default(),
            ended: false,
            events: KeptEvents::latest(frame.events),
            timeline: std::mem::take(&mut now.timeline),
            watched: frame.groups.map_or(unlisted, Watched::known),
            alerts: frame.alerts,
            changes: std::mem::take(&mut now.changes),
            journal: std::mem::take(&mut now.journal),
        }
    }
}
