//! Records held back by open transactions: those between the last stable offset, where `read_committed` reading ends,
//! and the end of the log.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::{Offset, Tier, TopicPartition};
use rdkafka::{consumer::Consumer as _, error::KafkaError};

use super::{
    Consumer as _, Fetched, Reader,
    catalog::{Catalog, CatalogError},
    client::{Client, is_final, is_out_of_range, is_outage},
    native::log_offsets::high_watermarks,
};

const READ_TIMEOUT: Duration = Duration::from_millis(50);
/// How long timestamps are waited for at most: they are only displayed.
const MAX_TIMESTAMP_WAIT: Duration = Duration::from_secs(10);

impl Catalog<'_> {
    /// The high watermarks of partitions: where logs end without waiting for transactions. In the order given; `None`
    /// where no broker answers for a partition, or the broker is too old to report it.
    ///
    /// # Errors
    /// [`CatalogError::Client`] if no broker answers.
    pub fn high_watermarks(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, CatalogError> {
        if self.is_embedded() {
            // The embedded broker has no transactions.
            return Ok(vec![None; partitions.len()]);
        }
        let found = match high_watermarks(self.client.consumer.client(), partitions, self.timeout) {
            Ok(found) => found,
            Err(code) if is_outage(code) => return Err(self.failure(&KafkaError::Global(code))),
            Err(_) => Vec::new(),
        };
        let found: HashMap<TopicPartition, i64> = found.into_iter().collect();
        Ok(partitions.iter().map(|id| Offset::new(*found.get(id)?)).collect())
    }

    /// The timestamps of the first records at or after these offsets, in milliseconds since 1970, whether or not their
    /// transactions have ended. `None` where there is none, the user may not read it, or it is not read within the
    /// catalog's timeout or 10 s; the timestamps are only displayed.
    #[must_use]
    pub fn uncommitted_timestamps(&self, positions: &[(TopicPartition, Offset)]) -> Vec<Option<i64>> {
        let mut found = vec![None; positions.len()];
        let mut config = self.client.config().clone();
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let Ok(client) = Client::new(&config, &Arc::default()) else { return found };
        let timeout = self.timeout.min(MAX_TIMESTAMP_WAIT);
        let deadline = Instant::now() + timeout;
        // Fetches the metadata up front, so that no partition waits for librdkafka's periodic refresh.
        drop(Catalog::new(&client, timeout).topics());
        let Ok(mut reader) = Reader::new(client, Tier::default()) else { return found };
        let mut pending: HashMap<TopicPartition, usize> = HashMap::new();
        for (index, (id, offset)) in positions.iter().enumerate() {
            // A partition that cannot be started gets no timestamp.
            if reader.start(id, *offset).is_ok() {
                pending.insert(id.clone(), index);
            }
        }
        while !pending.is_empty() && Instant::now() < deadline {
            reader.read(READ_TIMEOUT, 1000, &mut |fetched| match fetched {
                Fetched::Record(record) => {
                    let id = TopicPartition::new(record.topic(), record.partition());
                    if let Some(index) = pending.remove(&id) {
                        found[index] = Some(record.timestamp_ms());
                    }
                }
                // There is no record, or it cannot be read later either.
                Fetched::End { topic, partition, .. } => {
                    pending.remove(&TopicPartition::new(topic, partition));
                }
                Fetched::Error { topic, partition, code, .. } if is_final(code) || is_out_of_range(code) => {
                    pending.remove(&TopicPartition::new(topic, partition));
                }
                Fetched::Error { .. } => {}
            });
        }
        reader.close();
        found.into_iter().map(|timestamp| timestamp.filter(|ms| *ms >= 0)).collect()
    }
}
