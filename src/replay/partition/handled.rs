//! What was handled above a committed position, as a note that is committed along with it.
//!
//! With key order a partition's records are finished out of turn, and a position alone would have the next owner repeat
//! all that is above it. Kafka keeps a short text with each committed offset; the runs of finished offsets fit into it
//! (the idea is that of Confluent's Parallel Consumer). A text that is none of ours says nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::journal::varint;

/// What marks our notes, and their form.
const MARK: &str = "kreplay1:";

/// Brokers take 4,096 bytes (`offset.metadata.max.bytes`); base64 makes four of three.
const MOST_BYTES: usize = 2_900;

impl FromIterator<(i64, i64)> for Handled {
    /// From runs in rising order.
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(runs: T) -> Self {
        let mut handled = Self::default();
        for (first, end) in runs {
            handled.push(first, end);
        }
        handled
    }
}

/// Finished offsets, as runs in rising order that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    runs: Vec<(i64, i64)>,
}

impl Handled {
    /// Adds the run from `first` to before `end`, which lies above all that were added.
    pub fn push(&mut self, first: i64, end: i64) {
        match self.runs.last_mut() {
            Some((_, last)) if *last >= first => *last = (*last).max(end),
            _ if first < end => self.runs.push((first, end)),
            _ => {}
        }
    }

    /// Adds one offset, wherever it lies.
    pub fn insert(&mut self, offset: i64) {
        self.merge(&Self { runs: vec![(offset, offset + 1)] });
    }

    /// Whether the record at `offset` is among them.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let above = self.runs.partition_point(|(first, _)| *first <= offset);
        above.checked_sub(1).is_some_and(|run| offset < self.runs[run].1)
    }

    /// The first offset from `offset` on that is not among them.
    #[must_use]
    pub fn end_from(&self, offset: i64) -> i64 {
        self.above(offset).next().filter(|(first, _)| *first == offset).map_or(offset, |(_, end)| end)
    }

    /// The runs above `offset`, cut off there.
    pub fn above(&self, offset: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.runs.iter().filter(move |(_, end)| *end > offset).map(move |(first, end)| ((*first).max(offset), *end))
    }

    /// How many offsets of it lie from `first` to before `end`.
    #[must_use]
    pub fn count(&self, first: i64, end: i64) -> u64 {
        self.above(first).map(|(from, to)| u64::try_from(to.min(end) - from).unwrap_or(0)).sum()
    }

    /// Adds the runs of another.
    pub fn merge(&mut self, other: &Self) {
        let mut runs: Vec<_> = self.runs.drain(..).chain(other.runs.iter().copied()).collect();
        runs.sort_unstable();
        for (first, end) in runs {
            self.push(first, end);
        }
    }

    /// All runs, from the first offset to before the second.
    #[must_use]
    pub fn into_runs(self) -> Vec<(i64, i64)> {
        self.runs
    }

    /// The note for the committed position `base`. What does not fit is left out, the highest first: it will be repeated.
    #[must_use]
    pub fn encode(&self, base: i64) -> String {
        let (mut bytes, mut at) = (Vec::new(), base);
        for &(first, end) in &self.runs {
            let before = bytes.len();
            for distance in [first.saturating_sub(at), end - first] {
                varint::push(&mut bytes, distance.unsigned_abs());
            }
            if bytes.len() > MOST_BYTES {
                bytes.truncate(before);
                break;
            }
            at = end;
        }
        if bytes.is_empty() { String::new() } else { format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// Reads a note that stands with the committed position `base`; nothing where it is not ours, or damaged.
    #[must_use]
    pub fn decode(base: i64, note: &str) -> Self {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(note.strip_prefix(MARK)?).ok()?;
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
    fn texts_of_others_say_nothing() {
        for note in ["", "hello", "kreplay1:", "kreplay1:!!", "kreplay1:gICAgICAgICAgICA", "kreplay2:AQE"] {
            assert_eq!(Handled::decode(5, note), Handled::default(), "{note}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_top() {
        let mut handled = Handled::default();
        for run in 0..100_000 {
            handled.push(10 + run * 3, 11 + run * 3);
        }
        let note = handled.encode(9);
        assert!(note.len() <= 4096, "{}", note.len());
        let read = Handled::decode(9, &note);
        assert!(read.contains(10) && !read.contains(11) && !read.contains(10 + 99_999 * 3));
    }

    proptest! {
        #[test]
        fn a_note_reads_back(base in 0_i64..1 << 40, steps in prop::collection::vec((1_i64..300, 1_i64..70_000), 0..60)) {
            let (mut handled, mut at) = (Handled::default(), base);
            for (gap, length) in &steps {
                handled.push(at + gap, at + gap + length);
                at += gap + length;
            }
            let read = Handled::decode(base, &handled.encode(base));
            prop_assert_eq!(&read, &handled);
            for (first, end) in &handled.runs {
                prop_assert!(read.contains(*first) && read.contains(end - 1) && !read.contains(first - 1) && !read.contains(*end));
            }
        }

        #[test]
        fn a_merge_contains_what_either_does(
            one in prop::collection::vec((0_i64..60, 1_i64..9), 0..9),
            two in prop::collection::vec((0_i64..60, 1_i64..9), 0..9),
        ) {
            let [mut one, two] = [one, two].map(|runs| {
                let mut handled = Handled::default();
                for (first, length) in runs {
                    let run = Handled { runs: vec![(first, first + length)] };
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
        fn no_text_is_too_strange(base in any::<i64>(), note in "\\PC{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Handled::decode(base, &note);
            let _ = Handled::decode(base, &format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes)));
        }
    }
}
