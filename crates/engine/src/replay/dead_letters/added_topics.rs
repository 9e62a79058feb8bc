//! Finds or creates the dead-letter topics of topics that are added during a run, when their first letter is due.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kreplay_kafka::{Client, ClientError, topic_limits};

use super::{DeadLetterSender, SendFailure, TOPIC_LIMITS_TIMEOUT, topics};
use crate::replay::engine::{DeadLetterBatch, Engine};

/// How long a request about a dead-letter topic may take.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(10);

impl DeadLetterSender {
    /// Finds the dead-letter topics of a letter's records, as far as they are not known yet. Returns whether all were
    /// found. Topics in `not_found` are not looked up again; those that cannot be found are added to it.
    pub(super) fn find_topics(
        &mut self,
        letter: &DeadLetterBatch,
        not_found: &mut BTreeMap<String, SendFailure>,
    ) -> bool {
        let engine = Arc::clone(&self.engine);
        let mut are_found = true;
        for record in letter.run.records.iter().skip(letter.done).take(letter.count) {
            let topic = &*engine.partitions.id(record.partition).topic;
            if !self.topics.has(topic)
                && !not_found.contains_key(topic)
                && let Err(failure) = self.find_topic(&engine, topic)
            {
                not_found.insert(topic.to_owned(), failure);
            }
            are_found &= self.topics.has(topic);
        }
        are_found
    }

    fn find_topic(&mut self, engine: &Engine, topic: &str) -> Result<(), SendFailure> {
        let settings = &engine.settings.dead_letter;
        let name = topics::name_for(topic, &engine.plan, settings).map_err(SendFailure::Permanent)?;
        let partitions = engine.partitions.all_planned().filter(|one| &*one.id.topic == topic);
        let count = partitions.map(|one| one.id.partition.0 + 1).max().unwrap_or(1);
        let permanent = |error: ClientError| SendFailure::Permanent(error.to_string());
        let client = Client::new(&self.kafka, &Arc::default()).map_err(permanent)?;
        let found = topics::find_or_create(&client, topic, count, &name, settings.create, TOPIC_TIMEOUT);
        client.close();
        // A missing topic may be created, and a missing permission granted, before the retries end.
        self.topics.add(topic, found.map_err(SendFailure::Transient)?);
        let limits = topic_limits(&self.kafka, &[name.as_str()], TOPIC_LIMITS_TIMEOUT);
        self.producer.limit_batches(limits.values().filter_map(|one| one.max_message_bytes).min());
        self.limits.extend(limits);
        Ok(())
    }
}
