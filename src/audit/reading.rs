//! Reads the records of a plan and passes them to an auditor. No group is used, and nothing is changed.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_audit::{Auditor, ObservedRecord, RehearsalPlan};
use kreplay_engine::{
    decode::retry_until,
    plan::{
        Plan,
        scan::{ScanError, ScanSize, ScanTimeouts, ScanVisitor, visit},
    },
    rules::{Field, KeyTemplate, Rules},
};
use kreplay_kafka::{Client, RawRecord};
use kreplay_model::{
    audit::{AuditCoverage, AuditReport},
    domain::Tier,
    feed::Planning,
};

/// What to audit, and how.
pub struct AuditRequest<'a> {
    /// The cluster.
    pub client: &'a Client,
    /// How to read.
    pub tier: Tier,
    /// The records. The key template of its rules makes the keys whose order matters.
    pub plan: &'a Plan,
    /// How much is read.
    pub size: ScanSize,
    /// Timeouts of reading.
    pub timeouts: ScanTimeouts,
    /// The field with a record's number in the sequence of its key.
    pub sequence: Option<&'a Field>,
    /// The number of partitions to rehearse.
    pub rehearse_partitions: Option<i32>,
    /// The key to rehearse.
    pub rehearse_key: Option<&'a KeyTemplate>,
    /// Ends reading when it becomes true; the report then has what was found so far.
    pub cancel: &'a AtomicBool,
}

/// Reads the records and reports what was found. `progress` is called from time to time.
///
/// # Errors
/// Partitions cannot be read, brokers do not answer, or a record cannot be decoded because the schema registry does
/// not answer. A cancelled audit is not an error.
pub fn audit(request: &AuditRequest<'_>, progress: &mut dyn FnMut(Planning)) -> Result<AuditReport, ScanError> {
    let begun = Instant::now();
    let mut observer = Observer::new(request);
    let AuditRequest { client, tier, plan, size, timeouts, cancel, .. } = *request;
    let full = match visit(client, tier, plan, size, timeouts, cancel, &mut observer, progress) {
        Err(ScanError::Cancelled) => None,
        result => Some(result?),
    };
    observer.mark_unread();
    let coverage = AuditCoverage {
        full: full == Some(true),
        stopped: full.is_none(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        ..observer.coverage
    };
    Ok(observer.auditor.result(coverage))
}

/// What was read of a partition.
#[derive(Clone, Copy, Debug, Default)]
struct PartitionReading {
    /// The offsets covered, with or without records.
    offsets: u64,
    has_records: bool,
}

struct Observer<'a> {
    auditor: Auditor,
    plan: &'a Plan,
    /// The index of the topic of each partition of the plan.
    topic_of: Vec<usize>,
    /// What was read of each partition of the plan.
    readings: Vec<PartitionReading>,
    rules: &'a Rules,
    sequence: Option<&'a Field>,
    rehearse_key: Option<&'a KeyTemplate>,
    silence: Duration,
    cancel: &'a AtomicBool,
    coverage: AuditCoverage,
}

impl<'a> Observer<'a> {
    fn new(request: &AuditRequest<'a>) -> Self {
        let (plan, rules) = (request.plan, &request.plan.selection.scope.rules);
        let topic_of: Vec<usize> = plan
            .partitions
            .iter()
            .map(|one| plan.topics.iter().position(|name| **name == *one.id.topic).unwrap_or_default())
            .collect();
        let count = |topic: usize| topic_of.iter().filter(|one| **one == topic).count();
        let topics: Vec<(&str, i32)> = plan
            .topics
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), i32::try_from(count(at)).unwrap_or(i32::MAX)))
            .collect();
        let rehearsal = RehearsalPlan {
            partitions: request.rehearse_partitions,
            key_template: request.rehearse_key.map(ToString::to_string),
        };
        let template = rules.template.as_ref().map(ToString::to_string);
        let sequence = request.sequence.map(ToString::to_string);
        Self {
            auditor: Auditor::new(&topics, template, sequence, rehearsal),
            plan,
            topic_of,
            readings: vec![PartitionReading::default(); plan.partitions.len()],
            rules,
            sequence: request.sequence,
            rehearse_key: request.rehearse_key,
            silence: request.timeouts.silence,
            cancel: request.cancel,
            coverage: AuditCoverage { offsets: plan.records(), ..AuditCoverage::default() },
        }
    }

    /// Marks the partitions that may have records, of which none was read: the time for a sample was over, or the audit
    /// was stopped. A partition of which every offset is covered is known to have none.
    fn mark_unread(&mut self) {
        for ((planned, topic), reading) in self.plan.partitions.iter().zip(&self.topic_of).zip(&self.readings) {
            if !reading.has_records && reading.offsets < planned.span() {
                self.auditor.mark_unread(*topic, planned.id.partition.0);
            }
        }
    }
}

impl ScanVisitor for Observer<'_> {
    fn record(&mut self, at: usize, record: &RawRecord<'_>) -> Result<(), ScanError> {
        if let Some(reading) = self.readings.get_mut(at) {
            reading.has_records = true;
        }
        let wanted = || !self.cancel.load(Relaxed);
        let route = retry_until(self.silence, wanted, |_| {}, || self.rules.route(record))
            .map_err(|reason| ScanError::Undecodable(reason.to_string()))?;
        if route.filtered {
            self.coverage.filtered += 1;
            return Ok(());
        }
        self.coverage.records += 1;
        let examined = self.rules.examine(record);
        let text_of = |field| examined.field(field).and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok());
        let rehearsal_key = self.rehearse_key.and_then(|template| examined.apply_template(template));
        let observed = ObservedRecord {
            partition: record.partition(),
            offset: record.offset(),
            timestamp_ms: Some(record.timestamp_ms()).filter(|at| *at >= 0),
            key: record.key(),
            is_tombstone: record.value().is_none(),
            bytes: (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64,
            template_key: self.rules.template.as_ref().and_then(|_| examined.lane_key()),
            sequence: self.sequence.and_then(text_of),
            rehearsal_key: rehearsal_key.as_deref(),
        };
        let topic = self.topic_of.get(at).copied().unwrap_or_default();
        self.auditor.observe(topic, &observed);
        Ok(())
    }

    fn covered(&mut self, at: usize, offsets: u64) {
        self.coverage.offsets_read += offsets;
        if let Some(reading) = self.readings.get_mut(at) {
            reading.offsets += offsets;
        }
    }
}
