//! An event of the demo, as JSON.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::schedule::Slot;

/// 2026-01-01T00:00:00Z. Fixed, so that the records of two demos are identical.
const FIRST_TIMESTAMP_MS: i64 = 1_767_225_600_000;

/// Time between two events of the log.
const STEP_MS: i64 = 10;

/// Event types, with their frequencies in percent. The first event of a dataset is always `DatasetCreated`.
const KINDS: [(&str, u64); 7] = [
    ("GraphPatched", 62),
    ("GraphPut", 14),
    ("CommitCreated", 10),
    ("BranchCreated", 5),
    ("TagCreated", 4),
    ("GraphDeleted", 3),
    ("BranchMerged", 2),
];

const GRAPHS: [&str; 6] = ["default", "people", "places", "products", "orders", "provenance"];
const AUTHORS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// The value of a record.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    dataset: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    sequence: u64,
    timestamp: String,
    graph: &'static str,
    author: &'static str,
    added: u64,
    removed: u64,
}

/// The timestamp of the event at `position` in the whole log, in milliseconds since 1970.
pub(super) fn timestamp_ms(position: u64) -> i64 {
    FIRST_TIMESTAMP_MS + i64::try_from(position).unwrap_or_default() * STEP_MS
}

impl<'a> Event<'a> {
    /// The event of `slot`. Its contents are derived from a hash of seed, dataset, and sequence, so they do not depend
    /// on the number of events.
    pub(super) fn new(dataset: &'a str, slot: Slot, timestamp_ms: i64, seed: u64) -> Self {
        let dataset_seed = xxh3_64_with_seed(dataset.as_bytes(), seed);
        let mut dice = Dice(xxh3_64_with_seed(&slot.sequence.to_le_bytes(), dataset_seed));
        let kind = if slot.sequence == 0 { "DatasetCreated" } else { kind(dice.roll(100)) };
        Self {
            dataset,
            kind,
            sequence: slot.sequence,
            timestamp: DateTime::from_timestamp_millis(timestamp_ms)
                .unwrap_or_default()
                .to_rfc3339_opts(SecondsFormat::Millis, true),
            graph: pick(&GRAPHS, &mut dice),
            author: pick(&AUTHORS, &mut dice),
            added: dice.roll(20),
            removed: dice.roll(5),
        }
    }
}

/// Derives small numbers from one hash.
struct Dice(u64);

impl Dice {
    /// A number from 0 to `sides` − 1.
    fn roll(&mut self, sides: u64) -> u64 {
        let number = self.0 % sides;
        self.0 /= sides;
        number
    }
}

fn kind(mut percent: u64) -> &'static str {
    for (kind, share) in KINDS {
        if percent < share {
            return kind;
        }
        percent -= share;
    }
    KINDS[0].0
}

fn pick(names: &[&'static str], dice: &mut Dice) -> &'static str {
    let index = usize::try_from(dice.roll(names.len() as u64)).unwrap_or_default();
    names.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_expected_json() {
        let slot = Slot { dataset: 0, sequence: 0 };
        let json = serde_json::to_value(Event::new("dataset1", slot, timestamp_ms(3), 0)).unwrap();
        assert_eq!(json["dataset"], "dataset1");
        assert_eq!(json["type"], "DatasetCreated");
        assert_eq!(json["sequence"], 0);
        assert_eq!(json["timestamp"], "2026-01-01T00:00:00.030Z");
    }

    #[test]
    fn shares_of_the_kinds_sum_to_one_hundred() {
        assert_eq!(KINDS.iter().map(|(_, share)| share).sum::<u64>(), 100);
    }

    #[test]
    fn contents_depend_only_on_sequence_and_seed() {
        let event = |sequence, seed| {
            serde_json::to_string(&Event::new("d", Slot { dataset: 0, sequence }, timestamp_ms(0), seed)).unwrap()
        };
        let kinds: std::collections::BTreeSet<_> =
            (1..500).map(|sequence| Event::new("d", Slot { dataset: 0, sequence }, 0, 0).kind).collect();
        assert_eq!(kinds.len(), KINDS.len());
        assert_eq!(event(7, 1), event(7, 1));
        assert_ne!(event(7, 1), event(7, 2));
        assert_ne!(event(7, 1), event(8, 1));
    }
}
