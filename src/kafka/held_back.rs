//! What open transactions hold back: records between the last stable offset, where reading ends, and the end of the log.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{consumer::Consumer as _, error::KafkaError};

use super::{
    Consumer as _, Fetched, Reader,
    catalog::{Catalog, CatalogError},
    client::{Client, is_outage},
    native::end_offsets::high_watermarks,
};
use crate::domain::{Offset, Tier, TopicPartition};

/// A look into the log waits no longer than this for its records.
const LOOK: Duration = Duration::from_secs(2);
const READ_WAIT: Duration = Duration::from_millis(50);

impl Catalog<'_> {
    /// Where logs end for a reader that does not wait for transactions: their high watermarks, in the order asked for. `None`
    /// where no broker answers for a partition, or brokers are too old to say.
    ///
    /// # Errors
    /// [`CatalogError::Client`] when no broker answers at all.
    pub fn high_watermarks(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, CatalogError> {
        if self.is_embedded() {
            // It has no transactions.
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

    /// The timestamps of the first records at or behind these offsets, in milliseconds since 1970, whether or not their
    /// transactions have ended. `None` where that cannot be found out soon: it is only told.
    #[must_use]
    pub fn uncommitted_timestamps(&self, places: &[(TopicPartition, Offset)]) -> Vec<Option<i64>> {
        let mut found = vec![None; places.len()];
        let mut config = self.client.config().clone();
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let Ok(client) = Client::new(&config, &Arc::default()) else { return found };
        // Asked for once, so that no partition waits for the next time that the library asks by itself.
        drop(Catalog::new(&client, LOOK).topics());
        let Ok(mut reader) = Reader::new(client, Tier::default()) else { return found };
        for (id, offset) in places {
            // One that cannot be started has no timestamp.
            drop(reader.start(id, *offset));
        }
        let end = Instant::now() + LOOK;
        while found.iter().any(Option::is_none) && Instant::now() < end {
            reader.read(READ_WAIT, 1000, &mut |fetched| {
                if let Fetched::Record(record) = fetched {
                    let id = TopicPartition::new(record.topic(), record.partition());
                    if let Some(place) = places.iter().position(|(known, _)| *known == id) {
                        found[place].get_or_insert(record.timestamp_ms());
                    }
                }
            });
        }
        reader.close();
        found.into_iter().map(|timestamp| timestamp.filter(|ms| *ms >= 0)).collect()
    }
}
