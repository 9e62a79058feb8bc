//! Recordings in formats of other programs.

mod csv;
#[cfg(test)]
mod export_test;
mod trace;

pub use self::csv::write_csv;
pub use trace::write_trace;

use kreplay_model::{recording::Frame, timeline::Timeline};

/// The history of a recording, reduced to bounded memory.
#[must_use]
pub fn timeline(frames: impl Iterator<Item = Frame>) -> Timeline {
    let mut timeline = Timeline::default();
    frames.for_each(|frame| add(&mut timeline, &frame));
    timeline
}

fn add(timeline: &mut Timeline, frame: &Frame) {
    frame.events.iter().for_each(|event| timeline.add_event(event));
    frame.group_events.iter().for_each(|event| timeline.add_watch_event(event));
    if let Some(snapshot) = &frame.snapshot {
        timeline.add_snapshot(snapshot);
    }
    if let Some(groups) = &frame.groups {
        timeline.add_watch(groups);
    }
}
