//! The recent speed of a run: over the last quarter of its time, and at least over one second. Pure.

use std::collections::VecDeque;

/// The most samples kept. When there are more, every second one is dropped.
const MAX_SAMPLES: usize = MAX_SAMPLES_U32 as usize;
const MAX_SAMPLES_U32: u32 = 128;
/// The share of the time so far that counts as recent.
const RECENT_SHARE: f64 = 0.25;
/// The shortest time that counts as recent, in seconds.
const MIN_RECENT_S: f64 = 1.0;
/// A shorter time is not measured, in seconds.
const MIN_MEASURED_S: f64 = 0.2;

/// Counters at one moment. They only increase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since an arbitrary start, without pauses.
    pub at_s: f64,
    /// Records handled.
    pub handled: u64,
    /// Seconds that workers spent in their handlers.
    pub busy_s: f64,
    /// Offsets read.
    pub read: u64,
    /// Whether reading waits for free buffer memory.
    pub is_buffer_full: bool,
    /// Seconds during which a user's limit held workers back.
    pub limited_s: f64,
}

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecentSpeed {
    /// Seconds of worker time for each record.
    pub record_s: Option<f64>,
    /// Records handled per second.
    pub handled_per_s: f64,
    /// Offsets read per second; `None` if reading had to wait for free buffer memory.
    pub read_per_s: Option<f64>,
    /// Whether a user's limit held workers back most of the time.
    pub limited: bool,
}

/// The samples since the run last changed its workers, rate, or assignments.
#[derive(Clone, Debug, Default)]
pub struct SpeedSamples {
    kept: VecDeque<Sample>,
    /// The minimum time between kept samples, in seconds.
    apart_s: f64,
    last: Option<Sample>,
}

impl SpeedSamples {
    /// Drops all samples, because they say nothing about the future.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Adds a sample.
    pub fn note(&mut self, sample: Sample) {
        self.last = Some(sample);
        if let Some(before) = self.kept.back_mut()
            && sample.at_s - before.at_s < self.apart_s
        {
            before.is_buffer_full |= sample.is_buffer_full;
            return;
        }
        self.kept.push_back(sample);
        if self.kept.len() > MAX_SAMPLES {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            let span_s = sample.at_s - self.kept.front().map_or(0.0, |first| first.at_s);
            self.apart_s = span_s * 2.0 / f64::from(MAX_SAMPLES_U32);
        }
    }

    /// The recent speed; `None` if the time is too short to measure it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn recent_speed(&self) -> Option<RecentSpeed> {
        let (first, last) = (self.kept.front()?, self.last?);
        let from_s = last.at_s - ((last.at_s - first.at_s) * RECENT_SHARE).max(MIN_RECENT_S);
        let from = self.kept.iter().rev().find(|sample| sample.at_s <= from_s).unwrap_or(first);
        let seconds = last.at_s - from.at_s;
        let handled = last.handled.saturating_sub(from.handled);
        if seconds < MIN_MEASURED_S || (handled == 0 && last.read == from.read) {
            return None;
        }
        let since = self.kept.iter().filter(|sample| sample.at_s >= from.at_s);
        let is_buffer_full = last.is_buffer_full || since.into_iter().any(|sample| sample.is_buffer_full);
        Some(RecentSpeed {
            record_s: (handled > 0).then(|| (last.busy_s - from.busy_s).max(0.0) / handled as f64),
            handled_per_s: handled as f64 / seconds,
            read_per_s: (!is_buffer_full)
                .then(|| last.read.saturating_sub(from.read) as f64 / seconds)
                .filter(|rate| *rate > 0.0),
            limited: last.limited_s - from.limited_s > seconds / 2.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_s: f64, handled: u64) -> Sample {
        Sample { at_s, handled, busy_s: at_s * 2.0, read: handled * 3, ..Sample::default() }
    }

    #[test]
    fn the_last_quarter_counts_in_bounded_memory() {
        let mut samples = SpeedSamples::default();
        assert_eq!(samples.recent_speed(), None);
        for tenth in 0..10_000_u32 {
            let at_s = f64::from(tenth) / 10.0;
            // A hundred per second at first, ten per second in the last half.
            let handled = if at_s < 500.0 { at_s * 100.0 } else { 50_000.0 + (at_s - 500.0) * 10.0 };
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
            samples.note(sample(at_s, handled as u64));
        }
        assert!(samples.kept.len() <= MAX_SAMPLES);
        let recent_speed = samples.recent_speed().unwrap();
        assert!((recent_speed.handled_per_s - 10.0).abs() < 0.2, "{recent_speed:?}");
        assert!((recent_speed.record_s.unwrap() - 0.2).abs() < 0.01, "two workers are always busy: {recent_speed:?}");
        assert!((recent_speed.read_per_s.unwrap() - 30.0).abs() < 0.6, "{recent_speed:?}");
    }

    #[test]
    fn back_pressure_hides_the_reading_speed() {
        let mut samples = SpeedSamples::default();
        samples.note(sample(0.0, 0));
        samples.note(Sample { is_buffer_full: true, ..sample(0.5, 50) });
        assert_eq!(samples.recent_speed().unwrap().read_per_s, None);
        samples.reset();
        samples.note(sample(0.6, 60));
        assert_eq!(samples.recent_speed(), None, "one sample gives no speed");
    }
}
