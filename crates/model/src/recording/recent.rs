//! The last frames, in bounded memory.

mod thinning;

use std::borrow::Cow;

use super::{EncodeError, Encoder, EntryKind, Frame, Past, Slot, Tracks};

/// A payload in memory.
type Payload = Box<[u8]>;

/// Events of each kind take at most the budget divided by this.
const EVENTS_SHARE: usize = 8;

/// The last frames of a feed, in bounded memory.
///
/// When the budget is used up, older frames are thinned out rather than dropped at once: the longer ago, the longer the
/// time between two frames. Of events, the oldest are dropped.
#[derive(Debug)]
pub struct RecentPast {
    encoder: Encoder,
    tracks: Tracks<Payload>,
    /// The bytes of all slots.
    slot_bytes: usize,
    budget_bytes: usize,
}

impl Default for RecentPast {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BUDGET_BYTES)
    }
}

impl RecentPast {
    /// The budget of [`RecentPast::default`]: hours of a small run, minutes of one with thousands of partitions.
    pub const DEFAULT_BUDGET_BYTES: usize = 32 << 20;

    /// A past that takes at most `budget_bytes`, besides some memory of the compressor while a frame is added.
    #[must_use]
    pub fn new(budget_bytes: usize) -> Self {
        Self { encoder: Encoder::default(), tracks: Tracks::default(), slot_bytes: 0, budget_bytes }
    }

    /// Adds a frame. A moment before that of the last frame becomes that moment.
    ///
    /// # Errors
    /// [`EncodeError`]; the frame is left out.
    pub fn push(&mut self, frame: &Frame) -> Result<(), EncodeError> {
        for entry in self.encoder.encode(frame)? {
            let payload = entry.payload.into_boxed_slice();
            self.slot_bytes += bytes_of(&payload);
            self.tracks.push(entry.head, payload);
        }
        if self.used_bytes() > self.budget_bytes {
            self.make_room();
        }
        Ok(())
    }

    /// Frees an eighth of the budget, so that this does not happen with each frame.
    fn make_room(&mut self) {
        let target_bytes = self.budget_bytes - self.budget_bytes / 8;
        for kind in EntryKind::ALL.into_iter().filter(|kind| kind.is_events()) {
            while self.bytes_of_kind(kind) > self.budget_bytes / EVENTS_SHARE {
                thinning::drop_oldest(self.tracks.of_mut(kind));
            }
            if self.tracks.of(kind).is_empty() {
                self.encoder.forget(kind);
            }
        }
        for exponent in thinning::EXPONENTS {
            self.slot_bytes = EntryKind::ALL.into_iter().map(|kind| self.bytes_of_kind(kind)).sum();
            if self.used_bytes() <= target_bytes {
                return;
            }
            for kind in EntryKind::ALL.into_iter().filter(|kind| !kind.is_events()) {
                thinning::thin_out(self.tracks.of_mut(kind), exponent);
            }
        }
        // The budget does not even hold the first and the last snapshot.
        *self = Self::new(self.budget_bytes);
    }

    /// A copy of the frames that are kept, for another thread. It takes as much memory as they do.
    #[must_use]
    pub fn frames(&self) -> RecentFrames {
        RecentFrames(self.tracks.clone())
    }

    fn bytes_of_kind(&self, kind: EntryKind) -> usize {
        self.tracks.of(kind).iter().map(|slot| bytes_of(&slot.payload)).sum()
    }

    /// The memory that frames take, in bytes.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.slot_bytes + self.encoder.bytes()
    }
}

/// A copy of the frames that a [`RecentPast`] had kept.
#[derive(Clone, Debug, Default)]
pub struct RecentFrames(Tracks<Payload>);

impl RecentFrames {
    /// The frames, oldest first. The first one of each kind has the whole value; the others have what changed.
    pub fn iter(&self) -> impl Iterator<Item = Frame> + '_ {
        self.0.frames(&(i64::MIN..=i64::MAX), |payload: &Payload| Some(Cow::Borrowed(&**payload)))
    }
}

fn bytes_of(payload: &Payload) -> usize {
    size_of::<Slot<Payload>>() + payload.len()
}

impl Past for RecentPast {
    fn range(&self) -> Option<(i64, i64)> {
        self.tracks.range()
    }

    fn state_at(&self, at_ms: i64) -> Option<Frame> {
        self.tracks.state_at(at_ms, |payload| Some(Cow::Borrowed(payload)))
    }

    fn next_mark(&self, at_ms: i64, forward: bool) -> Option<i64> {
        self.tracks.next_mark(at_ms, forward)
    }
}
