//! Contents of entries of one kind.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{Slot, payload::unpack};

/// Reads contents of entries of one kind, and keeps the last whole one, because its neighbours need it, too.
pub(super) struct Contents<'a, P, R> {
    slots: &'a [Slot<P>],
    read: R,
    whole: Option<(usize, Vec<u8>)>,
}

impl<'a, P, R: Fn(&'a P) -> Option<Cow<'a, [u8]>>> Contents<'a, P, R> {
    pub(super) fn new(slots: &'a [Slot<P>], read: R) -> Self {
        Self { slots, read, whole: None }
    }

    /// The entries.
    pub(super) fn slots(&self) -> &'a [Slot<P>] {
        self.slots
    }

    /// The content of an entry; `None` if it, or the whole entry before it, cannot be read.
    pub(super) fn parse<T: DeserializeOwned>(&mut self, index: usize) -> Option<T> {
        let base = (0..=index).rev().find(|index| self.slots[*index].head.is_whole)?;
        let whole = match &mut self.whole {
            Some((known, content)) if *known == base => content,
            other => {
                let content = unpack(&(self.read)(&self.slots[base].payload)?, &[])?;
                &mut other.insert((base, content)).1
            }
        };
        if base == index {
            return serde_json::from_slice(whole).ok();
        }
        let content = unpack(&(self.read)(&self.slots[index].payload)?, whole)?;
        serde_json::from_slice(&content).ok()
    }
}
