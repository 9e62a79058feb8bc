//! A migration: its old topics, groups, routes, and the operations that all steps use.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::AtomicBool,
    time::Duration,
};

use kreplay_engine::plan::{HeldBack, PlanError, TopicSet, held_back::held_back};
use kreplay_kafka::{
    Catalog, Client, GroupInfo, KafkaConfig, LogEnds, TopicInfo, TopicLimits, default_limits, producer::Timestamps,
    topic_limits,
};
use kreplay_model::domain::{Offset, TopicPartition, number::counted, stores_own_positions};

use super::{
    error::MigrateError,
    preflight::{GroupProgress, Preflight, PreflightResult},
    read::{Section, TopicIds, committed_only, read},
    routes::Routes,
    sync_point_log::{SyncPointLog, SyncPoints},
    sync_points::Positions,
    translate::{OffsetTranslator, ReadCounts, TranslatedOffsets},
    verify::{Verified, Verifier},
};
use crate::{Channel, NewKey, Strategy};

/// The options of a migration.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// The old topics.
    pub topics: TopicSet,
    /// The topics of the channels.
    pub strategy: Strategy,
    /// What the channel of a record is.
    pub channel: Channel,
    /// What the key of a copied record is.
    pub key: NewKey,
    /// The timestamps of the copied records.
    pub timestamps: Timestamps,
    /// The groups whose committed offsets are carried over.
    pub carry: Carry,
    /// Keep copying until it is stopped.
    pub follow: bool,
    /// The timeout of each request to the cluster.
    pub timeout: Duration,
}

/// The groups whose committed offsets are carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carry {
    /// All groups with committed offsets on the old topics.
    All,
    /// These groups.
    Only(Vec<String>),
    /// No groups.
    None,
}

/// A group with committed offsets on the old topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The id of the group.
    pub id: String,
    /// Whether it has members, as far as is known.
    pub active: bool,
    /// Its committed offset for each old partition.
    pub committed: Vec<Option<i64>>,
}

/// Receives the progress of a migration.
pub trait ProgressListener {
    /// A step starts. It will read this number of offsets.
    fn step(&mut self, what: &str, offsets: u64);
    /// This number of further records was processed.
    fn progress(&mut self, records: u64);
    /// A message for the user.
    fn notice(&mut self, text: &str);
}

/// A migration that can be planned and executed.
pub struct Migration<'a> {
    pub(super) client: &'a Client,
    pub(super) options: &'a MigrateOptions,
    pub(super) routes: Routes,
    /// The partitions of the old topics.
    pub(super) old: Vec<TopicPartition>,
    /// The index of the old topic of each partition.
    pub(super) topic_of: Vec<usize>,
    /// The ids of the old topics, to detect recreated ones.
    pub(super) ids: TopicIds,
    pub(super) cancel: &'a AtomicBool,
    pub(super) listener: &'a mut dyn ProgressListener,
}

/// The comparison of the old and new topics.
pub struct Comparison {
    /// Whether they are equal.
    pub verified: Verified,
    /// The start offsets of each group in the new topics, in the order of the groups.
    pub translated: Vec<TranslatedOffsets>,
    /// The partitions of the new topics.
    pub new: Vec<TopicPartition>,
}

impl<'a> Migration<'a> {
    /// Queries about the cluster.
    pub(super) fn catalog(&self) -> Catalog<'a> {
        Catalog::new(self.client, self.options.timeout)
    }

    /// Finds the old topics and their routes.
    ///
    /// # Errors
    /// Topics do not exist, a channel has no topic, or brokers do not answer.
    pub fn open(
        client: &'a Client,
        options: &'a MigrateOptions,
        cancel: &'a AtomicBool,
        listener: &'a mut dyn ProgressListener,
    ) -> Result<Self, MigrateError> {
        let topics = old_topics(Catalog::new(client, options.timeout).topics()?, options)?;
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let ids = Catalog::new(client, options.timeout).topic_ids(&names)?;
        let routes = Routes::new(options.strategy.clone(), options.channel.clone(), options.key, topics)?;
        let (mut old, mut topic_of) = (Vec::new(), Vec::new());
        for (at, topic) in routes.old().iter().enumerate() {
            let name: std::sync::Arc<str> = topic.name.as_str().into();
            for partition in 0..topic.partitions {
                old.push(TopicPartition::new(name.clone(), partition));
                topic_of.push(at);
            }
        }
        Ok(Self { client, options, routes, old, topic_of, ids, cancel, listener })
    }

    /// The id of the migration: the group of its positions, and the id of its transactions.
    #[must_use]
    pub fn id(&self) -> String {
        self.routes.id()
    }

    pub(super) fn config(&self) -> KafkaConfig {
        committed_only(self.client.config())
    }

    /// Checks that no old topics or partitions have been added since the migration was opened. They are not copied, so
    /// consumers that switch over would never read their records.
    ///
    /// # Errors
    /// Some have been added, or brokers do not answer.
    pub(super) fn check_old_topics(&self) -> Result<(), MigrateError> {
        let mut now = old_topics(self.catalog().topics()?, self.options)?;
        // If channels come from records, the names of the new topics were not known when the old ones were selected.
        let new: BTreeSet<&str> = self.routes.targets().iter().map(|target| target.topic.as_str()).collect();
        now.retain(|topic| !new.contains(topic.name.as_str()));
        addition(self.routes.old(), &now).map_or(Ok(()), |text| Err(MigrateError::Refused(text)))
    }

    /// The current ends of the old topics' logs.
    pub(super) fn logs(&self) -> Result<Vec<LogEnds>, MigrateError> {
        Ok(self.catalog().log_ends(&self.old)?)
    }

    /// What open transactions hold back of the old topics. It is not copied.
    pub(super) fn held_back(&self) -> Result<Vec<HeldBack>, MigrateError> {
        // High watermarks first: what is written between the two requests must not count.
        let ends = self.catalog().high_watermarks(&self.old)?;
        Ok(held_back(&self.catalog(), &self.logs()?, &ends))
    }

    /// For each new topic: whether it still has to be created, and what it accepts. A topic that does not exist will
    /// have the cluster's defaults.
    pub(super) fn limits(&self, there: &BTreeSet<String>) -> Vec<(bool, TopicLimits)> {
        let targets = self.routes.targets();
        let names: Vec<&str> =
            targets.iter().map(|target| target.topic.as_str()).filter(|topic| there.contains(*topic)).collect();
        let known = topic_limits(self.client.config(), &names, self.options.timeout);
        let is_any_missing = names.len() < targets.len();
        let defaults =
            is_any_missing.then(|| default_limits(self.client, self.options.timeout)).flatten().unwrap_or_default();
        let limits = |target: &super::routes::TargetTopic| {
            if there.contains(&target.topic) {
                (false, known.get(&target.topic).cloned().unwrap_or_default())
            } else {
                (true, defaults.clone())
            }
        };
        targets.iter().map(limits).collect()
    }

    /// The groups whose offsets are carried over, with their committed offsets on the old topics.
    ///
    /// # Errors
    /// A given group has committed no offset there, the offsets of a group cannot be read, or brokers do not answer.
    pub fn groups(&self) -> Result<Vec<Group>, MigrateError> {
        let listed = match &self.options.carry {
            Carry::None => return Ok(Vec::new()),
            Carry::All | Carry::Only(_) => self.catalog().groups()?,
        };
        let wanted: Vec<GroupInfo> = match &self.options.carry {
            Carry::Only(names) => names
                .iter()
                .map(|name| {
                    // A group that is not listed has no members.
                    let found = listed.iter().find(|group| group.id == *name).cloned();
                    found.unwrap_or_else(|| GroupInfo { id: name.clone(), empty: true })
                })
                .collect(),
            _ => listed.into_iter().filter(|group| !stores_own_positions(&group.id)).collect(),
        };
        let ids: Vec<&str> = wanted.iter().map(|group| group.id.as_str()).collect();
        let offsets = self.catalog().committed_by_groups(&ids, &self.old.iter().collect())?;
        let mut groups = Vec::new();
        for (GroupInfo { id, empty }, all) in wanted.into_iter().zip(offsets) {
            let committed: Vec<Option<i64>> = self.old.iter().map(|id| all.get(id).map(|at| at.get())).collect();
            if committed.iter().any(Option::is_some) {
                groups.push(Group { id, active: !empty, committed });
            } else if matches!(self.options.carry, Carry::Only(_)) {
                let text = format!(
                    "group `{}` has no committed offsets on the old topics; check its name, or omit it",
                    kreplay_model::domain::printable(&id)
                );
                return Err(MigrateError::Usage(text));
            }
        }
        Ok(groups)
    }

    /// The new topics that a group will read, by index; `None` means all.
    pub(super) fn targets_of(&self, group: &Group) -> Option<BTreeSet<u32>> {
        let committed = group.committed.iter().zip(&self.topic_of).filter(|(at, _)| at.is_some());
        committed.map(|(_, topic)| self.routes.of_topic(*topic)).collect()
    }

    /// Reads the old topics up to `to`, as if each group had read no further than `to`.
    pub(super) fn preflight(
        &mut self,
        logs: &[LogEnds],
        to: &[i64],
        groups: &[Group],
    ) -> Result<PreflightResult, MigrateError> {
        let sections = sections(logs, None, to);
        let group_progress = groups
            .iter()
            .map(|group| GroupProgress {
                positions: positions_of(group, logs, to),
                targets: self.targets_of(group),
                read_counts: ReadCounts::default(),
            })
            .collect();
        self.listener.step("reading the old topics", span(&sections));
        let config = self.config();
        let mut on_progress = |records| self.listener.progress(records);
        let mut preflight =
            Preflight::new(&mut self.routes, &sections, &self.topic_of, group_progress, &mut on_progress);
        read(&config, &sections, &self.ids, self.options.timeout, self.cancel, &mut preflight)?;
        Ok(preflight.found)
    }

    /// Reads the old topics up to `to` and the new topics completely, and compares them.
    pub(super) fn compare_topics(&mut self, to: &[i64], groups: &[Group]) -> Result<Comparison, MigrateError> {
        let logs = self.logs()?;
        let mut found = self.preflight(&logs, to, groups)?;
        let (new, target_of) = self.new_partitions()?;
        let names: BTreeSet<String> = new.iter().map(|id| id.topic.to_string()).collect();
        let mut ids = self.catalog().topic_ids(&Vec::from_iter(names))?;
        // Reading the new topics takes time, during which an old topic may be recreated.
        ids.extend(self.ids.clone());
        let ends = self.catalog().log_ends(&new)?;
        let sync_points =
            SyncPointLog::new(self.client.config(), &self.id(), self.options.timeout)?.load(&self.old, &new)?;
        let group_progress = std::mem::take(&mut found.groups);
        let translators = group_progress.into_iter().map(|progress| {
            let floors = read_floors(sync_points.as_ref(), &progress.positions, &ends);
            let concerned = |target: &u32| progress.targets.as_ref().is_none_or(|targets| targets.contains(target));
            // New topics that the group does not read count as read completely.
            let floor = |(floor, target): (i64, &u32)| if concerned(target) { floor } else { i64::MAX };
            let floors: Vec<i64> = floors.into_iter().zip(&target_of).map(floor).collect();
            OffsetTranslator::new(progress.read_counts, &floors)
        });
        let translators = translators.collect();
        let until: Vec<i64> = ends.iter().map(|log| log.end.get()).collect();
        let sections = sections(&ends, None, &until);
        self.listener.step("reading the new topics back", span(&sections));
        let config = self.config();
        let mut on_progress = |records| self.listener.progress(records);
        let mut verifier = Verifier::new(&found.digests, &target_of, translators, &mut on_progress);
        read(&config, &sections, &ids, self.options.timeout, self.cancel, &mut verifier)?;
        let result = verifier.verified();
        let translated = verifier.translators.into_iter().map(|one| one.finish(&until)).collect();
        Ok(Comparison { verified: result, translated, new })
    }
}

/// The offset of each new partition below which the group has read everything, as far as sync points were recorded.
fn read_floors(sync_points: Option<&SyncPoints>, positions: &[i64], new: &[LogEnds]) -> Vec<i64> {
    let noted = sync_points.and_then(|sync_points| sync_points.ends_passed(positions));
    new.iter().enumerate().map(|(at, log)| noted.map_or(0, |ends| ends[at]).max(log.low.get())).collect()
}

/// The positions of a group in the old partitions, limited to the logs and to `to`.
pub(super) fn positions_of(group: &Group, logs: &[LogEnds], to: &[i64]) -> Positions {
    let within = |(committed, (log, to)): (&Option<i64>, (&LogEnds, &i64))| {
        let low = log.low.get();
        committed.map_or(low, |committed| committed.clamp(low, (*to).max(low)))
    };
    group.committed.iter().zip(logs.iter().zip(to)).map(within).collect()
}

/// The sections from `from` (or the start of the log) to `to`.
pub(super) fn sections(logs: &[LogEnds], from: Option<&[i64]>, to: &[i64]) -> Vec<Section> {
    let section = |(at, log): (usize, &LogEnds)| {
        let from = from.and_then(|from| Offset::new(from[at])).unwrap_or(log.low).max(log.low);
        Section { id: log.id.clone(), from, end: Offset::new(to[at]).unwrap_or_default() }
    };
    logs.iter().enumerate().map(section).collect()
}

pub(super) fn span(sections: &[Section]) -> u64 {
    sections.iter().map(|section| section.end.since(section.from)).sum()
}

/// The first topic, or topic with further partitions, that has been added to the old topics, as an error message.
fn addition(before: &[TopicInfo], now: &[TopicInfo]) -> Option<String> {
    let before: BTreeMap<&str, i32> = before.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    now.iter().find_map(|TopicInfo { name, partitions, .. }| match before.get(name.as_str()) {
        None => Some(format!(
            "topic {name} matches the selection of old topics, but was created after this command began, so it was not \
             copied; select the old topics without it to continue, or delete the new topics and migrate all old ones together. \
             No offsets were carried over"
        )),
        Some(had) if partitions > had => Some(format!(
            "topic {name} had {} when this command began and has {partitions} now, and the new ones were not copied; \
             run the same command again to copy them. No offsets were carried over",
            counted(*had, "partition")
        )),
        Some(_) => None,
    })
}

fn old_topics(all: Vec<TopicInfo>, options: &MigrateOptions) -> Result<Vec<TopicInfo>, MigrateError> {
    match &options.topics {
        TopicSet::Named(names) => {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let find = |name: &str| all.iter().find(|topic| topic.name == name).cloned();
            let unknown = |name: &str| kreplay_kafka::CatalogError::UnknownTopic(name.to_owned());
            names.into_iter().map(|name| find(name).ok_or_else(|| unknown(name).into())).collect()
        }
        TopicSet::Matching(regex) => {
            let seen = all.len();
            let mut matching: Vec<TopicInfo> =
                all.into_iter().filter(|topic| !topic.internal && regex.is_match(&topic.name)).collect();
            // The new topics may match, too, once they exist.
            let mut new: BTreeSet<String> =
                options.strategy.named_topics().into_iter().map(|one| one.topic.into_owned()).collect();
            if options.channel == Channel::Topic {
                let destinations = matching.iter().filter_map(|topic| {
                    let destination = options.strategy.destination(topic.name.as_bytes()).ok()?;
                    (destination.topic != topic.name).then(|| destination.topic.into_owned())
                });
                new.extend(destinations);
            }
            matching.retain(|topic| !new.contains(&topic.name));
            if matching.is_empty() {
                let expression = regex.as_str().trim_start_matches("^(?:").trim_end_matches(")$").to_owned();
                return Err(PlanError::NoMatch { expression, topics: seen }.into());
            }
            Ok(matching)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(all: &[(&str, i32)]) -> Vec<TopicInfo> {
        let topic = |(name, partitions): &(&str, i32)| TopicInfo {
            name: (*name).to_owned(),
            partitions: *partitions,
            internal: false,
        };
        all.iter().map(topic).collect()
    }

    #[test]
    fn added_topics_and_partitions_are_noticed() {
        let addition = |now: &[(&str, i32)]| addition(&topics(&[("a", 1), ("b", 2)]), &topics(now));
        assert_eq!(addition(&[("a", 1), ("b", 2)]), None);
        assert_eq!(addition(&[("b", 2)]), None, "everything that the others held was copied");
        let text = addition(&[("a", 1), ("b", 3)]).unwrap();
        assert!(text.starts_with("topic b had 2 partitions when this command began and has 3 "), "{text}");
        let text = addition(&[("a", 1), ("ab", 1), ("b", 2)]).unwrap();
        assert!(text.starts_with("topic ab matches the selection of old topics"), "{text}");
    }
}
