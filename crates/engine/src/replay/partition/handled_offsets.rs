//! The offsets handled above a committed position, as a note that is committed with it.
//!
//! With key order, records are settled out of order. With the position alone, the next owner would repeat all records
//! above it. Kafka stores a short text with each committed offset, and the runs of handled offsets fit into it (the
//! idea is from Confluent's Parallel Consumer). Texts in other formats are ignored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kreplay_model::domain::varint;

/// Prefix and format version of the notes.
const NOTE_PREFIX: &str = "kreplay1:";

/// Maximum size before base64, which makes four bytes of three. Brokers accept 4,096 bytes
/// (`offset.metadata.max.bytes`).
const MAX_NOTE_BYTES: usize = 2_900;

impl FromIterator<(i64, i64)> for HandledOffsets {
    /// From runs in ascending order.
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(runs: T) -> Self {
        let mut handled = Self::default();
        for (first, end) in runs {
            handled.push(first, end);
        }
        handled
    }
}

/// Handled offsets, as disjoint runs in ascending order.
///
/// The runs are in a vector instead of an [`OffsetSet`](kreplay_model::domain::OffsetSet), because they are looked up
/// for each record, and collected in ascending order at each commit, under the lock of the partition: appending to a
/// vector neither searches nor allocates for each run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandledOffsets {
    runs: Vec<(i64, i64)>,
}

impl HandledOffsets {
    /// Adds the run from `first` to `end` (exclusive), which lies above all runs added before.
    pub fn push(&mut self, first: i64, end: i64) {
        match self.runs.last_mut() {
            Some((_, last)) if *last >= first => *last = (*last).max(end),
            _ if first < end => self.runs.push((first, end)),
            _ => {}
        }
    }

    /// Adds one offset, anywhere.
    pub fn insert(&mut self, offset: i64) {
        self.merge(&Self { runs: vec![(offset, offset + 1)] });
    }

    /// Whether `offset` is in the set.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let above = self.runs.partition_point(|(first, _)| *first <= offset);
        above.checked_sub(1).is_some_and(|run| offset < self.runs[run].1)
    }

    /// The first offset at or above `offset` that is not in the set.
    #[must_use]
    pub fn end_from(&self, offset: i64) -> i64 {
        self.above(offset).next().filter(|(first, _)| *first == offset).map_or(offset, |(_, end)| end)
    }

    /// The runs above `offset`, the first one cut off there.
    pub fn above(&self, offset: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.runs.iter().filter(move |(_, end)| *end > offset).map(move |(first, end)| ((*first).max(offset), *end))
    }

    /// Number of offsets in the set from `first` to `end` (exclusive).
    #[must_use]
    pub fn count(&self, first: i64, end: i64) -> u64 {
        self.above(first).map(|(from, to)| u64::try_from(to.min(end) - from).unwrap_or(0)).sum()
    }

    /// Adds the runs of another set.
    pub fn merge(&mut self, other: &Self) {
        let mut runs: Vec<_> = self.runs.drain(..).chain(other.runs.iter().copied()).collect();
        runs.sort_unstable();
        for (first, end) in runs {
            self.push(first, end);
        }
    }

    /// All runs, each as first offset and end offset (exclusive).
    #[must_use]
    pub fn into_runs(self) -> Vec<(i64, i64)> {
        self.runs
    }

    /// The note for the committed position `base`. If it does not fit, the highest offsets are left out: their records
    /// will be repeated.
    #[must_use]
    pub fn encode(&self, base: i64) -> String {
        let (mut bytes, mut at) = (Vec::new(), base);
        for &(first, end) in &self.runs {
            let before = bytes.len();
            for distance in [first.saturating_sub(at), end - first] {
                varint::push(&mut bytes, distance.unsigned_abs());
            }
            if bytes.len() > MAX_NOTE_BYTES {
                bytes.truncate(before);
                break;
            }
            at = end;
        }
        if bytes.is_empty() { String::new() } else { format!("{NOTE_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// Reads the note of the committed position `base`; empty if the note has another format or is damaged.
    #[must_use]
    pub fn decode(base: i64, note: &str) -> Self {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(note.strip_prefix(NOTE_PREFIX)?).ok()?;
            let (mut rest, mut at, mut handled) = (bytes.as_slice(), base, Self::default());
            while !rest.is_empty() {
                let first = at.checked_add(varint::take_offset(&mut rest)?)?;
                at = first.checked_add(varint::take_offset(&mut rest)?)?;
                handled.push(first, at);
            }
            Some(handled)
        };
        read().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_in_other_formats_are_ignored() {
        for note in ["", "hello", "kreplay1:", "kreplay1:!!", "kreplay1:gICAgICAgICAgICA", "kreplay2:AQE"] {
            assert_eq!(HandledOffsets::decode(5, note), HandledOffsets::default(), "{note}");
        }
    }

    #[test]
    fn the_highest_offsets_are_left_out_when_the_note_is_full() {
        let mut handled = HandledOffsets::default();
        for run in 0..100_000 {
            handled.push(10 + run * 3, 11 + run * 3);
        }
        let note = handled.encode(9);
        assert!(note.len() <= 4096, "{}", note.len());
        let read = HandledOffsets::decode(9, &note);
        assert!(read.contains(10) && !read.contains(11) && !read.contains(10 + 99_999 * 3));
    }

    proptest! {
        #[test]
        fn a_note_reads_back(base in 0_i64..1 << 40, steps in prop::collection::vec((1_i64..300, 1_i64..70_000), 0..60)) {
            let (mut handled, mut at) = (HandledOffsets::default(), base);
            for (gap, length) in &steps {
                handled.push(at + gap, at + gap + length);
                at += gap + length;
            }
            let read = HandledOffsets::decode(base, &handled.encode(base));
            prop_assert_eq!(&read, &handled);
            for (first, end) in &handled.runs {
                prop_assert!(read.contains(*first) && read.contains(end - 1) && !read.contains(first - 1) && !read.contains(*end));
            }
        }

        #[test]
        fn a_merge_contains_the_offsets_of_both(
            one in prop::collection::vec((0_i64..60, 1_i64..9), 0..9),
            two in prop::collection::vec((0_i64..60, 1_i64..9), 0..9),
        ) {
            let [mut one, two] = [one, two].map(|runs| {
                let mut handled = HandledOffsets::default();
                for (first, length) in runs {
                    let run = HandledOffsets { runs: vec![(first, first + length)] };
                    handled.merge(&run);
                }
                handled
            });
            let before = one.clone();
            one.merge(&two);
            for offset in 0..80 {
                prop_assert_eq!(one.contains(offset), before.contains(offset) || two.contains(offset));
            }
        }

        #[test]
        fn decoding_never_panics(base in any::<i64>(), note in "\\PC{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = HandledOffsets::decode(base, &note);
            let _ = HandledOffsets::decode(base, &format!("{NOTE_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)));
        }
    }
}
