//! Where the playback of a recording is.

use std::time::Duration;

use kreplay_model::timeline::{Moment, TimeRange};

/// Speeds of a playback, relative to the time in which the recording was made.
pub const SPEEDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
/// The speed at first.
const NORMAL: usize = 3;
/// The parts into which a recording is divided for its timeline, at most: each is read as a whole.
const TIMELINE_PARTS: i64 = 2_000;
/// The shortest of these parts, in milliseconds.
const MIN_TIMELINE_PART_MS: i64 = 100;

/// Where the playback of a recording is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    range: TimeRange,
    at: Moment,
    is_playing: bool,
    speed: usize,
}

impl Playback {
    /// At the start of a recording, paused.
    #[must_use]
    pub fn new(range: TimeRange) -> Self {
        Self { range, at: range.from(), is_playing: false, speed: NORMAL }
    }

    /// The length of the parts into which a recording is divided for its timeline, in milliseconds.
    #[must_use]
    pub fn timeline_part_ms(range: TimeRange) -> i64 {
        (range.ms() / TIMELINE_PARTS).max(MIN_TIMELINE_PART_MS)
    }

    /// From the first moment of the recording to its last one.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        self.range
    }

    /// The moment that is shown.
    #[must_use]
    pub fn at(&self) -> Moment {
        self.at
    }

    /// Whether the time advances.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.is_playing
    }

    /// The speed, relative to the time in which the recording was made.
    #[must_use]
    pub fn speed(&self) -> f64 {
        SPEEDS.get(self.speed).copied().unwrap_or(1.0)
    }

    /// The share of the recording before the moment that is shown, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
    pub fn progress(&self) -> f64 {
        let whole_ms = self.range.ms();
        if whole_ms == 0 { 1.0 } else { (self.at.ms() - self.range.from().ms()) as f64 / whole_ms as f64 }
    }

    /// Plays or pauses. At the end, the playback begins again.
    pub(crate) fn toggle(&mut self) {
        self.is_playing = !self.is_playing;
        if self.is_playing && self.at >= self.range.to() {
            self.at = self.range.from();
        }
    }

    /// Takes the next speed, or the previous one. Whether there is one.
    pub(crate) fn change_speed(&mut self, faster: bool) -> bool {
        let next = if faster { Some(self.speed + 1) } else { self.speed.checked_sub(1) };
        let next = next.filter(|next| *next < SPEEDS.len());
        self.speed = next.unwrap_or(self.speed);
        next.is_some()
    }

    /// Whether there is a faster speed, or a slower one.
    #[must_use]
    pub fn can_change_speed(&self, faster: bool) -> bool {
        if faster { self.speed + 1 < SPEEDS.len() } else { self.speed > 0 }
    }

    /// Goes to a moment of the recording.
    pub(crate) fn seek(&mut self, at: Moment) {
        self.at = at.clamp(self.range.from(), self.range.to());
    }

    /// Advances the time, and pauses at the end. Whether another moment is shown.
    pub(crate) fn advance(&mut self, elapsed: Duration) -> bool {
        if !self.is_playing {
            return false;
        }
        let before = self.at;
        if let Some(at) = before.plus_s(elapsed.as_secs_f64() * self.speed()) {
            self.seek(at);
        }
        self.is_playing = self.at < self.range.to();
        self.at != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playback(ms: i64) -> Playback {
        Playback::new(TimeRange::new(Moment::from_ms(1_000), Moment::from_ms(1_000 + ms)))
    }

    #[test]
    fn time_goes_on_only_while_playing_and_stops_at_the_end() {
        let mut one = playback(1_000);
        assert!(!one.advance(Duration::from_millis(100)));
        one.toggle();
        assert!(one.advance(Duration::from_millis(100)));
        assert_eq!(one.at().ms(), 1_100);
        assert!(one.change_speed(true));
        assert!(one.advance(Duration::from_millis(100)));
        assert_eq!(one.at().ms(), 1_300);
        assert!(one.advance(Duration::from_secs(9)));
        assert_eq!((one.at().ms(), one.is_playing()), (2_000, false));
        one.toggle();
        assert_eq!((one.at().ms(), one.is_playing()), (1_000, true));
    }

    #[test]
    fn speeds_have_bounds() {
        let mut one = playback(1_000);
        while one.can_change_speed(true) {
            assert!(one.change_speed(true));
        }
        assert!(!one.change_speed(true));
        assert!((one.speed() - 60.0).abs() < 1e-9);
        while one.can_change_speed(false) {
            assert!(one.change_speed(false));
        }
        assert!(!one.change_speed(false));
        assert!((one.speed() - 0.1).abs() < 1e-9);
    }

    #[test]
    fn a_recording_of_one_moment_is_at_its_end() {
        let mut one = playback(0);
        assert!((one.progress() - 1.0).abs() < 1e-9);
        one.toggle();
        assert!(!one.advance(Duration::from_secs(1)) && !one.is_playing());
    }
}
