//! Producing in batches: each is acknowledged as a whole, or it is known which of its records were refused, and whose fault
//! that was.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext, PurgeConfig},
};

use super::{
    NewRecord, ProducerError, ROOM_WITHIN, Refusal, serve_and_rest, set_all, timestamps::ZERO_TIMESTAMP, to_native,
};

/// Delivery reports come in bunches, so they need not be asked for after each record.
const SERVE_EVERY: usize = 1024;

/// Where the properties say nothing else, a record may be as large as its topic accepts: the size is the broker's to judge.
const LARGEST_MESSAGE: &str = "1000000000";
/// The name of the client's own limit.
const CLIENT_LIMIT: &str = "message.max.bytes";
/// How large batches grow where neither properties nor topics say otherwise: librdkafka's default.
const BATCH_BYTES: u64 = 1_000_000;
/// How often what is still queued is given up, once a record has failed.
const PURGE_EVERY: Duration = Duration::from_millis(20);

/// The properties of a producer that carries records of others. With `batch_bytes`, the smallest `max.message.bytes` of the topics
/// that it writes to, no batch gets larger than that, so that only a record that is too large by itself is refused.
#[must_use]
pub fn carrying(properties: &BTreeMap<String, String>, batch_bytes: Option<u64>) -> BTreeMap<String, String> {
    let mut all = properties.clone();
    all.entry(CLIENT_LIMIT.to_owned()).or_insert_with(|| LARGEST_MESSAGE.to_owned());
    let own = all.get("batch.size").and_then(|size| size.trim().parse::<u64>().ok());
    if let Some(limit) = batch_bytes {
        all.insert("batch.size".into(), limit.min(own.unwrap_or(BATCH_BYTES)).max(1).to_string());
    }
    all
}

/// Produces batches of records, one after the other; in transactions where it was made with an id for them.
///
/// Without transactions a record that is refused is the end of the producer ([`is_spent`](Self::is_spent)): what follows it in its
/// partition is not sent, so that nothing overtakes it.
pub struct BatchProducer {
    pub(super) client: BaseProducer<Reports>,
    /// `message.max.bytes`, in bytes.
    client_limit: u64,
    is_transactional: bool,
}

impl BatchProducer {
    /// Makes a producer; it connects when it is used. `properties` are librdkafka's. With `acks=all`, whatever they say, and
    /// idempotent, unless they say `enable.idempotence=false` and there are no transactions: then a record that is refused may be
    /// overtaken by those after it. With `transactional_id` it takes records in transactions only, after
    /// [`init`](Self::init).
    ///
    /// # Errors
    /// [`ProducerError::Property`] for a property or value that librdkafka does not know, [`ProducerError::Create`] for
    /// properties that contradict each other.
    pub fn new(
        bootstrap_servers: &str,
        properties: &BTreeMap<String, String>,
        transactional_id: Option<&str>,
    ) -> Result<Self, ProducerError> {
        let mut config = ClientConfig::new();
        set_all(&mut config, properties);
        config.set("bootstrap.servers", bootstrap_servers);
        let is_idempotent = transactional_id.is_some() || !is_off(properties);
        config.set("enable.idempotence", if is_idempotent { "true" } else { "false" });
        config.remove("request.required.acks");
        config.set("acks", "all");
        match transactional_id {
            Some(id) => config.set("transactional.id", id),
            None => config.set("enable.gapless.guarantee", if is_idempotent { "true" } else { "false" }),
        };
        config.set_log_level(RDKafkaLogLevel::Warning);
        let client_limit = config.get(CLIENT_LIMIT).and_then(|limit| limit.trim().parse().ok()).unwrap_or(BATCH_BYTES);
        let client = config.create_with_context(Reports::default());
        let client = client.map_err(|error| ProducerError::from_create(&error))?;
        Ok(Self { client, client_limit, is_transactional: transactional_id.is_some() })
    }

    /// Queues a record; returns before it is sent. Where the queue is full it waits for room, at most 30 s. `number` names the
    /// record in what [`settle`](Self::settle) answers.
    ///
    /// # Errors
    /// The record was not queued.
    pub fn send(&self, record: NewRecord<'_>, number: usize) -> Result<(), Refusal> {
        if record.timestamp_ms == Some(0) {
            return Err(Refusal::of_record(ZERO_TIMESTAMP.to_owned()));
        }
        let mut pending = to_native(record, number);
        let mut deadline = None;
        loop {
            match self.client.send(pending) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + ROOM_WITHIN);
                    if Instant::now() >= deadline {
                        let error = ProducerError::Full { waited: ROOM_WITHIN, reason: self.trouble() };
                        return Err(Refusal::passing(error.to_string()));
                    }
                    pending = unsent;
                    serve_and_rest(&self.client);
                }
                Err((error, _)) => return Err(Refusal::at_once(&error, self.client_limit)),
            }
        }
        if number % SERVE_EVERY == SERVE_EVERY - 1 {
            self.client.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until each queued record is acknowledged or has failed, and tells which have failed, in the order of their numbers.
    /// Once one has, those that are not on their way yet are given up: they would be in vain, or overtake it.
    ///
    /// # Errors
    /// Some were still on their way after `within`; in one sentence.
    pub fn settle(&self, within: Duration) -> Result<Vec<(usize, Refusal)>, String> {
        let deadline = Instant::now() + within;
        let mut purged: Option<Instant> = None;
        // The waiting is done in slices here, because rdkafka's own comes in steps of 100 ms.
        while self.client.flush(Duration::ZERO).is_err() {
            if Instant::now() >= deadline {
                let count = u64::try_from(self.client.in_flight_count()).unwrap_or_default();
                let error = ProducerError::Unacknowledged { count, waited: within, reason: self.trouble() };
                return Err(error.to_string());
            }
            if self.has_failed() && purged.is_none_or(|at| at.elapsed() >= PURGE_EVERY) {
                self.client.purge(PurgeConfig::default().queue());
                purged = Some(Instant::now());
            }
            serve_and_rest(&self.client);
        }
        let mut failed = refusals(&std::mem::take(&mut *self.client.context().failed.lock()));
        failed.sort_unstable_by_key(|(number, _)| *number);
        Ok(failed)
    }

    fn has_failed(&self) -> bool {
        !self.client.context().failed.lock().is_empty()
    }

    /// Whether the producer is of no use any more: a record of it was refused or lost.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        !self.is_transactional && self.client.context().has_lost.load(Relaxed)
    }

    /// Serves reports until nothing is queued any more or the time is over, and forgets them.
    pub(super) fn forget_reports(&self, within: Duration) {
        drop(self.settle(within));
        self.client.context().failed.lock().clear();
    }

    /// What the client complained of last.
    pub(super) fn trouble(&self) -> String {
        self.client.context().trouble.lock().clone().unwrap_or_else(|| "the broker does not keep up".into())
    }
}

impl fmt::Debug for BatchProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchProducer").finish_non_exhaustive()
    }
}

/// Whether the properties turn idempotence off: a broker before 0.11, or one before 2.8 that grants no `IDEMPOTENT_WRITE`, needs that.
fn is_off(properties: &BTreeMap<String, String>) -> bool {
    properties.get("enable.idempotence").is_some_and(|value| value == "false")
}

/// A record that has failed, and where it was to go.
struct Failed {
    number: usize,
    topic: String,
    partition: i32,
    code: RDKafkaErrorCode,
}

/// Tells which records were judged themselves. Of a batch that is refused as a whole each record fails with the same code; where the
/// broker has named the culprits, the others fail as their neighbours, and several culprits share one code of their own.
fn refusals(failed: &[Failed]) -> Vec<(usize, Refusal)> {
    let mut counts: HashMap<(&str, i32), BTreeMap<i32, usize>> = HashMap::new();
    for one in failed {
        *counts.entry((&one.topic, one.partition)).or_default().entry(one.code as i32).or_default() += 1;
    }
    let is_exact = |one: &Failed| {
        let codes = &counts[&(one.topic.as_str(), one.partition)];
        one.code == RDKafkaErrorCode::InvalidRecord
            || codes.contains_key(&(RDKafkaErrorCode::InvalidDifferentRecord as i32))
            || codes.get(&(one.code as i32)) == Some(&1)
    };
    failed.iter().map(|one| (one.number, Refusal::reported(one.code, is_exact(one)))).collect()
}

/// librdkafka's callbacks of one producer. What was acknowledged needs no note: everything was that is not here.
#[derive(Default)]
pub(super) struct Reports {
    failed: Mutex<Vec<Failed>>,
    /// A record has failed at any time.
    has_lost: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl ClientContext for Reports {
    /// The console owns the terminal, and what matters arrives as an error too.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let mut trouble = self.trouble.lock();
        // "1/1 brokers are down" follows the error that says why, and says less.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            trouble.get_or_insert_with(|| "no broker can be reached".into());
        } else {
            *trouble = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let Err((error, message)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        self.has_lost.store(true, Relaxed);
        let failed = Failed { number, topic: message.topic().to_owned(), partition: message.partition(), code };
        self.failed.lock().push(failed);
    }
}

#[cfg(test)]
mod tests {
    use RDKafkaErrorCode::{InvalidDifferentRecord, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge};

    use super::*;

    fn exact(failed: &[(i32, RDKafkaErrorCode)]) -> Vec<bool> {
        let failed = failed.iter().enumerate();
        let failed = failed.map(|(number, (partition, code))| Failed {
            number,
            topic: "t".into(),
            partition: *partition,
            code: *code,
        });
        refusals(&failed.collect::<Vec<_>>()).into_iter().map(|(_, refusal)| refusal.exact).collect()
    }

    #[test]
    fn a_record_is_judged_itself_where_it_is_named_or_alone() {
        assert_eq!(
            exact(&[(0, MessageSizeTooLarge), (0, MessageSizeTooLarge), (1, MessageSizeTooLarge)]),
            [false, false, true]
        );
        assert_eq!(exact(&[(0, InvalidDifferentRecord), (0, InvalidTimestamp)]), [true, true]);
        assert_eq!(exact(&[(0, InvalidRecord), (0, InvalidRecord)]), [true, true]);
        // A broker that names no records.
        assert_eq!(exact(&[(0, InvalidTimestamp), (0, InvalidTimestamp)]), [false, false]);
    }

    #[test]
    fn batches_keep_to_the_smallest_topic_and_sizes_are_the_brokers_to_judge() {
        let of = |pairs: &[(&str, &str)], limit| {
            let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let all = carrying(&given, limit);
            (all.get("batch.size").cloned(), all["message.max.bytes"].clone())
        };
        let texts = |size: Option<&str>, largest: &str| (size.map(str::to_owned), largest.to_owned());
        assert_eq!(of(&[], None), texts(None, LARGEST_MESSAGE));
        assert_eq!(of(&[], Some(20_000)), texts(Some("20000"), LARGEST_MESSAGE));
        assert_eq!(of(&[], Some(5_000_000)), texts(Some("1000000"), LARGEST_MESSAGE));
        assert_eq!(of(&[("batch.size", "900"), ("message.max.bytes", "70")], Some(20_000)), texts(Some("900"), "70"));
    }
}
