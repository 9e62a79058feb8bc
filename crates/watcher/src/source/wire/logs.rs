//! Topics and the offsets of their logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Utc;
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::Reason;
use kreplay_monitor::look::{Answer, PartitionLook, RecordAt, TopicId};
use kreplay_wire::WireError;
use kreplay_wire::types::{
    ConfigResource, ConfigValue, IsolationLevel, ListedOffset, OffsetSpec, TopicMetadata, TopicSelection,
};

use super::Wire;
use crate::reason::{Subject, reason};
use crate::source::answer::{Settings, TOPIC_SETTINGS, TopicFound};

/// Offsets by partition, or why there is none.
type ListedOffsets = BTreeMap<TopicPartition, Result<ListedOffset, WireError>>;

impl Wire {
    pub(in crate::source) async fn topics(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, Result<TopicFound, Reason>> {
        let selection = TopicSelection::Named(names.iter().map(ToString::to_string).collect());
        let metadata = self.client.metadata(&selection).await;
        let answer = |name: &Arc<str>| {
            let found = match &metadata {
                Ok(metadata) => metadata.topics.get(&**name)?.as_ref().map(topic_found),
                Err(error) => Err(error),
            };
            Some((name.clone(), found.map_err(|error| reason(error, Subject::Topic(name)))))
        };
        names.iter().filter_map(answer).collect()
    }

    pub(in crate::source) async fn topic_settings(
        &self,
        names: &[Arc<str>],
    ) -> BTreeMap<Arc<str>, Result<Settings, Reason>> {
        let resources: Vec<_> = names.iter().map(|name| ConfigResource::Topic(name.to_string())).collect();
        let mut found = self.client.describe_configs(resources, &TOPIC_SETTINGS).await;
        let answer = |name: &Arc<str>| {
            let found = found.remove(&ConfigResource::Topic(name.to_string()))?;
            let found = found.map(with_value).map_err(|error| reason(&error, Subject::TopicSettings(name)));
            Some((name.clone(), found))
        };
        names.iter().filter_map(answer).collect()
    }

    pub(in crate::source) async fn broker_setting(&self, name: &str) -> Option<Result<Option<String>, Reason>> {
        let metadata = self.client.metadata(&TopicSelection::Named(Vec::new())).await.ok()?;
        let resource = ConfigResource::Broker(metadata.brokers.first()?.id);
        let found = self.client.describe_configs([resource.clone()], &[name]).await.remove(&resource)?;
        let found = found.map(|settings| with_value(settings).remove(name));
        Some(found.map_err(|error| reason(&error, Subject::BrokerSettings)))
    }

    pub(in crate::source) async fn offsets(
        &self,
        partitions: BTreeSet<TopicPartition>,
    ) -> BTreeMap<TopicPartition, PartitionLook> {
        let all = |spec| partitions.iter().map(|partition| (partition.clone(), spec)).collect::<BTreeMap<_, _>>();
        let (earliest, latest) = (all(OffsetSpec::Earliest), all(OffsetSpec::Latest));
        let (start, stable, end) = tokio::join!(
            self.client.list_offsets(&earliest, IsolationLevel::ReadUncommitted),
            self.client.list_offsets(&latest, IsolationLevel::ReadCommitted),
            self.client.list_offsets(&latest, IsolationLevel::ReadUncommitted),
        );
        let at = Utc::now();
        let answer = |listed: &ListedOffsets, partition: &TopicPartition| match listed.get(partition) {
            Some(Ok(ListedOffset { offset: Some(offset), .. })) => Answer::Known(at, *offset),
            Some(Ok(ListedOffset { offset: None, .. })) | None => Answer::NotAsked,
            Some(Err(error)) => Answer::Failed(reason(error, Subject::Topic(&partition.topic))),
        };
        let look = |partition: TopicPartition| {
            let leader_epoch = end.get(&partition).and_then(|found| found.as_ref().ok()?.leader_epoch);
            let look = PartitionLook {
                log_start: answer(&start, &partition),
                stable_end: answer(&stable, &partition),
                end: answer(&end, &partition),
                leader_epoch: leader_epoch.map(|epoch| epoch.0),
                ..PartitionLook::default()
            };
            (partition, look)
        };
        partitions.into_iter().map(look).collect()
    }

    pub(in crate::source) async fn newest(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> BTreeMap<TopicPartition, Answer<Option<RecordAt>>> {
        let asked = partitions.into_iter().map(|partition| (partition, OffsetSpec::MaxTimestamp)).collect();
        let found = self.client.list_offsets(&asked, IsolationLevel::ReadUncommitted).await;
        let at = Utc::now();
        let answer = |(partition, found): (TopicPartition, Result<ListedOffset, WireError>)| {
            let answer = match found {
                Ok(found) => Answer::Known(at, record_at(&found)),
                Err(error) => Answer::Failed(reason(&error, Subject::Topic(&partition.topic))),
            };
            (partition, answer)
        };
        found.into_iter().map(answer).collect()
    }

    pub(in crate::source) async fn first_since(
        &self,
        queries: &[(TopicPartition, i64)],
    ) -> BTreeMap<TopicPartition, Option<RecordAt>> {
        let asked: BTreeMap<TopicPartition, OffsetSpec> = queries
            .iter()
            .map(|(partition, time)| (partition.clone(), OffsetSpec::AtTime { timestamp_ms: *time }))
            .collect();
        let found = self.client.list_offsets(&asked, IsolationLevel::ReadUncommitted).await;
        found.into_iter().filter_map(|(partition, found)| Some((partition, record_at(&found.ok()?)))).collect()
    }
}

fn topic_found(topic: &TopicMetadata) -> TopicFound {
    let id = u128::from_be_bytes(topic.id.0);
    TopicFound {
        partitions: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
        id: (id != 0).then_some(TopicId(id)),
    }
}

fn with_value(settings: BTreeMap<String, ConfigValue>) -> Settings {
    settings.into_iter().filter_map(|(name, setting)| Some((name, setting.value?))).collect()
}

fn record_at(found: &ListedOffset) -> Option<RecordAt> {
    Some(RecordAt { offset: found.offset?, timestamp_ms: found.timestamp_ms? })
}
