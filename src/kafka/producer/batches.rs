//! Producing in batches: each is acknowledged as a whole, or it is known which of its records were refused, and whose fault
//! that was.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext},
};

use super::{NewRecord, ProducerError, ROOM_WITHIN, plain, serve_and_rest, set_all, to_native};

/// Delivery reports come in bunches, so they need not be asked for after each record.
const SERVE_EVERY: usize = 1024;

/// Whose fault it is that a record was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record's: it will never be taken (too large, a partition that is not there).
    Record,
    /// Its topic's: no record will be taken (not there, no permission).
    Topic,
    /// Nobody's who could be named: the broker was away, or another record of the transaction failed.
    Passing,
}

/// A record that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose fault that is.
    pub fault: Fault,
    /// The broker's or the library's words.
    pub reason: String,
}

/// Produces batches of records, one after the other; in transactions where it was made with an id for them.
pub struct BatchProducer {
    pub(super) client: BaseProducer<Reports>,
}

impl BatchProducer {
    /// Makes a producer; it connects when it is used. `properties` are librdkafka's. Idempotent and with `acks=all`, whatever
    /// they say. With `transactional_id` it takes records in transactions only, after
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
        config.set("enable.idempotence", "true");
        config.remove("request.required.acks");
        config.set("acks", "all");
        if let Some(id) = transactional_id {
            config.set("transactional.id", id);
        }
        config.set_log_level(RDKafkaLogLevel::Warning);
        let client = config.create_with_context(Reports::default());
        Ok(Self { client: client.map_err(|error| ProducerError::from_create(&error))? })
    }

    /// Queues a record; returns before it is sent. Where the queue is full it waits for room, at most 30 s. `number` names the
    /// record in what [`settle`](Self::settle) answers.
    ///
    /// # Errors
    /// The record was not queued.
    pub fn send(&self, record: NewRecord<'_>, number: usize) -> Result<(), Refusal> {
        let by_record = |reason| Refusal { fault: Fault::Record, reason };
        let mut pending = to_native(record, number).map_err(|error| by_record(error.to_string()))?;
        let mut deadline = None;
        loop {
            match self.client.send(pending) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + ROOM_WITHIN);
                    if Instant::now() >= deadline {
                        let error = ProducerError::Full { waited: ROOM_WITHIN, reason: self.trouble() };
                        return Err(Refusal { fault: Fault::Passing, reason: error.to_string() });
                    }
                    pending = unsent;
                    serve_and_rest(&self.client);
                }
                Err((error, _)) => return Err(refusal(&error)),
            }
        }
        if number % SERVE_EVERY == SERVE_EVERY - 1 {
            self.client.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until each queued record is acknowledged or has failed, and tells which have failed, in the order of their numbers.
    ///
    /// # Errors
    /// Some were still on their way after `within`; in one sentence.
    pub fn settle(&self, within: Duration) -> Result<Vec<(usize, Refusal)>, String> {
        let deadline = Instant::now() + within;
        // The waiting is done in slices here, because rdkafka's own comes in steps of 100 ms.
        while self.client.flush(Duration::ZERO).is_err() {
            if Instant::now() >= deadline {
                let count = u64::try_from(self.client.in_flight_count()).unwrap_or_default();
                let error = ProducerError::Unacknowledged { count, waited: within, reason: self.trouble() };
                return Err(error.to_string());
            }
            serve_and_rest(&self.client);
        }
        let mut failed = std::mem::take(&mut *self.client.context().failed.lock());
        failed.sort_unstable_by_key(|(number, _)| *number);
        Ok(failed)
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

fn refusal(error: &KafkaError) -> Refusal {
    let fault = error.rdkafka_error_code().map_or(Fault::Passing, fault_of);
    Refusal { fault, reason: plain(error) }
}

fn fault_of(code: RDKafkaErrorCode) -> Fault {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::InvalidTimestamp
        | RDKafkaErrorCode::UnknownPartition => Fault::Record,
        RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::InvalidTopic
        | RDKafkaErrorCode::PolicyViolation
        | RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => Fault::Topic,
        _ => Fault::Passing,
    }
}

/// librdkafka's callbacks of one producer. What was acknowledged needs no note: everything was that is not here.
#[derive(Default)]
pub(super) struct Reports {
    failed: Mutex<Vec<(usize, Refusal)>>,
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
        if let Err((error, _)) = result {
            self.failed.lock().push((number, refusal(error)));
        }
    }
}
