//! Entries: what a recording consists of.

use crate::domain::varint::{push, take};

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A snapshot of the session.
    Snapshot,
    /// The watched groups.
    Groups,
    /// The alerts on watched groups.
    Alerts,
    /// Events of the session.
    Events,
    /// Events of watched groups.
    GroupEvents,
}

impl EntryKind {
    /// The number of kinds.
    pub const COUNT: usize = 5;

    /// All kinds, by index.
    pub const ALL: [Self; Self::COUNT] = [Self::Snapshot, Self::Groups, Self::Alerts, Self::Events, Self::GroupEvents];

    /// Its index in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it holds events, each of which matters, and not a value, of which the latest matters.
    #[must_use]
    pub const fn is_events(self) -> bool {
        matches!(self, Self::Events | Self::GroupEvents)
    }
}

/// What is known about an entry without reading its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    /// What it holds.
    pub kind: EntryKind,
    /// The moment of its frame, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it can be read alone. Otherwise it is the difference from the last whole entry of its kind before it.
    pub is_whole: bool,
    /// Whether it holds an event that explains a change.
    pub has_mark: bool,
}

const KIND_BITS: u8 = 0b1111;
const WHOLE: u8 = 0b1_0000;
const MARKED: u8 = 0b10_0000;

impl EntryHead {
    /// Appends its binary form: a byte with kind and flags, and the time.
    pub fn append_to(self, bytes: &mut Vec<u8>) {
        let whole = if self.is_whole { WHOLE } else { 0 };
        let marked = if self.has_mark { MARKED } else { 0 };
        bytes.push(u8::try_from(self.kind.index()).unwrap_or(KIND_BITS) | whole | marked);
        push(bytes, zigzag(self.at_ms));
    }

    /// Takes the binary form off the front; `None` if the bytes do not begin with one, or if its kind is not known.
    #[must_use]
    pub fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let kind = *EntryKind::ALL.get(usize::from(first & KIND_BITS))?;
        let at_ms = unzigzag(take(bytes)?);
        Some(Self { kind, at_ms, is_whole: first & WHOLE != 0, has_mark: first & MARKED != 0 })
    }
}

/// Small distances from zero, in either direction, become small numbers.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// A part of a frame, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is known about it without reading its payload.
    pub head: EntryHead,
    /// Its content, compressed.
    pub payload: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn heads_survive_their_binary_form(at_ms: i64, kind in 0..EntryKind::COUNT, is_whole: bool, has_mark: bool) {
            let head = EntryHead { kind: EntryKind::ALL[kind], at_ms, is_whole, has_mark };
            let mut bytes = Vec::new();
            head.append_to(&mut bytes);
            bytes.push(7);
            let mut rest = bytes.as_slice();
            prop_assert_eq!((EntryHead::take(&mut rest), rest), (Some(head), &[7_u8][..]));
        }
    }

    #[test]
    fn unknown_kinds_and_cut_heads_are_refused() {
        assert_eq!(EntryHead::take(&mut &[15, 0][..]), None);
        assert_eq!(EntryHead::take(&mut &[0][..]), None);
        assert_eq!(EntryHead::take(&mut &[][..]), None);
        assert!(EntryKind::ALL.iter().enumerate().all(|(at, kind)| kind.index() == at));
    }
}
