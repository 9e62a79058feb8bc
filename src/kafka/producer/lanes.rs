//! Sending until each record is there or refused for good: what is to blame does not keep the others back, except those that come
//! after it in its lane.

use std::{collections::BTreeMap, time::Duration};

use super::{Attempt, BatchProducer, NewRecord, ProducerError, Refusal, Verdict, attempt, carrying};
use crate::kafka::KafkaConfig;

/// Sends records without transactions, in the order of each lane.
#[derive(Default)]
pub struct LaneSender {
    bootstrap_servers: String,
    properties: BTreeMap<String, String>,
    batch_bytes: Option<u64>,
    /// Sends many at once. Once it has lost a record it accepts no more: it could only send what comes after it.
    many: Option<BatchProducer>,
    /// Sends records one by one, and so outlives those that are refused: a new producer costs half a second.
    single: Option<BatchProducer>,
}

/// What became of records.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The broker has them, by number.
    pub there: Vec<bool>,
    /// These it will never accept, in rising order. What comes after them in their lanes was left.
    pub refused: Vec<(usize, Refusal)>,
    /// Why the rest was given up; `None` where nothing is left but what follows a refused record in its lane, or so many were
    /// refused that it was not worth going on.
    pub trouble: Option<Trouble>,
}

/// Why sending was given up.
#[derive(Debug)]
pub enum Trouble {
    /// The topic of the record with this number accepts nothing.
    Closed(usize, Refusal),
    /// Nothing that will last, in one sentence: it is worth another try.
    Passing(String),
}

/// Takes a record to be sent.
pub type SendRecord<'a> = &'a mut dyn FnMut(NewRecord<'_>) -> Result<(), Refusal>;

impl LaneSender {
    /// Nothing is connected yet. `properties` win over those of the cluster; what correctness rests on is not for either to change.
    #[must_use]
    pub fn new(kafka: &KafkaConfig, properties: &[(&str, &str)]) -> Self {
        let mut all = kafka.properties.clone();
        for (name, value) in properties {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        let bootstrap_servers = kafka.bootstrap_servers.clone();
        Self { bootstrap_servers, properties: all, ..Self::default() }
    }

    /// From now on no batch is larger than this, so that a topic that accepts no larger one refuses single records alone.
    pub fn limit_batches(&mut self, bytes: Option<u64>) {
        let smallest = self.batch_bytes.into_iter().chain(bytes).min();
        if self.batch_bytes != smallest {
            self.batch_bytes = smallest;
            self.many = None;
        }
    }

    /// Makes the producer, so that what the properties have wrong is known before the first record.
    ///
    /// # Errors
    /// What librdkafka has against the properties.
    pub fn prepare(&mut self) -> Result<(), ProducerError> {
        self.many().map(drop)
    }

    fn many(&mut self) -> Result<&BatchProducer, ProducerError> {
        let producer = match self.many.take() {
            Some(producer) => producer,
            None => self.make(&[])?,
        };
        Ok(self.many.insert(producer))
    }

    fn single(&mut self) -> Result<&BatchProducer, ProducerError> {
        let producer = match self.single.take() {
            Some(producer) => producer,
            // Only one is ever on its way, so that nothing can overtake it.
            None => self.make(&[("enable.idempotence", "false"), ("linger.ms", "0")])?,
        };
        Ok(self.single.insert(producer))
    }

    fn make(&self, more: &[(&str, &str)]) -> Result<BatchProducer, ProducerError> {
        let mut properties = carrying(&self.properties, self.batch_bytes);
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        BatchProducer::new(&self.bootstrap_servers, &properties, None)
    }

    /// Sends the record of each number, which `with_record` hands over, those of a lane in their order. `lanes` has the lane of each
    /// number. `is_suspect` says of which records it is likely that they are refused: everything up to the last of them is sent one
    /// by one. Waits for a broker at most `within` at a time. After `most_refused` refusals the rest is left.
    pub fn deliver(
        &mut self,
        lanes: &[u64],
        most_refused: usize,
        within: Duration,
        is_suspect: impl Fn(usize) -> bool,
        mut with_record: impl FnMut(usize, SendRecord<'_>) -> Result<(), Refusal>,
    ) -> Outcome {
        let mut outcome = Outcome { there: vec![false; lanes.len()], ..Outcome::default() };
        // Numbers below this one are sent one by one.
        let mut singly = (0..lanes.len()).rev().find(|number| is_suspect(*number)).map_or(0, |last| last + 1);
        while outcome.trouble.is_none() && outcome.refused.len() < most_refused {
            let left: Vec<usize> = (0..lanes.len()).filter(|number| outcome.is_left(*number, lanes)).collect();
            let Some(first) = left.first() else { break };
            if *first < singly {
                let alone = left.into_iter().take_while(|number| *number < singly);
                self.one_by_one(alone, lanes, most_refused, within, &mut outcome, &mut with_record);
                singly = 0;
            } else {
                singly = self.together(&left, within, &is_suspect, &mut outcome, &mut with_record);
            }
        }
        outcome.refused.sort_by_key(|(number, _)| *number);
        outcome
    }

    fn one_by_one(
        &mut self,
        numbers: impl Iterator<Item = usize>,
        lanes: &[u64],
        most_refused: usize,
        within: Duration,
        outcome: &mut Outcome,
        with_record: &mut impl FnMut(usize, SendRecord<'_>) -> Result<(), Refusal>,
    ) {
        let producer = match self.single() {
            Ok(producer) => producer,
            Err(error) => return outcome.trouble = Some(Trouble::Passing(error.to_string())),
        };
        for number in numbers {
            if !outcome.is_left(number, lanes) {
                continue;
            }
            match attempt(producer, 1, 1, within, |at| with_record(number, &mut |record| producer.send(record, at))) {
                Attempt::All => outcome.there[number] = true,
                Attempt::Unknown(text) => {
                    // What is still on its way must not arrive between later ones.
                    self.single = None;
                    return outcome.trouble = Some(Trouble::Passing(text));
                }
                Attempt::Not(not) => match not.verdict(1, |_| false) {
                    Verdict::Blamed(refused) => {
                        outcome.refused.extend(refused.into_iter().map(|(_, refusal)| (number, refusal)));
                        if outcome.refused.len() >= most_refused {
                            return;
                        }
                    }
                    Verdict::Closed(_, refusal) => return outcome.trouble = Some(Trouble::Closed(number, refusal)),
                    Verdict::Passing(text) => return outcome.trouble = Some(Trouble::Passing(text)),
                    Verdict::Crowded(_) => {
                        return outcome.trouble = Some(Trouble::Passing("a record was not judged".into()));
                    }
                },
            }
        }
    }

    /// Returns the number below which records are to be sent one by one then.
    fn together(
        &mut self,
        left: &[usize],
        within: Duration,
        is_suspect: &impl Fn(usize) -> bool,
        outcome: &mut Outcome,
        with_record: &mut impl FnMut(usize, SendRecord<'_>) -> Result<(), Refusal>,
    ) -> usize {
        let producer = match self.many() {
            Ok(producer) => producer,
            Err(error) => {
                outcome.trouble = Some(Trouble::Passing(error.to_string()));
                return 0;
            }
        };
        let result = attempt(producer, left.len(), 0, within, |at| {
            with_record(left[at], &mut |record| producer.send(record, at))
        });
        let is_spent = producer.is_spent();
        match result {
            Attempt::All => left.iter().for_each(|number| outcome.there[*number] = true),
            Attempt::Unknown(text) => {
                // What is still on its way must not arrive between later ones.
                self.many = None;
                outcome.trouble = Some(Trouble::Passing(text));
            }
            Attempt::Not(not) => {
                if is_spent {
                    self.many = None;
                }
                for (at, number) in left.iter().enumerate() {
                    outcome.there[*number] = not.is_there(at);
                }
                match not.verdict(0, |at| is_suspect(left[at])) {
                    Verdict::Blamed(refused) => {
                        outcome.refused.extend(refused.into_iter().map(|(at, refusal)| (left[at], refusal)));
                    }
                    Verdict::Crowded(end) => return left[end - 1] + 1,
                    Verdict::Closed(at, refusal) => outcome.trouble = Some(Trouble::Closed(left[at], refusal)),
                    Verdict::Passing(text) => outcome.trouble = Some(Trouble::Passing(text)),
                }
            }
        }
        0
    }
}

impl Outcome {
    /// Whether a record is still to be sent: it is not there, and no record of its lane was refused.
    fn is_left(&self, number: usize, lanes: &[u64]) -> bool {
        !self.there[number] && self.refused.iter().all(|(refused, _)| lanes[*refused] != lanes[number])
    }
}
