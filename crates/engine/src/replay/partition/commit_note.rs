//! The note that is committed with a position.
//!
//! With key order, records are settled out of order. With the position alone, the next owner would repeat all records
//! above it. Kafka stores a short text with each committed offset, and the runs of handled offsets fit into it (the
//! idea is from Confluent's Parallel Consumer). In a group of several processes the note also says how much time the
//! process needs for its work: the others cannot compute that from positions.
//!
//! A note is a list of pairs of numbers: the distance of a run of handled offsets from the end of the one before, and
//! its length. A last pair with the length 0 contains the time left in tenths of a second; readers that do not know it
//! take it for an empty run. Texts in other formats are ignored.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kreplay_model::domain::varint;

use super::HandledOffsets;

/// Prefix and format version of the notes.
const NOTE_PREFIX: &str = "kreplay1:";

/// Maximum size of the runs before base64, which makes four bytes of three. Brokers accept 4,096 bytes
/// (`offset.metadata.max.bytes`).
const MAX_RUNS_BYTES: usize = 2_900;

/// The unit of the time left.
const TIME_LEFT_UNIT: Duration = Duration::from_millis(100);

/// What a process says with a committed position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitNote {
    /// The offsets above the position that are handled.
    pub handled: HandledOffsets,
    /// The time that the process needs for the rest of its partitions, if it is known and there are other processes.
    /// In tenths of a second.
    pub time_left: Option<Duration>,
}

impl From<HandledOffsets> for CommitNote {
    fn from(handled: HandledOffsets) -> Self {
        Self { handled, time_left: None }
    }
}

impl CommitNote {
    /// The note for the committed position `base`; empty if there is nothing to say. If it does not fit, the highest
    /// offsets are left out: their records will be repeated.
    #[must_use]
    pub fn encode(&self, base: i64) -> String {
        let (mut bytes, mut at) = (Vec::new(), base);
        for &(first, end) in self.handled.runs() {
            let before = bytes.len();
            push_pair(&mut bytes, first.saturating_sub(at).unsigned_abs(), (end - first).unsigned_abs());
            if bytes.len() > MAX_RUNS_BYTES {
                bytes.truncate(before);
                break;
            }
            at = end;
        }
        if let Some(time_left) = self.time_left {
            let tenths = u32::try_from(time_left.as_millis() / TIME_LEFT_UNIT.as_millis()).unwrap_or(u32::MAX);
            push_pair(&mut bytes, tenths.into(), 0);
        }
        if bytes.is_empty() { String::new() } else { format!("{NOTE_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// Reads the note of the committed position `base`; empty if the note has another format or is damaged.
    #[must_use]
    pub fn decode(base: i64, note: &str) -> Self {
        Self::read(base, note).unwrap_or_default()
    }

    fn read(base: i64, note: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(note.strip_prefix(NOTE_PREFIX)?).ok()?;
        let (mut rest, mut at, mut read) = (bytes.as_slice(), base, Self::default());
        while !rest.is_empty() {
            let distance = varint::take_offset(&mut rest)?;
            let length = varint::take_offset(&mut rest)?;
            if length == 0 && rest.is_empty() {
                read.time_left = Some(TIME_LEFT_UNIT * u32::try_from(distance).ok()?);
                break;
            }
            let first = at.checked_add(distance)?;
            at = first.checked_add(length)?;
            read.handled.push(first, at);
        }
        Some(read)
    }
}

fn push_pair(bytes: &mut Vec<u8>, distance: u64, length: u64) {
    varint::push(bytes, distance);
    varint::push(bytes, length);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note_of(handled: HandledOffsets, time_left: Option<Duration>) -> CommitNote {
        CommitNote { handled, time_left }
    }

    #[test]
    fn texts_in_other_formats_are_ignored() {
        for note in ["", "hello", "kreplay1:", "kreplay1:!!", "kreplay1:gICAgICAgICAgICA", "kreplay2:AQE"] {
            assert_eq!(CommitNote::decode(5, note), CommitNote::default(), "{note}");
        }
    }

    #[test]
    fn the_highest_offsets_are_left_out_when_the_note_is_full() {
        let mut handled = HandledOffsets::default();
        for run in 0..100_000 {
            handled.push(10 + run * 3, 11 + run * 3);
        }
        let note = note_of(handled, Some(Duration::MAX)).encode(9);
        assert!(note.len() <= 4096, "{}", note.len());
        let read = CommitNote::decode(9, &note);
        assert!(read.handled.contains(10) && !read.handled.contains(11) && !read.handled.contains(10 + 99_999 * 3));
        assert_eq!(read.time_left, Some(TIME_LEFT_UNIT * u32::MAX));
    }

    /// Offsets 10 to 12 above 7: distance 3, length 3, base64 of 03 03. The time left: 300 tenths of a second.
    #[test]
    fn the_time_left_is_an_empty_run_at_the_end() {
        let handled: HandledOffsets = [(10, 13)].into_iter().collect();
        assert_eq!(note_of(handled.clone(), None).encode(7), "kreplay1:AwM");
        assert_eq!(note_of(handled, Some(Duration::from_secs(30))).encode(7), "kreplay1:AwOsAgA");
        assert_eq!(note_of(HandledOffsets::default(), None).encode(7), "");
    }

    proptest! {
        #[test]
        fn a_note_reads_back(
            base in 0_i64..1 << 40,
            steps in prop::collection::vec((1_i64..300, 1_i64..70_000), 0..60),
            tenths in prop::option::of(any::<u32>()),
        ) {
            let (mut handled, mut at) = (HandledOffsets::default(), base);
            for (gap, length) in &steps {
                handled.push(at + gap, at + gap + length);
                at += gap + length;
            }
            let note = note_of(handled, tenths.map(|tenths| TIME_LEFT_UNIT * tenths));
            prop_assert_eq!(CommitNote::decode(base, &note.encode(base)), note);
        }

        #[test]
        fn decoding_never_panics(base in any::<i64>(), note in "\\PC{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = CommitNote::decode(base, &note);
            let _ = CommitNote::decode(base, &format!("{NOTE_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)));
        }
    }
}
