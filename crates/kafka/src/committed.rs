//! The committed offsets of a group, queried without joining it.

use std::time::{Duration, Instant};

use kreplay_model::domain::{Offset, TopicPartition};
use rdkafka::{
    Offset as NativeOffset, TopicPartitionList,
    consumer::Consumer,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    catalog::{Catalog, CatalogError},
    client::{Client, is_final_for_group},
};

/// Timeout of one attempt. It is short so that a rejection is noticed soon.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

impl Catalog<'_> {
    /// The committed offsets of a group for some partitions, in the order given; `None` where there is none. The query
    /// does not join the group and commits nothing.
    ///
    /// # Errors
    /// [`CatalogError::Group`] with the broker's message, [`CatalogError::Client`] if no broker answers.
    pub fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, CatalogError> {
        let client = Client::for_group(group, self.client.config(), self.client.health())?;
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for id in partitions {
            list.add_partition(&id.topic, id.partition.0);
        }
        let deadline = Instant::now() + self.timeout;
        let answer = loop {
            let left =
                deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(100), ATTEMPT_TIMEOUT);
            let answer = client.consumer.committed_offsets(list.clone(), left);
            // If access to the group is denied, no coordinator is found, and only an event of the client carries the
            // reason.
            let is_final = |error: &KafkaError| error.rdkafka_error_code().is_some_and(is_final_for_group);
            let refused = std::iter::from_fn(|| client.consumer.poll(Duration::ZERO))
                .find_map(|event| event.err().filter(is_final));
            match (answer, refused) {
                (Err(_), Some(refused)) => break Err(refused),
                // The coordinator may be moving, or being created for the cluster's first group.
                (Err(error), None)
                    if Instant::now() < deadline && error.rdkafka_error_code().is_some() && !is_final(&error) =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                (answer, _) => break answer,
            }
        };
        client.close();
        let group_error = |reason: String| CatalogError::Group { group: group.into(), reason };
        let answer = answer.map_err(|error| match error.rdkafka_error_code() {
            Some(code) if is_final_for_group(code) => group_error(refusal(code)),
            _ => self.failure(&error),
        })?;
        partitions
            .iter()
            .map(|id| {
                let element = answer.find_partition(&id.topic, id.partition.0);
                let element = element.ok_or_else(|| group_error(format!("the broker returned no offset for {id}")))?;
                element.error().map_err(|error| group_error(format!("{id}: {error}")))?;
                Ok(match element.offset() {
                    NativeOffset::Offset(raw) => Offset::new(raw),
                    _ => None,
                })
            })
            .collect()
    }
}

/// Why the broker does not return the offsets of a group.
pub(super) fn refusal(code: RDKafkaErrorCode) -> String {
    match code {
        RDKafkaErrorCode::GroupAuthorizationFailed => "not authorized; DESCRIBE on the group is required".to_owned(),
        code => code.to_string(),
    }
}
