//! Routing: the target topic, partition and key of a record.

use std::{borrow::Cow, sync::Arc};

use kreplay_engine::rules::{KeyTemplate, Rules};
use kreplay_kafka::producer::{NewRecord, Timestamps};
use kreplay_model::domain::{AppendOnlyVec, Header, Record, TopicPartition, number::counted};
use kreplay_topics::Channel;

use super::{
    settings::{Partitioner, TopicKey, TopicSettings},
    targets::{TargetTopic, TargetTopics, permanent},
};
use crate::RecordFailure;

/// A record to write. Its value and headers are those of the source record.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) target: Arc<TargetTopic>,
    pub(super) partition: i32,
    pub(super) key: Option<Cow<'a, [u8]>>,
    /// `None` for the time of writing.
    pub(super) timestamp_ms: Option<i64>,
}

impl Outgoing<'_> {
    /// The record in the producer's form. `headers` are those of the source record.
    pub(super) fn for_producer<'a>(&'a self, record: &'a Record, headers: &'a [Header<'a>]) -> NewRecord<'a> {
        NewRecord {
            topic: &self.target.name,
            partition: Some(self.partition),
            key: self.key.as_deref(),
            value: record.value(),
            headers,
            timestamp_ms: self.timestamp_ms,
        }
    }
}

/// Routes records.
pub(super) struct Router {
    pub(super) targets: TargetTopics,
    pub(super) sources: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
    channel: Channel,
    key: TopicKey,
    partitioner: Partitioner,
    partition: Option<KeyTemplate>,
    timestamps: Timestamps,
}

impl Router {
    pub(super) fn new(
        settings: &TopicSettings,
        targets: TargetTopics,
        sources: Arc<AppendOnlyVec<TopicPartition>>,
        rules: Arc<Rules>,
    ) -> Self {
        Self {
            targets,
            sources,
            rules,
            channel: settings.channel.clone(),
            key: settings.key.clone(),
            partitioner: settings.partitioner,
            partition: settings.partition.clone(),
            timestamps: settings.timestamps,
        }
    }

    /// The source topics, each with its number of partitions, if records are routed by source topic and the channels
    /// are therefore known in advance.
    pub(super) fn known_channels(&self) -> Vec<(Arc<str>, i32)> {
        let mut topics: Vec<(Arc<str>, i32)> = Vec::new();
        for id in self.sources.iter().filter(|_| self.channel.template().is_none()) {
            match topics.iter_mut().find(|(topic, _)| *topic == id.topic) {
                Some((_, count)) => *count = (*count).max(id.partition.0 + 1),
                None => topics.push((Arc::clone(&id.topic), id.partition.0 + 1)),
            }
        }
        topics
    }

    /// Whether records keep their partition number, so that the target topic needs as many partitions.
    pub(super) fn keeps_partitions(&self) -> bool {
        self.partition.is_none() && self.partitioner == Partitioner::Source
    }

    /// The target of a record.
    pub(super) fn route<'a>(&self, record: &'a Record) -> Result<Outgoing<'a>, RecordFailure> {
        let source = &self.sources[record.partition as usize];
        let timestamp_ms = self.timestamps.of(record.timestamp_ms).map_err(|reason| {
            permanent(format!("{reason}; set topic.timestamps = \"now\" to use the time of writing"))
        })?;
        let examined = self.rules.examine(record);
        let make = |template: &KeyTemplate, what: &str| {
            let nothing = || permanent(format!("{what} template {template} yields nothing for this record"));
            examined.apply_template(template).ok_or_else(nothing)
        };
        let channel: Cow<'_, [u8]> = match self.channel.template() {
            None => Cow::Borrowed(source.topic.as_bytes()),
            Some(template) => Cow::Owned(make(template, "the channel's")?),
        };
        let target = self.targets.of(&channel)?;
        let key = match &self.key {
            TopicKey::Own => record.key().map(Cow::Borrowed),
            TopicKey::Channel => Some(Cow::Owned(channel.into_owned())),
            TopicKey::Template(template) => Some(Cow::Owned(make(template, "the key's")?)),
        };
        let partition = match (&self.partition, self.partitioner, &key) {
            (Some(template), ..) => {
                let text = make(template, "the partition's")?;
                let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
                number.ok_or_else(|| permanent(format!("{template} does not yield a partition number")))?
            }
            (None, Partitioner::Hash(hash), Some(key)) => hash.partition(key, target.partitions),
            (None, Partitioner::Hash(_), None) => source.partition.0 % target.partitions.max(1),
            (None, Partitioner::Source, _) => source.partition.0,
        };
        if (0..target.partitions).contains(&partition) {
            Ok(Outgoing { target, partition, key, timestamp_ms })
        } else {
            Err(permanent(format!(
                "topic {} has no partition {partition}; it has {}",
                target.name,
                counted(target.partitions, "partition")
            )))
        }
    }
}
