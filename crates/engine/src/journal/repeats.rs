//! Records that an earlier attempt passed to a handler without recording them as handled.

use std::collections::BTreeMap;

use kreplay_model::domain::{
    OffsetSet,
    varint::{push, take, take_offset},
};

/// How often offsets were begun by earlier attempts without being recorded as handled. When such a record is settled,
/// that many of its handlings count as repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// First offset, end offset (exclusive), and count; rising, and never 0 times.
    runs: Vec<(i64, i64, u32)>,
}

impl Repeats {
    /// How often the record at `offset` was begun before.
    #[must_use]
    pub fn times(&self, offset: i64) -> u32 {
        let above = self.runs.partition_point(|(first, ..)| *first <= offset);
        above
            .checked_sub(1)
            .map(|run| self.runs[run])
            .filter(|(_, end, _)| offset < *end)
            .map_or(0, |(.., times)| times)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The most records that may be repeated.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.runs.iter().map(|(first, end, _)| end.saturating_sub(*first).unsigned_abs()).sum()
    }

    /// Adds one more time for each offset of `begun`, and drops the offsets below `position` and those in `handled`.
    #[must_use]
    pub fn with_attempt(&self, begun: &[(i64, i64)], position: i64, handled: &[(i64, i64)]) -> Self {
        // At each edge the counts go up or down by these numbers.
        let mut edges: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        let mut edge = |first: i64, end: i64, times: i64, done: i64| {
            for (at, sign) in [(first, 1), (end, -1)] {
                let entry = edges.entry(at).or_default();
                entry.0 += sign * times;
                entry.1 += sign * done;
            }
        };
        for &(first, end, times) in &self.runs {
            edge(first, end, i64::from(times), 0);
        }
        // A record that was retried within an attempt counts once.
        for (first, end) in begun.iter().copied().collect::<OffsetSet>().runs() {
            edge(first, end, 1, 0);
        }
        for &(first, end) in handled {
            edge(first, end, 0, 1);
        }
        edge(i64::MIN, position, 0, 1);
        let (mut runs, mut times, mut done) = (Vec::<(i64, i64, u32)>::new(), 0_i64, 0_i64);
        let mut since = i64::MIN;
        for (at, (up, handled)) in edges {
            if let Ok(times) = u32::try_from(times)
                && times > 0
                && done == 0
                && since < at
            {
                match runs.last_mut() {
                    Some(last) if last.1 == since && last.2 == times => last.1 = at,
                    _ => runs.push((since, at, times)),
                }
            }
            (times, done, since) = (times + up, done + handled, at);
        }
        Self { runs }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (mut bytes, mut at) = (Vec::new(), 0);
        push(&mut bytes, self.runs.len() as u64);
        for &(first, end, times) in &self.runs {
            push(&mut bytes, first.saturating_sub(at).unsigned_abs());
            push(&mut bytes, end.saturating_sub(first).unsigned_abs());
            push(&mut bytes, u64::from(times));
            at = end;
        }
        bytes
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let (count, mut at, mut runs) = (take(&mut bytes)?, 0_i64, Vec::new());
        for _ in 0..count {
            let first = at.checked_add(take_offset(&mut bytes)?)?;
            at = first.checked_add(take_offset(&mut bytes)?)?;
            runs.push((first, at, u32::try_from(take(&mut bytes)?).ok()?));
        }
        bytes.is_empty().then_some(Self { runs })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0_i64..60, 0_i64..9).prop_map(|(first, length)| (first, first + length)), 0..8)
    }

    fn within(runs: &[(i64, i64)], offset: i64) -> bool {
        runs.iter().any(|(first, end)| (*first..*end).contains(&offset))
    }

    proptest! {
        #[test]
        fn the_counts_match_a_simple_model(
            attempts in prop::collection::vec((runs(), 0_i64..30, runs()), 1..4),
        ) {
            let (mut repeats, mut model) = (Repeats::default(), vec![0_u32; 80]);
            for (begun, position, handled) in attempts {
                let handled: Vec<_> = handled.into_iter().collect::<OffsetSet>().runs().collect();
                repeats = repeats.with_attempt(&begun, position, &handled);
                for (offset, times) in (0_i64..).zip(&mut model) {
                    *times += u32::from(within(&begun, offset));
                    if offset < position || within(&handled, offset) {
                        *times = 0;
                    }
                }
            }
            let found: Vec<u32> = (0..80).map(|offset| repeats.times(offset)).collect();
            prop_assert_eq!(&found, &model);
            prop_assert_eq!(Repeats::decode(&repeats.encode()), Some(repeats));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Repeats::decode(&bytes);
        }
    }
}
