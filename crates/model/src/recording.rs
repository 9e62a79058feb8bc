//! The past of a feed: frames that can be shown again.
//!
//! A [`Frame`] is what the feed said at one moment. An [`Encoder`] turns frames into entries: one for each part of a
//! frame that has changed, as compressed JSON, either whole or as the difference from the last whole one. [`Tracks`]
//! index entries by kind and time, wherever their bytes are, and rebuild the state at a moment from at most two entries
//! of each kind. [`RecentPast`] keeps the entries in bounded memory. A file of them is a recording.
//!
//! Nothing here has a clock or opens files.

mod contents;
mod decoder;
mod encoder;
mod entry;
mod frames;
mod marks;
mod payload;
mod recent;
#[cfg(test)]
mod recording_test;
mod tracks;

use std::{fmt, sync::Arc};

pub use decoder::{DecodeError, Decoder};
pub use encoder::{EncodeError, Encoder, WHOLE_INTERVAL_MS};
pub use entry::{Entry, EntryHead, EntryKind};
pub use frames::Frames;
pub use recent::{RecentFrames, RecentPast};
pub use tracks::{MAX_EVENTS_OF_STATE, Slot, Tracks};

use crate::{
    feed::{Event, Snapshot},
    watch::{AlertsSnapshot, WatchEvent, WatchSnapshot},
};

/// What the feed said at one moment. A part that is `None` says nothing: what was said before still holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// When, in milliseconds since 1970. It does not decrease from frame to frame.
    pub at_ms: i64,
    /// The snapshot of the session.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The events of the session since the frame before, oldest first.
    pub events: Vec<Event>,
    /// The watched groups.
    pub groups: Option<Arc<WatchSnapshot>>,
    /// The events of watched groups since the frame before, oldest first.
    pub group_events: Vec<WatchEvent>,
    /// The alerts on watched groups.
    pub alerts: Option<Arc<AlertsSnapshot>>,
}

/// Moments that can be shown again.
pub trait Past: fmt::Debug + Send + Sync {
    /// The first and the last moment, in milliseconds since 1970; `None` if there is none.
    fn range(&self) -> Option<(i64, i64)>;

    /// The whole state at a moment: the last value of each kind at or before it, and the latest events up to it, oldest
    /// first and at most [`MAX_EVENTS_OF_STATE`] of each kind. Its `at_ms` is that of the last frame at or before the
    /// moment. `None` before the first frame.
    fn state_at(&self, at_ms: i64) -> Option<Frame>;

    /// The next moment after `at_ms`, or before it if `forward` is false, at which a frame has an event that explains
    /// a change: a start, an end, a rebalance, a failure, a verdict. `None` if there is none.
    fn next_mark(&self, at_ms: i64, forward: bool) -> Option<i64>;
}
