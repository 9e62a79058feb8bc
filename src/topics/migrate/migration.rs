//! A migration: which old topics, which groups, and what every step of it needs to know.

use std::{collections::BTreeSet, sync::atomic::AtomicBool, time::Duration};

use super::{
    cuts::{Cut, last_within},
    error::MigrateError,
    read::{Section, TopicIds, committed_only, read},
    routes::Routes,
    stops::{StopLog, Stops},
    survey::{Found, Reader, Survey},
    translate::{Readership, Translated, Translator},
    verify::{Verified, Verify},
};
use crate::{
    domain::{Offset, TopicPartition, run_of_position_group},
    kafka::{
        Catalog, Client, GroupInfo, GroupOffsets, KafkaConfig, LogEnds, TopicInfo, TopicLimits, default_limits,
        producer::Timestamps, topic_limits,
    },
    plan::{HeldBack, PlanError, TopicSet, held_back::held_back},
    topics::{Channel, NewKey, Strategy},
};

/// How long the cluster may take for each answer.
pub const WITHIN: Duration = Duration::from_secs(30);

/// What all groups of kreplay's migrations begin with.
const OWN_GROUPS: &str = "kreplay-migrate-";

/// What is to be migrated, and how.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// The old topics.
    pub topics: TopicSet,
    /// Where their channels belong.
    pub strategy: Strategy,
    /// What the channel of a record is.
    pub channel: Channel,
    /// What becomes its key.
    pub key: NewKey,
    /// Which timestamps records get.
    pub timestamps: Timestamps,
    /// Whose committed offsets are carried over.
    pub carry: Carry,
    /// Copying goes on until it is told to stop.
    pub follow: bool,
}

/// Whose committed offsets are carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carry {
    /// Those of every group that has any on the old topics.
    All,
    /// Those of these groups.
    Only(Vec<String>),
    /// Nobody's.
    Nobody,
}

/// A group that has committed offsets on the old topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Somebody is a member of it, as far as is known.
    pub active: bool,
    /// What it has committed, by old partition.
    pub committed: Vec<Option<i64>>,
}

/// What is told on the way.
pub trait Tell {
    /// A step begins that reads so many offsets.
    fn step(&mut self, what: &str, offsets: u64);
    /// So many more records were dealt with.
    fn progress(&mut self, records: u64);
    /// Something that everybody has to know.
    fn notice(&mut self, text: &str);
}

/// A migration that can be planned and executed.
pub struct Migration<'a> {
    pub(super) client: &'a Client,
    pub(super) options: &'a MigrateOptions,
    pub(super) routes: Routes,
    /// The partitions of the old topics.
    pub(super) old: Vec<TopicPartition>,
    /// The number of the old topic of each.
    pub(super) topic_of: Vec<usize>,
    /// What tells the old topics from others of the same name.
    pub(super) ids: TopicIds,
    pub(super) cancel: &'a AtomicBool,
    pub(super) tell: &'a mut dyn Tell,
}

/// What was found when old and new topics were held against each other.
pub struct Examined {
    /// Whether the new ones hold the same.
    pub verified: Verified,
    /// Where each group begins in the new ones, in the order of the groups.
    pub translated: Vec<Translated>,
    /// The partitions of the new ones.
    pub new: Vec<TopicPartition>,
}

impl<'a> Migration<'a> {
    /// Finds the old topics, and where they go.
    ///
    /// # Errors
    /// Topics that are not there, channels that belong nowhere, brokers that do not answer.
    pub fn open(
        client: &'a Client,
        options: &'a MigrateOptions,
        cancel: &'a AtomicBool,
        tell: &'a mut dyn Tell,
    ) -> Result<Self, MigrateError> {
        let topics = old_topics(Catalog::new(client, WITHIN).topics()?, options)?;
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let ids = Catalog::new(client, WITHIN).topic_ids(&names)?;
        let routes = Routes::new(options.strategy.clone(), options.channel.clone(), options.key, topics)?;
        let (mut old, mut topic_of) = (Vec::new(), Vec::new());
        for (at, topic) in routes.old().iter().enumerate() {
            let name: std::sync::Arc<str> = topic.name.as_str().into();
            for partition in 0..topic.partitions {
                old.push(TopicPartition::new(name.clone(), partition));
                topic_of.push(at);
            }
        }
        Ok(Self { client, options, routes, old, topic_of, ids, cancel, tell })
    }

    /// What this migration is called: the group of its positions, and its transactions.
    #[must_use]
    pub fn id(&self) -> String {
        self.routes.id()
    }

    pub(super) fn config(&self) -> KafkaConfig {
        committed_only(self.client.config())
    }

    /// Where the logs of the old topics begin and end now.
    pub(super) fn logs(&self) -> Result<Vec<LogEnds>, MigrateError> {
        Ok(Catalog::new(self.client, WITHIN).log_ends(&self.old)?)
    }

    /// What open transactions hold back of the old topics: it is not copied.
    pub(super) fn held_back(&self) -> Result<Vec<HeldBack>, MigrateError> {
        // First the ends that do not wait for transactions: what is written in between does not count.
        let ends = Catalog::new(self.client, WITHIN).high_watermarks(&self.old)?;
        Ok(held_back(&Catalog::new(self.client, WITHIN), &self.logs()?, &ends))
    }

    /// The partitions of the new topics that are there, and the number of the new topic of each.
    pub(super) fn new_partitions(&self) -> Result<(Vec<TopicPartition>, Vec<u32>), MigrateError> {
        let there: BTreeSet<String> =
            Catalog::new(self.client, WITHIN).topics()?.into_iter().map(|topic| topic.name).collect();
        let (mut ids, mut target_of) = (Vec::new(), Vec::new());
        for (number, target) in (0_u32..).zip(self.routes.targets()) {
            if there.contains(&target.topic) {
                let name: std::sync::Arc<str> = target.topic.as_str().into();
                for partition in 0..i32::try_from(target.partitions.get()).unwrap_or(0) {
                    ids.push(TopicPartition::new(name.clone(), partition));
                    target_of.push(number);
                }
            }
        }
        Ok((ids, target_of))
    }

    /// What the new topics accept, by their numbers, and whether each is still to be created; then it gets the cluster's settings.
    pub(super) fn limits(&self, there: &BTreeSet<String>) -> Vec<(bool, TopicLimits)> {
        let targets = self.routes.targets();
        let names: Vec<&str> =
            targets.iter().map(|target| target.topic.as_str()).filter(|topic| there.contains(*topic)).collect();
        let known = topic_limits(self.client.config(), &names, WITHIN);
        let is_any_missing = names.len() < targets.len();
        let defaults = is_any_missing.then(|| default_limits(self.client, WITHIN)).flatten().unwrap_or_default();
        let limits = |target: &super::routes::Target| {
            if there.contains(&target.topic) {
                (false, known.get(&target.topic).cloned().unwrap_or_default())
            } else {
                (true, defaults.clone())
            }
        };
        targets.iter().map(limits).collect()
    }

    /// The groups whose offsets are to be carried over, with what they have committed on the old topics.
    ///
    /// # Errors
    /// A group that is named has committed nothing there; brokers that do not answer.
    pub fn groups(&self) -> Result<Vec<Group>, MigrateError> {
        let listed = match &self.options.carry {
            Carry::Nobody => return Ok(Vec::new()),
            Carry::All | Carry::Only(_) => Catalog::new(self.client, WITHIN).groups()?,
        };
        let wanted: Vec<GroupInfo> = match &self.options.carry {
            Carry::Only(names) => names
                .iter()
                .map(|name| {
                    // One that is not listed has no members.
                    let found = listed.iter().find(|group| group.id == *name).cloned();
                    found.unwrap_or_else(|| GroupInfo { id: name.clone(), empty: true })
                })
                .collect(),
            _ => listed.into_iter().filter(|group| !is_own(&group.id)).collect(),
        };
        let mut groups = Vec::new();
        for GroupInfo { id, empty } in wanted {
            let all = GroupOffsets::new(self.client.config(), &id)?.all(WITHIN)?;
            let all: std::collections::BTreeMap<&TopicPartition, Offset> =
                all.iter().map(|(id, offset)| (id, *offset)).collect();
            let committed: Vec<Option<i64>> = self.old.iter().map(|id| all.get(id).map(|at| at.get())).collect();
            if committed.iter().any(Option::is_some) {
                groups.push(Group { id, active: !empty, committed });
            } else if matches!(self.options.carry, Carry::Only(_)) {
                let text = format!(
                    "group `{}` has committed no offset on the old topics; check its name, or leave it out",
                    crate::feed::printable(&id)
                );
                return Err(MigrateError::Usage(text));
            }
        }
        Ok(groups)
    }

    /// The new topics that a group will read, by number; `None` is all of them.
    pub(super) fn targets_of(&self, group: &Group) -> Option<BTreeSet<u32>> {
        let committed = group.committed.iter().zip(&self.topic_of).filter(|(at, _)| at.is_some());
        committed.map(|(_, topic)| self.routes.of_topic(*topic)).collect()
    }

    /// Reads the old topics up to `to`, as if each group had read up to its cut.
    pub(super) fn survey(&mut self, logs: &[LogEnds], to: &[i64], groups: &[Group]) -> Result<Found, MigrateError> {
        let sections = sections(logs, None, to);
        let readers = groups
            .iter()
            .map(|group| Reader {
                cut: cut_of(group, logs, to),
                targets: self.targets_of(group),
                readership: Readership::default(),
            })
            .collect();
        self.tell.step("reading the old topics", span(&sections));
        let config = self.config();
        let mut tell = |records| self.tell.progress(records);
        let mut survey = Survey::new(&mut self.routes, &sections, &self.topic_of, readers, &mut tell);
        read(&config, &sections, &self.ids, self.cancel, &mut survey)?;
        Ok(survey.found)
    }

    /// Reads the old topics up to `to`, and all of the new ones, and holds them against each other.
    pub(super) fn examine(&mut self, to: &[i64], groups: &[Group]) -> Result<Examined, MigrateError> {
        let logs = self.logs()?;
        let mut found = self.survey(&logs, to, groups)?;
        let (new, target_of) = self.new_partitions()?;
        let names: BTreeSet<String> = new.iter().map(|id| id.topic.to_string()).collect();
        let mut ids = Catalog::new(self.client, WITHIN).topic_ids(&Vec::from_iter(names))?;
        // Reading the new ones back takes its time, too, in which an old one may go.
        ids.extend(self.ids.clone());
        let ends = Catalog::new(self.client, WITHIN).log_ends(&new)?;
        let stops = StopLog::new(self.client.config(), &self.id(), WITHIN)?.load(&self.old, &new)?;
        let readers = std::mem::take(&mut found.readers);
        let translators = readers.into_iter().map(|reader| {
            let floors = floors(stops.as_ref(), &reader.cut, &ends);
            let concerned = |target: &u32| reader.targets.as_ref().is_none_or(|targets| targets.contains(target));
            // What does not concern the group is as if it were read.
            let floor = |(floor, target): (i64, &u32)| if concerned(target) { floor } else { i64::MAX };
            let floors: Vec<i64> = floors.into_iter().zip(&target_of).map(floor).collect();
            Translator::new(reader.readership, &floors)
        });
        let translators = translators.collect();
        let until: Vec<i64> = ends.iter().map(|log| log.end.get()).collect();
        let sections = sections(&ends, None, &until);
        self.tell.step("reading the new topics back", span(&sections));
        let config = self.config();
        let mut tell = |records| self.tell.progress(records);
        let mut verify = Verify::new(&found.ledger, &target_of, translators, &mut tell);
        read(&config, &sections, &ids, self.cancel, &mut verify)?;
        let verified = verify.verified();
        let translated = verify.translators.into_iter().map(|one| one.finish(&until)).collect();
        Ok(Examined { verified, translated, new })
    }
}

/// Whether a group holds positions of kreplay's own, of a migration or of a run that had no group: nobody consumes by them.
fn is_own(group: &str) -> bool {
    group.starts_with(OWN_GROUPS) || run_of_position_group(group).is_some()
}

/// Below these ends of the new partitions a group has read everything, as far as stops were noted.
fn floors(stops: Option<&Stops>, cut: &[i64], new: &[LogEnds]) -> Vec<i64> {
    let noted = stops.and_then(|stops| {
        let passed = &stops.cuts[..stops.ends.len().min(stops.cuts.len())];
        stops.ends.get(last_within(passed, cut)?)
    });
    new.iter().enumerate().map(|(at, log)| noted.map_or(0, |ends| ends[at]).max(log.low.get())).collect()
}

/// Up to where a group has read, within the logs and what was copied of them.
pub(super) fn cut_of(group: &Group, logs: &[LogEnds], to: &[i64]) -> Cut {
    let within = |(committed, (log, to)): (&Option<i64>, (&LogEnds, &i64))| {
        let low = log.low.get();
        committed.map_or(low, |committed| committed.clamp(low, (*to).max(low)))
    };
    group.committed.iter().zip(logs.iter().zip(to)).map(within).collect()
}

/// What lies between two places in each log, or from its beginning on.
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

fn old_topics(all: Vec<TopicInfo>, options: &MigrateOptions) -> Result<Vec<TopicInfo>, MigrateError> {
    match &options.topics {
        TopicSet::Named(names) => {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let find = |name: &str| all.iter().find(|topic| topic.name == name).cloned();
            let unknown = |name: &str| crate::kafka::CatalogError::UnknownTopic(name.to_owned());
            names.into_iter().map(|name| find(name).ok_or_else(|| unknown(name).into())).collect()
        }
        TopicSet::Matching(regex) => {
            let seen = all.len();
            let mut matching: Vec<TopicInfo> =
                all.into_iter().filter(|topic| !topic.internal && regex.is_match(&topic.name)).collect();
            // The new topics may match as well, once they are there.
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
