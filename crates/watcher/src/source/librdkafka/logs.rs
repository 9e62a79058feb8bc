//! Topics and the offsets of their logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Utc;
use kreplay_kafka::{GroupViewer, LogPlace, SeenError, SeenOffset, SeenTopic};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::Reason;
use kreplay_monitor::look::{Answer, PartitionLook, RecordAt, TopicId};

use super::Librdkafka;
use crate::reason::{Subject, reason_of_librdkafka};
use crate::source::answer::{Settings, TOPIC_SETTINGS, TopicFound};

/// Offsets by partition, or why there is none.
type Offsets = BTreeMap<TopicPartition, Result<SeenOffset, Reason>>;

impl Librdkafka {
    pub(in crate::source) async fn topics(&self, names: &[Arc<str>]) -> BTreeMap<Arc<str>, Result<TopicFound, Reason>> {
        let asked = names.to_vec();
        let found = self.call(move |viewer, patience| viewer.topics(&texts(&asked), patience)).await;
        let answer = |name: &Arc<str>| {
            let found = match &found {
                Ok(topics) => topics.get(&**name)?.as_ref().map(topic_found),
                Err(why) => return Some((name.clone(), Err(why.clone()))),
            };
            Some((name.clone(), found.map_err(|error| reason_of_librdkafka(error, Subject::Topic(name)))))
        };
        let answers: BTreeMap<_, _> = names.iter().filter_map(answer).collect();
        let mut known = self.shared.known.lock();
        for (name, answer) in &answers {
            match answer {
                Err(Reason::TopicGone) => drop(known.gone.insert(name.clone())),
                Ok(_) => drop(known.gone.remove(name)),
                Err(_) => {}
            }
        }
        answers
    }

    pub(in crate::source) async fn topic_settings(
        &self,
        names: &[Arc<str>],
    ) -> BTreeMap<Arc<str>, Result<Settings, Reason>> {
        let asked = names.to_vec();
        let found = self.call(move |viewer, patience| viewer.topic_settings(&texts(&asked), patience)).await;
        let answers = match found {
            Ok(answers) => answers.into_iter().zip(names),
            Err(why) => return names.iter().map(|name| (name.clone(), Err(why.clone()))).collect(),
        };
        let answer = |(found, name): (Result<Settings, SeenError>, &Arc<str>)| {
            let needed = |mut settings: Settings| {
                settings.retain(|setting, _| TOPIC_SETTINGS.contains(&setting.as_str()));
                settings
            };
            let why = |error| reason_of_librdkafka(&error, Subject::TopicSettings(name));
            (name.clone(), found.map(needed).map_err(why))
        };
        answers.map(answer).collect()
    }

    pub(in crate::source) async fn broker_setting(&self, name: &str) -> Option<Result<Option<String>, Reason>> {
        let found = self.call(GroupViewer::broker_settings).await.ok()?;
        let found = found.map(|mut settings| settings.remove(name));
        Some(found.map_err(|error| reason_of_librdkafka(&error, Subject::BrokerSettings)))
    }

    pub(in crate::source) async fn offsets(
        &self,
        partitions: BTreeSet<TopicPartition>,
    ) -> BTreeMap<TopicPartition, PartitionLook> {
        let all = |place| partitions.iter().map(|partition| (partition.clone(), place)).collect::<Vec<_>>();
        let (start, stable, end) = tokio::join!(
            self.log_offsets(all(LogPlace::Start), false),
            self.log_offsets(all(LogPlace::End), true),
            self.log_offsets(all(LogPlace::End), false),
        );
        let at = Utc::now();
        let answer = |found: &Offsets, partition: &TopicPartition| match found.get(partition) {
            Some(Ok(SeenOffset { offset: Some(offset), .. })) => Answer::Known(at, *offset),
            Some(Ok(SeenOffset { offset: None, .. })) | None => Answer::NotAsked,
            Some(Err(why)) => Answer::Failed(why.clone()),
        };
        let look = |partition: TopicPartition| {
            let look = PartitionLook {
                log_start: answer(&start, &partition),
                stable_end: answer(&stable, &partition),
                end: answer(&end, &partition),
                leader_epoch: end.get(&partition).and_then(|found| found.as_ref().ok()?.leader_epoch),
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
        let wanted = partitions.into_iter().map(|partition| (partition, LogPlace::Newest)).collect();
        let found = self.log_offsets(wanted, false).await;
        let at = Utc::now();
        let answer = |found: Result<SeenOffset, Reason>| match found {
            Ok(found) => Answer::Known(at, record_at(&found)),
            Err(why) => Answer::Failed(why),
        };
        found.into_iter().map(|(partition, found)| (partition, answer(found))).collect()
    }

    pub(in crate::source) async fn first_since(
        &self,
        queries: &[(TopicPartition, i64)],
    ) -> BTreeMap<TopicPartition, Option<RecordAt>> {
        let wanted: BTreeMap<_, _> =
            queries.iter().map(|(partition, time)| (partition.clone(), LogPlace::AtTime(*time))).collect();
        let found = self.log_offsets(wanted.into_iter().collect(), false).await;
        found.into_iter().filter_map(|(partition, found)| Some((partition, record_at(&found.ok()?)))).collect()
    }

    /// Requests an offset of each partition whose topic exists.
    async fn log_offsets(&self, wanted: Vec<(TopicPartition, LogPlace)>, only_committed: bool) -> Offsets {
        let (gone, wanted): (Vec<_>, Vec<_>) = {
            let known = self.shared.known.lock();
            wanted.into_iter().partition(|(partition, _)| known.gone.contains(&partition.topic))
        };
        let mut found: Offsets = gone.into_iter().map(|(partition, _)| (partition, Err(Reason::TopicGone))).collect();
        if wanted.is_empty() {
            return found;
        }
        let asked = wanted.clone();
        match self.call(move |viewer, patience| viewer.offsets(&asked, only_committed, patience)).await {
            Ok(answers) => found.extend(answers.into_iter().map(|(partition, answer)| {
                let answer = answer.map_err(|error| reason_of_librdkafka(&error, Subject::Topic(&partition.topic)));
                (partition, answer)
            })),
            Err(why) => found.extend(wanted.into_iter().map(|(partition, _)| (partition, Err(why.clone())))),
        }
        found
    }
}

fn texts(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

fn topic_found(topic: &SeenTopic) -> TopicFound {
    TopicFound { partitions: topic.partitions, id: topic.id.map(TopicId) }
}

fn record_at(found: &SeenOffset) -> Option<RecordAt> {
    Some(RecordAt { offset: found.offset?, timestamp_ms: found.timestamp_ms? })
}
