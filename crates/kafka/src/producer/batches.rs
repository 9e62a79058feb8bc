//! A producer that reports, for each batch, that all records were accepted, or which were rejected and why.

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
    NewRecord, ProducerError, QUEUE_FULL_TIMEOUT, Refusal, serve_and_sleep, set_all, timestamps::ZERO_TIMESTAMP,
    to_native,
};

/// Delivery reports arrive in batches, so they need not be served after each record.
const RECORDS_PER_SERVE: usize = 1024;

/// Client-side size limit if the properties set none: the broker enforces the topic's limit.
const UNLIMITED_MESSAGE_BYTES: &str = "1000000000";
/// The property with the client's own size limit.
const CLIENT_LIMIT_PROPERTY: &str = "message.max.bytes";
/// Maximum batch size if neither properties nor topics set one: librdkafka's default.
const DEFAULT_BATCH_BYTES: u64 = 1_000_000;
/// Interval at which queued records are purged after a record has failed.
const PURGE_INTERVAL: Duration = Duration::from_millis(20);

/// Properties for a producer that forwards existing records. `batch_bytes` is the smallest `max.message.bytes` of its
/// target topics: no batch becomes larger than that, so that only a record that is itself too large is rejected.
#[must_use]
pub fn forwarding_properties(
    properties: &BTreeMap<String, String>,
    batch_bytes: Option<u64>,
) -> BTreeMap<String, String> {
    let mut all = properties.clone();
    all.entry(CLIENT_LIMIT_PROPERTY.to_owned()).or_insert_with(|| UNLIMITED_MESSAGE_BYTES.to_owned());
    let own = all.get("batch.size").and_then(|size| size.trim().parse::<u64>().ok());
    if let Some(limit) = batch_bytes {
        all.insert("batch.size".into(), limit.min(own.unwrap_or(DEFAULT_BATCH_BYTES)).max(1).to_string());
    }
    all
}

/// Produces batches of records, one after the other; in transactions if created with a transactional id.
///
/// Without transactions, a rejected record makes the producer unusable ([`is_unusable`](Self::is_unusable)): the
/// records after it in its partition are not sent, so that none overtakes it.
pub struct BatchProducer {
    pub(super) client: BaseProducer<Reports>,
    /// The client's `message.max.bytes`, in bytes.
    client_limit: u64,
    is_transactional: bool,
}

impl BatchProducer {
    /// Creates a producer, which connects on first use. `properties` are librdkafka's. `acks=all` is always set. The
    /// producer is idempotent unless `properties` contain `enable.idempotence=false` and there is no
    /// `transactional_id`; then records after a rejected one may overtake it. With `transactional_id`, records are
    /// accepted only in transactions, after [`init`](Self::init).
    ///
    /// # Errors
    /// [`ProducerError::Property`] for an unknown property or an invalid value, [`ProducerError::Create`] for
    /// properties that contradict each other.
    pub fn new(
        bootstrap_servers: &str,
        properties: &BTreeMap<String, String>,
        transactional_id: Option<&str>,
    ) -> Result<Self, ProducerError> {
        let mut config = ClientConfig::new();
        set_all(&mut config, properties);
        config.set("bootstrap.servers", bootstrap_servers);
        let is_idempotent = transactional_id.is_some() || !disables_idempotence(properties);
        config.set("enable.idempotence", if is_idempotent { "true" } else { "false" });
        config.remove("request.required.acks");
        config.set("acks", "all");
        match transactional_id {
            Some(id) => config.set("transactional.id", id),
            None => config.set("enable.gapless.guarantee", if is_idempotent { "true" } else { "false" }),
        };
        config.set_log_level(RDKafkaLogLevel::Warning);
        let client_limit = config
            .get(CLIENT_LIMIT_PROPERTY)
            .and_then(|limit| limit.trim().parse().ok())
            .unwrap_or(DEFAULT_BATCH_BYTES);
        let client = config.create_with_context(Reports::default());
        let client = client.map_err(|error| ProducerError::from_create(&error))?;
        Ok(Self { client, client_limit, is_transactional: transactional_id.is_some() })
    }

    /// Queues a record without waiting for it to be sent. If the queue is full, waits up to 30 s for space. `number`
    /// identifies the record in the result of [`settle`](Self::settle).
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
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + QUEUE_FULL_TIMEOUT);
                    if Instant::now() >= deadline {
                        let error = ProducerError::Full { waited: QUEUE_FULL_TIMEOUT, reason: self.last_error() };
                        return Err(Refusal::passing(error.to_string()));
                    }
                    pending = unsent;
                    serve_and_sleep(&self.client);
                }
                Err((error, _)) => return Err(Refusal::rejected_by_client(&error, self.client_limit)),
            }
        }
        if number % RECORDS_PER_SERVE == RECORDS_PER_SERVE - 1 {
            self.client.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until each queued record is acknowledged or has failed, and returns the failed ones in ascending order of
    /// their numbers. After the first failure, records not yet sent are purged: sending them would be useless, or they
    /// would overtake the failed record.
    ///
    /// # Errors
    /// Records were still in flight after `within`; in one sentence.
    pub fn settle(&self, within: Duration) -> Result<Vec<(usize, Refusal)>, String> {
        let deadline = Instant::now() + within;
        let mut purged: Option<Instant> = None;
        // Polls in short steps, because rdkafka's own wait has steps of 100 ms.
        while self.client.flush(Duration::ZERO).is_err() {
            if Instant::now() >= deadline {
                let count = u64::try_from(self.client.in_flight_count()).unwrap_or_default();
                let error = ProducerError::Unacknowledged { count, waited: within, reason: self.last_error() };
                return Err(error.to_string());
            }
            if self.has_failed() && purged.is_none_or(|at| at.elapsed() >= PURGE_INTERVAL) {
                self.client.purge(PurgeConfig::default().queue());
                purged = Some(Instant::now());
            }
            serve_and_sleep(&self.client);
        }
        let mut failed = to_refusals(&std::mem::take(&mut *self.client.context().failed.lock()));
        failed.sort_unstable_by_key(|(number, _)| *number);
        Ok(failed)
    }

    fn has_failed(&self) -> bool {
        !self.client.context().failed.lock().is_empty()
    }

    /// Whether the producer must be replaced because a record was rejected or lost.
    #[must_use]
    pub fn is_unusable(&self) -> bool {
        !self.is_transactional && self.client.context().any_failed.load(Relaxed)
    }

    /// Serves delivery reports until nothing is queued or the time is over, and discards them.
    pub(super) fn discard_reports(&self, within: Duration) {
        drop(self.settle(within));
        self.client.context().failed.lock().clear();
    }

    /// The client's last error.
    pub(super) fn last_error(&self) -> String {
        self.client.context().last_error.lock().clone().unwrap_or_else(|| "the broker cannot keep up".into())
    }
}

impl fmt::Debug for BatchProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchProducer").finish_non_exhaustive()
    }
}

/// Whether the properties disable idempotence, as needed for brokers before 0.11, and for brokers before 2.8 that do
/// not grant `IDEMPOTENT_WRITE`.
fn disables_idempotence(properties: &BTreeMap<String, String>) -> bool {
    properties.get("enable.idempotence").is_some_and(|value| value == "false")
}

/// A failed record and its target.
struct FailedDelivery {
    number: usize,
    topic: String,
    partition: i32,
    code: RDKafkaErrorCode,
}

/// Converts failures to refusals, and determines which are `exact`. If a batch is rejected as a whole, each of its
/// records fails with the same code. If the broker named the records that caused it, the others fail with
/// `InvalidDifferentRecord`, and several named records share the code `InvalidRecord`.
fn to_refusals(failed: &[FailedDelivery]) -> Vec<(usize, Refusal)> {
    let mut counts: HashMap<(&str, i32), BTreeMap<i32, usize>> = HashMap::new();
    for one in failed {
        *counts.entry((&one.topic, one.partition)).or_default().entry(one.code as i32).or_default() += 1;
    }
    let is_exact = |one: &FailedDelivery| {
        let codes = &counts[&(one.topic.as_str(), one.partition)];
        one.code == RDKafkaErrorCode::InvalidRecord
            || codes.contains_key(&(RDKafkaErrorCode::InvalidDifferentRecord as i32))
            || codes.get(&(one.code as i32)) == Some(&1)
    };
    failed.iter().map(|one| (one.number, Refusal::reported(one.code, is_exact(one)))).collect()
}

/// librdkafka callbacks of one producer. Only failures are stored; every other record was acknowledged.
#[derive(Default)]
pub(super) struct Reports {
    failed: Mutex<Vec<FailedDelivery>>,
    /// A record has failed since the producer was created.
    any_failed: AtomicBool,
    last_error: Mutex<Option<String>>,
}

impl ClientContext for Reports {
    /// The console owns the terminal; relevant messages also arrive as errors.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let mut last_error = self.last_error.lock();
        // "1/1 brokers are down" follows the more specific error that caused it.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            last_error.get_or_insert_with(|| "no broker can be reached".into());
        } else {
            *last_error = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let Err((error, message)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        self.any_failed.store(true, Relaxed);
        let failed = FailedDelivery { number, topic: message.topic().to_owned(), partition: message.partition(), code };
        self.failed.lock().push(failed);
    }
}

#[cfg(test)]
mod tests {
    use RDKafkaErrorCode::{InvalidDifferentRecord, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge};

    use super::*;

    fn exact(failed: &[(i32, RDKafkaErrorCode)]) -> Vec<bool> {
        let failed = failed.iter().enumerate();
        let failed = failed.map(|(number, (partition, code))| FailedDelivery {
            number,
            topic: "t".into(),
            partition: *partition,
            code: *code,
        });
        to_refusals(&failed.collect::<Vec<_>>()).into_iter().map(|(_, refusal)| refusal.exact).collect()
    }

    #[test]
    fn refusal_is_exact_if_the_record_is_named_or_alone() {
        assert_eq!(
            exact(&[(0, MessageSizeTooLarge), (0, MessageSizeTooLarge), (1, MessageSizeTooLarge)]),
            [false, false, true]
        );
        assert_eq!(exact(&[(0, InvalidDifferentRecord), (0, InvalidTimestamp)]), [true, true]);
        assert_eq!(exact(&[(0, InvalidRecord), (0, InvalidRecord)]), [true, true]);
        // A broker that does not name records.
        assert_eq!(exact(&[(0, InvalidTimestamp), (0, InvalidTimestamp)]), [false, false]);
    }

    #[test]
    fn batch_size_is_limited_by_the_smallest_topic_and_message_size_only_by_the_broker() {
        let of = |pairs: &[(&str, &str)], limit| {
            let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let all = forwarding_properties(&given, limit);
            (all.get("batch.size").cloned(), all["message.max.bytes"].clone())
        };
        let texts = |size: Option<&str>, largest: &str| (size.map(str::to_owned), largest.to_owned());
        assert_eq!(of(&[], None), texts(None, UNLIMITED_MESSAGE_BYTES));
        assert_eq!(of(&[], Some(20_000)), texts(Some("20000"), UNLIMITED_MESSAGE_BYTES));
        assert_eq!(of(&[], Some(5_000_000)), texts(Some("1000000"), UNLIMITED_MESSAGE_BYTES));
        assert_eq!(of(&[("batch.size", "900"), ("message.max.bytes", "70")], Some(20_000)), texts(Some("900"), "70"));
    }
}
