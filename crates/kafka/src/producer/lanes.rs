//! Sends records until each is accepted or permanently rejected. A rejected record blocks only the records after it in
//! its lane.

use std::{collections::BTreeMap, time::Duration};

use super::{Attempt, BatchProducer, NewRecord, ProducerError, Refusal, Rejection, attempt, forwarding_properties};
use crate::KafkaConfig;

/// Sends records without transactions, in the order of each lane.
#[derive(Default)]
pub struct LaneSender {
    bootstrap_servers: String,
    properties: BTreeMap<String, String>,
    batch_bytes: Option<u64>,
    /// Sends many records at once. It is replaced after losing a record: otherwise it would send the records after the
    /// lost one.
    batch_producer: Option<BatchProducer>,
    /// Sends records one at a time, so it survives rejections: a new producer costs half a second.
    single_producer: Option<BatchProducer>,
}

/// The result of sending records.
#[derive(Debug, Default)]
pub struct DeliveryOutcome {
    /// Whether each record was accepted, by number.
    pub there: Vec<bool>,
    /// The permanently rejected records, in ascending order. Records after them in their lanes were not sent.
    pub refused: Vec<(usize, Refusal)>,
    /// Why the remaining records were not sent. `None` if only records after a rejected one in its lane remain, or if
    /// the limit of rejections was reached.
    pub error: Option<SendError>,
}

/// Why sending was stopped.
#[derive(Debug)]
pub enum SendError {
    /// The topic of the record with this number accepts no records.
    Topic(usize, Refusal),
    /// A temporary error, in one sentence: retry.
    Temporary(String),
}

/// A function that sends a record.
pub type SendRecord<'a> = &'a mut dyn FnMut(NewRecord<'_>) -> Result<(), Refusal>;

impl LaneSender {
    /// Creates a sender without connecting. `properties` override those of the cluster; properties that correctness
    /// depends on cannot be overridden.
    #[must_use]
    pub fn new(kafka: &KafkaConfig, properties: &[(&str, &str)]) -> Self {
        let mut all = kafka.properties.clone();
        for (name, value) in properties {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        let bootstrap_servers = kafka.bootstrap_servers.clone();
        Self { bootstrap_servers, properties: all, ..Self::default() }
    }

    /// Limits the batch size, so that a topic with a smaller limit rejects only single records. The smallest limit
    /// applies.
    pub fn limit_batches(&mut self, bytes: Option<u64>) {
        let smallest = self.batch_bytes.into_iter().chain(bytes).min();
        if self.batch_bytes != smallest {
            self.batch_bytes = smallest;
            self.batch_producer = None;
        }
    }

    /// Creates the producer, so that invalid properties are reported before the first record.
    ///
    /// # Errors
    /// librdkafka rejected the properties.
    pub fn prepare(&mut self) -> Result<(), ProducerError> {
        self.batch_producer().map(drop)
    }

    fn batch_producer(&mut self) -> Result<&BatchProducer, ProducerError> {
        let producer = match self.batch_producer.take() {
            Some(producer) => producer,
            None => self.make(&[])?,
        };
        Ok(self.batch_producer.insert(producer))
    }

    fn single_producer(&mut self) -> Result<&BatchProducer, ProducerError> {
        let producer = match self.single_producer.take() {
            Some(producer) => producer,
            // At most one record is in flight, so that none can overtake another.
            None => self.make(&[("enable.idempotence", "false"), ("linger.ms", "0")])?,
        };
        Ok(self.single_producer.insert(producer))
    }

    fn make(&self, more: &[(&str, &str)]) -> Result<BatchProducer, ProducerError> {
        let mut properties = forwarding_properties(&self.properties, self.batch_bytes);
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        BatchProducer::new(&self.bootstrap_servers, &properties, None)
    }

    /// Sends all records, in the order of each lane. `lanes` holds the lane of each record, by number; `with_record`
    /// passes the record with a number to the given function. `is_suspect` returns whether a record is likely to be
    /// rejected: all records up to the last suspect are sent one at a time. Waits up to `within` for a broker each
    /// time. Stops after `most_refused` rejections.
    pub fn deliver(
        &mut self,
        lanes: &[u64],
        most_refused: usize,
        within: Duration,
        is_suspect: impl Fn(usize) -> bool,
        mut with_record: impl FnMut(usize, SendRecord<'_>) -> Result<(), Refusal>,
    ) -> DeliveryOutcome {
        let mut outcome = DeliveryOutcome { there: vec![false; lanes.len()], ..DeliveryOutcome::default() };
        // Records below this number are sent one at a time.
        let mut single_until = (0..lanes.len()).rev().find(|number| is_suspect(*number)).map_or(0, |last| last + 1);
        while outcome.error.is_none() && outcome.refused.len() < most_refused {
            let left: Vec<usize> = (0..lanes.len()).filter(|number| outcome.is_left(*number, lanes)).collect();
            let Some(first) = left.first() else { break };
            if *first < single_until {
                let alone = left.into_iter().take_while(|number| *number < single_until);
                self.send_one_by_one(alone, lanes, most_refused, within, &mut outcome, &mut with_record);
                single_until = 0;
            } else {
                single_until = self.send_batch(&left, within, &is_suspect, &mut outcome, &mut with_record);
            }
        }
        outcome.refused.sort_by_key(|(number, _)| *number);
        outcome
    }

    fn send_one_by_one(
        &mut self,
        numbers: impl Iterator<Item = usize>,
        lanes: &[u64],
        most_refused: usize,
        within: Duration,
        outcome: &mut DeliveryOutcome,
        with_record: &mut impl FnMut(usize, SendRecord<'_>) -> Result<(), Refusal>,
    ) {
        let producer = match self.single_producer() {
            Ok(producer) => producer,
            Err(error) => return outcome.error = Some(SendError::Temporary(error.to_string())),
        };
        for number in numbers {
            if !outcome.is_left(number, lanes) {
                continue;
            }
            match attempt(producer, 1, 1, within, |at| with_record(number, &mut |record| producer.send(record, at))) {
                Attempt::All => outcome.there[number] = true,
                Attempt::Unknown(text) => {
                    // Records still in flight must not arrive between later ones.
                    self.single_producer = None;
                    return outcome.error = Some(SendError::Temporary(text));
                }
                Attempt::Not(not) => match not.rejection(1, |_| false) {
                    Rejection::Records(refused) => {
                        outcome.refused.extend(refused.into_iter().map(|(_, refusal)| (number, refusal)));
                        if outcome.refused.len() >= most_refused {
                            return;
                        }
                    }
                    Rejection::Topic(_, refusal) => return outcome.error = Some(SendError::Topic(number, refusal)),
                    Rejection::Temporary(text) => return outcome.error = Some(SendError::Temporary(text)),
                    Rejection::Batch(_) => {
                        return outcome.error =
                            Some(SendError::Temporary("the broker did not report on a record".into()));
                    }
                },
            }
        }
    }

    /// Returns the number below which records are to be sent one at a time next.
    fn send_batch(
        &mut self,
        left: &[usize],
        within: Duration,
        is_suspect: &impl Fn(usize) -> bool,
        outcome: &mut DeliveryOutcome,
        with_record: &mut impl FnMut(usize, SendRecord<'_>) -> Result<(), Refusal>,
    ) -> usize {
        let producer = match self.batch_producer() {
            Ok(producer) => producer,
            Err(error) => {
                outcome.error = Some(SendError::Temporary(error.to_string()));
                return 0;
            }
        };
        let result = attempt(producer, left.len(), 0, within, |at| {
            with_record(left[at], &mut |record| producer.send(record, at))
        });
        let is_unusable = producer.is_unusable();
        match result {
            Attempt::All => left.iter().for_each(|number| outcome.there[*number] = true),
            Attempt::Unknown(text) => {
                // Records still in flight must not arrive between later ones.
                self.batch_producer = None;
                outcome.error = Some(SendError::Temporary(text));
            }
            Attempt::Not(not) => {
                if is_unusable {
                    self.batch_producer = None;
                }
                for (at, number) in left.iter().enumerate() {
                    outcome.there[*number] = not.is_there(at);
                }
                match not.rejection(0, |at| is_suspect(left[at])) {
                    Rejection::Records(refused) => {
                        outcome.refused.extend(refused.into_iter().map(|(at, refusal)| (left[at], refusal)));
                    }
                    Rejection::Batch(end) => return left[end - 1] + 1,
                    Rejection::Topic(at, refusal) => outcome.error = Some(SendError::Topic(left[at], refusal)),
                    Rejection::Temporary(text) => outcome.error = Some(SendError::Temporary(text)),
                }
            }
        }
        0
    }
}

impl DeliveryOutcome {
    /// Whether a record still has to be sent: it was not accepted, and no record of its lane was rejected.
    fn is_left(&self, number: usize, lanes: &[u64]) -> bool {
        !self.there[number] && self.refused.iter().all(|(refused, _)| lanes[*refused] != lanes[number])
    }
}
