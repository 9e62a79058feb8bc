//! The records of a key in a partition: their number, and the offsets at both ends.

/// How many offsets are kept at each end. Up to this many records of a key on the wrong side of a change are counted
/// exactly.
const EDGE: usize = 4;

/// The records of a key in a partition. Offsets must be added in ascending order, as a partition is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// The number of records.
    pub records: u64,
    first: [i64; EDGE],
    /// A ring: the offset of record number `n` is at `n % EDGE`.
    last: [i64; EDGE],
}

impl Edges {
    /// Adds a record.
    pub fn add(&mut self, offset: i64) {
        if let Ok(at) = usize::try_from(self.records)
            && let Some(place) = self.first.get_mut(at)
        {
            *place = offset;
        }
        self.last[ring(self.records)] = offset;
        self.records += 1;
    }

    fn kept(&self) -> usize {
        usize::try_from(self.records).unwrap_or(EDGE).min(EDGE)
    }

    /// The first offsets, up to four.
    pub fn first(&self) -> &[i64] {
        &self.first[..self.kept()]
    }

    /// The last offsets, up to four, in no order.
    pub fn last(&self) -> &[i64] {
        &self.last[..self.kept()]
    }

    /// The offset of the first record.
    pub fn first_offset(&self) -> i64 {
        self.first[0]
    }

    /// The offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.last[ring(self.records.saturating_sub(1))]
    }

    /// How many records are below an offset: the lowest and the highest number that the kept offsets allow.
    pub fn below(&self, offset: i64) -> (u64, u64) {
        let count = |offsets: &[i64], below: bool| offsets.iter().filter(|one| (**one < offset) == below).count();
        let (first_below, last_above) = (count(self.first(), true), count(self.last(), false));
        let kept = self.kept();
        if first_below < kept {
            (first_below as u64, first_below as u64)
        } else if last_above < kept {
            let below = self.records - last_above as u64;
            (below, below)
        } else {
            (first_below as u64, self.records - last_above as u64)
        }
    }
}

fn ring(number: u64) -> usize {
    usize::try_from(number % EDGE as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_below_an_offset_are_within_their_bounds(
            gaps in prop::collection::vec(1_i64..5, 1..30), at in -1_i64..100,
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(-1, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut edges = Edges::default();
            for offset in &offsets {
                edges.add(*offset);
            }
            let exact = offsets.iter().filter(|offset| **offset < at).count() as u64;
            let (low, high) = edges.below(at);
            prop_assert!(low <= exact && exact <= high, "{low} {exact} {high}");
            if exact < 4 || offsets.len() as u64 - exact < 4 {
                prop_assert_eq!((low, high), (exact, exact));
            }
            prop_assert_eq!((edges.first_offset(), edges.last_offset()), (offsets[0], offsets[offsets.len() - 1]));
            prop_assert_eq!(edges.records, offsets.len() as u64);
            prop_assert!(edges.last().iter().all(|one| offsets[offsets.len().saturating_sub(4)..].contains(one)));
        }
    }
}
