//! Copies sections of old topics into new ones, exactly once: records and the positions that they came from are committed in one
//! transaction, and the positions say where to go on.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    error::MigrateError,
    read::{Section, Visit},
    routes::Routes,
};
use crate::{
    domain::{Header, Offset, TopicPartition},
    kafka::{
        Commit, GroupOffsets, KafkaConfig, RawRecord, TopicLimits,
        producer::{
            BatchProducer, NewRecord, NotSent, RecordFacts, Refusal, Timestamps, TransactionError, Verdict, carrying,
        },
    },
};

/// A transaction is committed after so many records, bytes, or so much time.
const RECORDS: usize = 20_000;
const BYTES: u64 = 16 << 20;
const EVERY: Duration = Duration::from_secs(1);
/// How long the broker may take for a step of a transaction.
const WITHIN: Duration = Duration::from_secs(60);

/// Copies, as the only one that copies for its migration: whoever did before is fenced off.
pub struct Copier {
    producer: BatchProducer,
    offsets: GroupOffsets,
    /// What the new topics accept, as far as the cluster says.
    limits: BTreeMap<String, TopicLimits>,
    timestamps: Timestamps,
}

impl Copier {
    /// Takes the migration with this id over. `limits` has what the new topics accept.
    ///
    /// # Errors
    /// Properties that librdkafka refuses, a broker that does not let transactions begin.
    pub fn new(
        config: &KafkaConfig,
        id: &str,
        limits: BTreeMap<String, TopicLimits>,
        timestamps: Timestamps,
    ) -> Result<Self, MigrateError> {
        let batch_bytes = limits.values().filter_map(|one| one.max_message_bytes).min();
        let properties = carrying(&config.properties, batch_bytes);
        let producer = BatchProducer::new(&config.bootstrap_servers, &properties, Some(id))?;
        producer.init(WITHIN).map_err(|error| transaction(&error))?;
        Ok(Self { producer, offsets: GroupOffsets::new(config, id)?, limits, timestamps })
    }

    /// Up to where partitions are copied, in their order; `None` where nothing of one is.
    ///
    /// # Errors
    /// The broker's words.
    pub fn positions(&self, ids: &[TopicPartition]) -> Result<Vec<Option<i64>>, MigrateError> {
        let committed = self.offsets.committed(ids, WITHIN)?;
        Ok(committed.into_iter().map(|one| one.map(|(offset, _)| offset.get())).collect())
    }

    /// Forgets what was copied: from here on, partitions are copied from these places on.
    ///
    /// # Errors
    /// The broker's words.
    pub fn begin_again(&self, ids: &[TopicPartition], at: &[i64]) -> Result<(), MigrateError> {
        let commit = |(id, at): (&TopicPartition, &i64)| Some((id.clone(), Offset::new(*at)?, String::new()));
        let commits: Vec<Commit> = ids.iter().zip(at).filter_map(commit).collect();
        Ok(self.offsets.commit(&commits)?)
    }

    /// A pass over sections, to be read from their beginnings.
    pub fn pass<'a>(
        &'a self,
        routes: &'a mut Routes,
        sections: &'a [Section],
        topic_of: &'a [usize],
        tell: &'a mut dyn FnMut(u64),
    ) -> Pass<'a> {
        let known = routes.targets().len();
        let touched = vec![None; sections.len()];
        Pass { copier: self, routes, sections, topic_of, tell, known, open: None, touched, copied: 0 }
    }
}

/// A transaction under way.
struct Open {
    since: Instant,
    bytes: u64,
    /// Each record by its number.
    sent: Vec<Copied>,
}

/// A record that was sent, and what is said of it where it is refused.
struct Copied {
    section: usize,
    offset: i64,
    target: usize,
    batch_bytes: u64,
    timestamp_ms: Option<i64>,
    has_key: bool,
}

/// Copies what is read.
pub struct Pass<'a> {
    copier: &'a Copier,
    routes: &'a mut Routes,
    sections: &'a [Section],
    topic_of: &'a [usize],
    tell: &'a mut dyn FnMut(u64),
    known: usize,
    open: Option<Open>,
    /// Positions that the next commit has to carry.
    touched: Vec<Option<i64>>,
    copied: u64,
}

impl Pass<'_> {
    /// Commits what is left, and that the sections were read to their ends. Returns how many records were copied.
    ///
    /// # Errors
    /// The transaction fails; nothing of it can be seen.
    pub fn finish(mut self) -> Result<u64, MigrateError> {
        for (touched, section) in self.touched.iter_mut().zip(self.sections) {
            if section.from < section.end {
                *touched = Some(section.end.get());
            }
        }
        if self.touched.iter().any(Option::is_some) {
            self.begin()?;
            self.commit()?;
        }
        Ok(self.copied)
    }

    /// Gives up what is not committed.
    pub fn give_up(mut self) {
        if self.open.take().is_some() {
            // Whatever becomes of it: the next one with this id aborts it first.
            drop(self.copier.producer.abort(WITHIN));
        }
    }

    fn begin(&mut self) -> Result<&mut Open, MigrateError> {
        if self.open.is_none() {
            self.copier.producer.begin().map_err(|error| transaction(&error))?;
        }
        Ok(self.open.get_or_insert_with(|| Open { since: Instant::now(), bytes: 0, sent: Vec::new() }))
    }

    fn commit(&mut self) -> Result<(), MigrateError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let result = self.try_commit(&open);
        if result.is_err() {
            drop(self.copier.producer.abort(WITHIN));
        }
        result?;
        self.copied += open.sent.len() as u64;
        (self.tell)(open.sent.len() as u64);
        Ok(())
    }

    fn try_commit(&mut self, open: &Open) -> Result<(), MigrateError> {
        let Copier { producer, offsets, .. } = self.copier;
        let refused = producer.settle(WITHIN).map_err(MigrateError::Transaction)?;
        if !refused.is_empty() {
            return Err(self.blame(open, NotSent { refused, sent: open.sent.len() }));
        }
        let position = |(at, touched): (usize, &mut Option<i64>)| {
            Some((self.sections[at].id.clone(), Offset::new(touched.take()?)?))
        };
        let positions: Vec<(TopicPartition, Offset)> =
            self.touched.iter_mut().enumerate().filter_map(position).collect();
        let group = offsets.metadata().ok_or_else(|| MigrateError::Transaction("its group has no name".into()))?;
        producer.send_offsets(&positions, &group, WITHIN).map_err(|error| transaction(&error))?;
        producer.commit(WITHIN).map_err(|error| transaction(&error))
    }

    /// Which record is to blame, and why.
    fn blame(&self, open: &Open, not: NotSent) -> MigrateError {
        let now = chrono::Utc::now().timestamp_millis();
        let is_suspect = |number: usize| {
            let limits = |one: &Copied| self.copier.limits.get(&self.routes.targets()[one.target].topic);
            open.sent.get(number).is_some_and(|one| {
                let refused = one.timestamp_ms.and_then(|at| limits(one)?.refuses_time(at, now));
                refused.is_some() || !one.has_key && limits(one).is_some_and(|limits| limits.compacts)
            })
        };
        // Of a batch that is refused as a whole, the largest record is the first to look at.
        let size = |number: usize| open.sent.get(number).map(|one| one.batch_bytes);
        let largest = not.refused.iter().max_by_key(|(number, _)| size(*number)).cloned();
        let blamed = match not.verdict(0, is_suspect) {
            Verdict::Blamed(blamed) => blamed.into_iter().next(),
            Verdict::Closed(number, refusal) => Some((number, refusal)),
            Verdict::Crowded(_) => largest,
            Verdict::Passing(reason) => return MigrateError::Transaction(reason),
        };
        match blamed.and_then(|(number, refusal)| Some((open.sent.get(number)?, refusal))) {
            Some((one, refusal)) => self.refused(one, &refusal),
            None => MigrateError::Transaction("records were refused".into()),
        }
    }

    fn refused(&self, one: &Copied, refusal: &Refusal) -> MigrateError {
        let topic = &self.routes.targets()[one.target].topic;
        let Copied { batch_bytes, timestamp_ms, has_key, .. } = *one;
        let facts = RecordFacts { topic, batch_bytes, timestamp_ms, has_key };
        let reason = refusal.explain(&facts, self.copier.limits.get(topic));
        self.not_copied(one.section, one.offset, topic, reason)
    }

    fn not_copied(&self, section: usize, offset: i64, topic: &str, reason: String) -> MigrateError {
        MigrateError::NotCopied { partition: self.sections[section].id.clone(), offset, topic: topic.into(), reason }
    }
}

impl Visit for Pass<'_> {
    fn record(&mut self, section: usize, record: &RawRecord<'_>) -> Result<(), MigrateError> {
        let number = self.begin()?.sent.len();
        let partition = self.sections[section].id.partition.0;
        let Some(routed) = self.routes.route(self.topic_of[section], partition, record)? else {
            let reason = "the template makes no channel of it".to_owned();
            return Err(self.not_copied(section, record.offset(), "any topic", reason));
        };
        let mut headers: Vec<Header<'_>> = Vec::new();
        record.headers(|key, value| headers.push(Header { key, value }));
        let bytes = (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64;
        let (target, to, key) =
            (routed.target as usize, routed.partition, routed.key.map(std::borrow::Cow::into_owned));
        let topic = &self.routes.targets()[target].topic;
        if target >= self.known {
            let reason = "a new channel needs this topic, which is not there; run the same command again".to_owned();
            return Err(self.not_copied(section, record.offset(), topic, reason));
        }
        let timestamp_ms = self.copier.timestamps.of(record.timestamp_ms()).map_err(|reason| {
            let reason = format!("{reason}; --timestamps now gives every record that time");
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
        let copied = Copied { section, offset: record.offset(), target, batch_bytes, timestamp_ms, has_key };
        if let Err(refusal) = self.copier.producer.send(new, number) {
            return Err(self.refused(&copied, &refusal));
        }
        self.touched[section] = Some(record.offset() + 1);
        let Some(open) = &mut self.open else { return Ok(()) };
        open.sent.push(copied);
        open.bytes += bytes;
        if open.sent.len() >= RECORDS || open.bytes >= BYTES {
            self.commit()?;
        }
        Ok(())
    }

    fn breathe(&mut self) -> Result<(), MigrateError> {
        if self.open.as_ref().is_some_and(|open| open.since.elapsed() >= EVERY) {
            self.commit()?;
        }
        Ok(())
    }
}

fn transaction(error: &TransactionError) -> MigrateError {
    match error {
        TransactionError::Fenced(text) => {
            MigrateError::Refused(format!("another kreplay has taken this migration over, and this one ends ({text})"))
        }
        TransactionError::Refused(text) => {
            MigrateError::Refused(format!("the broker does not let this migration write: {text}"))
        }
        TransactionError::Abort(text) | TransactionError::Broken(text) => MigrateError::Transaction(text.clone()),
    }
}
