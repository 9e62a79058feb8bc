//! Audits the records of several topics.

use kreplay_model::audit::{AuditCoverage, AuditReport};

use crate::{
    co_partitioning,
    findings::findings,
    record::ObservedRecord,
    rehearsal::RehearsalPlan,
    topic::{KEY_SAMPLE, TopicAuditor},
};

/// The lowest number of keys that are followed per topic, however many topics there are.
const MIN_KEYS_PER_TOPIC: usize = 1024;

/// Audits the records of several topics.
///
/// ```
/// use kreplay_audit::{Auditor, ObservedRecord, RehearsalPlan};
///
/// let mut auditor = Auditor::new(&[("orders", 2)], None, None, RehearsalPlan::default());
/// auditor.observe(0, &ObservedRecord { partition: 1, key: Some(b"a"), ..ObservedRecord::default() });
/// assert_eq!(auditor.result(Default::default()).topics[0].partitions[1].counts.keyed, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Auditor {
    topics: Vec<TopicAuditor>,
    key_template: Option<String>,
    sequence: Option<String>,
    rehearsal: RehearsalPlan,
}

impl Auditor {
    /// An auditor of these topics with their numbers of partitions. `key_template` and `sequence` say, as text, where
    /// [`ObservedRecord::template_key`] and [`ObservedRecord::sequence`] come from, if they are used.
    #[must_use]
    pub fn new(
        topics: &[(&str, i32)],
        key_template: Option<String>,
        sequence: Option<String>,
        rehearsal: RehearsalPlan,
    ) -> Self {
        let key_sample = (KEY_SAMPLE / topics.len().max(1)).max(MIN_KEYS_PER_TOPIC);
        let of = |(name, partitions): &(&str, i32)| {
            TopicAuditor::new(name, *partitions, key_sample, key_template.is_some(), &rehearsal)
        };
        Self { topics: topics.iter().map(of).collect(), key_template, sequence, rehearsal }
    }

    /// Observes a record of the topic at this index of the list given to [`Self::new`].
    pub fn observe(&mut self, topic: usize, record: &ObservedRecord<'_>) {
        if let Some(auditor) = self.topics.get_mut(topic) {
            auditor.observe(record);
        }
    }

    /// Marks a partition of the topic at this index: it has offsets, but none of them was read. Whether it is used is
    /// unknown.
    pub fn mark_unread(&mut self, topic: usize, partition: i32) {
        if let Some(auditor) = self.topics.get_mut(topic) {
            auditor.mark_unread(partition);
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn result(&self, coverage: AuditCoverage) -> AuditReport {
        let (has_sequence, rehearsed) = (self.sequence.is_some(), self.rehearsal.key_template.as_deref());
        let is_full = coverage.full && !coverage.stopped && coverage.filtered == 0;
        let result = |topic: &TopicAuditor| topic.result(has_sequence, is_full, rehearsed);
        let mut report = AuditReport {
            coverage,
            key_template: self.key_template.clone(),
            sequence: self.sequence.clone(),
            topics: self.topics.iter().map(result).collect(),
            co_partitioning: co_partitioning::compare(&self.topics),
            findings: Vec::new(),
        };
        report.findings = findings(&report);
        report
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::audit::{Check, Partitioner};

    use super::*;
    use crate::key_hashes::KeyHashes;

    #[test]
    fn partitions_of_which_nothing_was_read_are_not_judged() {
        let mut auditor = Auditor::new(&[("t", 5)], None, None, RehearsalPlan::default());
        for offset in 0..1000_i64 {
            let key = format!("key-{offset}");
            let partition = KeyHashes::of(key.as_bytes()).partition(Partitioner::Murmur2, 5).unwrap();
            if partition < 3 {
                let key = Some(key.as_bytes());
                auditor.observe(0, &ObservedRecord { partition, offset, key, ..ObservedRecord::default() });
            }
        }
        let judged = |auditor: &Auditor| {
            let report = auditor.result(AuditCoverage::default());
            let is_found = report.findings.iter().any(|finding| finding.check == Check::Unused);
            let topic = &report.topics[0];
            (topic.unused_partitions.clone(), topic.unreachable_partitions.clone(), is_found)
        };
        assert_eq!(judged(&auditor), (vec![3, 4], Some(vec![3, 4]), true));
        auditor.mark_unread(0, 4);
        assert_eq!(judged(&auditor), (vec![3], Some(vec![3]), true));
        auditor.mark_unread(0, 3);
        assert_eq!(judged(&auditor), (Vec::new(), Some(Vec::new()), false));
    }
}
