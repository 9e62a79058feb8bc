//! How fast a run has gone of late: over the last quarter of its time, and at least over a second. Pure.

use std::collections::VecDeque;

/// So many samples are kept; of more, every second one is left out.
const MOST: usize = MOST_U32 as usize;
const MOST_U32: u32 = 128;
/// The part of the time so far that counts.
const RECENT: f64 = 0.25;
/// And how much at least, in seconds.
const LEAST_S: f64 = 1.0;
/// Less than this says nothing, in seconds.
const SHORTEST_S: f64 = 0.2;

/// Counters that only rise, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since an arbitrary beginning, without pauses.
    pub at_s: f64,
    /// Records handled.
    pub handled: u64,
    /// Seconds that workers spent in their handlers.
    pub busy_s: f64,
    /// Offsets read.
    pub read: u64,
    /// Whether reading waits for room.
    pub full: bool,
    /// Seconds during which a limit that somebody has set held workers back.
    pub limited_s: f64,
}

/// What happened between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lately {
    /// Seconds that a record took a worker.
    pub record_s: Option<f64>,
    /// Records handled in a second.
    pub handled_per_s: f64,
    /// Offsets read in a second; `None` where reading had to wait for room.
    pub read_per_s: Option<f64>,
    /// Whether a limit that somebody has set held workers back most of the time.
    pub limited: bool,
}

/// The samples of a run since it last changed its ways.
#[derive(Clone, Debug, Default)]
pub struct Paces {
    kept: VecDeque<Sample>,
    /// How far apart those are, in seconds.
    apart_s: f64,
    last: Option<Sample>,
}

impl Paces {
    /// Forgets what was: it says nothing of what comes.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes note of a moment.
    pub fn note(&mut self, sample: Sample) {
        self.last = Some(sample);
        if let Some(before) = self.kept.back_mut()
            && sample.at_s - before.at_s < self.apart_s
        {
            before.full |= sample.full;
            return;
        }
        self.kept.push_back(sample);
        if self.kept.len() > MOST {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            let span_s = sample.at_s - self.kept.front().map_or(0.0, |first| first.at_s);
            self.apart_s = span_s * 2.0 / f64::from(MOST_U32);
        }
    }

    /// What happened of late; `None` while that is too short to say anything.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn lately(&self) -> Option<Lately> {
        let (first, last) = (self.kept.front()?, self.last?);
        let from_s = last.at_s - ((last.at_s - first.at_s) * RECENT).max(LEAST_S);
        let from = self.kept.iter().rev().find(|sample| sample.at_s <= from_s).unwrap_or(first);
        let seconds = last.at_s - from.at_s;
        let handled = last.handled.saturating_sub(from.handled);
        if seconds < SHORTEST_S || (handled == 0 && last.read == from.read) {
            return None;
        }
        let since = self.kept.iter().filter(|sample| sample.at_s >= from.at_s);
        let full = last.full || since.into_iter().any(|sample| sample.full);
        Some(Lately {
            record_s: (handled > 0).then(|| (last.busy_s - from.busy_s).max(0.0) / handled as f64),
            handled_per_s: handled as f64 / seconds,
            read_per_s: (!full)
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
        let mut paces = Paces::default();
        assert_eq!(paces.lately(), None);
        for tenth in 0..10_000_u32 {
            let at_s = f64::from(tenth) / 10.0;
            // A hundred a second at first, ten a second in the last half.
            let handled = if at_s < 500.0 { at_s * 100.0 } else { 50_000.0 + (at_s - 500.0) * 10.0 };
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
            paces.note(sample(at_s, handled as u64));
        }
        assert!(paces.kept.len() <= MOST);
        let lately = paces.lately().unwrap();
        assert!((lately.handled_per_s - 10.0).abs() < 0.2, "{lately:?}");
        assert!((lately.record_s.unwrap() - 0.2).abs() < 0.01, "two workers that are always busy: {lately:?}");
        assert!((lately.read_per_s.unwrap() - 30.0).abs() < 0.6, "{lately:?}");
    }

    #[test]
    fn what_waits_for_room_is_no_speed_of_reading() {
        let mut paces = Paces::default();
        paces.note(sample(0.0, 0));
        paces.note(Sample { full: true, ..sample(0.5, 50) });
        assert_eq!(paces.lately().unwrap().read_per_s, None);
        paces.reset();
        paces.note(sample(0.6, 60));
        assert_eq!(paces.lately(), None, "one sample is no speed");
    }
}
