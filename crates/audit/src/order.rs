//! The order of the records of each key within a partition.

use kreplay_model::audit::{Inversion, InversionKind, OrderAudit, SequenceAudit};

use crate::record::ObservedRecord;

/// The number of inversions and repetitions that are shown.
const MAX_EXAMPLES: usize = 10;

/// What the next record of a key in a partition is compared with: the last value and the offset of its record.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlaceOrder {
    timestamp_ms: Option<(i64, i64)>,
    sequence: Option<(i64, i64)>,
}

impl PlaceOrder {
    /// The timestamp of the last record that has one.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms.map(|(value, _)| value)
    }
}

/// What is out of order among the records of one key, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderCounts {
    timestamp_inversions: u64,
    numbered: u64,
    unnumbered: u64,
    inversions: u64,
    repetitions: u64,
    gaps: u64,
}

impl OrderCounts {
    /// Compares a record with the one before it of the same key in the same partition. Says what is out of order to
    /// `show`, with the previous value and its offset, and the present value.
    pub fn compare(
        &mut self,
        before: &mut PlaceOrder,
        record: &ObservedRecord<'_>,
        mut show: impl FnMut(InversionKind, (i64, i64), i64),
    ) {
        if let Some(value) = record.timestamp_ms
            && let Some(previous) = before.timestamp_ms.replace((value, record.offset))
            && value < previous.0
        {
            self.timestamp_inversions += 1;
            show(InversionKind::Timestamp, previous, value);
        }
        let Some(value) = record.sequence else {
            self.unnumbered += 1;
            return;
        };
        self.numbered += 1;
        let Some(previous) = before.sequence.replace((value, record.offset)) else { return };
        if value < previous.0 {
            self.inversions += 1;
            show(InversionKind::Sequence, previous, value);
        } else if value == previous.0 {
            self.repetitions += 1;
            show(InversionKind::Repetition, previous, value);
        } else if value > previous.0.saturating_add(1) {
            self.gaps += 1;
        }
    }

    /// Adds the counts of another key.
    pub fn add(&mut self, other: &Self) {
        self.timestamp_inversions += other.timestamp_inversions;
        self.numbered += other.numbered;
        self.unnumbered += other.unnumbered;
        self.inversions += other.inversions;
        self.repetitions += other.repetitions;
        self.gaps += other.gaps;
    }

    /// The result. `sequence`: a field for sequence numbers was given. `full`: all records were read, so that a
    /// missing number is a gap.
    pub fn result(&self, sequence: bool, full: bool, examples: Vec<Inversion>) -> OrderAudit {
        let of_sequence = SequenceAudit {
            numbered: self.numbered,
            unnumbered: self.unnumbered,
            inversions: self.inversions,
            repetitions: self.repetitions,
            gaps: full.then_some(self.gaps),
        };
        OrderAudit {
            timestamp_inversions: self.timestamp_inversions,
            sequence: sequence.then_some(of_sequence),
            examples,
        }
    }
}

/// Examples of what is out of order, in the order in which they were observed. If there are too many, those of the
/// keys with the smallest hashes are kept: keys with larger ones may not be followed to the end.
#[derive(Clone, Debug, Default)]
pub struct OrderExamples(Vec<(u64, Inversion)>);

impl OrderExamples {
    /// Adds an example of the key with this hash, if it belongs to those that are kept.
    pub fn add(&mut self, hash: u64, example: impl FnOnce() -> Inversion) {
        if self.0.len() >= MAX_EXAMPLES {
            let largest = self.0.iter().enumerate().max_by_key(|(_, (other, _))| *other);
            let Some((at, _)) = largest.filter(|(_, (other, _))| hash < *other) else { return };
            self.0.remove(at);
        }
        self.0.push((hash, example()));
    }

    /// Those of the keys that are followed.
    pub fn of(&self, is_followed: impl Fn(u64) -> bool) -> Vec<Inversion> {
        self.0.iter().filter(|(hash, _)| is_followed(*hash)).map(|(_, example)| example.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_repetitions_and_gaps_are_counted_apart() {
        let (mut order, mut place, mut shown) = (OrderCounts::default(), PlaceOrder::default(), Vec::new());
        for (offset, timestamp_ms, sequence) in [
            (0, Some(100), Some(1)),
            (1, Some(90), Some(2)),
            (2, None, None),
            (3, Some(90), Some(2)),
            (4, Some(95), Some(5)),
            (5, Some(95), Some(4)),
        ] {
            let record = ObservedRecord { partition: 7, offset, timestamp_ms, sequence, ..ObservedRecord::default() };
            order.compare(&mut place, &record, |kind, previous, _| shown.push((kind, previous.1, offset)));
        }
        let result = order.result(true, true, Vec::new());
        let sequence = SequenceAudit { numbered: 5, unnumbered: 1, inversions: 1, repetitions: 1, gaps: Some(1) };
        assert_eq!((result.timestamp_inversions, result.sequence), (1, Some(sequence)));
        assert_eq!(
            shown,
            [(InversionKind::Timestamp, 0, 1), (InversionKind::Repetition, 1, 3), (InversionKind::Sequence, 4, 5)]
        );
        assert_eq!(order.result(true, false, Vec::new()).sequence.unwrap().gaps, None);
        assert_eq!(order.result(false, true, Vec::new()).sequence, None);
    }
}
