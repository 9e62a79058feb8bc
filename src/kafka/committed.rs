//! What a group has committed, asked for by somebody who is no member of it.

use std::time::{Duration, Instant};

use rdkafka::{Offset as NativeOffset, TopicPartitionList, consumer::Consumer, error::RDKafkaErrorCode};

use super::{
    catalog::{Catalog, CatalogError},
    client::Client,
};
use crate::domain::{Offset, TopicPartition};

/// How long one attempt waits, so that a refusal is heard of soon.
const ATTEMPT: Duration = Duration::from_secs(2);

impl Catalog<'_> {
    /// The offsets that a group has committed for some partitions, in the order asked for; `None` where there is none. The group
    /// is only asked about: nobody joins it, and nothing is committed.
    ///
    /// # Errors
    /// [`CatalogError::Group`] with the broker's words, [`CatalogError::Client`] when no broker answers.
    pub fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Offset>>, CatalogError> {
        let client = Client::about_group(group, self.client.config(), self.client.health())?;
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for id in partitions {
            list.add_partition(&id.topic, id.partition.0);
        }
        let patience = Instant::now() + self.timeout;
        let answer = loop {
            let left = patience.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(100), ATTEMPT);
            let answer = client.consumer.committed_offsets(list.clone(), left);
            // Where the group may not be asked about, no coordinator is found, and only an event of the client says why.
            let refused = std::iter::from_fn(|| client.consumer.poll(Duration::ZERO))
                .find_map(|event| event.err().filter(|error| error.rdkafka_error_code().is_some_and(is_refusal)));
            match (answer, refused) {
                (Err(_), Some(refused)) => break Err(refused),
                // A group's coordinator may just be moving, or be made for the first group of all.
                (Err(error), None)
                    if Instant::now() < patience
                        && error.rdkafka_error_code().is_some_and(|code| !is_refusal(code)) =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                (answer, _) => break answer,
            }
        };
        client.close();
        let wrong = |reason: String| CatalogError::Group { group: group.into(), reason };
        let answer = answer.map_err(|error| match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => wrong("no permission; ask for DESCRIBE on it".into()),
            Some(code) if is_refusal(code) => wrong(code.to_string()),
            _ => self.failure(&error),
        })?;
        partitions
            .iter()
            .map(|id| {
                let element = answer.find_partition(&id.topic, id.partition.0);
                let element = element.ok_or_else(|| wrong(format!("no answer came for {id}")))?;
                element.error().map_err(|error| wrong(format!("{id}: {error}")))?;
                Ok(match element.offset() {
                    NativeOffset::Offset(raw) => Offset::new(raw),
                    _ => None,
                })
            })
            .collect()
    }
}

/// Whether another try would be told the same.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}
