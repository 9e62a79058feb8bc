//! Entries by kind and time, and the state at a moment from them.

use std::{borrow::Cow, ops::RangeInclusive, sync::Arc};

use serde::de::DeserializeOwned;

use super::{EntryHead, EntryKind, Frame, contents::Contents, frames::Frames};

/// Maximum number of events of each kind in a state; the latest are kept.
pub const MAX_EVENTS_OF_STATE: usize = 5_000;

/// An entry and where its payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot<P> {
    /// What is known about the entry without reading its payload.
    pub head: EntryHead,
    /// Its payload, or the place of it.
    pub payload: P,
}

/// The entries of a recording by kind. `P` is a payload, or the place of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracks<P> {
    by_kind: [Vec<Slot<P>>; EntryKind::COUNT],
}

impl<P> Default for Tracks<P> {
    fn default() -> Self {
        Self { by_kind: std::array::from_fn(|_| Vec::new()) }
    }
}

impl<P> Tracks<P> {
    /// Adds an entry. Entries of a kind are added in the order of their moments; one that is earlier than the last of
    /// its kind, or a difference from a whole entry that is missing, is ignored.
    pub fn push(&mut self, head: EntryHead, payload: P) {
        let track = &mut self.by_kind[head.kind.index()];
        let follows = track.last().map_or(head.is_whole, |last| last.head.at_ms <= head.at_ms);
        if follows {
            track.push(Slot { head, payload });
        }
    }

    /// The entries of a kind, by time.
    #[must_use]
    pub fn of(&self, kind: EntryKind) -> &[Slot<P>] {
        &self.by_kind[kind.index()]
    }

    pub(super) fn of_mut(&mut self, kind: EntryKind) -> &mut Vec<Slot<P>> {
        &mut self.by_kind[kind.index()]
    }

    /// The moments of the first and of the last entry.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        let tracks = || self.by_kind.iter();
        let first = tracks().filter_map(|track| track.first()).map(|slot| slot.head.at_ms).min()?;
        let last = tracks().filter_map(|track| track.last()).map(|slot| slot.head.at_ms).max()?;
        Some((first, last))
    }

    /// The number of entries of a kind at or before a moment.
    fn count_to(&self, kind: EntryKind, at_ms: i64) -> usize {
        self.of(kind).partition_point(|slot| slot.head.at_ms <= at_ms)
    }

    /// The next moment after `at_ms`, or before it if `forward` is false, with an entry that has a mark.
    #[must_use]
    pub fn next_mark(&self, at_ms: i64, forward: bool) -> Option<i64> {
        let found = EntryKind::ALL.into_iter().filter(|kind| kind.is_events()).filter_map(|kind| {
            let slots = self.of(kind);
            let marked = |slot: &&Slot<P>| slot.head.has_mark;
            let slot = if forward {
                slots[self.count_to(kind, at_ms)..].iter().find(marked)
            } else {
                slots[..slots.partition_point(|slot| slot.head.at_ms < at_ms)].iter().rev().find(marked)
            };
            slot.map(|slot| slot.head.at_ms)
        });
        if forward { found.min() } else { found.max() }
    }

    /// The state at a moment, as [`Past::state_at`](super::Past::state_at) describes it. `read` returns a payload, or
    /// `None` if it cannot be read; the entry before it is used then.
    pub fn state_at<'a>(&'a self, at_ms: i64, read: impl Fn(&'a P) -> Option<Cow<'a, [u8]>>) -> Option<Frame> {
        let last = EntryKind::ALL.into_iter().filter_map(|kind| {
            let count = self.count_to(kind, at_ms);
            self.of(kind).get(count.checked_sub(1)?).map(|slot| slot.head.at_ms)
        });
        let at_ms = last.max()?;
        let mut events = self.latest_events(EntryKind::Events, at_ms, &read);
        let mut group_events = self.latest_events(EntryKind::GroupEvents, at_ms, &read);
        events.reverse();
        group_events.reverse();
        Some(Frame {
            at_ms,
            snapshot: self.value(EntryKind::Snapshot, at_ms, &read),
            events,
            groups: self.value(EntryKind::Groups, at_ms, &read),
            group_events,
            alerts: self.value(EntryKind::Alerts, at_ms, &read),
        })
    }

    /// The frames of a range of moments, oldest first, each with what changed since the one before. Frames of the same
    /// moment are one. `read` returns a payload, or `None` if it cannot be read; what it holds is missing then.
    pub fn frames<'a, R>(&'a self, moments: &RangeInclusive<i64>, read: R) -> Frames<'a, P, R>
    where
        R: Fn(&'a P) -> Option<Cow<'a, [u8]>> + Copy,
    {
        Frames::new(EntryKind::ALL.map(|kind| Contents::new(self.of(kind), read)), moments)
    }

    /// The last value of a kind at or before a moment.
    fn value<'a, T: DeserializeOwned>(
        &'a self,
        kind: EntryKind,
        at_ms: i64,
        read: &impl Fn(&'a P) -> Option<Cow<'a, [u8]>>,
    ) -> Option<Arc<T>> {
        let mut contents = Contents::new(self.of(kind), read);
        (0..self.count_to(kind, at_ms)).rev().find_map(|index| contents.parse(index)).map(Arc::new)
    }

    /// The latest events of a kind up to a moment, newest first.
    fn latest_events<'a, T: DeserializeOwned>(
        &'a self,
        kind: EntryKind,
        at_ms: i64,
        read: &impl Fn(&'a P) -> Option<Cow<'a, [u8]>>,
    ) -> Vec<T> {
        let mut contents = Contents::new(self.of(kind), read);
        let mut events = Vec::new();
        for index in (0..self.count_to(kind, at_ms)).rev() {
            let batch: Vec<T> = contents.parse(index).unwrap_or_default();
            events.extend(batch.into_iter().rev());
            if events.len() >= MAX_EVENTS_OF_STATE {
                events.truncate(MAX_EVENTS_OF_STATE);
                break;
            }
        }
        events
    }
}
