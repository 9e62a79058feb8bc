//! Counts of the records of each partition.

use kreplay_model::audit::{Evenness, PartitionAudit, RecordCounts};

use crate::{record::ObservedRecord, statistics::unevenness};

/// The counts of the partitions of a topic.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<RecordCounts>);

impl Counts {
    pub fn new(partitions: i32) -> Self {
        Self(vec![RecordCounts::default(); usize::try_from(partitions).unwrap_or_default()])
    }

    /// Counts a record. One of a partition that the topic did not have at first adds the partition.
    pub fn add(&mut self, record: &ObservedRecord<'_>) {
        let Ok(at) = usize::try_from(record.partition) else { return };
        if at >= self.0.len() {
            self.0.resize(at + 1, RecordCounts::default());
        }
        let Some(one) = self.0.get_mut(at) else { return };
        one.records += 1;
        one.bytes += record.bytes;
        one.tombstones += u64::from(record.is_tombstone);
        *match record.key {
            None => &mut one.null_keys,
            Some([]) => &mut one.empty_keys,
            Some(_) => &mut one.keyed,
        } += 1;
    }

    pub fn total(&self) -> RecordCounts {
        self.0.iter().fold(RecordCounts::default(), |sum, one| RecordCounts {
            records: sum.records + one.records,
            bytes: sum.bytes + one.bytes,
            keyed: sum.keyed + one.keyed,
            empty_keys: sum.empty_keys + one.empty_keys,
            null_keys: sum.null_keys + one.null_keys,
            tombstones: sum.tombstones + one.tombstones,
        })
    }

    pub fn partitions(&self) -> Vec<PartitionAudit> {
        (0..).zip(&self.0).map(|(partition, counts)| PartitionAudit { partition, counts: *counts }).collect()
    }

    pub fn evenness(&self) -> Evenness {
        Evenness {
            records: unevenness(self.0.iter().map(|one| one.records)),
            bytes: unevenness(self.0.iter().map(|one| one.bytes)),
        }
    }

    /// The partitions without keyed records, if there are keyed records.
    pub fn unused(&self) -> Vec<i32> {
        if self.total().keyed == 0 {
            return Vec::new();
        }
        (0..).zip(&self.0).filter(|(_, counts)| counts.keyed == 0).map(|(partition, _)| partition).collect()
    }
}
