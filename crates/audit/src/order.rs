//! The order of the records of each key within a partition.

use kreplay_model::audit::{Inversion, InversionKind, OrderAudit, SequenceAudit};

use crate::{label::text, record::ObservedRecord};

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

/// Counts what is out of order.
#[derive(Clone, Debug, Default)]
pub struct Order {
    timestamp_inversions: u64,
    sequence: SequenceAudit,
    gaps: u64,
    examples: Vec<Inversion>,
}

impl Order {
    /// Compares a record with the one before it of the same key in the same partition.
    pub fn compare(&mut self, label: &[u8], before: &mut PlaceOrder, record: &ObservedRecord<'_>) {
        if let Some(value) = record.timestamp_ms
            && let Some(previous) = before.timestamp_ms.replace((value, record.offset))
            && value < previous.0
        {
            self.timestamp_inversions += 1;
            self.show(InversionKind::Timestamp, label, record, previous, value);
        }
        let Some(value) = record.sequence else {
            self.sequence.unnumbered += 1;
            return;
        };
        self.sequence.numbered += 1;
        let Some(previous) = before.sequence.replace((value, record.offset)) else { return };
        if value < previous.0 {
            self.sequence.inversions += 1;
            self.show(InversionKind::Sequence, label, record, previous, value);
        } else if value == previous.0 {
            self.sequence.repetitions += 1;
            self.show(InversionKind::Repetition, label, record, previous, value);
        } else if value > previous.0.saturating_add(1) {
            self.gaps += 1;
        }
    }

    fn show(
        &mut self,
        kind: InversionKind,
        label: &[u8],
        record: &ObservedRecord<'_>,
        (previous_value, previous_offset): (i64, i64),
        value: i64,
    ) {
        if self.examples.len() < MAX_EXAMPLES {
            let (partition, offset) = (record.partition, record.offset);
            let key = text(label);
            self.examples.push(Inversion { kind, key, partition, previous_offset, offset, previous_value, value });
        }
    }

    /// The result. `sequence`: a field for sequence numbers was given. `full`: all records were read, so that a missing
    /// number is a gap.
    pub fn result(&self, sequence: bool, full: bool) -> OrderAudit {
        let gaps = full.then_some(self.gaps);
        OrderAudit {
            timestamp_inversions: self.timestamp_inversions,
            sequence: sequence.then_some(SequenceAudit { gaps, ..self.sequence }),
            examples: self.examples.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_repetitions_and_gaps_are_counted_apart() {
        let (mut order, mut place) = (Order::default(), PlaceOrder::default());
        for (offset, timestamp_ms, sequence) in [
            (0, Some(100), Some(1)),
            (1, Some(90), Some(2)),
            (2, None, None),
            (3, Some(90), Some(2)),
            (4, Some(95), Some(5)),
            (5, Some(95), Some(4)),
        ] {
            let record = ObservedRecord { partition: 7, offset, timestamp_ms, sequence, ..ObservedRecord::default() };
            order.compare(b"k", &mut place, &record);
        }
        let result = order.result(true, true);
        let sequence = SequenceAudit { numbered: 5, unnumbered: 1, inversions: 1, repetitions: 1, gaps: Some(1) };
        assert_eq!((result.timestamp_inversions, result.sequence), (1, Some(sequence)));
        let kinds: Vec<_> = result.examples.iter().map(|one| (one.kind, one.previous_offset, one.offset)).collect();
        assert_eq!(
            kinds,
            [(InversionKind::Timestamp, 0, 1), (InversionKind::Repetition, 1, 3), (InversionKind::Sequence, 4, 5)]
        );
        assert_eq!(order.result(true, false).sequence.unwrap().gaps, None);
        assert_eq!(order.result(false, true).sequence, None);
    }
}
