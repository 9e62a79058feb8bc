//! Audits the records of one topic.

use std::collections::BTreeSet;

use kreplay_model::{
    audit::{Bounds, HotKey, Partitioner, PartitionerAudit, PartitionerVerdict, TopicAudit},
    domain::{HeavyHitters, hash_key},
};

use crate::{
    counts::Counts,
    key_hashes::KeyHashes,
    key_table::KeyTable,
    label::text,
    partitioner::{self, Facts},
    record::ObservedRecord,
    rehearsal::{RehearsalLoads, RehearsalPlan},
};

/// How many keys of all topics are followed; the topics share them. Keys made by a template are followed in addition,
/// half as many. A key takes about 350 bytes, and 150 for each further partition.
pub const KEY_SAMPLE: usize = 32_768;
/// How many keys are counted to find the hottest.
const TRACKED_KEYS: usize = 2048;
/// How many of the hottest keys are reported.
const MAX_HOT_KEYS: usize = 10;

/// Audits the records of one topic.
#[derive(Clone, Debug)]
pub struct TopicAuditor {
    name: String,
    partitions: i32,
    counts: Counts,
    /// Partitions that have offsets, of which none was read.
    not_read: BTreeSet<i32>,
    heavy: HeavyHitters,
    keys: KeyTable,
    template_keys: Option<KeyTable>,
    /// The keyed records that each partitioner explains, in the order of [`Partitioner::OF_KEYS`].
    matches: [u64; Partitioner::OF_KEYS.len()],
    rehearsal: Option<(RehearsalLoads, bool)>,
}

impl TopicAuditor {
    /// `key_sample` keys are followed, and half as many of a template.
    pub fn new(name: &str, partitions: i32, key_sample: usize, has_template: bool, rehearsal: &RehearsalPlan) -> Self {
        let rehearsed = rehearsal.partitions.or_else(|| rehearsal.key_template.is_some().then_some(partitions));
        Self {
            name: name.to_owned(),
            partitions,
            counts: Counts::new(partitions),
            not_read: BTreeSet::new(),
            heavy: HeavyHitters::new(TRACKED_KEYS),
            keys: KeyTable::new(key_sample),
            template_keys: has_template.then(|| KeyTable::new(key_sample / 2)),
            matches: [0; Partitioner::OF_KEYS.len()],
            rehearsal: rehearsed.map(|count| (RehearsalLoads::new(count), rehearsal.key_template.is_some())),
        }
    }

    /// The name of the topic.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of partitions.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// The followed keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// Observes a record.
    pub fn observe(&mut self, record: &ObservedRecord<'_>) {
        self.counts.add(record);
        if let Some((rehearsal, has_own_key)) = &mut self.rehearsal {
            rehearsal.add(if *has_own_key { record.rehearsal_key } else { record.key }, record.partition);
        }
        if let (Some(table), Some(key)) = (&mut self.template_keys, record.template_key) {
            table.add(key, record);
        }
        let Some(key) = record.key.filter(|key| !key.is_empty()) else { return };
        self.heavy.add(hash_key(key), key);
        self.keys.add(key, record);
        let hashes = KeyHashes::of(key);
        for (partitioner, matches) in Partitioner::OF_KEYS.into_iter().zip(&mut self.matches) {
            *matches += u64::from(hashes.partition(partitioner, self.partitions) == Some(record.partition));
        }
    }

    /// Marks a partition that has offsets, of which none was read.
    pub fn mark_unread(&mut self, partition: i32) {
        self.not_read.insert(partition);
    }

    /// The result. `has_sequence`: a field for sequence numbers was given. `is_full`: all records were observed.
    pub fn result(&self, has_sequence: bool, is_full: bool, rehearsed_key: Option<&str>) -> TopicAudit {
        let counts = self.counts.total();
        let facts = Facts { partitions: self.partitions, keyed: counts.keyed, matches: &self.matches };
        let partitioner = partitioner::detect(&self.keys, facts);
        let mut unused_partitions = self.counts.unused();
        unused_partitions.retain(|partition| !self.not_read.contains(partition));
        let unreachable_partitions = self.unreachable(&partitioner, &unused_partitions);
        let ordered = self.template_keys.as_ref().unwrap_or(&self.keys);
        TopicAudit {
            topic: self.name.clone(),
            counts,
            partitions: self.counts.partitions(),
            evenness: self.counts.evenness(),
            unused_partitions,
            unreachable_partitions,
            hottest_keys: self.hottest(),
            keys: self.keys.spread(),
            template_keys: self.template_keys.as_ref().map(KeyTable::spread),
            order: ordered.order(has_sequence, is_full),
            rehearsal: self.rehearsal.as_ref().map(|(loads, _)| loads.result(&partitioner, rehearsed_key)),
            partitioner,
        }
    }

    /// The keys with the most certain records. Those of followed keys are known exactly: where all are followed, the
    /// hottest are found even if no key is much hotter than the others.
    fn hottest(&self) -> Vec<HotKey> {
        let followed = self.keys.keys().map(|key| {
            let records = key.records();
            (&*key.label, Bounds { low: records, high: records })
        });
        let counted = self.heavy.top(usize::MAX);
        let counted = counted.iter().filter(|key| !self.keys.follows(key.hash));
        let counted = counted.map(|key| (&*key.label, Bounds { low: key.count - key.error, high: key.count }));
        let mut all: Vec<(&[u8], Bounds)> = followed.chain(counted).collect();
        let by_records = |one: &(&[u8], Bounds), other: &(&[u8], Bounds)| {
            other.1.low.cmp(&one.1.low).then_with(|| one.0.cmp(other.0))
        };
        if all.len() > MAX_HOT_KEYS {
            all.select_nth_unstable_by(MAX_HOT_KEYS, by_records);
            all.truncate(MAX_HOT_KEYS);
        }
        all.sort_by(by_records);
        all.into_iter().map(|(label, records)| HotKey { key: text(label), records }).collect()
    }

    /// The unused partitions that the topic's partitioner chooses for no followed key.
    fn unreachable(&self, found: &PartitionerAudit, unused: &[i32]) -> Option<Vec<i32>> {
        let is_known = matches!(found.verdict, PartitionerVerdict::Known | PartitionerVerdict::Mixed);
        let partitioner = found.best.filter(|_| is_known)?.partitioner;
        let mut unreachable = unused.to_vec();
        for key in self.keys.keys() {
            let place = key.hashes.partition(partitioner, self.partitions);
            unreachable.retain(|partition| Some(*partition) != place);
        }
        Some(unreachable)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// With any share of the keys followed, the true numbers are within the bounds. If all are, the ten hottest are
        /// found, however similar they are.
        #[test]
        fn the_hottest_keys_are_compared_with_exact_counts(
            records in prop::collection::vec(0_u32..400, 0..2_000), key_sample in 2_usize..500,
        ) {
            let mut topic = TopicAuditor::new("t", 1, key_sample, false, &RehearsalPlan::default());
            topic.heavy = HeavyHitters::new(50);
            let mut exact: BTreeMap<String, u64> = BTreeMap::new();
            for (offset, key) in (0..).zip(&records) {
                let key = format!("key-{key}");
                topic.observe(&ObservedRecord { offset, key: Some(key.as_bytes()), ..ObservedRecord::default() });
                *exact.entry(key).or_default() += 1;
            }
            let hottest = topic.hottest();
            for hot in &hottest {
                let records = exact[&hot.key];
                prop_assert!(hot.records.low <= records && records <= hot.records.high, "{hot:?}: {records}");
            }
            prop_assert!(hottest.len() == exact.len().min(MAX_HOT_KEYS) || !topic.keys.is_exact());
            if topic.keys.is_exact() {
                let mut counts: Vec<u64> = exact.values().copied().collect();
                counts.sort_unstable_by(|one, other| other.cmp(one));
                counts.truncate(MAX_HOT_KEYS);
                let found: Vec<u64> = hottest.iter().map(|hot| hot.records.low).collect();
                prop_assert_eq!(found, counts);
            }
        }
    }
}
