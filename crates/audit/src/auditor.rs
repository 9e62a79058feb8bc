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
