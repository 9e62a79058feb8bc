//! When the next frame may be drawn.

use std::time::{Duration, Instant};

use crate::update::Event;

/// Minimum time between two frames while the user does something: at most 30 frames per second.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(34);
/// Minimum time between two frames while only the feed has news. Figures that change more often cannot be read, and
/// each frame takes processor time from the run.
const MIN_FEED_FRAME_INTERVAL: Duration = Duration::from_millis(200);
/// For how long the console draws often after an input: its effect on the run comes with the feed.
const EFFECT_TIME: Duration = Duration::from_secs(1);

/// When the last frame was drawn, and whether the effect of an input is awaited.
#[derive(Default)]
pub(super) struct FramePace {
    /// `None` before the first frame.
    drawn_at: Option<Instant>,
    /// When the user last did something, or got an answer; `None` if nothing has happened yet.
    awaited_at: Option<Instant>,
}

impl FramePace {
    /// An event happened.
    pub(super) fn event(&mut self, event: &Event, now: Instant) {
        if !event.comes_by_itself() {
            self.awaited_at = Some(now);
        }
    }

    /// A frame was drawn.
    pub(super) fn drawn(&mut self, now: Instant) {
        self.drawn_at = Some(now);
    }

    /// The time until a frame may be drawn.
    pub(super) fn next_frame_in(&self, now: Instant) -> Duration {
        let is_awaited =
            self.awaited_at.is_some_and(|awaited_at| now.saturating_duration_since(awaited_at) < EFFECT_TIME);
        let interval = if is_awaited { MIN_FRAME_INTERVAL } else { MIN_FEED_FRAME_INTERVAL };
        self.drawn_at
            .map_or(Duration::ZERO, |drawn_at| interval.saturating_sub(now.saturating_duration_since(drawn_at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_frequent_after_an_input_and_rare_while_only_the_feed_has_news() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut pace = FramePace::default();
        assert_eq!(pace.next_frame_in(at(0)), Duration::ZERO, "the first frame does not wait");
        pace.drawn(at(0));
        pace.event(&Event::Tick(Duration::ZERO), at(10));
        assert_eq!(pace.next_frame_in(at(10)), MIN_FEED_FRAME_INTERVAL.saturating_sub(Duration::from_millis(10)));
        assert_eq!(pace.next_frame_in(at(300)), Duration::ZERO);
        pace.event(&Event::Resize(80, 24), at(20));
        assert_eq!(pace.next_frame_in(at(20)), MIN_FRAME_INTERVAL.saturating_sub(Duration::from_millis(20)));
        pace.drawn(at(900));
        assert_eq!(pace.next_frame_in(at(910)), MIN_FRAME_INTERVAL.saturating_sub(Duration::from_millis(10)));
        // The effect of the input has come by now.
        pace.drawn(at(1_100));
        assert_eq!(pace.next_frame_in(at(1_110)), MIN_FEED_FRAME_INTERVAL.saturating_sub(Duration::from_millis(10)));
    }
}
