//! Copies sections of old topics into new ones, exactly once. Records and the positions they came from are committed in
//! one transaction, and copying continues from these positions.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kreplay_kafka::{
    Commit, GroupOffsets, KafkaConfig, RawRecord, TopicLimits,
    producer::{BatchProducer, NewRecord, NotSent, RecordFacts, Refusal, Rejection, Timestamps},
};
use kreplay_model::domain::{Header, Offset, TopicPartition};

use super::{
    error::MigrateError,
    read::{RecordVisitor, Section},
    routes::Routes,
    transaction::{STEP_TIMEOUT, init_error, producer_properties, transaction_error},
};

/// A transaction is committed after this number of records, bytes, or this time.
const MAX_TRANSACTION_RECORDS: usize = 20_000;
const MAX_TRANSACTION_BYTES: u64 = 16 << 20;
const MAX_TRANSACTION_AGE: Duration = Duration::from_secs(1);

/// Copies the records of one migration. Fences off any earlier copier of the same migration.
pub struct Copier {
    producer: BatchProducer,
    offsets: GroupOffsets,
    /// What the new topics accept, as far as the cluster reports it.
    limits: BTreeMap<String, TopicLimits>,
    timestamps: Timestamps,
}

impl Copier {
    /// Takes over the migration with this id. `limits` is what the new topics accept.
    ///
    /// # Errors
    /// librdkafka rejects a property, the broker does not allow transactions, or its limit is below
    /// `transaction.timeout.ms`.
    pub fn new(
        config: &KafkaConfig,
        id: &str,
        limits: BTreeMap<String, TopicLimits>,
        timestamps: Timestamps,
    ) -> Result<Self, MigrateError> {
        let batch_bytes = limits.values().filter_map(|one| one.max_message_bytes).min();
        let properties = producer_properties(&config.properties, batch_bytes);
        let producer = BatchProducer::new(&config.bootstrap_servers, &properties, Some(id))?;
        producer.init(STEP_TIMEOUT).map_err(|error| init_error(&error, &properties))?;
        Ok(Self { producer, offsets: GroupOffsets::new(config, id)?, limits, timestamps })
    }

    /// The position of each partition, in order; `None` if nothing of it was copied.
    ///
    /// # Errors
    /// The offsets could not be read.
    pub fn positions(&self, ids: &[TopicPartition]) -> Result<Vec<Option<i64>>, MigrateError> {
        let committed = self.offsets.committed(ids, STEP_TIMEOUT)?;
        Ok(committed.into_iter().map(|one| one.map(|(offset, _)| offset.get())).collect())
    }

    /// Resets the positions: partitions are copied again from these offsets.
    ///
    /// # Errors
    /// The offsets could not be committed.
    pub fn reset_positions(&self, ids: &[TopicPartition], at: &[i64]) -> Result<(), MigrateError> {
        let commit = |(id, at): (&TopicPartition, &i64)| Some((id.clone(), Offset::new(*at)?, String::new()));
        let commits: Vec<Commit> = ids.iter().zip(at).filter_map(commit).collect();
        Ok(self.offsets.commit(&commits, STEP_TIMEOUT)?)
    }

    /// Commits all positions again, in a transaction of their own. Kafka expires each committed offset some days after
    /// its last commit, so positions of partitions without new records would be lost one by one.
    ///
    /// # Errors
    /// The transaction failed, or another process has taken over the migration.
    pub fn confirm_positions(&self, ids: &[TopicPartition], at: &[i64]) -> Result<(), MigrateError> {
        let position = |(id, at): (&TopicPartition, &i64)| Some((id.clone(), Offset::new(*at)?));
        let positions: Vec<(TopicPartition, Offset)> = ids.iter().zip(at).filter_map(position).collect();
        self.producer.begin().map_err(|error| transaction_error(&error))?;
        let result = self.commit_transaction(&positions);
        if result.is_err() {
            // The result does not matter: the next copier with this id aborts it first.
            drop(self.producer.abort(STEP_TIMEOUT));
        }
        result
    }

    /// Commits the open transaction with these positions.
    fn commit_transaction(&self, positions: &[(TopicPartition, Offset)]) -> Result<(), MigrateError> {
        let group = self.offsets.metadata();
        let group = group.ok_or_else(|| MigrateError::Transaction("the group has no metadata".into()))?;
        self.producer.send_offsets(positions, &group, STEP_TIMEOUT).map_err(|error| transaction_error(&error))?;
        self.producer.commit(STEP_TIMEOUT).map_err(|error| transaction_error(&error))
    }

    /// Starts a pass over sections, which the caller reads from their starts.
    pub fn pass<'a>(
        &'a self,
        routes: &'a mut Routes,
        sections: &'a [Section],
        topic_of: &'a [usize],
        on_progress: &'a mut dyn FnMut(u64),
    ) -> CopyPass<'a> {
        let known_targets = routes.targets().len();
        let pending_positions = vec![None; sections.len()];
        CopyPass {
            copier: self,
            routes,
            sections,
            topic_of,
            on_progress,
            known_targets,
            open: None,
            pending_positions,
            copied: 0,
        }
    }
}

/// An open transaction.
struct OpenTransaction {
    since: Instant,
    bytes: u64,
    /// The sent records, by number.
    sent: Vec<SentRecord>,
}

/// A sent record, with what is needed to explain a refusal.
struct SentRecord {
    section: usize,
    offset: i64,
    target: usize,
    batch_bytes: u64,
    timestamp_ms: Option<i64>,
    has_key: bool,
}

/// Copies the records that it visits.
pub struct CopyPass<'a> {
    copier: &'a Copier,
    routes: &'a mut Routes,
    sections: &'a [Section],
    topic_of: &'a [usize],
    on_progress: &'a mut dyn FnMut(u64),
    known_targets: usize,
    open: Option<OpenTransaction>,
    /// Positions to commit with the next transaction.
    pending_positions: Vec<Option<i64>>,
    copied: u64,
}

impl CopyPass<'_> {
    /// Commits the remaining records, and that the sections were read to their ends. Returns the number of copied
    /// records.
    ///
    /// # Errors
    /// The transaction failed; none of it is visible.
    pub fn finish(mut self) -> Result<u64, MigrateError> {
        for (pending_positions, section) in self.pending_positions.iter_mut().zip(self.sections) {
            if section.from < section.end {
                *pending_positions = Some(section.end.get());
            }
        }
        if self.pending_positions.iter().any(Option::is_some) {
            self.begin()?;
            self.commit()?;
        }
        Ok(self.copied)
    }

    /// Aborts the open transaction.
    pub fn abort(mut self) {
        if self.open.take().is_some() {
            // The result does not matter: the next copier with this id aborts it first.
            drop(self.copier.producer.abort(STEP_TIMEOUT));
        }
    }

    fn begin(&mut self) -> Result<&mut OpenTransaction, MigrateError> {
        if self.open.is_none() {
            self.copier.producer.begin().map_err(|error| transaction_error(&error))?;
        }
        Ok(self.open.get_or_insert_with(|| OpenTransaction { since: Instant::now(), bytes: 0, sent: Vec::new() }))
    }

    fn commit(&mut self) -> Result<(), MigrateError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let result = self.try_commit(&open);
        if result.is_err() {
            drop(self.copier.producer.abort(STEP_TIMEOUT));
        }
        result?;
        self.copied += open.sent.len() as u64;
        (self.on_progress)(open.sent.len() as u64);
        Ok(())
    }

    fn try_commit(&mut self, open: &OpenTransaction) -> Result<(), MigrateError> {
        let refused = self.copier.producer.settle(STEP_TIMEOUT).map_err(MigrateError::Transaction)?;
        if !refused.is_empty() {
            return Err(self.refusal_error(open, NotSent { refused, sent: open.sent.len() }));
        }
        let position = |(at, pending_positions): (usize, &mut Option<i64>)| {
            Some((self.sections[at].id.clone(), Offset::new(pending_positions.take()?)?))
        };
        let positions: Vec<(TopicPartition, Offset)> =
            self.pending_positions.iter_mut().enumerate().filter_map(position).collect();
        self.copier.commit_transaction(&positions)
    }

    /// The error for refused records. It names the record that was probably the cause.
    fn refusal_error(&self, open: &OpenTransaction, not_sent: NotSent) -> MigrateError {
        let now = chrono::Utc::now().timestamp_millis();
        let is_suspect = |number: usize| {
            let limits = |one: &SentRecord| self.copier.limits.get(&self.routes.targets()[one.target].topic);
            open.sent.get(number).is_some_and(|one| {
                let refused = one.timestamp_ms.and_then(|at| limits(one)?.refuses_time(at, now));
                refused.is_some() || !one.has_key && limits(one).is_some_and(|limits| limits.compacts)
            })
        };
        // If a whole batch is refused, its largest record is the most likely cause.
        let size = |number: usize| open.sent.get(number).map(|one| one.batch_bytes);
        let largest = not_sent.refused.iter().max_by_key(|(number, _)| size(*number)).cloned();
        let refused = match not_sent.rejection(0, is_suspect) {
            Rejection::Records(refused) => refused.into_iter().next(),
            Rejection::Topic(number, refusal) => Some((number, refusal)),
            Rejection::Batch(_) => largest,
            Rejection::Temporary(reason) => return MigrateError::Transaction(reason),
        };
        match refused.and_then(|(number, refusal)| Some((open.sent.get(number)?, refusal))) {
            Some((one, refusal)) => self.refused(one, &refusal),
            None => MigrateError::Transaction("records were rejected".into()),
        }
    }

    fn refused(&self, one: &SentRecord, refusal: &Refusal) -> MigrateError {
        let topic = &self.routes.targets()[one.target].topic;
        let SentRecord { batch_bytes, timestamp_ms, has_key, .. } = *one;
        let facts = RecordFacts { topic, batch_bytes, timestamp_ms, has_key };
        let reason = refusal.explain(&facts, self.copier.limits.get(topic));
        self.not_copied(one.section, one.offset, topic, reason)
    }

    fn not_copied(&self, section: usize, offset: i64, topic: &str, reason: String) -> MigrateError {
        MigrateError::NotCopied { partition: self.sections[section].id.clone(), offset, topic: topic.into(), reason }
    }
}

impl RecordVisitor for CopyPass<'_> {
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError> {
        let number = self.begin()?.sent.len();
        let partition = self.sections[section].id.partition.0;
        let Some(routed) = self.routes.route(self.topic_of[section], partition, record)? else {
            let reason = "the template yields no channel for it".to_owned();
            return Err(self.not_copied(section, record.offset(), "any topic", reason));
        };
        let mut headers: Vec<Header<'_>> = Vec::new();
        record.headers(|key, value| headers.push(Header { key, value }));
        let bytes = (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64;
        let (target, to, key) =
            (routed.target as usize, routed.partition, routed.key.map(std::borrow::Cow::into_owned));
        let topic = &self.routes.targets()[target].topic;
        if target >= self.known_targets {
            let reason =
                "a new channel needs this topic, which does not exist yet; run the same command again to create it"
                    .to_owned();
            return Err(self.not_copied(section, record.offset(), topic, reason));
        }
        let timestamp_ms = self.copier.timestamps.of(record.timestamp_ms()).map_err(|reason| {
            let reason = format!("{reason}; use --timestamps now to give all records the time of copying");
            self.not_copied(section, record.offset(), topic, reason)
        })?;
        let new = NewRecord {
            topic,
            partition: Some(to),
            key: key.as_deref(),
            value: record.value(),
            headers: &headers,
            timestamp_ms,
        };
        let RecordFacts { batch_bytes, has_key, .. } = new.facts();
        let sent = SentRecord { section, offset: record.offset(), target, batch_bytes, timestamp_ms, has_key };
        if let Err(refusal) = self.copier.producer.send(new, number) {
            return Err(self.refused(&sent, &refusal));
        }
        self.pending_positions[section] = Some(record.offset() + 1);
        let Some(open) = &mut self.open else { return Ok(()) };
        open.sent.push(sent);
        open.bytes += bytes;
        if open.sent.len() >= MAX_TRANSACTION_RECORDS || open.bytes >= MAX_TRANSACTION_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), MigrateError> {
        if self.open.as_ref().is_some_and(|open| open.since.elapsed() >= MAX_TRANSACTION_AGE) {
            self.commit()?;
        }
        Ok(())
    }
}
