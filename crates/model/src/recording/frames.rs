//! Frames one after another, as they were recorded.

use std::{borrow::Cow, ops::RangeInclusive, sync::Arc};

use serde::de::DeserializeOwned;

use super::{EntryKind, Frame, contents::Contents};

/// The frames of a recording, oldest first. Each has what changed since the one before.
pub struct Frames<'a, P, R> {
    by_kind: [Contents<'a, P, R>; EntryKind::COUNT],
    next: [usize; EntryKind::COUNT],
    to_ms: i64,
}

impl<'a, P, R: Fn(&'a P) -> Option<Cow<'a, [u8]>>> Frames<'a, P, R> {
    pub(super) fn new(by_kind: [Contents<'a, P, R>; EntryKind::COUNT], moments: &RangeInclusive<i64>) -> Self {
        let next = by_kind.each_ref().map(|contents| {
            let slots = contents.slots();
            slots.partition_point(|slot| slot.head.at_ms < *moments.start())
        });
        Self { by_kind, next, to_ms: *moments.end() }
    }

    fn next_at_ms(&self, kind: EntryKind) -> Option<i64> {
        let index = kind.index();
        self.by_kind[index].slots().get(self.next[index]).map(|slot| slot.head.at_ms)
    }

    /// Takes the contents of a kind at a moment.
    fn take<T: DeserializeOwned>(&mut self, kind: EntryKind, at_ms: i64) -> Vec<T> {
        let mut found = Vec::new();
        while self.next_at_ms(kind) == Some(at_ms) {
            let index = kind.index();
            found.extend(self.by_kind[index].parse(self.next[index]));
            self.next[index] += 1;
        }
        found
    }

    fn value<T: DeserializeOwned>(&mut self, kind: EntryKind, at_ms: i64) -> Option<Arc<T>> {
        self.take(kind, at_ms).pop().map(Arc::new)
    }
}

impl<'a, P, R: Fn(&'a P) -> Option<Cow<'a, [u8]>>> Iterator for Frames<'a, P, R> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let at_ms = EntryKind::ALL.into_iter().filter_map(|kind| self.next_at_ms(kind)).min()?;
        if at_ms > self.to_ms {
            return None;
        }
        Some(Frame {
            at_ms,
            snapshot: self.value(EntryKind::Snapshot, at_ms),
            events: self.take::<Vec<_>>(EntryKind::Events, at_ms).concat(),
            groups: self.value(EntryKind::Groups, at_ms),
            group_events: self.take::<Vec<_>>(EntryKind::GroupEvents, at_ms).concat(),
            alerts: self.value(EntryKind::Alerts, at_ms),
        })
    }
}
